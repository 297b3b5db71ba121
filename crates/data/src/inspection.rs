//! Checks of data before a run: of headers and labels, or of every sample.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use isthmus_core::dataset::{SampleOutline, Samples};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::spec::{DataSpec, Transform};
use isthmus_core::stage::SampleView;
use rayon::prelude::*;

use crate::decode::Decoder;
use crate::descriptor::Descriptor;
use crate::found_classes::FoundClasses;
use crate::loading::{Loading, domains_of};
use crate::roots::Roots;
use crate::shapes::check_shapes;
use crate::sources::{Stored, Transformed, mel_spectra, shape_of_spectra};
use crate::transform::ImageTransform;
use crate::views::Views;

/// What came of reading every sample.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// All that is wrong.
    pub problems: Vec<String>,
    /// What users should know.
    pub warnings: Vec<String>,
    /// Names of the classes in label order; none where the domains do not agree on them.
    pub classes: Vec<String>,
    /// The sets that could be read, in the order of the tasks.
    pub sets: Vec<InspectedSet>,
}

/// A set that was read.
#[derive(Clone, Debug)]
pub struct InspectedSet {
    /// The domain.
    pub domain: String,
    /// `train` or `test` where the domain has both.
    pub part: Option<&'static str>,
    /// Number of samples by class.
    pub counts: Vec<usize>,
}

/// Told how many samples of a set are read.
pub type OnSamples<'a> = Box<dyn Fn(usize) + Send + Sync + 'a>;

/// Checks what headers and labels tell of the data that `spec` names, without reading the values:
/// shapes, types, classes. Returns what users should know; `None` where the files are not there.
///
/// # Errors
/// As [`Dataset::load`](crate::Dataset::load), as far as it shows.
pub fn check_headers(spec: &DataSpec, roots: &Roots) -> Result<Option<Vec<String>>, DataError> {
    let descriptor = Descriptor::find(&spec.dataset, roots)?;
    let headers = match Headers::read(&descriptor, &domains_of(spec), roots) {
        Err(DataError::NotFound { .. }) => return Ok(None),
        headers => headers?,
    };
    let mut shapes = Vec::new();
    for (name, outline) in &headers.sets {
        let shape = planned_shape(outline, spec.transform.as_ref())?;
        shapes.extend(shape.map(|shape| (name.as_str(), shape)));
    }
    check_shapes(shapes)?;
    Ok(Some(headers.warnings))
}

/// What headers and labels tell of domains.
#[derive(Clone, Debug)]
pub struct Headers {
    /// Their sets, one or two a domain, under the domain's name.
    pub sets: Vec<(String, SampleOutline)>,
    /// Names of the classes that all have, in label order.
    pub classes: Vec<String>,
    /// What users should know.
    pub warnings: Vec<String>,
}

impl Headers {
    /// Reads headers and labels of the named domains, not the values.
    ///
    /// # Errors
    /// If files are not found or damaged, or the domains differ in classes.
    pub fn read(descriptor: &Descriptor, names: &[&str], roots: &Roots) -> Result<Self, DataError> {
        let loading = Loading::new(descriptor, None, roots);
        let mut sets = Vec::new();
        for (domain, reader) in loading.sets(names)? {
            sets.push((domain.name.clone(), loading.outline(domain, reader)?));
        }
        let found: Vec<FoundClasses> =
            sets.iter().map(|(_, outline)| FoundClasses::of(outline)).collect();
        let found: Vec<(&str, &FoundClasses)> =
            sets.iter().map(|(name, _)| name.as_str()).zip(&found).collect();
        let agreement = loading.classes(&found)?;
        let mut warnings: Vec<String> =
            sets.iter().flat_map(|(_, outline)| outline.warnings.clone()).collect();
        warnings.extend(agreement.warnings);
        Ok(Self { sets, classes: agreement.classes, warnings })
    }

    /// The sets of a domain.
    pub fn of<'a>(&'a self, domain: &'a str) -> impl Iterator<Item = &'a SampleOutline> {
        self.sets.iter().filter(move |(name, _)| name == domain).map(|(_, outline)| outline)
    }
}

/// The shape that samples will have, where it does not depend on each.
fn planned_shape(
    outline: &SampleOutline,
    transform: Option<&Transform>,
) -> Result<Option<InputShape>, DataError> {
    const COLOUR: usize = 3;
    let plain = Transform::default();
    let transform = transform.unwrap_or(&plain);
    Ok(match outline.shape {
        Some(InputShape::Image { channels, height, width }) => {
            Some(ImageTransform::new(transform, channels)?.shape(height, width))
        }
        Some(shape @ (InputShape::Series { .. } | InputShape::VariableSeries { .. })) => {
            let mel = mel_spectra(transform, outline.rate)?;
            Some(mel.map_or(shape, |mel| shape_of_spectra(shape, &mel)))
        }
        Some(shape) => Some(shape),
        None => {
            let mut transform = transform.clone();
            transform.channels.get_or_insert(COLOUR);
            let transform = ImageTransform::new(&transform, COLOUR)?;
            transform.has_fixed_size().then(|| transform.shape(0, 0))
        }
    })
}

/// Reads every sample of the data that `spec` names once, in parallel, and says all that is wrong.
/// `begin` is told each domain and its number of samples, and gives what is told how many are
/// read.
pub fn inspect<'a>(
    spec: &DataSpec,
    roots: &Roots,
    begin: &dyn Fn(&str, usize) -> OnSamples<'a>,
) -> Inspection {
    let mut inspection = Inspection::default();
    if let Err(error) = inspect_sets(spec, roots, begin, &mut inspection) {
        inspection.problems.push(error.to_string());
    }
    inspection
}

/// # Errors
/// What concerns the data set as a whole; what is wrong with a set or a sample is noted.
fn inspect_sets<'a>(
    spec: &DataSpec,
    roots: &Roots,
    begin: &dyn Fn(&str, usize) -> OnSamples<'a>,
    inspection: &mut Inspection,
) -> Result<(), DataError> {
    let descriptor = Descriptor::find(&spec.dataset, roots)?;
    let loading = Loading::new(&descriptor, spec.transform.as_ref(), roots);
    let mut read = Vec::new();
    let mut shapes = Vec::new();
    let sets = loading.sets(&domains_of(spec))?;
    for (domain, reader) in &sets {
        let name = domain.name.as_str();
        let part = domain.readers.part_of(reader);
        let samples = match loading.open(domain, reader) {
            Ok(samples) => samples,
            Err(error) => {
                inspection.problems.push(format!("domain `{name}`: {error}"));
                continue;
            }
        };
        let on_samples = begin(name, samples.samples.rows());
        let stored = Stored::from(&samples);
        read.push((name, part, FoundClasses::of(&samples.outline())));
        inspection.warnings.extend(samples.warnings);
        let images = match &samples.samples {
            Samples::Encoded(images) => images.clone(),
            _ => Vec::new(),
        };
        let transformed = Transformed::new(samples.samples, stored, spec.transform.as_ref());
        match transformed.and_then(|it| it.source(None, &Views::default())) {
            Ok(source) => {
                shapes.push((name, source.shape()));
                let read = |row| source.values(&[row], SampleView::Plain).err();
                inspection.problems.extend(problems_of(source.rows(), &read, &*on_samples));
            }
            Err(error) => {
                // Where the first image decides, it may be the one that is at fault.
                let problems = match Decoder::new(&images, stored.decoding) {
                    Ok(decoder) => {
                        let read = |row: usize| decoder.decode(&images[row]).err();
                        problems_of(images.len(), &read, &*on_samples)
                    }
                    Err(_) => Vec::new(),
                };
                if problems.is_empty() {
                    inspection.problems.push(format!("domain `{name}`: {error}"));
                }
                inspection.problems.extend(problems);
            }
        }
    }
    // What sets have in common shows only where all of them are there.
    if read.len() < sets.len() {
        return Ok(());
    }
    if let Err(error) = check_shapes(shapes) {
        inspection.problems.push(error.to_string());
    }
    let found: Vec<(&str, &FoundClasses)> =
        read.iter().map(|(domain, _, classes)| (*domain, classes)).collect();
    let agreement = loading.classes(&found)?;
    for ((domain, part, found), map) in read.iter().zip(&agreement.maps) {
        let mut counts = vec![0; agreement.classes.len()];
        for (&label, count) in &found.counts {
            counts[map.as_ref().map_or(label, |map| map[&label]) as usize] += count;
        }
        inspection.sets.push(InspectedSet { domain: (*domain).to_owned(), part: *part, counts });
    }
    inspection.classes = agreement.classes;
    inspection.warnings.extend(agreement.warnings);
    Ok(())
}

/// What is wrong with the samples, in their order; `problem` reads one.
fn problems_of(
    rows: usize,
    problem: &(dyn Fn(usize) -> Option<DataError> + Sync),
    on_samples: &(dyn Fn(usize) + Sync),
) -> Vec<String> {
    let done = AtomicUsize::new(0);
    let problems: BTreeMap<usize, String> = (0..rows)
        .into_par_iter()
        .filter_map(|row| {
            let problem = problem(row);
            on_samples(done.fetch_add(1, Ordering::Relaxed) + 1);
            Some((row, problem?.to_string()))
        })
        .collect();
    problems.into_values().collect()
}
