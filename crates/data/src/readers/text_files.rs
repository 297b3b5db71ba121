//! Texts in a file or a folder, with what is written of their classes.

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use serde_json::{Map, Value};

use crate::columns::Columns;
use crate::folder::visible_names;
use crate::text_columns;
use crate::{archive, problem};

/// A text.
pub(super) struct TextRow {
    /// The text, without the space around it.
    pub text: String,
    /// Its class as it is written; empty for none.
    pub label: String,
}

impl TextRow {
    fn new(text: &str, label: impl Into<String>) -> Self {
        Self { text: text.trim().to_owned(), label: label.into() }
    }
}

/// The content of a file as text, unpacked where it is gzip.
pub(super) fn unpacked(path: &Path) -> Result<String, DataError> {
    let text = String::from_utf8(archive::read_unpacked(path)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = line_at(valid, valid.len());
        problem::inside(
            path,
            format!("line {line}"),
            "is not text in UTF-8; convert the file, for instance with `iconv -t UTF-8`",
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// The line, from 1, of a place.
fn line_at(bytes: &[u8], place: usize) -> usize {
    1 + bytes[..place].iter().filter(|&&byte| byte == b'\n').count()
}

/// A text a line; empty lines are none.
pub(super) fn in_lines(content: &str) -> Vec<TextRow> {
    let lines = content.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| TextRow::new(line, "")).collect()
}

/// A JSON object a line; empty lines are none.
pub(super) fn json_lines(
    path: &Path,
    content: &str,
    text: &str,
    label: Option<&str>,
) -> Result<Vec<TextRow>, DataError> {
    let lines = (1..).zip(content.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            json_row(line, text, label)
                .map_err(|message| problem::inside(path, format!("line {number}"), message))
        })
        .collect()
}

fn json_row(line: &str, text: &str, label: Option<&str>) -> Result<TextRow, String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("is no JSON: {error}"))?;
    let Value::Object(object) = value else {
        return Err("is no JSON object, `{\"...\": ...}`".to_owned());
    };
    let Value::String(found) = field(&object, text)? else {
        return Err(format!("`{text}` is {}, expected a text", short(&object[text])));
    };
    let label = match label {
        None => String::new(),
        Some(label) => match field(&object, label)? {
            Value::Null => String::new(),
            Value::String(class) => class.trim().to_owned(),
            Value::Number(class) => class.to_string(),
            Value::Bool(class) => class.to_string(),
            other => {
                return Err(format!(
                    "`{label}` is {}, expected a class: a text or a number",
                    short(other)
                ));
            }
        },
    };
    Ok(TextRow::new(found, label))
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    object.get(name).ok_or_else(|| {
        let known = problem::some_of(object.keys().map(|key| format!("`{key}`")));
        let near = problem::suggestion(name, object.keys().map(String::as_str));
        format!("has no field `{name}`{near}; it has {known}")
    })
}

fn short(value: &Value) -> String {
    const SHOWN: usize = 40;
    let text = problem::shown(&value.to_string());
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// A column of a text file of columns.
pub(super) fn in_table(
    path: &Path,
    separator: u8,
    text: &str,
    label: Option<&str>,
) -> Result<Vec<TextRow>, DataError> {
    let mut table = Columns::default();
    text_columns::append(&mut table, path, unpacked(path)?.as_bytes(), separator, true)?;
    let column = |name: &str, field| Ok(table.places(&[name.to_owned()], field)?[0]);
    let texts = table.texts(column(text, "text")?)?;
    let labels = match label {
        Some(label) => table.texts(column(label, "label")?)?,
        None => vec![String::new(); texts.len()],
    };
    Ok(texts.iter().zip(&labels).map(|(text, label)| TextRow::new(text, label)).collect())
}

/// What is between tags. The n-th label is that of the n-th text.
pub(super) fn in_tags(
    path: &Path,
    content: &str,
    text: &str,
    label: Option<&str>,
) -> Result<Vec<TextRow>, DataError> {
    let texts = between(path, content, text)?;
    let Some(label) = label else {
        return Ok(texts.into_iter().map(|text| TextRow::new(text, "")).collect());
    };
    let labels = between(path, content, label)?;
    if labels.len() != texts.len() {
        return Err(problem::file(
            path,
            format!(
                "has {} of `<{text}>` and {} of `<{label}>`; each text needs its class: state the \
                 tag of `label`, or the `class` of the file",
                texts.len(),
                labels.len()
            ),
        ));
    }
    let rows = texts.into_iter().zip(labels);
    Ok(rows.map(|(text, label)| TextRow::new(text, label.trim())).collect())
}

fn between<'a>(path: &Path, content: &'a str, tag: &str) -> Result<Vec<&'a str>, DataError> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut found = Vec::new();
    let mut rest = content;
    while let Some(start) = rest.find(&open) {
        let inside = &rest[start + open.len()..];
        let end = inside.find(&close).filter(|&end| !inside[..end].contains(&open));
        let Some(end) = end else {
            let place = content.len() - rest.len() + start;
            let line = line_at(content.as_bytes(), place);
            return Err(problem::inside(
                path,
                format!("line {line}"),
                format!("`{open}` is not closed by `{close}`"),
            ));
        };
        found.push(&inside[..end]);
        rest = &inside[end + close.len()..];
    }
    Ok(found)
}

/// A file a text, in a folder a class; without classes, all such files below the folder. By name.
pub(super) fn in_folder(path: &Path, labelled: bool) -> Result<Vec<TextRow>, DataError> {
    let mut rows = Vec::new();
    if !labelled {
        for file in files_below(path)? {
            rows.push(TextRow::new(&unpacked(&file)?, ""));
        }
        return Ok(rows);
    }
    for name in visible_names(path)? {
        let folder = path.join(name);
        if !folder.is_dir() {
            continue;
        }
        let class = folder.file_name().unwrap_or_default().to_str().ok_or_else(|| {
            problem::file(&folder, "a class's name must be valid Unicode; rename it")
        })?;
        for file in files_below(&folder)? {
            rows.push(TextRow::new(&unpacked(&file)?, class));
        }
    }
    if rows.is_empty() {
        return Err(problem::file(
            path,
            "has no folder with a file `.txt` in it; expected a folder a class, and a file a text",
        ));
    }
    Ok(rows)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for name in visible_names(folder)? {
        let path = folder.join(name);
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if name.ends_with(".txt") || name.ends_with(".txt.gz") {
            files.push(path);
        }
    }
    Ok(files)
}
