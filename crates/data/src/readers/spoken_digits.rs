//! `spoken-digits`: the Free Spoken Digit Dataset.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::{RowTargets, Targets};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::archive::FETCH_AGAIN;
use crate::mel::MelSpectra;
use crate::problem;
use crate::readers::digit_names;

/// Samples a second of every recording.
const RATE: u32 = 8000;
/// Recordings of a speaker and a digit that are the test set: those numbered below this.
const TEST: u32 = 5;

/// The sets of the Free Spoken Digit Dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpokenDigitSet {
    /// Recordings from number 5 on of each speaker and digit.
    Train,
    /// Recordings 0 to 4.
    Test,
    /// All.
    #[default]
    All,
}

/// Spoken digits of the Free Spoken Digit Dataset, as log-mel spectra: series of one channel a band,
/// a step every 10 ms, of different lengths. Read from a folder of the files
/// `DIGIT_SPEAKER_NUMBER.wav` or from a `.tar.gz` that has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpokenDigits {
    /// The folder or `.tar.gz` file, relative to the data set's folder.
    pub path: String,
    /// The speakers whose recordings are read. Absent: all.
    pub speakers: Vec<String>,
    /// Which set is read.
    pub set: SpokenDigitSet,
    /// Number of mel bands.
    #[schemars(range(min = 1, max = 128))]
    pub bands: usize,
    /// Subtracts the mean of each band over the recording, which takes the microphone's colour out
    /// (cepstral mean normalisation).
    pub subtract_mean: bool,
}

impl Default for SpokenDigits {
    fn default() -> Self {
        Self {
            path: "recordings".to_owned(),
            speakers: Vec::new(),
            set: SpokenDigitSet::All,
            bands: 24,
            subtract_mean: true,
        }
    }
}

impl PluginConfig for SpokenDigits {}

impl ReaderPlugin for SpokenDigits {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Series
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<SpokenDigits>(About {
        name: "spoken-digits",
        summary: "the Free Spoken Digit Dataset as log-mel spectra",
        paper: "Jackson, Souza, Flaks, Pan, Nicolas, Thite: Free Spoken Digit Dataset, 2018",
    })
}

/// What the name of a recording tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Recording {
    digit: u32,
    speaker: String,
    number: u32,
}

impl Recording {
    /// Reads `7_theo_12.wav`.
    fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".wav")?.split('_');
        let digit = parts.next()?.parse().ok().filter(|digit| *digit < 10)?;
        let speaker = parts.next()?.to_owned();
        let number = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { digit, speaker, number })
    }
}

impl SpokenDigits {
    fn wants(&self, recording: &Recording) -> bool {
        let in_set = match self.set {
            SpokenDigitSet::All => true,
            SpokenDigitSet::Test => recording.number < TEST,
            SpokenDigitSet::Train => recording.number >= TEST,
        };
        in_set && (self.speakers.is_empty() || self.speakers.contains(&recording.speaker))
    }

    /// The wanted files' content, and the speakers that there are.
    fn files_of(&self, path: &Path) -> Result<Found, DataError> {
        let mut found = Found::default();
        let mut add = |name: &str, read: &mut dyn FnMut() -> std::io::Result<Vec<u8>>| {
            let Some(recording) = Recording::of(name) else { return Ok(()) };
            found.speakers.entry(recording.speaker.clone()).or_insert(());
            if self.wants(&recording) {
                found.recordings.push((recording, read()?));
            }
            Ok::<(), std::io::Error>(())
        };
        let failed = |source| problem::io("cannot read", path, source);
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                add(&name.to_string_lossy(), &mut || std::fs::read(entry.path()))
                    .map_err(failed)?;
            }
        } else {
            let damaged = |error: std::io::Error| {
                problem::file(path, format!("cannot be unpacked ({error}): {FETCH_AGAIN}"))
            };
            let file = File::open(path).map_err(failed)?;
            let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
            for entry in archive.entries().map_err(damaged)? {
                let mut entry = entry.map_err(damaged)?;
                let name = entry.path().map_err(damaged)?;
                let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let mut read = || {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).map(|_| bytes)
                };
                add(&name, &mut read).map_err(damaged)?;
            }
        }
        // Archives and file systems have orders of their own.
        found.recordings.sort();
        Ok(found)
    }
}

#[derive(Default)]
struct Found {
    recordings: Vec<(Recording, Vec<u8>)>,
    speakers: BTreeMap<String, ()>,
}

impl Reader for SpokenDigits {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        vec![vec![self.path.clone().into()]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.path);
        let found = self.files_of(&path)?;
        if let Some(absent) = self.speakers.iter().find(|it| !found.speakers.contains_key(*it)) {
            let known: Vec<&str> = found.speakers.keys().map(String::as_str).collect();
            return Err(problem::file(
                path,
                format!(
                    "has no recording of the speaker `{}`{}; it has {}",
                    problem::shown(absent),
                    problem::suggestion(absent, known.iter().copied()),
                    problem::some_of(&known)
                ),
            ));
        }
        if found.recordings.is_empty() {
            return Err(problem::file(path, "has no recordings such as `7_theo_12.wav`"));
        }
        let mel = MelSpectra::new(RATE, self.bands);
        let spectra = found.recordings.par_iter().map(|(recording, bytes)| {
            let Recording { digit, speaker, number } = recording;
            let name = format!("{digit}_{speaker}_{number}.wav");
            let sound = sound(bytes).map_err(|what| problem::inside(&path, &name, what))?;
            let mut spectra = mel.of(&sound);
            if self.subtract_mean {
                for band in spectra.chunks_mut(mel.frames(sound.len())) {
                    let mean = band.iter().sum::<f32>() / band.len() as f32;
                    band.iter_mut().for_each(|value| *value -= mean);
                }
            }
            Ok(spectra)
        });
        let spectra: Vec<Vec<f32>> = spectra.collect::<Result<_, DataError>>()?;
        let lengths = spectra.iter().map(|it| it.len() / self.bands).collect();
        let samples =
            Samples::VariableSeries { channels: self.bands, lengths, values: spectra.concat() };
        let digits = found.recordings.iter().map(|(recording, _)| recording.digit).collect();
        Ok(LabelledSamples {
            class_names: Some(digit_names()),
            ..LabelledSamples::new(samples, RowTargets::all(Targets::Classes(digits)))
        })
    }
}

/// Samples in [-1, 1] of a file of one channel of 16 bits at 8 kHz.
fn sound(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(|it| it.to_string())?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    if (channels, sample_rate, bits_per_sample) != (1, RATE, 16)
        || sample_format != hound::SampleFormat::Int
    {
        return Err(format!(
            "has {channels} channels of {bits_per_sample} bits at {sample_rate} Hz; expected one of \
             16 bits at {RATE} Hz"
        ));
    }
    let samples = reader.samples::<i16>().map(|it| it.map(|it| f32::from(it) / 32768.0));
    let samples: Vec<f32> = samples.collect::<Result<_, _>>().map_err(|it| it.to_string())?;
    if samples.is_empty() { Err("has no samples".to_owned()) } else { Ok(samples) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(samples: usize, rate: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for sample in 0..samples {
            writer.write_sample(((sample * 37 % 200) as i16 - 100) * 50).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    const NAMES: [&str; 5] =
        ["0_ann_0.wav", "0_ann_7.wav", "3_bob_9.wav", "3_ann_5.wav", "notes.txt"];

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("recordings")).unwrap();
        for (place, name) in NAMES.iter().enumerate() {
            let path = folder.path().join("recordings").join(name);
            std::fs::write(path, wav(1000 + 400 * place, RATE)).unwrap();
        }
        folder
    }

    fn read(reader: &SpokenDigits, folder: &Path) -> (Vec<usize>, Vec<Option<u32>>) {
        let read = reader.read(folder).unwrap();
        match read.samples {
            Samples::VariableSeries { channels, lengths, values } => {
                assert_eq!(values.len(), channels * lengths.iter().sum::<usize>());
                (lengths, read.targets.classes())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn speakers_and_sets_are_chosen_by_the_names() {
        let folder = folder();
        let (lengths, digits) = read(&SpokenDigits::default(), folder.path());
        assert_eq!(digits, [Some(0), Some(0), Some(3), Some(3)]);
        assert_eq!(lengths, [11, 16, 26, 21]);
        let ann = SpokenDigits {
            speakers: vec!["ann".to_owned()],
            set: SpokenDigitSet::Train,
            ..SpokenDigits::default()
        };
        assert_eq!(read(&ann, folder.path()).1, [Some(0), Some(3)]);
        let eve = SpokenDigits { speakers: vec!["amn".to_owned()], ..SpokenDigits::default() };
        let error = eve.read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("speaker `amn`") && error.contains("ann, bob"), "{error}");
    }

    #[test]
    fn an_archive_is_read_as_its_folder_is() {
        let folder = folder();
        let file = File::create(folder.path().join("all.tar.gz")).unwrap();
        let packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let mut archive = tar::Builder::new(packed);
        for name in NAMES.iter().rev() {
            let path = folder.path().join("recordings").join(name);
            archive.append_path_with_name(path, format!("recordings/{name}")).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
        let packed = SpokenDigits { path: "all.tar.gz".to_owned(), ..SpokenDigits::default() };
        assert_eq!(read(&packed, folder.path()), read(&SpokenDigits::default(), folder.path()));
        let path = folder.path().join("all.tar.gz");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = packed.read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("all.tar.gz") && error.contains("fetch it again"), "{error}");
    }

    #[test]
    fn sound_of_another_form_is_told_by_its_file() {
        let folder = folder();
        let path = folder.path().join("recordings/3_bob_9.wav");
        std::fs::write(path, wav(1000, 16000)).unwrap();
        let error = SpokenDigits::default().read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("3_bob_9.wav") && error.contains("at 16000 Hz"), "{error}");
    }

    #[test]
    fn the_mean_of_each_band_is_taken_out() {
        let folder = folder();
        let reader = SpokenDigits { bands: 4, ..SpokenDigits::default() };
        let Samples::VariableSeries { lengths, values, .. } =
            reader.read(folder.path()).unwrap().samples
        else {
            panic!("not series")
        };
        let mean = values[..lengths[0]].iter().sum::<f32>() / lengths[0] as f32;
        assert!(mean.abs() < 1e-5, "{mean}");
    }
}
