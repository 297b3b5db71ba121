//! `audio`: sound from WAV and FLAC files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audio_files::CLASS;
use crate::file_pattern::{FilePattern, Wanted};
use crate::packed_files::PackedFile;
use crate::problem;
use crate::sound::{self, Sound};
use crate::sound_rate::RateChange;

/// Sound of WAV and FLAC files in a folder, a `.tar.gz`, a `.tar` or a `.zip`: waveforms in [-1, 1]
/// of one channel, of different lengths unless `seconds` is stated. Several channels become their
/// mean. Log-mel spectra are made of them by the experiment's transform, `log_mel = { bands = 40 }`.
///
/// `files` says what the names of the files tell. `{class}_{speaker}_{index}.wav` reads
/// `7_theo_12.wav`, of class `7`; `{class}/{speaker}_nohash_{take}.wav` reads
/// `up/0a7c2a8d_nohash_0.wav`, of class `up`. `where` chooses by it: `{ speaker = ["theo", "lucas"],
/// index = "0..5" }` are recordings 0 to 4 of two speakers, so that domains, and training and test
/// sets, can be parts of one folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audio {
    /// The folder or archive, relative to the data set's folder. `.` is the data set's folder itself.
    pub path: String,
    /// How the files are named. A name in braces stands for any letters but `/`, `{speaker:2}` for
    /// two of them; where several readings fit, the first ones are as long as can be. `{class}` is
    /// the class. The end of each path must fit: folders before it do not matter. An ending may be
    /// left out. Files that do not fit are left out with a warning.
    pub files: String,
    /// What is read of them, by the names in braces: a list of names, or a range of whole numbers
    /// without its end, `"0..5"`, `"5.."`. Absent: everything.
    #[serde(rename = "where")]
    pub chosen: BTreeMap<String, Wanted>,
    /// Samples a second. Files of other rates are resampled.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub rate: u32,
    /// Length of every sample in seconds: longer sound is cut at its end, shorter sound filled up
    /// with silence. Absent: each has its own.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub seconds: Option<f64>,
    /// Whether the names tell classes. With `false` the samples have no labels.
    pub labelled: bool,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            path: ".".to_owned(),
            files: "{class}/{file}".to_owned(),
            chosen: BTreeMap::new(),
            rate: 16000,
            seconds: None,
            labelled: true,
        }
    }
}

impl PluginConfig for Audio {
    fn check(&self) -> Result<(), FieldProblem> {
        let problem =
            |field: &str, message: String| FieldProblem { field: field.to_owned(), message };
        let pattern = FilePattern::new(&self.files).map_err(|text| problem("files", text))?;
        if self.labelled && !pattern.names().iter().any(|name| name == CLASS) {
            let message = format!(
                "`{pattern}` has no `{{{CLASS}}}`; state which part of the names is the class, or \
                 `labelled = false`"
            );
            return Err(problem("files", message));
        }
        pattern.check(&self.chosen).map_err(|text| problem("where", text))?;
        if self.length() == Some(0) {
            return Err(problem("seconds", "`seconds` is less than one sample".to_owned()));
        }
        Ok(())
    }
}

impl ReaderPlugin for Audio {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Series
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Audio>(About {
        name: "audio",
        summary: "sound of WAV and FLAC files; their names tell classes and what is chosen",
        paper: "",
    })
}

impl Audio {
    /// Samples of each recording, where it is stated.
    fn length(&self) -> Option<usize> {
        self.seconds.map(|seconds| (seconds * f64::from(self.rate)).round() as usize)
    }

    /// The sound of all files at the stated rate.
    fn sound(&self, path: &Path, files: &[PackedFile]) -> Result<Vec<Vec<f32>>, DataError> {
        let decode = |file: &PackedFile| {
            sound::decode(&file.bytes()?)
                .map_err(|what| problem::inside(path, problem::shown(&file.name), what))
        };
        let decoded: Vec<Sound> = files.par_iter().map(decode).collect::<Result<_, _>>()?;
        let rates: BTreeSet<u32> = decoded.iter().map(|sound| sound.rate).collect();
        let others = rates.into_iter().filter(|&rate| rate != self.rate);
        let changes: HashMap<u32, RateChange> =
            others.map(|rate| (rate, RateChange::new(rate, self.rate))).collect();
        let prepared = |sound: Sound| {
            let mut samples = match changes.get(&sound.rate) {
                Some(change) => change.of(&sound.samples),
                None => sound.samples,
            };
            if let Some(length) = self.length() {
                samples.resize(length, 0.0);
            }
            samples
        };
        Ok(decoded.into_par_iter().map(prepared).collect())
    }
}

/// Names in alphabetical order; whole numbers by their value.
fn in_order(names: BTreeSet<String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    if names.iter().all(|name| name.parse::<u64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or_default());
    }
    names
}

impl Reader for Audio {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        vec![vec![self.path.clone().into()]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.path);
        let (found, files) = self.find(&path)?;
        self.check_stated(&path, &found)?;
        if files.is_empty() {
            return Err(self.nothing(&path, &found));
        }
        let warnings = self.warnings(&path, &found);
        let sound = self.sound(&path, &files)?;
        let samples = match self.length() {
            Some(length) => Samples::Series { channels: 1, length, values: sound.concat() },
            None => {
                let lengths = sound.iter().map(Vec::len).collect();
                Samples::VariableSeries { channels: 1, lengths, values: sound.concat() }
            }
        };
        let names = in_order(found.class_names);
        let label = |file: &PackedFile| {
            let class = found.classes.get(&file.name)?.as_ref()?;
            names.iter().position(|name| name == class).map(|label| label as u32)
        };
        let labels: Option<Vec<u32>> = files.iter().map(label).collect();
        let targets = match labels {
            Some(labels) => RowTargets::from(labels),
            None => RowTargets::none(files.len()),
        };
        Ok(LabelledSamples {
            class_remark: self
                .labelled
                .then(|| format!("`{{{CLASS}}}` of `{}` was taken for the class", self.files)),
            class_names: self.labelled.then_some(names),
            rate: Some(self.rate),
            warnings,
            ..LabelledSamples::new(samples, targets)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed_files::write_tar_gz;
    use crate::sound::tests::wav_file;

    /// Tones whose length tells the file.
    fn recordings() -> Vec<(String, Vec<u8>)> {
        let names = ["0_ann_0", "0_ann_7", "3_bob_9", "3_ann_5", "12_ann_5"];
        let tone =
            |count: usize| (0..count).map(|it| (it % 100) as i16 * 100).collect::<Vec<i16>>();
        let wav = |place: usize| wav_file(8000, 1, &tone(1000 + 100 * place));
        let mut files: Vec<(String, Vec<u8>)> = (0..names.len())
            .map(|place| (format!("recordings/{}.wav", names[place]), wav(place)))
            .collect();
        files.push(("recordings/notes.txt".to_owned(), b"text".to_vec()));
        files
    }

    fn folder(files: &[(String, Vec<u8>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn reader(fields: &str) -> Audio {
        let reader: Audio = toml::from_str(fields).unwrap();
        reader.check().map_err(|problem| problem.message).unwrap();
        reader
    }

    const DIGITS: &str = "files = \"{class}_{speaker}_{index}.wav\"\nrate = 8000\n";

    type Read = (Vec<usize>, Vec<Option<u32>>, Vec<String>);

    fn read(reader: &Audio, folder: &Path) -> Read {
        let read = reader.read(folder).unwrap();
        assert_eq!(read.rate, Some(reader.rate));
        match read.samples {
            Samples::VariableSeries { channels: 1, lengths, values } => {
                assert_eq!(values.len(), lengths.iter().sum::<usize>());
                (lengths, read.targets.classes(), read.class_names.unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_tell_classes_and_what_is_chosen() {
        let folder = folder(&recordings());
        let (lengths, labels, names) = read(&reader(DIGITS), folder.path());
        assert_eq!(names, ["0", "3", "12"]);
        assert_eq!(lengths, [1000, 1100, 1400, 1300, 1200]);
        assert_eq!(labels, [0, 0, 2, 1, 1].map(Some));
        let chosen = |text: &str| read(&reader(&format!("{DIGITS}where = {text}")), folder.path());
        let (lengths, _, names) = chosen("{ speaker = [\"ann\"], index = \"5..\" }");
        assert_eq!((lengths, names.len()), (vec![1100, 1400, 1300], 3));
        // Classes are those that are chosen, whether or not a file is left of each.
        let (lengths, labels, names) = chosen("{ class = [\"0\", \"3\"], index = \"..1\" }");
        assert_eq!((lengths, labels, names.len()), (vec![1000], vec![Some(0)], 2));
        let unlabelled =
            read(&reader("files = \"{file}\"\nrate = 8000\nlabelled = false"), folder.path());
        assert_eq!((unlabelled.1, unlabelled.2.len()), (vec![None; 5], 0));
    }

    #[test]
    fn archives_are_read_as_folders_are() {
        let files = recordings();
        let folder = folder(&files);
        let packed: Vec<(&str, &[u8])> =
            files.iter().rev().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        write_tar_gz(&folder.path().join("all.tar.gz"), &packed);
        let packed = reader(&format!("{DIGITS}path = \"all.tar.gz\""));
        assert_eq!(read(&packed, folder.path()), read(&reader(DIGITS), folder.path()));
    }

    #[test]
    fn folders_are_classes_by_default_and_lengths_and_rates_are_brought_to_those_stated() {
        let tone = |rate: u32| {
            let angle =
                |it: u32| f64::from(it) / f64::from(rate) * 2.0 * 440.0 * std::f64::consts::PI;
            (0..rate / 4).map(|it| (angle(it).sin() * 16000.0) as i16).collect::<Vec<i16>>()
        };
        let files = [("dog/a.wav", 8000), ("cat/b.wav", 44100)]
            .map(|(name, rate)| (name.to_owned(), wav_file(rate, 1, &tone(rate))));
        let folder = folder(&files);
        let read = reader("seconds = 0.3").read(folder.path()).unwrap();
        let Samples::Series { channels: 1, length: 4800, values } = read.samples else {
            panic!("{:?}", read.samples)
        };
        assert_eq!(read.class_names.unwrap(), ["cat", "dog"]);
        let (cat, dog) = values.split_at(4800);
        assert!(cat[4000..].iter().chain(&dog[4000..]).all(|value| *value == 0.0));
        // The same tone, whatever the file's rate.
        assert!((500..3500).all(|it| (cat[it] - dog[it]).abs() < 1e-3));
        assert!((500..3500).any(|it| cat[it] > 0.48));
        let cut = reader("seconds = 0.1").read(folder.path()).unwrap();
        assert_eq!(cut.samples.rows(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_there_is() {
        let mut files = recordings();
        files.push(("recordings/song.mp3".to_owned(), b"ID3".to_vec()));
        files.push(("recordings/other.wav".to_owned(), wav_file(8000, 1, &[1])));
        let folder = folder(&files);
        let error = |fields: &str| {
            reader(&format!("{DIGITS}{fields}")).read(folder.path()).unwrap_err().to_string()
        };
        let said = error("where = { speaker = [\"amn\"] }");
        assert!(said.contains("speaker is `amn` (did you mean `ann`?)"), "{said}");
        let said = error("where = { index = \"100..\" }");
        assert!(said.contains("no file that is chosen by `where`"), "{said}");
        let said = error("where = { speaker = \"0..3\" }");
        assert!(said.contains("0_ann_0.wav") && said.contains("no whole number"), "{said}");
        let said = reader("files = \"{class}-{x}\"").read(folder.path()).unwrap_err().to_string();
        assert!(said.contains("fits `{class}-{x}`; it has") && said.contains("1 .mp3"), "{said}");
        let warnings = reader(DIGITS).read(folder.path()).unwrap().warnings;
        assert!(warnings[0].contains("1 file left out") && warnings[0].contains("other.wav"));
        assert!(warnings[1].contains("1 .mp3") && warnings.len() == 2, "{warnings:?}");
        std::fs::write(folder.path().join("recordings/3_bob_9.wav"), b"RIFF").unwrap();
        let said = error("");
        assert!(said.contains("3_bob_9.wav") && said.contains("expected WAV or FLAC"), "{said}");
        let problem = |fields: &str| {
            let reader: Audio = toml::from_str(fields).unwrap();
            reader.check().unwrap_err().message
        };
        assert!(problem("files = \"{speaker}.wav\"").contains("has no `{class}`"));
        assert!(problem("where = { index = \"0..\" }").contains("`index` is no part"));
        assert!(problem("seconds = 0.00001").contains("less than one sample"));
        let error = toml::from_str::<Audio>("where = { index = 5 }").unwrap_err().to_string();
        assert!(error.contains("a range, \"0..5\""), "{error}");
    }
}
