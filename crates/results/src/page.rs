//! A page of results: tables of methods with the sentences around them, made from records by a
//! file that names them.
//!
//! Numbers are never written by hand, and no method that does harm can be passed over in silence: a
//! page without a reason for each method below the baseline is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::compare::{CompareOptions, Selection, Selections, compare};
use crate::error::{PageError, RecordError};
use crate::methods::{MethodTable, method_tables};
use crate::output::{Format, markdown_text};
use crate::record::RecordWarning;

/// What a page shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultsPage {
    /// The title.
    pub title: String,
    /// What stands below the title, in Markdown.
    #[serde(default)]
    pub text: String,
    /// The tables.
    pub tables: Vec<PageTable>,
    /// The file that this was read from.
    #[serde(skip)]
    file: PathBuf,
}

/// A table of a page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageTable {
    /// The heading.
    pub heading: String,
    /// What stands below it, in Markdown.
    #[serde(default)]
    pub text: String,
    /// Folders of results or files of records, as for `isthmus compare`.
    pub paths: Vec<PathBuf>,
    /// Runs whose costs are shown in place of those of the table's: short ones on a machine that does
    /// nothing else.
    #[serde(default)]
    pub timed: Vec<PathBuf>,
    /// The method that the others are held against.
    #[serde(default = "source_only")]
    pub baseline: String,
    /// Whether a second table shows the last checkpoints by task.
    #[serde(default)]
    pub by_task: bool,
    /// By method, why it is worse than the baseline.
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
}

fn source_only() -> String {
    "source-only".to_owned()
}

impl ResultsPage {
    /// Reads a page's file, in TOML.
    ///
    /// # Errors
    /// If it cannot be read, or has other fields than a page.
    pub fn read(file: &Path) -> Result<Self, PageError> {
        let text = fs::read_to_string(file).map_err(RecordError::io("cannot read", file))?;
        let page: Self = toml::from_str(&text).map_err(|error| PageError::Syntax {
            file: file.to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Self { file: file.to_owned(), ..page })
    }

    /// The page in Markdown, and the records that were left out.
    ///
    /// # Errors
    /// If a table cannot be made of its records, or a reason is missing or needless.
    pub fn markdown(&self) -> Result<(String, Vec<RecordWarning>), PageError> {
        let mut parts = vec![format!("# {}", markdown_text(&self.title))];
        parts.push(format!(
            "<!-- Written by `isthmus results {}`: change that file, not this one. -->",
            self.file.display()
        ));
        let mut warnings = Vec::new();
        parts.extend(paragraph(&self.text));
        for table in &self.tables {
            parts.push(format!("## {}", markdown_text(&table.heading)));
            parts.extend(paragraph(&table.text));
            parts.extend(self.table(table, &mut warnings)?);
        }
        Ok((parts.join("\n\n") + "\n", warnings))
    }

    fn table(
        &self,
        table: &PageTable,
        warnings: &mut Vec<RecordWarning>,
    ) -> Result<Vec<String>, PageError> {
        let failed = |source| PageError::Table { heading: table.heading.clone(), source };
        let (methods, found) =
            method_tables(&table.paths, &table.timed, &table.baseline).map_err(failed)?;
        warnings.extend(found);
        let mut parts: Vec<String> = Vec::new();
        for methods in &methods {
            parts.push(methods.markdown().trim_end().to_owned());
        }
        parts.extend(self.reasons(table, &methods)?);
        if table.by_task {
            let options = CompareOptions {
                paths: table.paths.clone(),
                selections: Selections::One(Selection::Last),
                ..CompareOptions::default()
            };
            let comparison = compare(&options).map_err(failed)?;
            parts.push("Last checkpoints by task:".to_owned());
            parts.push(comparison.render(Format::Markdown).trim_end().to_owned());
        }
        Ok(parts)
    }

    /// A sentence for each method that is worse than the baseline.
    fn reasons(
        &self,
        table: &PageTable,
        methods: &[MethodTable],
    ) -> Result<Option<String>, PageError> {
        let mut lines = Vec::new();
        let mut missing = Vec::new();
        let mut needed = BTreeSet::new();
        for methods in methods {
            let unit = methods.measure.unit;
            for (row, gain) in methods.below_baseline() {
                let name = &row.label.text;
                needed.insert(name);
                let loss = unit.text(gain.abs());
                match table.reasons.get(name) {
                    None => missing.push(format!("{name} (by {loss})")),
                    Some(reason) => lines.push(format!(
                        "- {}, by {loss}: {}",
                        markdown_text(name),
                        reason.trim()
                    )),
                }
            }
        }
        let (heading, baseline) = (table.heading.clone(), table.baseline.clone());
        let file = self.file.clone();
        if !missing.is_empty() {
            return Err(PageError::NoReason { heading, baseline, methods: missing, file });
        }
        let needless: Vec<String> =
            table.reasons.keys().filter(|name| !needed.contains(name)).cloned().collect();
        if !needless.is_empty() {
            return Err(PageError::NeedlessReason { heading, baseline, methods: needless, file });
        }
        let title = format!("Last checkpoints below those of {}:", markdown_text(&baseline));
        Ok((!lines.is_empty()).then(|| format!("{title}\n\n{}", lines.join("\n"))))
    }
}

fn paragraph(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
