//! Whatever a label, a data set or a domain is called, every form of output says so and stays
//! whole.
#![allow(clippy::unwrap_used)]

mod support;

use isthmus_core::spec::Task;
use isthmus_results::compare::settings_text;
use isthmus_results::{
    Baseline, CompareOptions, Comparison, Format, PairedTest, TerminalOptions, compare,
};
use serde_json::json;
use support::{experiment, write_evaluations};

/// Names that mean something to one form of output or another.
const NASTY: [&str; 44] = [
    "a,b",
    "say \"it\"",
    "\"",
    "a\"b,\"c",
    "|",
    "a|b\\|c",
    "`code`",
    "``",
    "`",
    "*bold*",
    "**",
    "_x_",
    "<b>&amp;</b>",
    "<!-- x -->",
    "]]>",
    "$x^2$",
    "$",
    "a\\b",
    "\\",
    "\\\\",
    "{}%#~^&",
    "\\end{tabular}",
    "[link](http://x)",
    "![x](y)",
    "# heading",
    "- item",
    "12. item",
    "~~strike~~",
    "→ ± – †",
    "日本語",
    "e\u{301}",
    "\u{202e}turned",
    "\u{feff}bom",
    "=1+1",
    "-cmd",
    "@SUM(A1)",
    "'",
    "--x---",
    "[x] *",
    "a = b",
    "a.b",
    "null",
    "100 %",
    "👩\u{200d}👧",
];

/// Names that `check` lets no label have, but a domain of a descriptor may.
const BREAKING: [&str; 6] =
    ["a\nb", "a\r\nb", "tab\tb", "\u{1b}[31mred", "nul\u{0}", "line\u{2028}b"];

fn all() -> impl Iterator<Item = &'static str> {
    NASTY.into_iter().chain(BREAKING)
}

/// A comparison in which the name stands wherever a name can.
fn named(name: &str) -> Comparison {
    let results = tempfile::tempdir().unwrap();
    let mut experiment = experiment(&["plain", "x"], &[("a", "b")], &[1, 2]);
    experiment.methods[1].label = name.to_owned();
    experiment.data.dataset = name.to_owned();
    experiment.data.tasks = vec![Task::new([name, "s"], "t"), Task::new(["s"], name)];
    for job in experiment.jobs() {
        let settings = if job.method.label == "plain" {
            json!({})
        } else {
            json!({ format!("methods.{name}.x"): name })
        };
        let value = 0.5 + 0.1 * job.seed as f64;
        write_evaluations(
            results.path(),
            &experiment,
            &job,
            settings,
            &[(0, 5, &[("target_accuracy", value), ("validator/v", value)])],
        );
    }
    let baseline = Some(Baseline { method: "plain".to_owned(), test: PairedTest::default() });
    let paths = vec![results.path().to_owned()];
    compare(&CompareOptions { paths, baseline, ..CompareOptions::default() }).unwrap()
}

/// The label of the method's row.
fn label(name: &str) -> String {
    let settings = json!({ format!("methods.{name}.x"): name });
    format!("{name} ({})", settings_text(settings.as_object().unwrap()))
}

/// Reads CSV by RFC 4180.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    assert!(!quoted && row.is_empty() && field.is_empty(), "the last line is not whole");
    rows
}

#[test]
fn csv_and_parquet_hold_every_name_as_it_is() {
    use polars_io::prelude::{ParquetReader, SerReader};
    for name in all() {
        let comparison = named(name);
        let rows = csv(&comparison.render(Format::Csv));
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width), "{name:?}");
        let column = |of: &str| rows[0].iter().position(|head| head == of).unwrap();
        let held = |of: &str, text: &str| rows.iter().any(|row| row[column(of)] == text);
        assert!(held("dataset", name), "{name:?}");
        assert!(held("method", &label(name)), "{name:?}");
        assert!(held("task", &format!("s -> {name}")), "{name:?}");
        assert!(held("task", &format!("{name} + s -> t")), "{name:?}");

        let bytes = comparison.parquet().unwrap();
        let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
        let datasets = frame.column("dataset").unwrap().str().unwrap();
        assert!(datasets.iter().all(|found| found == Some(name)), "{name:?}");
    }
}

/// What a reader of Markdown sees of a cell.
fn seen_in_markdown(cell: &str) -> String {
    let mut seen = String::new();
    let mut characters = cell.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => seen.extend(characters.next()),
            // Unescaped, these would be marks; bold is written around numbers alone.
            '`' | '_' | '[' | ']' | '<' | '>' | '~' | '&' | '$' | '|' => {
                panic!("`{c}` is a mark in {cell:?}")
            }
            other => seen.push(other),
        }
    }
    seen
}

/// The cells of a line of a table.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '|' => cells.push(String::new()),
            '\\' => {
                cells.last_mut().unwrap().push('\\');
                cells.last_mut().unwrap().extend(characters.next());
            }
            other => cells.last_mut().unwrap().push(other),
        }
    }
    let inner = &cells[1..cells.len() - 1];
    inner.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The name in one line, as forms for people show it.
fn shown(name: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{feff}');
    let kept = name.chars().filter(|c| *c != '\u{202e}');
    kept.map(|c| if breaks(c) { ' ' } else { c }).collect()
}

#[test]
fn markdown_shows_every_name_in_a_table_of_the_same_form() {
    for name in all() {
        let text = named(name).render(Format::Markdown);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        // Head, rule, two rows; below it the overview of the same form.
        assert_eq!(lines.len(), 8, "{name:?}:\n{text}");
        let head = cells(lines[0]);
        assert!(lines[..4].iter().all(|line| cells(line).len() == head.len()), "{name:?}:\n{text}");
        let seen: Vec<String> = head.iter().map(|cell| seen_in_markdown(cell)).collect();
        assert!(seen.contains(&format!("s → {}", shown(name)).trim().to_owned()), "{seen:?}");
        let row = seen_in_markdown(&cells(lines[3])[0]);
        assert_eq!(row, shown(&label(name)).trim(), "{name:?}");
        let title = text.lines().next().unwrap();
        assert!(!title.starts_with(['#', '-', '=', '|', '>']), "{title}");
        assert!(title.ends_with("`target_accuracy` in percent"), "{title}");
    }
}

/// What LaTeX shows of a text; stops at anything that would be a command of another kind.
fn seen_in_latex(text: &str) -> String {
    const COMMANDS: [(&str, &str); 16] = [
        ("\\textbackslash{}", "\\"),
        ("\\textasciitilde{}", "~"),
        ("\\textasciicircum{}", "^"),
        ("\\textless{}", "<"),
        ("\\textgreater{}", ">"),
        ("\\textbar{}", "|"),
        ("\\textquotedbl{}", "\""),
        ("$\\to$", "→"),
        ("$^\\dagger$", "†"),
        ("{[}", "["),
        ("{]}", "]"),
        ("{*}", "*"),
        ("{}", ""),
        ("\\&", "&"),
        ("\\%", "%"),
        ("\\$", "$"),
    ];
    const MORE: [(&str, &str); 4] = [("\\#", "#"), ("\\_", "_"), ("\\{", "{"), ("\\}", "}")];
    let mut seen = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((command, means)) =
            COMMANDS.iter().chain(&MORE).find(|(it, _)| rest.starts_with(it))
        {
            seen.push_str(means);
            rest = &rest[command.len()..];
            continue;
        }
        assert!(!"\\{}$&#^_%~<>|\"[]*".contains(c), "`{c}` is a command in {text:?}");
        seen.push(c);
        rest = &rest[c.len_utf8()..];
    }
    assert!(!text.contains("--") && !text.contains("``"), "a ligature in {text:?}");
    seen
}

#[test]
fn latex_shows_every_name_and_has_no_other_command() {
    for name in all() {
        let text = named(name).render(Format::Latex);
        // Every line is a comment, a command of the table, or a row.
        const COMMANDS: [&str; 5] =
            ["\\begin{tabular}", "\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"];
        let command = |line: &str| COMMANDS.iter().any(|command| line.starts_with(command));
        let rows: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('%') && !command(line))
            .map(|line| line.strip_suffix(" \\\\").unwrap_or_else(|| panic!("{line} in\n{text}")))
            .collect();
        let (head, row) = (rows[0], rows[2]);
        assert!(!row.starts_with(['[', '*']), "{row}");
        let first = row.split(" & ").next().unwrap();
        assert_eq!(seen_in_latex(first).trim(), shown(&label(name)).trim(), "{name:?}");
        let tasks: Vec<String> = head.split(" & ").map(seen_in_latex).collect();
        assert!(tasks.contains(&format!("s → {}", shown(name))), "{name:?}: {tasks:?}");
    }
}

#[test]
fn the_terminal_shows_every_name_and_no_line_is_broken_by_it() {
    for name in all() {
        let comparison = named(name);
        let text = comparison.render(Format::Terminal(TerminalOptions::default()));
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('│')).collect();
        assert_eq!(lines.len(), 6, "{name:?}:\n{text}");
        assert!(!text.contains(['\u{1b}', '\0', '\r', '\u{202e}']), "{name:?}");
        assert!(text.contains(shown(&label(name)).trim()), "{name:?}:\n{text}");
        for width in [20, 40, 60] {
            let options = TerminalOptions { width: Some(width), styled: true };
            assert!(comparison.render(Format::Terminal(options)).contains("method"), "{name:?}");
        }
    }
}
