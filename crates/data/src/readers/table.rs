//! `table`: numbers in text and Parquet files, one row a sample.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::Matrix;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::labels::{Labels, named};
use crate::readers::RowLimit;
use crate::scaling::moments;
use crate::{archive, parquet_columns, problem, text_columns};

/// The rows of a domain: those whose value in a column lies in a range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValueRange {
    /// The column.
    pub column: String,
    /// The smallest value that is kept. Absent: any.
    pub from: Option<f64>,
    /// The smallest value that is not kept any more. Absent: none.
    pub below: Option<f64>,
}

/// Feature vectors and their targets from text files of columns (CSV and its kin, gzip or not) or
/// Parquet files, which are told by their content: one row a sample. Columns are called by the names
/// of the first line or of the Parquet file; without such a line, by their number from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    /// The files, relative to the data set's folder. Of several, the columns of each follow those
    /// of the one before, row by row.
    #[schemars(length(min = 1))]
    pub files: Vec<String>,
    /// What separates the columns of text files: one character, `","`, `";"`, `" "` or `"\t"`.
    pub separator: String,
    /// Whether the first line of each text file names its columns.
    pub header: bool,
    /// The columns that are features, by their names, in which `*` stands for any characters: `["f*"]`.
    /// They come in the table's order. Absent: all that are named nowhere else.
    pub features: Vec<String>,
    /// The columns that are to be predicted. Absent: none, the samples have no targets.
    pub targets: Vec<String>,
    /// What they hold: `values`, numbers; `labels`, 1 where a sample has the class of the column, 0
    /// where it has not; `classes`, the name of the class, in one column.
    pub kind: TargetKind,
    /// Columns that are no features, such as an age that tells the domain; `*` stands for any
    /// characters.
    pub without: Vec<String>,
    /// Brings each feature to mean 0 and standard deviation 1 over all rows of the files, those of
    /// other domains included. Targets stay as they are.
    pub standardize: bool,
    /// Keeps the rows of a domain: those that have these values in these columns, `{ domain =
    /// "webcam" }`. Values are texts; those of a column of numbers are compared as numbers. The columns
    /// are no features.
    #[serde(rename = "where")]
    pub wanted: BTreeMap<String, String>,
    /// Keeps the rows of a domain: those whose value in a column lies in a range.
    pub range: Option<ValueRange>,
    /// Keeps only some of these rows.
    pub rows: Option<RowLimit>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            files: vec!["table.csv".to_owned()],
            separator: ",".to_owned(),
            header: true,
            features: Vec::new(),
            targets: Vec::new(),
            kind: TargetKind::Values,
            without: Vec::new(),
            standardize: false,
            wanted: BTreeMap::new(),
            range: None,
            rows: None,
        }
    }
}

impl PluginConfig for Table {
    fn check(&self) -> Result<(), FieldProblem> {
        let wrong =
            |field: &str, message: String| Err(FieldProblem { field: field.to_owned(), message });
        if self.separator.len() != 1 {
            return wrong(
                "separator",
                format!("`separator` is {:?}, must be one character", self.separator),
            );
        }
        match self.kind {
            TargetKind::Sequences => {
                return wrong("kind", "a table holds no sequences".to_owned());
            }
            TargetKind::Classes if self.targets.len() > 1 => {
                return wrong("targets", "classes are in one column".to_owned());
            }
            _ => {}
        }
        if let Some(range) = &self.range
            && range.column.is_empty()
        {
            return wrong("range", "`range` names no `column`".to_owned());
        }
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for Table {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Features
    }

    fn targets(&self) -> TargetKind {
        self.kind
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Table>(About {
        name: "table",
        summary: "feature vectors and numbers or classes in columns of text (CSV) or Parquet files",
        paper: "",
    })
}

impl Reader for Table {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        self.files.iter().map(|file| vec![PathBuf::from(file)]).collect()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let table = self.columns(folder)?;
        let targets = table.places(&self.targets, "targets")?;
        let features = self.feature_columns(&table, &targets)?;
        if features.is_empty() {
            return Err(problem::file(
                folder.join(&self.files[0]),
                "has no columns beside `targets`, `without` and `where`: there are no features",
            ));
        }
        let mut columns =
            features.iter().map(|&it| table.numbers(it)).collect::<Result<Vec<_>, _>>()?;
        for (column, &place) in columns.iter_mut().zip(&features) {
            if let Some(row) = column.iter().position(Option::is_none) {
                return Err(table.fail(row, place, "is empty; features must be numbers"));
            }
            if self.standardize {
                standardize(column);
            }
        }
        let kept = self.kept(&table)?;
        let values = kept
            .iter()
            .flat_map(|&row| columns.iter().map(move |column| column[row].unwrap_or(f64::NAN)))
            .map(|value| value as f32)
            .collect();
        let samples = Samples::Features { size: features.len(), values };
        let (targets, class_names) = self.targets(&table, &targets, &kept)?;
        let samples = LabelledSamples { class_names, ..LabelledSamples::new(samples, targets) };
        RowLimit::apply(
            self.rows.as_ref(),
            &folder.join(&self.files[0]).display().to_string(),
            samples,
        )
    }
}

impl Table {
    /// The columns of all files.
    fn columns(&self, folder: &Path) -> Result<Columns, DataError> {
        let mut table = Columns::default();
        for file in &self.files {
            let path = folder.join(file);
            let bytes = archive::read_unpacked(&path)?;
            if bytes.starts_with(parquet_columns::BEGINNING) {
                parquet_columns::append(&mut table, &path, &bytes)?;
            } else {
                let separator = self.separator.as_bytes()[0];
                text_columns::append(&mut table, &path, &bytes, separator, self.header)?;
            }
        }
        Ok(table)
    }

    fn feature_columns(&self, table: &Columns, targets: &[usize]) -> Result<Vec<usize>, DataError> {
        let mut excluded = table.matching(&self.without, "without")?;
        excluded.extend(targets);
        let features = if self.features.is_empty() {
            let telling: Vec<String> = self.wanted.keys().cloned().collect();
            excluded.extend(table.places(&telling, "where")?);
            (0..table.columns()).collect()
        } else {
            table.matching(&self.features, "features")?
        };
        Ok(features.into_iter().filter(|column| !excluded.contains(column)).collect())
    }

    /// The rows of the domain.
    fn kept(&self, table: &Columns) -> Result<Vec<usize>, DataError> {
        let mut kept: Vec<usize> = (0..table.rows()).collect();
        for (column, value) in &self.wanted {
            let place = table.places(std::slice::from_ref(column), "where")?[0];
            let texts = table.texts(place)?;
            let number = value.trim().parse::<f64>().ok();
            let is_wanted = |text: &str| {
                text == value.trim() || (number.is_some() && text.parse::<f64>().ok() == number)
            };
            kept.retain(|&row| is_wanted(&texts[row]));
            if kept.is_empty() {
                let known: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
                return Err(problem::file(
                    table.first_file(),
                    format!(
                        "no row has `{}` in the column `{}`{}; its values are {}",
                        problem::shown(value),
                        problem::shown(column),
                        problem::suggestion(value, known.iter().copied()),
                        problem::some_of(&known)
                    ),
                ));
            }
        }
        let Some(range) = &self.range else { return Ok(kept) };
        let place = table.places(std::slice::from_ref(&range.column), "range.column")?[0];
        let values = table.numbers(place)?;
        let inside = |value: f64| {
            range.from.is_none_or(|from| value >= from)
                && range.below.is_none_or(|below| value < below)
        };
        let first = kept[0];
        kept.retain(|&row| values[row].is_some_and(inside));
        if kept.is_empty() {
            return Err(table.fail(
                first,
                place,
                "and no other row is in the `range` of the domain",
            ));
        }
        Ok(kept)
    }

    fn targets(
        &self,
        table: &Columns,
        places: &[usize],
        kept: &[usize],
    ) -> Result<(RowTargets, Option<Vec<String>>), DataError> {
        if places.is_empty() {
            return Ok((RowTargets::none(kept.len()), None));
        }
        if self.kind == TargetKind::Classes {
            // The classes of the whole table, so that all domains have the same.
            let Labels { classes, names } =
                named(table.texts(places[0])?.iter().map(String::as_str));
            let classes: Vec<Option<u32>> = kept.iter().map(|&row| classes[row]).collect();
            return Ok((RowTargets::of_classes(&classes), names));
        }
        let columns =
            places.iter().map(|&place| table.numbers(place)).collect::<Result<Vec<_>, _>>()?;
        let mut known = Vec::new();
        let mut values = Vec::new();
        for (position, &row) in kept.iter().enumerate() {
            let found: Option<Vec<f64>> = columns.iter().map(|column| column[row]).collect();
            let Some(found) = found else { continue };
            let no_label = |value: &f64| *value != 0.0 && *value != 1.0;
            if self.kind == TargetKind::Labels
                && let Some(at) = found.iter().position(no_label)
            {
                return Err(table.fail(row, places[at], "must be 0 or 1"));
            }
            known.push(position);
            values.extend(found.into_iter().map(|value| value as f32));
        }
        let matrix = Matrix::new(known.len(), places.len(), values);
        let targets = match self.kind {
            TargetKind::Labels => Targets::Labels(matrix),
            _ => Targets::Values(matrix),
        };
        let names = places.iter().map(|&place| table.name(place).to_owned()).collect();
        Ok((RowTargets::some(kept.len(), known, targets), Some(names)))
    }
}

/// Mean 0, and standard deviation 1 where the values differ.
fn standardize(values: &mut [Option<f64>]) {
    let (mean, deviation) = moments(|| values.iter().flatten().copied());
    for value in values.iter_mut().flatten() {
        *value = (*value - mean) / deviation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    const PATIENTS: &str = "age,dose,risk\n30,1,0.5\n60,3,\n50,2,2.5\n";

    fn patients() -> Table {
        Table {
            files: vec!["p.csv".to_owned()],
            targets: vec!["risk".to_owned()],
            without: vec!["age".to_owned()],
            ..Table::default()
        }
    }

    fn features(samples: &LabelledSamples) -> Vec<f32> {
        match &samples.samples {
            Samples::Features { values, .. } => values.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_domain_is_a_range_of_a_column_and_what_is_empty_has_no_target() {
        let folder = folder(&[("p.csv", PATIENTS)]);
        let range = ValueRange { column: "age".to_owned(), from: Some(50.0), below: Some(61.0) };
        let reader = Table { range: Some(range), ..patients() };
        let read = reader.read(folder.path()).unwrap();
        assert_eq!(features(&read), [3.0, 2.0]);
        assert_eq!(read.targets.known(), [1]);
        assert_eq!(*read.targets.targets(), Targets::Values(Matrix::new(1, 1, vec![2.5])));
        assert_eq!(read.class_names, Some(vec!["risk".to_owned()]));
    }

    #[test]
    fn features_are_standardized_over_all_rows_of_all_domains() {
        let folder = folder(&[("p.csv", PATIENTS)]);
        let range = ValueRange { column: "age".to_owned(), from: None, below: Some(40.0) };
        let reader = Table { range: Some(range), standardize: true, ..patients() };
        let read = reader.read(folder.path()).unwrap();
        let deviation = (2.0f64 / 3.0).sqrt();
        assert_eq!(features(&read), [(-1.0 / deviation) as f32]);
    }

    #[test]
    fn files_stand_beside_each_other_and_columns_are_called_by_number() {
        let folder = folder(&[("x.txt", "1 2\n3 4\n"), ("y.txt", "7\n8\n")]);
        let reader = Table {
            files: vec!["x.txt".to_owned(), "y.txt".to_owned()],
            separator: " ".to_owned(),
            header: false,
            targets: vec!["2".to_owned()],
            ..Table::default()
        };
        let read = reader.read(folder.path()).unwrap();
        assert_eq!(features(&read), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(*read.targets.targets(), Targets::Values(Matrix::new(2, 1, vec![7.0, 8.0])));
    }

    #[test]
    fn classes_are_those_of_the_whole_table() {
        let folder = folder(&[("t.csv", "x,kind\n1,b\n2,a\n3,\n4,c\n")]);
        let reader = Table {
            files: vec!["t.csv".to_owned()],
            targets: vec!["kind".to_owned()],
            kind: TargetKind::Classes,
            range: Some(ValueRange { column: "x".to_owned(), from: Some(2.0), below: Some(4.0) }),
            ..Table::default()
        };
        let read = reader.read(folder.path()).unwrap();
        assert_eq!(read.targets.classes(), [Some(0), None]);
        assert_eq!(read.class_names.unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_column() {
        let error = |text: &str, reader: Table| {
            let folder = folder(&[("p.csv", text)]);
            reader.read(folder.path()).unwrap_err().to_string()
        };
        let found = error("age,dose,risk\n30,much,1\n", patients());
        assert!(found.contains("line 2, column `dose`") && found.contains("`much`"), "{found}");
        let found = error("age,dose,risk\n30,,1\n", patients());
        assert!(found.contains("line 2, column `dose`") && found.contains("is empty"), "{found}");
        let found = error("age,dose,risk\n30,1\n", patients());
        assert!(found.contains("line 2") && found.contains("2 columns"), "{found}");
        let found = error("age,dose,rsik\n30,1,1\n", patients());
        assert!(found.contains("`targets` names `risk`") && found.contains("rsik"), "{found}");
        let found = error("", patients());
        assert!(found.contains("has no rows"), "{found}");
        let range = ValueRange { column: "age".to_owned(), from: Some(99.0), below: None };
        let found = error(PATIENTS, Table { range: Some(range), ..patients() });
        assert!(found.contains("no other row is in the `range`"), "{found}");
    }
}
