//! Tables, sparse text and IDX files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use super::files::{self, Files};
use super::habits::{part, tells_class, tells_domain};
use super::{Found, FoundDomain, NamedSets, TABLES, domain_of, path_text, reader};
use crate::columns::{Cells, Columns};
use crate::text_labels::whole_number;
use crate::{archive, parquet_columns, problem, text_columns};

/// Most domains that a column tells apart, and most classes.
const MOST_DOMAINS: usize = 50;
const MOST_CLASSES: usize = 1000;
/// What may separate the columns of text.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// A table that was read.
pub(super) struct Read {
    pub columns: Columns,
    pub separator: Option<char>,
}

/// CSV and Parquet files: the domains are the values of a column, or the files.
pub(super) fn tables(files: &Files) -> Result<Option<Found>, DataError> {
    let paths: Vec<&PathBuf> = files.ending(TABLES).collect();
    let Some(first) = paths.first() else { return Ok(None) };
    let read = open(&files.folder.join(first))?;
    let table = &read.columns;
    let names: Vec<&str> = (0..table.columns()).map(|column| table.name(column)).collect();
    let class = class_column(table);
    let Some((class, why)) = class else {
        return Err(problem::file(
            files.folder.join(first),
            format!(
                "no column tells the class; its columns are {}; name it in the descriptor: reader = {{ \
                 name = \"table\", files = [\"{}\"], targets = [\"COLUMN\"], kind = \"classes\" }}, or \
                 `kind = \"values\"` for numbers",
                problem::some_of(&names),
                path_text(first)
            ),
        ));
    };
    let values = distinct(table, class)?;
    let is_classes =
        values.iter().all(|value| whole_number(value).is_some() || value.parse::<f64>().is_err());
    let kind = if is_classes && values.len() <= MOST_CLASSES { "classes" } else { "values" };
    let mut remarks = vec![format!(
        "the column `{}` was taken for the {} ({}; {why})",
        table.name(class),
        if kind == "classes" { "class" } else { "number to predict" },
        problem::some_of(&values)
    )];
    let domain = (0..table.columns()).find(|&at| at != class && tells_domain(table.name(at)));
    let without: Vec<&str> = (0..table.columns())
        .filter(|&at| at != class && Some(at) != domain && !is_numeric(table, at))
        .map(|at| table.name(at))
        .collect();
    if !without.is_empty() {
        remarks
            .push(format!("left out, since they hold no numbers: {}", problem::some_of(&without)));
    }
    let set = |path: &Path, wanted: Option<(&str, &str)>| {
        let mut fields = vec![("files", Value::from(vec![path_text(path)]))];
        if let Some(separator) = read.separator.filter(|it| *it != ',') {
            fields.push(("separator", separator.to_string().into()));
        }
        fields.push(("targets", vec![table.name(class)].into()));
        fields.push(("kind", kind.into()));
        if !without.is_empty() {
            fields.push(("without", without.clone().into()));
        }
        if let Some((column, value)) = wanted {
            let wanted = Table::from_iter([(column.to_owned(), Value::from(value))]);
            fields.push(("where", wanted.into()));
        }
        reader("table", fields)
    };
    if let (Some(domain), [path]) = (domain, paths.as_slice()) {
        let values = distinct(table, domain)?;
        if (2..=MOST_DOMAINS).contains(&values.len()) {
            let column = table.name(domain);
            remarks.push(format!(
                "the values of the column `{column}` were taken for domains ({})",
                problem::some_of(&values)
            ));
            let domains = values
                .iter()
                .map(|value| FoundDomain::all(value, set(path, Some((column, value)))))
                .collect();
            return Ok(Some(Found { domains, remarks, ..Found::default() }));
        }
    }
    if let [path] = paths.as_slice() {
        return Err(no_domain(files, path, table, class)?);
    }
    let borrowed: Vec<&Path> = paths.iter().map(|path| path.as_path()).collect();
    let names = files::names_of(&borrowed);
    remarks.push(format!("each file was taken for a domain ({})", problem::some_of(&names)));
    let domains = paths
        .iter()
        .zip(names)
        .map(|(path, name)| FoundDomain::all(name, set(path, None)))
        .collect();
    Ok(Some(Found { domains, remarks, ..Found::default() }))
}

/// What is said of one table in which no column tells the domain by its name.
fn no_domain(
    files: &Files,
    path: &Path,
    table: &Columns,
    class: usize,
) -> Result<DataError, DataError> {
    let mut few = Vec::new();
    for column in (0..table.columns()).filter(|&column| column != class) {
        let values = distinct(table, column)?;
        if (2..=MOST_DOMAINS).contains(&values.len()) {
            few.push(format!("`{}` ({} values)", table.name(column), values.len()));
        }
    }
    let few = match few.as_slice() {
        [] => "none has few values".to_owned(),
        few => format!("with few values are {}", problem::some_of(few)),
    };
    Ok(problem::file(
        files.folder.join(path),
        format!(
            "is one table, and no column is called as one that tells the domain ({few}). Call the \
             column `domain`, give a file a domain, or write into the descriptor, for each domain, \
             reader = {{ name = \"table\", files = [\"{}\"], targets = [\"{}\"], kind = \"classes\", \
             where = {{ COLUMN = \"VALUE\" }} }}, or `range = {{ column = \"COLUMN\", below = 50 }}`",
            path_text(path),
            table.name(class)
        ),
    ))
}

/// Reads a table; of text, what separates its columns is what its first line has most of.
pub(super) fn open(path: &Path) -> Result<Read, DataError> {
    let bytes = archive::read_unpacked(path)?;
    let mut columns = Columns::default();
    if bytes.starts_with(parquet_columns::BEGINNING) {
        parquet_columns::append(&mut columns, path, &bytes)?;
        return Ok(Read { columns, separator: None });
    }
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count =
        |separator: char| line.iter().filter(|&&byte| char::from(byte) == separator).count();
    let separator = SEPARATORS.into_iter().max_by_key(|&it| (count(it), it == ',')).unwrap_or(',');
    text_columns::append(&mut columns, path, &bytes, separator as u8, true)?;
    Ok(Read { columns, separator: Some(separator) })
}

/// The column of classes, and why it was taken.
fn class_column(table: &Columns) -> Option<(usize, &'static str)> {
    if let Some(found) = (0..table.columns()).find(|&at| tells_class(table.name(at))) {
        return Some((found, "by its name"));
    }
    // The only column of texts that tells no domain.
    let texts: Vec<usize> = (0..table.columns())
        .filter(|&at| !is_numeric(table, at) && !tells_domain(table.name(at)))
        .filter(|&at| distinct(table, at).is_ok_and(|values| values.len() * 2 <= table.rows()))
        .collect();
    match texts.as_slice() {
        [only] => Some((*only, "the only column of texts")),
        _ => None,
    }
}

fn is_numeric(table: &Columns, column: usize) -> bool {
    match table.cells(column) {
        Cells::Numbers(_) => true,
        Cells::Texts(texts) => {
            texts.iter().all(|text| text.is_empty() || text.parse::<f64>().is_ok())
        }
        Cells::Other(_) => false,
    }
}

/// The values of a column, each once, but for empty ones.
fn distinct(table: &Columns, column: usize) -> Result<BTreeSet<String>, DataError> {
    if matches!(table.cells(column), Cells::Other(_)) {
        return Ok(BTreeSet::new());
    }
    Ok(table.texts(column)?.into_iter().filter(|text| !text.is_empty()).collect())
}

/// Files of SVMlight and LIBSVM, a domain each.
pub(super) fn svmlight(files: &Files) -> Result<Option<Found>, DataError> {
    let mut found = Vec::new();
    let (mut largest, mut smallest) = (0, usize::MAX);
    let mut labels: BTreeSet<String> = BTreeSet::new();
    for path in &files.files {
        let at = files.folder.join(path);
        let Some(text) = sparse_text(&at)? else { continue };
        for line in text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
            let mut words = line.split_ascii_whitespace();
            let Some(label) = words.next() else { continue };
            labels.insert(label.split(';').next().unwrap_or_default().to_owned());
            for number in words.filter_map(|word| word.split_once(':')?.0.parse::<usize>().ok()) {
                largest = largest.max(number);
                smallest = smallest.min(number);
            }
        }
        found.push(path);
    }
    if found.is_empty() || smallest == usize::MAX {
        return Ok(None);
    }
    let from_one = labels.iter().map(|label| whole_number(label)).min().flatten() == Some(1);
    let borrowed: Vec<&Path> = found.iter().map(|path| path.as_path()).collect();
    let names = files::names_of(&borrowed);
    let features = if smallest == 0 { largest.saturating_add(1) } else { largest };
    let mut sets: BTreeMap<String, NamedSets> = BTreeMap::new();
    for (path, name) in found.iter().zip(&names) {
        let mut fields = vec![
            ("file", Value::from(path_text(path))),
            ("features", Value::from(i64::try_from(features).unwrap_or(i64::MAX))),
        ];
        if smallest == 0 {
            fields.push(("first_feature", Value::from(0)));
        }
        if from_one {
            fields.push(("first_label", Value::from(1)));
        }
        let (own, part) = part(name);
        let own = if own.is_empty() { name.clone() } else { own };
        sets.entry(own).or_default().push((part, reader("svmlight", fields)));
    }
    let domains: Vec<FoundDomain> =
        sets.into_iter().map(|(name, sets)| domain_of(name, sets)).collect::<Result<_, _>>()?;
    let remarks = vec![format!(
        "each file of sparse text was taken for a domain, or for its training or test set ({}), what a line begins with for its class \
         ({}); features are those that any file names",
        problem::some_of(&names),
        problem::some_of(&labels)
    )];
    Ok(Some(Found { domains, remarks, ..Found::default() }))
}

/// The text of a file whose first lines are of SVMlight's form.
fn sparse_text(path: &Path) -> Result<Option<String>, DataError> {
    const LINES: usize = 5;
    let first = problem::first_bytes(path)?;
    // What is no text at all is not read whole.
    if !first.starts_with(&[0x1f, 0x8b]) && !first.contains(&b':') {
        return Ok(None);
    }
    let Ok(bytes) = archive::read_unpacked(path) else { return Ok(None) };
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    let is_pair = |word: &str| {
        word.split_once(':').is_some_and(|(number, value)| {
            number == "qid" || (number.parse::<usize>().is_ok() && value.parse::<f64>().is_ok())
        })
    };
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_row = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        words.next().is_some_and(|label| !label.contains(':')) && words.all(is_pair)
    };
    let looked_at: Vec<&str> = lines.by_ref().take(LINES).collect();
    let is_sparse = !looked_at.is_empty()
        && looked_at.iter().all(|line| is_row(line))
        && looked_at.iter().any(|line| line.contains(':'));
    Ok(is_sparse.then_some(text))
}

/// Pairs of IDX files, as of MNIST.
pub(super) fn idx(files: &Files) -> Result<Option<Found>, DataError> {
    let mut sets: BTreeMap<(PathBuf, String), NamedSets> = BTreeMap::new();
    for images in files.files.iter().filter(|path| name_of(path).contains("-images")) {
        let name = name_of(images);
        if !name.contains("idx3") {
            continue;
        }
        let labels = name.replace("-images", "-labels").replace("idx3", "idx1");
        let labels = images.with_file_name(labels);
        if !files.files.contains(&labels) {
            return Err(problem::file(
                files.folder.join(images),
                format!("holds images, and their labels are absent: expected {}", labels.display()),
            ));
        }
        let folder = images.parent().unwrap_or(Path::new("")).to_owned();
        // MNIST calls its test set by its ten thousand images.
        let before = name.split("-images").next().unwrap_or_default().replace("t10k", "test");
        let (rest, part) = part(&before.replace('-', "_"));
        let plain = |path: &Path| path_text(path).trim_end_matches(".gz").to_owned();
        let fields =
            [("images", Value::from(plain(images))), ("labels", Value::from(plain(&labels)))];
        sets.entry((folder, rest)).or_default().push((part, reader("idx", fields)));
    }
    if sets.is_empty() {
        return Ok(None);
    }
    let folders: Vec<PathBuf> = sets.keys().map(|(folder, rest)| folder.join(rest)).collect();
    let borrowed: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let mut domains = Vec::new();
    for (name, own) in files::names_of(&borrowed).into_iter().zip(sets.into_values()) {
        // Of the folder itself.
        let name = if name.is_empty() { name_of(&files.folder) } else { name };
        domains.push(domain_of(name, own)?);
    }
    let remarks = vec![format!(
        "each pair of IDX files was taken for a domain or its sets ({})",
        problem::some_of(domains.iter().map(|domain| domain.name.as_str()))
    )];
    Ok(Some(Found { domains, remarks, ..Found::default() }))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
