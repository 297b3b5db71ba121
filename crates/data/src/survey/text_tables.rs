//! Texts in JSON lines and in columns of tables, a domain a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use super::files::{self, Files};
use super::habits::{part, tells_class, tells_domain, tells_text};
use super::{Found, NamedSets, domain_of, path_text, reader, tables};
use crate::columns::Cells;
use crate::text_labels::whole_number;
use crate::{archive, problem};

const JSON_LINES: &[&str] = &[".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".json", ".json.gz"];
const TABLES: &[&str] = &[".csv", ".csv.gz", ".tsv", ".tsv.gz"];
/// Words that values of a column have on average from which it is one of texts, whatever its name.
const WORDS: f64 = 4.0;

/// A field with what it holds in each row.
struct Field {
    name: String,
    values: Vec<String>,
}

/// Which fields are what.
struct Roles {
    text: String,
    label: String,
    classes: BTreeSet<String>,
}

/// Files of JSON lines with a field of texts and one of classes.
pub(super) fn json_lines(files: &Files) -> Result<Option<Found>, DataError> {
    let mut read = Vec::new();
    for path in files.ending(JSON_LINES) {
        if let Some(fields) = json_fields(&files.folder.join(path))? {
            read.push((path, fields, None));
        }
    }
    found(files, read, "json-lines")
}

/// Tables of text with a column of texts and one of classes, and no numbers beside them.
pub(super) fn tables(files: &Files) -> Result<Option<Found>, DataError> {
    let mut read = Vec::new();
    for path in files.ending(TABLES) {
        let at = files.folder.join(path);
        let tables::Read { columns, separator } = tables::open(&at)?;
        let mut fields = Vec::new();
        for column in 0..columns.columns() {
            if matches!(columns.cells(column), Cells::Other(_)) {
                continue;
            }
            let name = columns.name(column).to_owned();
            fields.push(Field { name, values: columns.texts(column)? });
        }
        if !is_of_texts(&fields) {
            return Ok(None);
        }
        read.push((path, fields, separator));
    }
    found(files, read, "table")
}

/// Whether a table is one of texts, not of features.
fn is_of_texts(fields: &[Field]) -> bool {
    let Some(text) = text_field(fields) else { return false };
    let is_feature = |field: &&Field| {
        let filled = || field.values.iter().filter(|value| !value.is_empty());
        let distinct: BTreeSet<&String> = filled().collect();
        let is_identity = distinct.len() == field.values.len()
            && filled().all(|value| whole_number(value).is_some());
        filled().all(|value| value.parse::<f64>().is_ok())
            && !is_identity
            && !tells_class(&field.name)
            && !tells_domain(&field.name)
    };
    // A name says enough; else numbers beside it are what the table is about.
    tells_text(&text.name) || !fields.iter().any(|field| is_feature(&field))
}

/// The fields of a file of JSON lines; `None` where it is none.
fn json_fields(path: &Path) -> Result<Option<Vec<Field>>, DataError> {
    let Ok(text) = String::from_utf8(archive::read_unpacked(path)?) else { return Ok(None) };
    let text = text.trim_start_matches('\u{feff}');
    let mut fields: Vec<Field> = Vec::new();
    for (row, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let parsed = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line);
        let Ok(object) = parsed else { return Ok(None) };
        for (name, value) in object {
            let value = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(value) => value.to_string(),
                _ => String::new(),
            };
            let place = fields.iter().position(|field| field.name == name);
            let place = place.unwrap_or_else(|| {
                fields.push(Field { name, values: Vec::new() });
                fields.len() - 1
            });
            fields[place].values.resize(row, String::new());
            fields[place].values.push(value);
        }
    }
    Ok((!fields.is_empty()).then_some(fields))
}

/// Words in a value, on average.
fn words(field: &Field) -> f64 {
    let count: usize = field.values.iter().map(|value| value.split_whitespace().count()).sum();
    count as f64 / field.values.len().max(1) as f64
}

/// The field of texts: by its name, else the one of most words.
fn text_field(fields: &[Field]) -> Option<&Field> {
    let by_name = fields.iter().find(|field| tells_text(&field.name) && words(field) >= 1.0);
    let longest = || fields.iter().max_by(|a, b| words(a).total_cmp(&words(b)));
    by_name.or_else(|| longest().filter(|field| words(field) >= WORDS))
}

fn roles(path: &Path, fields: &[Field]) -> Result<Option<Roles>, DataError> {
    let Some(text) = text_field(fields) else { return Ok(None) };
    let distinct = |field: &Field| -> BTreeSet<String> {
        field.values.iter().filter(|value| !value.is_empty()).cloned().collect()
    };
    let others = || fields.iter().filter(|field| field.name != text.name);
    let by_name = others().find(|field| tells_class(&field.name));
    let repeated: Vec<&Field> = others()
        .filter(|field| !tells_domain(&field.name))
        .filter(|field| (2..=field.values.len() / 2).contains(&distinct(field).len()))
        .collect();
    let label = match (by_name, repeated.as_slice()) {
        (Some(field), _) => field,
        (None, [only]) => only,
        _ => {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            return Err(problem::file(
                path,
                format!(
                    "holds texts (`{}`), and nothing tells which field is the class; there are {}; \
                     name it in the descriptor: reader = {{ name = \"text\", files = [{{ file = \
                     \"FILE\" }}], text = \"{}\", label = \"FIELD\" }}, or `labelled = false`",
                    text.name,
                    problem::some_of(names),
                    text.name
                ),
            ));
        }
    };
    let (text, classes) = (text.name.clone(), distinct(label));
    Ok(Some(Roles { text, label: label.name.clone(), classes }))
}

/// A file a domain, or its training or test set.
fn found(
    files: &Files,
    read: Vec<(&PathBuf, Vec<Field>, Option<char>)>,
    format: &str,
) -> Result<Option<Found>, DataError> {
    let mut sets = Vec::new();
    for (path, fields, separator) in read {
        if let Some(roles) = roles(&files.folder.join(path), &fields)? {
            sets.push((path, roles, separator));
        }
    }
    let Some((_, first, _)) = sets.first() else { return Ok(None) };
    let classes: BTreeSet<&String> = sets.iter().flat_map(|(_, roles, _)| &roles.classes).collect();
    let from_one = classes.iter().map(|class| whole_number(class)).min().flatten() == Some(1);
    let paths: Vec<&Path> = sets.iter().map(|(path, ..)| path.as_path()).collect();
    let names = files::names_of(&paths);
    let mut remarks = vec![format!(
        "`{}` was taken for the text, `{}` for the class ({}), each file for a domain or its training or \
         test set ({})",
        first.text,
        first.label,
        problem::some_of(&classes),
        problem::some_of(&names)
    )];
    let mut domains: BTreeMap<String, NamedSets> = BTreeMap::new();
    for ((path, roles, separator), of_file) in sets.iter().zip(&names) {
        let file = Table::from_iter([("file".to_owned(), Value::from(path_text(path)))]);
        let mut fields = vec![("files", Value::from(vec![file]))];
        if format != "json-lines" {
            fields.push(("format", format.into()));
        }
        if let Some(separator) = separator.filter(|it| *it != ',') {
            fields.push(("separator", separator.to_string().into()));
        }
        fields.push(("text", roles.text.as_str().into()));
        fields.push(("label", roles.label.as_str().into()));
        if from_one {
            fields.push(("first_label", Value::from(1)));
        }
        let (own, part) = part(of_file);
        let own = if own.is_empty() {
            files.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
        } else {
            own
        };
        domains.entry(own).or_default().push((part, reader("text", fields)));
    }
    if domains.len() == 1 {
        remarks.push(
            "there is one domain only: an experiment needs a source and a target; write the texts of \
             each domain into a file of its own"
                .to_owned(),
        );
    }
    let domains = domains.into_iter().map(|(name, sets)| domain_of(name, sets));
    Ok(Some(Found { domains: domains.collect::<Result<_, _>>()?, remarks, classes: None }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::surveyed;

    fn file(name: &str, text: &str) -> (String, Vec<u8>) {
        (name.to_owned(), text.as_bytes().to_vec())
    }

    #[test]
    fn json_lines_are_domains() {
        let lines = "{\"id\": 1, \"sentence\": \"good and fine\", \"label\": 1}\n{\"id\": 2, \
                     \"sentence\": \"bad\", \"label\": 2}\n";
        let text = surveyed(&[file("a.jsonl", lines), file("b.jsonl", lines)]).unwrap();
        for part in ["name = \"b\"", "text = \"sentence\"", "label = \"label\"", "first_label = 1"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        let lines = "{\"story\": \"it was once upon a time\"}\n";
        let error = surveyed(&[file("a.jsonl", lines)]).unwrap_err();
        assert!(error.contains("which field is the class") && error.contains("story"), "{error}");
    }

    #[test]
    fn columns_of_texts_are_told_from_features() {
        let table = "id\treview\tstars\n1\tgood and fine, really\tgood\n2\tas bad as can be\tbad\n3\tno \
                     good at all\tbad\n4\tvery good thing\tgood\n";
        let text = surveyed(&[file("a.tsv", table), file("b.tsv", table)]).unwrap();
        for part in ["format = \"table\"", "separator = \"\\t\"", "text = \"review\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let numbers = "remark,width,class\nthis is rather a long remark,1.5,x\nand this is another \
                       one,2.5,y\nand this is another one,2.5,y\nno remark,0.5,x\n";
        let text = surveyed(&[file("a.csv", numbers), file("b.csv", numbers)]).unwrap();
        assert!(text.contains("name = \"table\""), "{text}");
    }
}
