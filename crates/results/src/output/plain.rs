//! Text without characters that no form of output can hold.

/// The text in one line: characters that break lines or move the cursor become spaces, those that
/// turn the direction of writing around are left out.
pub(super) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().filter(|&c| !turns(c)).map(|c| if breaks(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_a_line_or_turns_it_around() {
        assert_eq!(one_line("a\nb\u{1b}[31m\u{202e}c\u{2028}d\u{0}"), "a b [31mc d ");
        assert_eq!(one_line("日本 e\u{301} 👩\u{200d}👧"), "日本 e\u{301} 👩\u{200d}👧");
    }
}
