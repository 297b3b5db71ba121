//! `strings`: series of another reader, one after the other.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{Choice, FieldProblem, PluginConfig, ReaderKind};
use isthmus_core::dataset::{LabelledSamples, Reader, SampleOutline, Samples};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::readers::part::{Parts, check_part, part, parts};

/// Strings of series of another reader, one after the other in time: spoken words make sentences. Sound
/// is put together before spectra are made of it.
/// The target is the sequence of their classes. Which series follow each other, the seed decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Strings {
    /// The reader of the series, which have a class each: `{ name = "audio" }`.
    pub of: Choice<ReaderKind>,
    /// Series of the shortest string.
    #[schemars(range(min = 1))]
    pub shortest: usize,
    /// Series of the longest string; all lengths are equally frequent.
    #[schemars(range(min = 1))]
    pub longest: usize,
    /// Number of strings.
    #[schemars(range(min = 1))]
    pub samples: usize,
    /// Decides which series make up a string.
    pub seed: u64,
}

impl Default for Strings {
    fn default() -> Self {
        Self { of: Choice::named("audio"), shortest: 2, longest: 4, samples: 1000, seed: 0 }
    }
}

impl PluginConfig for Strings {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.longest < self.shortest {
            return Err(FieldProblem {
                field: "longest".to_owned(),
                message: format!(
                    "`longest` is {}, it must be at least `shortest`, which is {}",
                    self.longest, self.shortest
                ),
            });
        }
        check_part(&self.of, "of", SampleKind::Series)
    }
}

impl ReaderPlugin for Strings {
    fn build(self) -> Box<dyn Reader> {
        let series = part(&self.of);
        Box::new(StringReader { config: self, series })
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Series
    }

    fn targets(&self) -> TargetKind {
        TargetKind::Sequences
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Strings>(About {
        name: "strings",
        summary: "series of another reader one after the other, with the sequence of their classes",
        paper: "",
    })
}

struct StringReader {
    config: Strings,
    series: Box<dyn Reader>,
}

impl Reader for StringReader {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        self.series.files()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let read = self.series.read(folder)?;
        let Parts { rows: known, classes, names, .. } = parts(&read, &self.config.of.name)?;
        let (channels, lengths, values) = match &read.samples {
            Samples::VariableSeries { channels, lengths, values } => {
                (*channels, lengths.clone(), values)
            }
            Samples::Series { channels, length, values } => {
                (*channels, vec![*length; read.samples.rows()], values)
            }
            _ => {
                return Err(DataError::Mismatch(format!(
                    "`strings` takes series, which the reader `{}` does not give",
                    self.config.of.name
                )));
            }
        };
        let mut starts = Vec::with_capacity(lengths.len());
        let mut end = 0;
        for length in &lengths {
            starts.push(end);
            end += channels * length;
        }
        let Strings { shortest, longest, samples, seed, .. } = self.config;
        let key = Key::new(seed).named("strings");
        let (mut all, mut all_lengths, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..samples as u64 {
            let mut rng = key.at(number).rng();
            let count = rng.random_range(shortest..=longest);
            let chosen: Vec<usize> = (0..count).map(|_| rng.random_range(0..known.len())).collect();
            for channel in 0..channels {
                for &place in &chosen {
                    let row = known[place];
                    let start = starts[row] + channel * lengths[row];
                    all.extend_from_slice(&values[start..start + lengths[row]]);
                }
            }
            all_lengths.push(chosen.iter().map(|&place| lengths[known[place]]).sum());
            sequences.push(chosen.iter().map(|&place| classes[place]).collect());
        }
        let series = Samples::VariableSeries { channels, lengths: all_lengths, values: all };
        Ok(LabelledSamples {
            class_names: names,
            first_label: read.first_label,
            rate: read.rate,
            warnings: read.warnings.clone(),
            ..LabelledSamples::new(series, RowTargets::all(Targets::Sequences(sequences)))
        })
    }

    fn outline(&self, folder: &Path) -> Result<SampleOutline, DataError> {
        Ok(self.read(folder)?.outline())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy;

    /// Two series of two channels and two steps in `x.npy`, their classes in `y.npy`.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<u8> = [1.0f32, 2.0, -1.0, -2.0, 10.0, 20.0, -10.0, -20.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let x = npy::encode("<f4", &[2, 2, 2], false, &values);
        let y = npy::encode("|u1", &[2], false, &[0, 1]);
        std::fs::write(folder.path().join("x.npy"), x).unwrap();
        std::fs::write(folder.path().join("y.npy"), y).unwrap();
        folder
    }

    fn reader(fields: &str) -> Strings {
        let text = format!(
            "of = {{ name = \"series\", file = \"x.npy\", labels_file = \"y.npy\" }}\n{fields}"
        );
        let strings: Strings = toml::from_str(&text).unwrap();
        strings.check().unwrap();
        strings
    }

    #[test]
    fn series_follow_each_other_channel_by_channel() {
        let folder = folder();
        let read = reader("samples = 40\nlongest = 3").build().read(folder.path()).unwrap();
        let Samples::VariableSeries { channels: 2, lengths, values } = &read.samples else {
            panic!("{:?}", read.samples)
        };
        let Targets::Sequences(sequences) = read.targets.targets() else {
            panic!("{:?}", read.targets)
        };
        let mut values = values.as_slice();
        for (length, sequence) in lengths.iter().zip(sequences) {
            assert!((2..=3).contains(&sequence.len()) && *length == 2 * sequence.len());
            for sign in [1.0, -1.0] {
                for class in sequence {
                    let scale = if *class == 0 { sign } else { 10.0 * sign };
                    assert_eq!(values[..2], [scale, 2.0 * scale]);
                    values = &values[2..];
                }
            }
        }
        assert!(values.is_empty());
        let other = reader("samples = 40\nlongest = 3\nseed = 9").build();
        assert_ne!(other.read(folder.path()).unwrap().targets, read.targets);
    }

    #[test]
    fn lengths_that_cross_and_parts_that_are_no_series_are_refused() {
        let problem = |fields: &str| {
            let strings: Strings = toml::from_str(fields).unwrap();
            strings.check().unwrap_err().message
        };
        assert!(problem("shortest = 3\nlongest = 2").contains("at least `shortest`"));
        assert!(problem("of = { name = \"usps\" }").contains("reads images, not series"));
    }
}
