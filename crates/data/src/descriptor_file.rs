//! Descriptors' files: where they are found, and their text to a descriptor.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use isthmus_core::error::DataError;
use isthmus_core::registry::{self, Kind};
use isthmus_core::spec::PluginSpec;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::descriptor::{Descriptor, DomainDescriptor, SetReaders};
use crate::labels::class_name;
use crate::problem;
use crate::readers::reader_of;
use crate::roots::Roots;

/// Descriptors that isthmus carries in itself, so that the binary works anywhere.
const EMBEDDED: [(&str, &str); 13] = [
    ("diabetes", include_str!("../../../datasets/diabetes.toml")),
    ("digit-pairs", include_str!("../../../datasets/digit-pairs.toml")),
    ("digits", include_str!("../../../datasets/digits.toml")),
    ("digits-2000-1800", include_str!("../../../datasets/digits-2000-1800.toml")),
    ("digits-5000-1000", include_str!("../../../datasets/digits-5000-1000.toml")),
    ("fsdd", include_str!("../../../datasets/fsdd.toml")),
    ("office31", include_str!("../../../datasets/office31.toml")),
    ("office31-features", include_str!("../../../datasets/office31-features.toml")),
    ("quickstart", include_str!("../../../datasets/quickstart.toml")),
    ("quickstart-images", include_str!("../../../datasets/quickstart-images.toml")),
    ("speech-commands", include_str!("../../../datasets/speech-commands.toml")),
    ("spoken-digit-strings", include_str!("../../../datasets/spoken-digit-strings.toml")),
    ("uci-har", include_str!("../../../datasets/uci-har.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDescriptor {
    name: Spanned<String>,
    title: Option<String>,
    licence: Option<String>,
    citation: Option<String>,
    how_to_get: Option<String>,
    layout: Option<String>,
    folder: Option<PathBuf>,
    classes: Option<Spanned<Vec<String>>>,
    domains: Spanned<Vec<Spanned<RawDomain>>>,
    #[serde(default)]
    checksums: BTreeMap<String, Spanned<String>>,
}

/// The readers' tables are taken from the document by their positions: plugins read them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDomain {
    name: Spanned<String>,
    folder: Option<PathBuf>,
    reader: Option<IgnoredAny>,
    train: Option<IgnoredAny>,
    test: Option<IgnoredAny>,
}

/// The text of a descriptor and where it is from, to say where an error is.
struct Document<'a> {
    file: &'a str,
    text: &'a str,
}

impl Document<'_> {
    fn fail(&self, span: Option<Range<usize>>, message: impl std::fmt::Display) -> DataError {
        let Some(span) = span else { return problem::file(self.file, message.to_string()) };
        let before = &self.text[..span.start.min(self.text.len())];
        let number = before.matches('\n').count() + 1;
        let line = self.text.lines().nth(number - 1).unwrap_or_default();
        problem::file(format!("{}:{number}", self.file), format!("{message}\n  {number} | {line}"))
    }

    fn fail_toml(&self, error: &toml::de::Error) -> DataError {
        self.fail(error.span(), error.message())
    }
}

impl Descriptor {
    /// Reads the descriptor of a data set: from the first of the roots that has it, else the
    /// embedded one.
    ///
    /// # Errors
    /// If there is none, or it cannot be used; with the file, the line and the line itself.
    pub fn find(name: &str, roots: &Roots) -> Result<Self, DataError> {
        for folder in &roots.descriptors {
            let path = folder.join(format!("{name}.toml"));
            if path.is_file() {
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| problem::io("cannot read", &path, source))?;
                return Self::parse(name, &text, &path.display().to_string());
            }
        }
        if let Some((_, text)) = EMBEDDED.iter().find(|(other, _)| *other == name) {
            return Self::parse(name, text, &format!("embedded datasets/{name}.toml"));
        }
        let known = Self::names(roots)?;
        Err(problem::file(
            format!("datasets/{name}.toml"),
            format!(
                "there is no data set `{name}`{}; known are {}; looked in {}",
                problem::suggestion(name, known.iter().map(String::as_str)),
                known.join(", "),
                problem::one_of(roots.descriptors.iter().map(|folder| folder.display())),
            ),
        ))
    }

    /// The names of all descriptors, in alphabetical order.
    ///
    /// # Errors
    /// If a folder of descriptors cannot be listed.
    pub fn names(roots: &Roots) -> Result<Vec<String>, DataError> {
        let mut names: BTreeSet<String> =
            EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        for folder in roots.descriptors.iter().filter(|folder| folder.is_dir()) {
            let failed = |source| problem::io("cannot list", folder, source);
            for entry in std::fs::read_dir(folder).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                if path.extension().is_some_and(|extension| extension == "toml")
                    && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
                {
                    names.insert(stem.to_owned());
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Reads a descriptor's text; `name` is the name that its file has.
    ///
    /// # Errors
    /// If it cannot be used; with the file, the line and the line itself.
    pub fn parse(name: &str, text: &str, file: &str) -> Result<Self, DataError> {
        let document = Document { file, text };
        let root = DeTable::parse(text).map_err(|error| document.fail_toml(&error))?;
        let tables = domain_tables(root.get_ref());
        let span = root.span();
        let value = Spanned::new(span, DeValue::Table(root.into_inner()));
        let raw = RawDescriptor::deserialize(ValueDeserializer::from(value))
            .map_err(|error| document.fail_toml(&error))?;
        if raw.name.get_ref() != name {
            return Err(document.fail(
                Some(raw.name.span()),
                format!("`name` is `{}`, the file's name says `{name}`", raw.name.get_ref()),
            ));
        }
        if raw.domains.get_ref().is_empty() {
            return Err(document.fail(Some(raw.domains.span()), "`domains` is empty"));
        }
        let mut names = BTreeSet::new();
        let mut domains = Vec::new();
        for (raw, table) in raw.domains.into_inner().into_iter().zip(tables) {
            let span = raw.span();
            let raw = raw.into_inner();
            if let Some(problem) = problem_of_domain(raw.name.get_ref()) {
                return Err(document.fail(Some(raw.name.span()), problem));
            }
            if !names.insert(raw.name.get_ref().clone()) {
                return Err(document.fail(
                    Some(raw.name.span()),
                    format!("there are two domains `{}`", raw.name.get_ref()),
                ));
            }
            domains.push(domain(&document, raw, span, &table)?);
        }
        for sum in raw.checksums.values() {
            let digits = sum.get_ref();
            if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(
                    document.fail(Some(sum.span()), "a checksum is SHA-256: 64 hexadecimal digits")
                );
            }
        }
        let classes = raw.classes.map(|names| classes(&document, names)).transpose()?;
        let checksums = raw
            .checksums
            .into_iter()
            .map(|(file, sum)| (file, sum.into_inner().to_ascii_lowercase()))
            .collect();
        let unstated = |text: Option<String>| text.unwrap_or_else(|| "not stated".to_owned());
        Ok(Self {
            name: name.to_owned(),
            title: raw.title.unwrap_or_else(|| name.to_owned()),
            licence: unstated(raw.licence),
            citation: unstated(raw.citation),
            how_to_get: unstated(raw.how_to_get),
            layout: raw
                .layout
                .map_or_else(|| layout_of(&domains), |text| text.trim_end().to_owned()),
            folder: raw.folder.unwrap_or_else(|| PathBuf::from(name)),
            classes,
            domains,
            checksums,
        })
    }
}

/// Why a domain cannot have this name: tasks are written with it, `a + b -> c`.
fn problem_of_domain(name: &str) -> Option<String> {
    let shown = problem::shown(name);
    if name.is_empty() || name.trim() != name {
        return Some(format!("the domain `{shown}` begins or ends with a space, or has no name"));
    }
    let has_controls = name.chars().any(char::is_control);
    (has_controls || name.contains('+') || name.contains("->"))
        .then(|| format!("the domain `{shown}` has `+`, `->` or a control character in its name"))
}

/// The stated classes, each its own.
fn classes(document: &Document<'_>, names: Spanned<Vec<String>>) -> Result<Vec<String>, DataError> {
    let fail = |message: String| Err(document.fail(Some(names.span()), message));
    let list: Vec<String> = names.get_ref().iter().map(|name| class_name(name)).collect();
    if list.is_empty() {
        return fail(
            "`classes` is empty; leave it out where the files tell the classes".to_owned(),
        );
    }
    let mut seen = BTreeSet::new();
    for name in &list {
        if name.trim().is_empty() {
            return fail("a name of `classes` is empty".to_owned());
        }
        if !seen.insert(name) {
            return fail(format!("`classes` has `{}` twice", problem::shown(name)));
        }
    }
    Ok(list)
}

/// The tables of `domains`, before serde turns them into structs.
fn domain_tables<'i>(root: &DeTable<'i>) -> Vec<DeTable<'i>> {
    let Some(domains) = root.get("domains").and_then(|domains| domains.get_ref().as_array()) else {
        return Vec::new();
    };
    domains.iter().filter_map(|domain| domain.get_ref().as_table().cloned()).collect()
}

fn domain(
    document: &Document<'_>,
    raw: RawDomain,
    span: Range<usize>,
    table: &DeTable<'_>,
) -> Result<DomainDescriptor, DataError> {
    let name = raw.name.into_inner();
    let read = |key: &str| -> Result<PluginSpec, DataError> {
        let value = table.get(key).ok_or_else(|| {
            document.fail(Some(span.clone()), format!("domain `{name}` states no `{key}`"))
        })?;
        reader(document, value)
    };
    let readers = match (raw.reader.is_some(), raw.train.is_some(), raw.test.is_some()) {
        (true, false, false) => SetReaders::All(read("reader")?),
        (false, true, true) => SetReaders::Given { train: read("train")?, test: read("test")? },
        _ => {
            return Err(document.fail(
                Some(span),
                format!(
                    "domain `{name}` needs either `reader` (one set), or `train` and `test` (its \
                     own training and test sets)"
                ),
            ));
        }
    };
    Ok(DomainDescriptor { name, folder: raw.folder, readers })
}

/// Reads a reader's table: `{ name = "image-folder", path = "amazon/images" }`.
fn reader(document: &Document<'_>, value: &Spanned<DeValue<'_>>) -> Result<PluginSpec, DataError> {
    let span = value.span();
    let example = "expected a table such as { name = \"image-folder\", path = \"photos\" }";
    let Some(table) = value.get_ref().as_table() else {
        return Err(document
            .fail(Some(span), format!("a reader is {}; {example}", value.get_ref().type_str())));
    };
    let mut table = table.clone();
    let Some(name) = table.remove("name") else {
        return Err(document.fail(Some(span), format!("a reader has no `name`; {example}")));
    };
    let name_span = name.span();
    let Some(name) = name.get_ref().as_str() else {
        return Err(document.fail(Some(name_span), "a reader's `name` is a string"));
    };
    let Some(plugin) = registry::find(Kind::Reader, name) else {
        let known: Vec<_> =
            registry::plugins(Kind::Reader).iter().map(|plugin| plugin.about.name).collect();
        return Err(document.fail(
            Some(name_span),
            format!(
                "there is no reader `{name}`{}; expected {}",
                problem::suggestion(name, known.iter().copied()),
                problem::one_of(&known),
            ),
        ));
    };
    let fields = Spanned::new(span.clone(), DeValue::Table(table));
    let config = (plugin.resolve)(fields).map_err(|problem| {
        let field = problem.field.map(|field| format!("`{field}`: ")).unwrap_or_default();
        document.fail(
            Some(problem.span.unwrap_or(span)),
            format!("reader `{name}`: {field}{}", problem.message),
        )
    })?;
    Ok(PluginSpec { name: name.to_owned(), config })
}

/// The files that the domains' readers read.
fn layout_of(domains: &[DomainDescriptor]) -> String {
    let mut lines = Vec::new();
    for domain in domains {
        for spec in domain.readers.all() {
            for group in reader_of(spec).files() {
                let choices: Vec<_> = group.iter().map(|path| path.display().to_string()).collect();
                lines.push(format!("  {}: {}", domain.name, choices.join(" or ")));
            }
        }
    }
    lines.join("\n")
}
