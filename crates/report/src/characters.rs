//! Characters that XML and HTML cannot hold.

/// The text with `\u{fffd}` for each character that XML 1.0 does not allow: control characters but
/// tab and the ends of lines, and two that stand for none.
pub(crate) fn allowed(text: String) -> String {
    let is_allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    if text.chars().all(is_allowed) {
        return text;
    }
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let text = "a\u{0}b\u{1b}[c\u{ffff}\td\n".to_owned();
        assert_eq!(allowed(text), "a\u{fffd}b\u{fffd}[c\u{fffd}\td\n");
        assert_eq!(allowed("日本 ü".to_owned()), "日本 ü");
    }
}
