//! `svmlight`: sparse feature vectors in text files.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::readers::RowLimit;
use crate::text_labels::text_labels;
use crate::{archive, problem};

/// Feature vectors and classes in the text format of SVMlight and LIBSVM, gzip or not: a line has
/// the class and pairs of a feature's number and its value, `3 1:0.5 7:2`. Features that a line does
/// not name are 0. Of a class such as `2;13.5` what is before the semicolon counts. What follows `#`
/// is a comment; `qid:` is passed over. -1 is a class, as this format has it. Rows are held dense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Svmlight {
    /// The file, relative to the data set's folder.
    pub file: String,
    /// Number of features. Absent: as many as the file names; state it where a domain's file may not
    /// name the last one.
    #[schemars(range(min = 1))]
    pub features: Option<usize>,
    /// The number of the first feature: 1, or 0 as some programs write it.
    #[schemars(range(max = 1))]
    pub first_feature: usize,
    /// The number of the first class where classes are numbers: 1 where they run from 1.
    pub first_label: i64,
    /// Whether the classes are used. With `false` the samples have no labels; lines have to have a
    /// class all the same.
    pub labelled: bool,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for Svmlight {
    fn default() -> Self {
        Self {
            file: "data.svmlight".to_owned(),
            features: None,
            first_feature: 1,
            first_label: 0,
            labelled: true,
            rows: None,
        }
    }
}

impl PluginConfig for Svmlight {
    fn check(&self) -> Result<(), FieldProblem> {
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for Svmlight {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Features
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Svmlight>(About {
        name: "svmlight",
        summary: "sparse feature vectors and classes in text files of SVMlight and LIBSVM",
        paper: "",
    })
}

/// The largest number of values that are held dense: 4 GiB of them.
const MOST_VALUES: usize = 1 << 30;

/// A line: the class, and the features that it names by their place.
struct Row {
    label: String,
    values: Vec<(usize, f32)>,
}

impl Svmlight {
    fn row(&self, line: &str) -> Result<Option<Row>, String> {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(label) = words.next() else { return Ok(None) };
        if label.contains(':') {
            return Err(format!("begins with `{label}`; expected a class, then `number:value`"));
        }
        let label = label.split(';').next().unwrap_or_default().to_owned();
        let mut values: Vec<(usize, f32)> = Vec::new();
        for word in words.filter(|word| !word.starts_with("qid:")) {
            let pair = word.split_once(':').and_then(|(number, value)| {
                Some((number.parse::<usize>().ok()?, value.parse::<f32>().ok()?))
            });
            let Some((number, value)) = pair.filter(|(_, value)| value.is_finite()) else {
                return Err(format!(
                    "has `{}`; expected `number:value`, a feature's number and a finite value",
                    problem::shown(word)
                ));
            };
            let Some(place) = number.checked_sub(self.first_feature) else {
                return Err("names feature 0; set `first_feature = 0`".to_owned());
            };
            if let Some((last, _)) = values.last()
                && *last >= place
            {
                return Err(format!("names feature {number} twice or out of order"));
            }
            if let Some(size) = self.features
                && place >= size
            {
                return Err(format!("names feature {number}, `features` is {size}"));
            }
            values.push((place, value));
        }
        Ok(Some(Row { label, values }))
    }
}

impl Reader for Svmlight {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        vec![vec![PathBuf::from(&self.file)]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.file);
        let text = String::from_utf8(archive::read_unpacked(&path)?)
            .map_err(|_| problem::file(&path, "is not UTF-8: this format is plain text"))?;
        let mut rows = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let fail = |message| problem::inside(&path, format!("line {number}"), message);
            rows.extend(self.row(line).map_err(fail)?);
        }
        if rows.is_empty() {
            return Err(problem::file(&path, "has no rows"));
        }
        let largest = rows.iter().filter_map(|row| row.values.last()).map(|(place, _)| place + 1);
        let size = self.features.unwrap_or_else(|| largest.max().unwrap_or(0));
        if size == 0 {
            return Err(problem::file(&path, "names no feature"));
        }
        if size.checked_mul(rows.len()).is_none_or(|values| values > MOST_VALUES) {
            return Err(problem::file(
                &path,
                format!(
                    "has {} rows and names feature {}: too many values to be held dense; keep some \
                     with `rows`, or choose features beforehand",
                    rows.len(),
                    size - 1 + self.first_feature
                ),
            ));
        }
        let mut values = vec![0.0; size * rows.len()];
        for (row, values) in rows.iter().zip(values.chunks_exact_mut(size)) {
            for &(place, value) in &row.values {
                values[place] = value;
            }
        }
        let samples = Samples::Features { size, values };
        let samples = if self.labelled {
            let texts: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
            let Labels { classes, names } = text_labels(&texts, self.first_label);
            LabelledSamples {
                class_names: names,
                first_label: self.first_label,
                ..LabelledSamples::new(samples, RowTargets::of_classes(&classes))
            }
        } else {
            LabelledSamples::new(samples, RowTargets::none(rows.len()))
        };
        RowLimit::apply(self.rows.as_ref(), &path.display().to_string(), samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, config: Svmlight) -> Result<LabelledSamples, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.svmlight"), text).unwrap();
        config.read(folder.path()).map_err(|error| error.to_string())
    }

    fn values(found: &LabelledSamples) -> (usize, Vec<f32>) {
        let Samples::Features { size, values } = &found.samples else { panic!("no features") };
        (*size, values.clone())
    }

    #[test]
    fn features_that_a_line_does_not_name_are_zero() {
        let text = "1 1:0.5 3:-2 # a comment\n\n# another\n2;13.5 qid:4 2:1e-1\n";
        let found = read(text, Svmlight { first_label: 1, ..Svmlight::default() }).unwrap();
        assert_eq!(values(&found), (3, vec![0.5, 0.0, -2.0, 0.0, 0.1, 0.0]));
        assert_eq!(found.targets.classes(), [Some(0), Some(1)]);
        let wider = Svmlight { features: Some(4), first_feature: 0, ..Svmlight::default() };
        let found = read("-1 0:1\n+1 3:1\n", wider).unwrap();
        assert_eq!(values(&found), (4, vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]));
        assert_eq!(found.class_names.unwrap(), ["-1", "1"]);
        let blind = read("0 1:1\n", Svmlight { labelled: false, ..Svmlight::default() }).unwrap();
        assert_eq!(blind.targets.known_rows(), 0);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text: &str| read(text, Svmlight::default()).unwrap_err();
        assert!(error("1 1:1\n1 0:1\n").contains("line 2: names feature 0; set `first_feature"));
        assert!(error("1 1:x\n").contains("line 1: has `1:x`; expected `number:value`"));
        assert!(error("1 1:nan\n").contains("finite value"));
        assert!(error("1 2:1 2:1\n").contains("feature 2 twice or out of order"));
        assert!(error("1:1 2:1\n").contains("expected a class"));
        assert!(error("# nothing\n").contains("has no rows"));
        assert!(error("1 99999999999:1\n").contains("too many values to be held dense"));
        let few = Svmlight { features: Some(2), ..Svmlight::default() };
        let told = read("1 3:1\n", few).unwrap_err();
        assert!(told.contains("names feature 3, `features` is 2"), "{told}");
    }
}
