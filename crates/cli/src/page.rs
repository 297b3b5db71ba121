//! Where text is shown: how wide it is and whether it has colours.

use std::io::IsTerminal;

use terminal_size::{Width, terminal_size_of};

/// Width where none is known.
const WIDTH: usize = 100;
/// Lines longer than this are hard to read.
const WIDEST: usize = 120;

/// What is known of the place that text is shown at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Characters of a line.
    pub width: usize,
    /// Whether it is a terminal that shows colours and bold type.
    pub styled: bool,
}

impl Page {
    /// Text that no terminal shows.
    pub const PLAIN: Self = Self { width: WIDTH, styled: false };

    /// Standard error.
    pub fn of_errors() -> Self {
        let stream = std::io::stderr();
        Self::of(stream.is_terminal(), terminal_size_of(&stream).map(|(width, _)| width))
    }

    /// Standard output.
    pub fn of_answers() -> Self {
        let stream = std::io::stdout();
        Self::of(stream.is_terminal(), terminal_size_of(&stream).map(|(width, _)| width))
    }

    fn of(is_terminal: bool, width: Option<Width>) -> Self {
        // https://no-color.org
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if !is_terminal {
            return Self::PLAIN;
        }
        let width = width.map_or(WIDTH, |Width(width)| usize::from(width).clamp(40, WIDEST));
        Self { width, styled: wanted }
    }

    /// The text in lines of the page's width, every line indented by `indent` spaces.
    pub fn wrapped(&self, text: &str, indent: usize) -> String {
        let mut lines = String::new();
        let margin = " ".repeat(indent);
        for (position, paragraph) in text.split("\n\n").enumerate() {
            if position > 0 {
                lines.push('\n');
            }
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                let used = indent + line.chars().count();
                if !line.is_empty() && used + 1 + word.chars().count() > self.width {
                    lines.push_str(&format!("{margin}{line}\n"));
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            if !line.is_empty() {
                lines.push_str(&format!("{margin}{line}\n"));
            }
        }
        lines
    }

    /// The text in bold, where the page shows it.
    pub fn bold(&self, text: &str) -> String {
        if self.styled { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let page = Page { width: 12, styled: false };
        assert_eq!(page.wrapped("one two three four", 2), "  one two\n  three four\n");
        assert_eq!(page.wrapped("a\n\nb", 1), " a\n\n b\n");
        assert_eq!(page.wrapped("", 1), "");
    }
}
