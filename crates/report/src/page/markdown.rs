//! Turns the Markdown of tables into HTML: tables, paragraphs, bold and code, which is all that
//! [`isthmus_results`] writes.

use maud::{Markup, html};

use super::columns::{is_number, number_column};

/// The blocks of a text. A paragraph before a table is its caption.
pub(super) fn blocks(text: &str) -> Markup {
    let blocks: Vec<Vec<&str>> = text
        .split("\n\n")
        .map(|block| block.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>())
        .filter(|block| !block.is_empty())
        .collect();
    let is_table = |block: &[&str]| block.first().is_some_and(|line| line.starts_with('|'));
    html! {
        @for (place, block) in blocks.iter().enumerate() {
            @if is_table(block) {
                @let before = place.checked_sub(1).map(|before| &blocks[before]);
                @let caption = before.filter(|before| !is_table(before)).map(|lines| lines.join(" "));
                (table(caption.as_deref(), block))
            } @else if !blocks.get(place + 1).is_some_and(|next| is_table(next)) {
                p.note { (inline(&block.join(" "))) }
            }
        }
    }
}

fn table(caption: Option<&str>, lines: &[&str]) -> Markup {
    let mut rows = lines.iter().map(|line| cells(line));
    let head = rows.next().unwrap_or_default();
    let rows: Vec<Vec<String>> = rows.filter(|row| !row.iter().all(|cell| is_rule(cell))).collect();
    html! {
        div.scroll tabindex="0" role="region" aria-label=(plain(caption.unwrap_or("table"))) {
            table {
                @if let Some(caption) = caption { caption { (inline(caption)) } }
                thead {
                    tr {
                        @for (place, cell) in head.iter().enumerate() {
                            @let cells = rows.iter().filter_map(|row| row.get(place));
                            @let cells = cells.map(|cell| plain(cell));
                            th scope="col" class=[number_column(place, cells)] { (inline(cell)) }
                        }
                    }
                }
                tbody {
                    @for row in &rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 {
                                    th scope="row" { (inline(cell)) }
                                } @else {
                                    td class=[is_number(&plain(cell)).then_some("number")] {
                                        (inline(cell))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `---`, `---:`: the line below a table's head.
fn is_rule(cell: &str) -> bool {
    cell.contains('-') && cell.chars().all(|character| matches!(character, '-' | ':'))
}

/// The cells of a table's line; an escaped bar ends none.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|');
    let mut cells = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let Some(cell) = cells.last_mut() else { break };
        match character {
            '\\' => {
                cell.push('\\');
                cell.extend(characters.next());
            }
            '|' => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    // What follows the last bar is no cell.
    cells.pop();
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

/// A run of text of one kind.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Code(String),
    Bold(String),
}

/// A sentence in which names stand between backticks; nothing else in it is a mark.
pub(super) fn sentence(text: &str) -> Markup {
    let mut parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        parts = vec![text];
    }
    html! {
        @for (place, part) in parts.iter().enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Text with bold and code.
fn inline(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Text(text) => (text),
                Piece::Code(text) => { code { (text) } },
                Piece::Bold(text) => { strong { (text) } },
            }
        }
    }
}

/// The text without marks.
fn plain(text: &str) -> String {
    let pieces = pieces(text).into_iter();
    pieces
        .map(|piece| match piece {
            Piece::Text(text) | Piece::Code(text) | Piece::Bold(text) => text,
        })
        .collect()
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut current = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        let closed = |mark: &str| {
            let inner = rest.strip_prefix(mark)?;
            let end = inner.find(mark)?;
            Some((inner[..end].to_owned(), &inner[end + mark.len()..]))
        };
        if character == '\\' {
            // An escaped character stands for itself.
            let escaped = after.chars().next().unwrap_or('\\');
            current.push(escaped);
            rest = after.get(escaped.len_utf8()..).unwrap_or("");
        } else if let Some((inner, next)) = closed("**") {
            pieces.push(Piece::Text(std::mem::take(&mut current)));
            pieces.push(Piece::Bold(plain(&inner)));
            rest = next;
        } else if let Some((inner, next)) = code(rest) {
            pieces.push(Piece::Text(std::mem::take(&mut current)));
            pieces.push(Piece::Code(inner));
            rest = next;
        } else {
            current.push(character);
            rest = after;
        }
    }
    pieces.push(Piece::Text(current));
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    pieces
}

/// The code that the text begins with, and what follows it: as many backticks end it as begin it,
/// and a space on either side belongs to them where it holds backticks itself.
fn code(text: &str) -> Option<(String, &str)> {
    let fence = text.bytes().take_while(|byte| *byte == b'`').count();
    let inner = text.get(fence..).filter(|_| fence > 0)?;
    let mut from = 0;
    loop {
        let start = from + inner[from..].find('`')?;
        let length = inner[start..].bytes().take_while(|byte| *byte == b'`').count();
        if length == fence {
            let code = &inner[..start];
            let trimmed = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '));
            let code = trimmed.filter(|code| code.contains('`')).unwrap_or(code);
            return Some((code.to_owned(), &inner[start + length..]));
        }
        from = start + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_caption_and_notes() {
        let text = "office31: `target_accuracy` in percent\n\n| method | a → b |\n| --- | ---: |\n\
                    | source\\_only | 41.0 ± 2.0 |\n| x\\|y | **50.1** |\n| z | – |\n\nOne seed.\n";
        let html = blocks(text).into_string();
        for part in [
            "<caption>office31: <code>target_accuracy</code> in percent</caption>",
            "<th scope=\"col\" class=\"number\">a → b</th>",
            "<th scope=\"row\">source_only</th><td class=\"number\">41.0 ± 2.0</td>",
            "<th scope=\"row\">x|y</th><td class=\"number\"><strong>50.1</strong></td>",
            "<td class=\"number\">–</td>",
            "<p class=\"note\">One seed.</p>",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert_eq!(html.matches("<tr>").count(), 4);
        assert_eq!(html.matches("in percent").count(), 2);
    }

    #[test]
    fn marks_without_an_end_are_text_and_nothing_is_markup() {
        assert_eq!(inline("a ** b ` <c> \\*").into_string(), "a ** b ` &lt;c&gt; *");
        assert_eq!(inline("\\").into_string(), "\\");
        assert_eq!(sentence("a*b* `c*` <").into_string(), "a*b* <code>c*</code> &lt;");
        assert_eq!(inline("`a_b`").into_string(), "<code>a_b</code>");
        assert_eq!(inline("``` a`b`` ``` c").into_string(), "<code>a`b``</code> c");
        assert_eq!(inline("\\<0.001 \\&amp; \\`x\\`").into_string(), "&lt;0.001 &amp;amp; `x`");
    }
}
