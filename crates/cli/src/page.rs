//! Where text is shown: how wide it is and whether it has colours.

use std::io::IsTerminal;

use terminal_size::{Width, terminal_size_of};

/// Width where none is known.
const WIDTH: usize = 100;
/// Widths that text can be set in.
const NARROWEST: usize = 40;
/// Lines longer than this are hard to read.
const WIDEST: usize = 120;

/// What is known of the place that text is shown at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Characters of a line.
    pub width: usize,
    /// Whether it is a terminal that shows colours and bold type.
    pub styled: bool,
    /// Whether lines that are longer are broken there: it is a terminal, or `COLUMNS` says how wide
    /// text shall be.
    pub breaks: bool,
}

impl Page {
    /// Text that no terminal shows.
    pub const PLAIN: Self = Self { width: WIDTH, styled: false, breaks: false };

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
        let stated = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = width.map(|Width(width)| usize::from(width)).filter(|_| is_terminal);
        Self::with(is_terminal, width.or(stated), colours_are_wanted())
    }

    fn with(is_terminal: bool, width: Option<usize>, colours: bool) -> Self {
        if !is_terminal && width.is_none() {
            return Self::PLAIN;
        }
        Self {
            width: width.map_or(WIDTH, |width| width.clamp(NARROWEST, WIDEST)),
            styled: is_terminal && colours,
            breaks: true,
        }
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

/// Whether colours are wanted where a terminal shows them: <https://no-color.org>.
pub fn colours_are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_one_thing_and_the_width_is_another() {
        let page = |width, styled, breaks| Page { width, styled, breaks };
        assert_eq!(Page::with(true, Some(80), true), page(80, true, true));
        assert_eq!(Page::with(true, Some(80), false), page(80, false, true));
        assert_eq!(Page::with(true, None, true), page(WIDTH, true, true));
        assert_eq!(Page::with(false, None, true), Page::PLAIN);
        assert_eq!(Page::with(false, Some(60), true), page(60, false, true));
        assert_eq!(Page::with(true, Some(10), true), page(NARROWEST, true, true));
    }

    #[test]
    fn lines_are_broken_between_words() {
        let page = Page { width: 12, styled: false, breaks: true };
        assert_eq!(page.wrapped("one two three four", 2), "  one two\n  three four\n");
        assert_eq!(page.wrapped("a\n\nb", 1), " a\n\n b\n");
        assert_eq!(page.wrapped("", 1), "");
    }
}
