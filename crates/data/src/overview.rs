//! What a data set holds: sets, classes, shapes, and small pictures of samples.

use isthmus_core::augmentation::ImagePixels;
use isthmus_core::dataset::{LabelledSamples, Samples};
use isthmus_core::error::DataError;
use isthmus_core::spec::Interpolation;

use crate::decode::Decoder;
use crate::descriptor::Descriptor;
use crate::found_classes::FoundClasses;
use crate::loading::Loading;
use crate::resample;
use crate::roots::Roots;

/// Images of a set that are decoded to tell their sizes.
const DECODED: usize = 16;

/// What a data set holds.
pub struct Overview {
    /// Names of the classes in label order; of numbers, what they are called.
    pub classes: Vec<String>,
    /// What users should know.
    pub warnings: Vec<String>,
    /// The sets, in the descriptor's order.
    pub sets: Vec<SetOverview>,
}

/// A set of samples.
pub struct SetOverview {
    /// The domain.
    pub domain: String,
    /// `train` or `test` where the domain has both.
    pub part: Option<&'static str>,
    /// Number of samples.
    pub rows: usize,
    /// Number of samples without a target.
    pub unlabelled: usize,
    /// What the samples are, in words.
    pub shape: String,
    /// Number of samples of each class; empty where targets are not one class each.
    pub counts: Vec<usize>,
    /// The class of each sample, where it has one.
    labels: Vec<Option<u32>>,
    samples: LabelledSamples,
}

/// A sample as it is drawn small.
#[derive(Clone, Debug, PartialEq)]
pub enum SamplePicture {
    /// An image, grey or RGB.
    Image(ImagePixels),
    /// The values of a feature vector, or of each channel of a series.
    Curves(Vec<Vec<f32>>),
}

/// Reads what a data set holds.
///
/// # Errors
/// If its files are absent or damaged, or the domains do not agree on the classes.
pub fn overview(descriptor: &Descriptor, roots: &Roots) -> Result<Overview, DataError> {
    let loading = Loading::new(descriptor, None, roots);
    let names: Vec<&str> = descriptor.domains.iter().map(|domain| domain.name.as_str()).collect();
    let mut read = Vec::new();
    let mut warnings = Vec::new();
    for (domain, reader) in loading.sets(&names)? {
        let part = domain.readers.part_of(reader);
        let samples = loading.open(domain, reader)?;
        warnings.extend(samples.warnings.iter().cloned());
        let found = FoundClasses::of(&samples.outline());
        read.push((domain.name.as_str(), part, samples, found));
    }
    let found: Vec<(&str, &FoundClasses)> =
        read.iter().map(|(domain, _, _, found)| (*domain, found)).collect();
    let agreement = loading.classes(&found)?;
    warnings.extend(agreement.warnings);
    let mut sets = Vec::new();
    for ((domain, part, samples, found), map) in read.into_iter().zip(&agreement.maps) {
        let mapped = |label: u32| map.as_ref().map_or(label, |map| map[&label]);
        let mut counts = Vec::new();
        let mut labels = vec![None; samples.targets.rows()];
        if found.columns == 0 && !found.counts.is_empty() {
            counts = vec![0; agreement.classes.len()];
            for (&label, count) in &found.counts {
                counts[mapped(label) as usize] += count;
            }
            let classes = samples.targets.classes();
            labels = classes.into_iter().map(|label| label.map(mapped)).collect();
        }
        let rows = samples.samples.rows();
        sets.push(SetOverview {
            domain: domain.to_owned(),
            part,
            rows,
            unlabelled: rows - samples.targets.known().len(),
            shape: shape_of(&samples)?,
            counts,
            labels,
            samples,
        });
    }
    Ok(Overview { classes: agreement.classes, warnings, sets })
}

impl SetOverview {
    /// Small pictures of the first samples of a class, or of the set; at most `side` pixels wide and
    /// high.
    ///
    /// # Errors
    /// If an image cannot be decoded.
    pub fn pictures(
        &self,
        class: Option<usize>,
        most: usize,
        side: usize,
    ) -> Result<Vec<SamplePicture>, DataError> {
        let is_wanted = |row: &usize| match class {
            None => true,
            Some(class) => self.labels[*row].is_some_and(|label| label as usize == class),
        };
        let rows: Vec<usize> = (0..self.rows).filter(is_wanted).take(most).collect();
        rows.iter().map(|&row| picture(&self.samples, row, side)).collect()
    }
}

fn picture(read: &LabelledSamples, row: usize, side: usize) -> Result<SamplePicture, DataError> {
    Ok(match &read.samples {
        Samples::Features { size, values } => {
            SamplePicture::Curves(vec![values[row * size..(row + 1) * size].to_vec()])
        }
        Samples::Series { channels, length, values } => {
            let size = channels * length;
            let own = &values[row * size..(row + 1) * size];
            SamplePicture::Curves(own.chunks_exact(*length).map(<[f32]>::to_vec).collect())
        }
        Samples::VariableSeries { channels, lengths, values } => {
            let start = channels * lengths[..row].iter().sum::<usize>();
            let own = &values[start..start + channels * lengths[row]];
            SamplePicture::Curves(own.chunks_exact(lengths[row]).map(<[f32]>::to_vec).collect())
        }
        &Samples::Images { channels, height, width, ref pixels } => {
            let size = channels * height * width;
            let pixels = pixels[row * size..(row + 1) * size].to_vec();
            SamplePicture::Image(thumbnail(ImagePixels { channels, height, width, pixels }, side))
        }
        Samples::Texts(_) => {
            return Err(DataError::Mismatch(
                "texts have no pictures: leave out `--output`".to_owned(),
            ));
        }
        Samples::Encoded(images) => {
            let image = &images[row];
            let decoder = Decoder::new(std::slice::from_ref(image), read.decoding)?;
            SamplePicture::Image(thumbnail(decoder.decode(image)?, side))
        }
    })
}

/// The image, made smaller where it is larger than `side`.
fn thumbnail(image: ImagePixels, side: usize) -> ImagePixels {
    let ImagePixels { channels, height, width, pixels } = image;
    let longest = height.max(width).max(1);
    if longest <= side {
        return ImagePixels { channels, height, width, pixels };
    }
    let scaled = |size: usize| (size * side / longest).max(1);
    let [to_height, to_width] = [scaled(height), scaled(width)];
    let resize = if channels == 1 { resample::resize::<1> } else { resample::resize::<3> };
    let pixels = resize(&pixels, [height, width], [to_height, to_width], Interpolation::Bilinear);
    ImagePixels { channels, height: to_height, width: to_width, pixels }
}

/// What samples are, in words; of encoded images some are decoded.
fn shape_of(read: &LabelledSamples) -> Result<String, DataError> {
    let Samples::Encoded(images) = &read.samples else {
        return Ok(read.outline().shape.map_or_else(String::new, |shape| shape.to_string()));
    };
    let step = images.len().div_ceil(DECODED).max(1);
    let some: Vec<_> = images.iter().step_by(step).cloned().collect();
    let decoder = Decoder::new(&some, read.decoding)?;
    let mut sizes = Vec::new();
    let mut colours = Vec::new();
    for image in &some {
        let ImagePixels { channels, height, width, .. } = decoder.decode(image)?;
        sizes.push((width, height));
        colours.push(channels);
    }
    colours.sort_unstable();
    colours.dedup();
    let colours = match colours.as_slice() {
        [1] => "grey",
        [3] => "colour",
        _ => "grey and colour",
    };
    let range = |of: fn(&(usize, usize)) -> usize| {
        let all: Vec<usize> = sizes.iter().map(of).collect();
        let ends = (all.iter().min().copied(), all.iter().max().copied());
        match ends {
            (Some(least), Some(most)) if least == most => least.to_string(),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => "no".to_owned(),
        }
    };
    let looked_at = match some.len() == images.len() {
        true => String::new(),
        false => format!(" ({} looked at)", some.len()),
    };
    Ok(format!(
        "{colours} images of {} x {} pixels{looked_at}",
        range(|size| size.0),
        range(|size| size.1)
    ))
}
