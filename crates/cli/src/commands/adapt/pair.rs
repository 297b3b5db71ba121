//! The two domains that `isthmus adapt` is given.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::targets::TargetKind;
use isthmus_data::{Dataset, Descriptor, Headers, Roots, Survey, Views, survey, unlabelled};

use crate::args::AdaptArguments;
use crate::failure::Failure;

/// Sides up to which an image counts as small: a small network is trained on it as it is.
const SMALL_IMAGE: usize = 64;

/// The data set that is made of two folders or files, and its domains.
const DATASET: &str = "adapt-data";
const SOURCE: &str = "source";
const TARGET: &str = "target";

/// What the samples are, as far as the choice of network and methods goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    /// Feature vectors; whether they are counts, whole numbers most of which are 0.
    Features {
        /// Whether they are counts.
        counts: bool,
    },
    /// Series.
    Series,
    /// Sound.
    Sound {
        /// Samples a second.
        rate: u32,
    },
    /// Texts.
    Texts,
    /// Images of at most 64 pixels a side.
    SmallImages {
        /// 1 or 3.
        channels: usize,
    },
    /// Larger images, or images of different sizes.
    Images,
}

/// A labelled source and a target, as domains of one data set.
pub(super) struct Pair {
    /// Where the data set is found.
    pub roots: Roots,
    /// Its name.
    pub dataset: String,
    /// The source's domain.
    pub source: String,
    /// The target's domain.
    pub target: String,
    /// What the samples are.
    pub samples: Samples,
    /// Whether they are series of different lengths.
    pub has_lengths: bool,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Labelled samples of the source.
    pub source_rows: usize,
    /// Samples of the target.
    pub target_rows: usize,
    /// Whether some of the target's samples have labels.
    pub target_has_labels: bool,
}

impl Pair {
    /// Looks at the data; what is not yet a data set becomes one in `folder`.
    ///
    /// # Errors
    /// If the data cannot be read, the two do not fit each other, or their targets are no classes.
    pub fn look(arguments: &AdaptArguments, folder: &Path) -> Result<Self, Failure> {
        let roots = Roots::discover(Some(&folder.join("adapt.toml")));
        if let Some((dataset, source, target)) = named(arguments, &roots)? {
            return Self::of(roots, dataset, source, target);
        }
        write_descriptor(arguments, folder)?;
        // Now the folder has data sets.
        let roots = Roots::discover(Some(&folder.join("adapt.toml")));
        Self::of(roots, DATASET.to_owned(), SOURCE.to_owned(), TARGET.to_owned())
    }

    fn of(roots: Roots, dataset: String, source: String, target: String) -> Result<Self, Failure> {
        let failed = |error: DataError| Failure::input(error.to_string());
        let descriptor = Descriptor::find(&dataset, &roots).map_err(failed)?;
        if descriptor.targets() != Some(TargetKind::Classes) {
            return Err(Failure::input_with(
                format!("the samples of `{dataset}` have no classes that are to be told apart"),
                "`adapt` is for classes; for other targets write an experiment, see `isthmus list \
                 objective`",
            ));
        }
        let names = [source.as_str(), target.as_str()];
        let headers = Headers::read(&descriptor, &names, &roots).map_err(failed)?;
        let shape = |domain: &str| {
            let outline = headers.of(domain).next()?;
            // Of files of images the first tells the size, if all are to have the same.
            outline.shape.or_else(|| loaded_shape(&descriptor, domain, &roots))
        };
        let rate = headers.of(&source).find_map(|outline| outline.rate);
        let samples = match (descriptor.samples(), shape(&source)) {
            (Some(SampleKind::Series), _) => match rate {
                Some(rate) => Samples::Sound { rate },
                None => Samples::Series,
            },
            (Some(SampleKind::Text), _) => Samples::Texts,
            (Some(SampleKind::Features), _) => {
                let loaded =
                    Dataset::load_named(&descriptor, &names, None, &Views::default(), &roots);
                Samples::Features { counts: is_counts(&loaded.map_err(failed)?).map_err(failed)? }
            }
            (Some(SampleKind::Image), Some(InputShape::Image { channels, height, width }))
                if height.max(width) <= SMALL_IMAGE =>
            {
                let grey = |shape| matches!(shape, Some(InputShape::Image { channels: 1, .. }));
                // One network for both: colours are kept where both have them.
                let channels = if grey(shape(&target)) { 1 } else { channels };
                Samples::SmallImages { channels }
            }
            (Some(SampleKind::Image), _) => Samples::Images,
            (None, _) => {
                return Err(Failure::input(format!(
                    "the domains of `{dataset}` have samples of different kinds"
                )));
            }
        };
        let varies = |domain| matches!(shape(domain), Some(InputShape::VariableSeries { .. }));
        let has_lengths = varies(&source) || varies(&target);
        let rows = |domain: &str| headers.of(domain).map(|set| set.targets.rows()).sum();
        let labelled = |domain: &str| headers.of(domain).map(|set| set.targets.known_rows()).sum();
        let (source_rows, target_rows): (usize, usize) = (labelled(&source), rows(&target));
        let target_labels: usize = labelled(&target);
        if source_rows == 0 {
            return Err(Failure::input_with(
                format!("none of the source's samples (`{source}`) has a label"),
                "the source is what the classes are learned from; are `--source` and `--target` \
                 the wrong way round?",
            ));
        }
        let (classes, target_has_labels) = (headers.classes.clone(), target_labels > 0);
        Ok(Self {
            roots,
            dataset,
            source,
            target,
            samples,
            has_lengths,
            classes,
            source_rows,
            target_rows,
            target_has_labels,
        })
    }

    /// What was found, in a sentence.
    pub fn told(&self) -> String {
        format!(
            "source: {} labelled samples of `{}`; target: {} samples of `{}`{}; {}, {} classes",
            self.source_rows,
            self.source,
            self.target_rows,
            self.target,
            if self.target_has_labels { ", whose labels are not used" } else { "" },
            self.samples,
            self.classes.len()
        )
    }
}

impl std::fmt::Display for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Features { counts: true } => "counts",
            Self::Features { counts: false } => "features",
            Self::Series => "series",
            Self::Sound { .. } => "sound",
            Self::Texts => "texts",
            Self::SmallImages { channels: 1 } => "small grey images",
            Self::SmallImages { .. } => "small images in colour",
            Self::Images => "images",
        })
    }
}

/// The data set and its domains, where both are named as `DATASET/DOMAIN`.
fn named(
    arguments: &AdaptArguments,
    roots: &Roots,
) -> Result<Option<(String, String, String)>, Failure> {
    let known = Descriptor::names(roots).map_err(|error| Failure::input(error.to_string()))?;
    let split = |text: &str| -> Option<(String, String)> {
        let (dataset, domain) = text.split_once('/')?;
        // A folder of that name is what is meant.
        let named = !Path::new(text).exists() && known.iter().any(|name| name == dataset);
        named.then(|| (dataset.to_owned(), domain.to_owned()))
    };
    match (split(&arguments.source), split(&arguments.target)) {
        (Some((one, source)), Some((other, target))) if one == other => {
            if source == target {
                let message = format!("`{one}/{source}` is both source and target");
                return Err(Failure::input(message));
            }
            Ok(Some((one, source, target)))
        }
        (None, None) => Ok(None),
        _ => Err(Failure::input(format!(
            "--source {} and --target {}: expected two domains of one data set as DATASET/DOMAIN, \
             or two folders or files",
            arguments.source, arguments.target
        ))),
    }
}

/// Writes the descriptor of the two folders or files into the folder's `datasets`.
fn write_descriptor(arguments: &AdaptArguments, folder: &Path) -> Result<(), Failure> {
    let failed = |error: DataError| Failure::input(error.to_string());
    let source = survey(&[PathBuf::from(&arguments.source)]).map_err(failed)?;
    let path = PathBuf::from(&arguments.target);
    let target = match unlabelled(&path).map_err(failed)? {
        Some(found) => found,
        None => survey(&[path]).map_err(failed)?,
    };
    // Sound of both is read at one rate: what the other lacks would tell the domains apart.
    let rate = source.sound_rate().into_iter().chain(target.sound_rate()).min();
    let text = |found: Survey, given: &str, name: &str| {
        let found = match rate {
            Some(rate) => found.at_sound_rate(rate),
            None => found,
        };
        one_domain(&found, given, name)
    };
    let source = text(source, &arguments.source, SOURCE)?;
    let target = text(target, &arguments.target, TARGET)?;
    let datasets = folder.join("datasets");
    std::fs::create_dir_all(&datasets)
        .map_err(Failure::file("cannot make the folder", &datasets))?;
    let file = datasets.join(format!("{DATASET}.toml"));
    let text = format!(
        "# Written by `isthmus adapt` of {} and {}.\nname = \"{DATASET}\"\n{source}{target}",
        arguments.source, arguments.target
    );
    std::fs::write(&file, text).map_err(Failure::file("cannot write", &file))
}

fn one_domain(found: &Survey, given: &str, name: &str) -> Result<String, Failure> {
    found.as_domain(name).ok_or_else(|| {
        let domains: Vec<&str> = found.domains().collect();
        Failure::input_with(
            format!("{given} holds several domains: {}", domains.join(", ")),
            format!(
                "give the folder of one, or write a data set (`isthmus data init {given}`) and name \
                 its domains: `--source DATASET/{}`",
                domains.first().unwrap_or(&"DOMAIN")
            ),
        )
    })
}

/// The shape of samples as they are; `None` where that is not one.
fn loaded_shape(descriptor: &Descriptor, domain: &str, roots: &Roots) -> Option<InputShape> {
    let loaded = Dataset::load_named(descriptor, &[domain], None, &Views::default(), roots).ok()?;
    let sets = loaded.domains.first()?.sets();
    Some(sets.first()?.source.samples.shape())
}

/// Whether all values are whole numbers from 0 and most of them 0.
fn is_counts(dataset: &Dataset) -> Result<bool, DataError> {
    use isthmus_core::stage::SampleView;
    let mut zeros = 0;
    let mut all = 0;
    for domain in &dataset.domains {
        let source = domain.all()?;
        let rows: Vec<usize> = (0..source.samples.rows()).collect();
        let values = source.samples.values(&rows, SampleView::Plain)?.into_dense()?;
        if values.iter().any(|value| *value < 0.0 || value.fract() != 0.0) {
            return Ok(false);
        }
        zeros += values.iter().filter(|value| **value == 0.0).count();
        all += values.len();
    }
    Ok(2 * zeros > all)
}
