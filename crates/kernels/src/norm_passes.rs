//! The passes of a batch normalisation over memory, forward and backward.

use std::ops::Range;

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::batch_norm::Rectifier;
use crate::host;
use crate::vectors::{on_vectors, sums};

/// How a batch lies in memory, and what cuts its values off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) channels: usize,
    pub(crate) positions: usize,
    pub(crate) rectifier: Option<Rectifier>,
}

impl Layout {
    /// The planes of a channel, image by image.
    fn planes(self, values: &[f32], channel: usize) -> impl Iterator<Item = &[f32]> {
        let Self { channels, positions, .. } = self;
        let images = values.chunks_exact((channels * positions).max(1));
        images.map(move |image| &image[channel * positions..][..positions])
    }

    /// Values of an image; 1 where it has none.
    fn image(self) -> usize {
        (self.channels * self.positions).max(1)
    }
}

/// What the gradients need.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) input: FlexTensor,
    pub(crate) residual: Option<FlexTensor>,
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
    /// One over the deviation.
    pub(crate) inverse: Vec<f32>,
    /// What a value less its mean is multiplied by.
    scale: Vec<f32>,
    bias: Vec<f32>,
    pub(crate) layout: Layout,
}

/// Mean and biased variance of a channel.
fn moments(layout: Layout, values: &[f32], channel: usize) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for plane in layout.planes(values, channel) {
        let (own, own_squares) = on_vectors(|| {
            let [own] = sums(plane.len(), |place| [plane[place]]).map(|it| it / plane.len() as f64);
            let centre = own as f32;
            let [squares] = sums(plane.len(), |place| [(plane[place] - centre).powi(2)]);
            // The centre was rounded.
            (own, squares - (own - f64::from(centre)).powi(2) * plane.len() as f64)
        });
        // The moments of two sets together (Chan, Golub and LeVeque, 1979).
        let length = plane.len() as f64;
        let (total, apart) = (count + length, own - mean);
        squares += own_squares + apart * apart * count * length / total;
        mean += apart * length / total;
        count = total;
    }
    (mean, if count > 0.0 { (squares / count).max(0.0) } else { 0.0 })
}

/// The normalised batch, and what its gradients need.
pub(crate) fn forward(
    input: FlexTensor,
    residual: Option<FlexTensor>,
    [weight, bias]: [&FlexTensor; 2],
    epsilon: f64,
    layout: Layout,
) -> (Vec<f32>, State) {
    let [weight, bias] = [weight, bias].map(host::in_rows);
    let values = host::values(&input);
    let moments: Vec<(f64, f64)> =
        (0..layout.channels).into_par_iter().map(|it| moments(layout, values, it)).collect();
    let inverse: Vec<f32> =
        moments.iter().map(|(_, variance)| (variance + epsilon).sqrt().recip() as f32).collect();
    let state = State {
        mean: moments.iter().map(|&(mean, _)| mean as f32).collect(),
        variance: moments.iter().map(|&(_, variance)| variance as f32).collect(),
        scale: host::values(&weight).iter().zip(&inverse).map(|(weight, it)| weight * it).collect(),
        bias: host::values(&bias).to_vec(),
        inverse,
        layout,
        input: input.clone(),
        residual,
    };
    let added = state.residual.as_ref().map(host::values);
    let output = by_plane(layout, values.len(), |channel, plane, output| {
        let added = added.map(|added| &added[plane.clone()]);
        normalize(&state, channel, &values[plane], added, output);
    });
    (output, state)
}

/// Values that `write` writes plane by plane, given each plane's channel and its place among all.
fn by_plane(
    layout: Layout,
    size: usize,
    write: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut output = vec![0.0; size];
    let positions = layout.positions.max(1);
    output.par_chunks_mut(layout.image()).enumerate().for_each(|(image, output)| {
        for (channel, output) in output.chunks_exact_mut(positions).enumerate() {
            let start = image * layout.image() + channel * positions;
            write(channel, start..start + positions, output);
        }
    });
    output
}

/// Normalises a plane of a channel.
fn normalize(
    state: &State,
    channel: usize,
    plane: &[f32],
    added: Option<&[f32]>,
    output: &mut [f32],
) {
    let [mean, scale, bias] = [&state.mean, &state.scale, &state.bias].map(|it| it[channel]);
    let places = output.iter_mut().zip(plane);
    on_vectors(|| match (added, state.layout.rectifier) {
        (None, None) => places.for_each(|(to, &value)| *to = (value - mean) * scale + bias),
        (None, Some(rectifier)) => {
            let most = rectifier.most();
            places.for_each(|(to, &value)| *to = cut((value - mean) * scale + bias, most));
        }
        (Some(added), None) => places.zip(added).for_each(|((to, &value), &added)| {
            *to = (value - mean) * scale + bias + added;
        }),
        (Some(added), Some(rectifier)) => {
            let most = rectifier.most();
            places.zip(added).for_each(|((to, &value), &added)| {
                *to = cut((value - mean) * scale + bias + added, most);
            });
        }
    });
}

/// `value` brought into [0, `most`]; what is no number stays none.
#[inline(always)]
fn cut(value: f32, most: f32) -> f32 {
    let above = if value < 0.0 { 0.0 } else { value };
    if above > most { most } else { above }
}

/// What the rectifier lets through of a gradient, at an output that is `value` before it.
#[inline(always)]
fn through(value: f32, gradient: f32, most: Option<f32>) -> f32 {
    match most {
        None => gradient,
        Some(most) if (value > 0.0) & (value < most) => gradient,
        Some(_) => 0.0,
    }
}

/// What the rectifier let through of the gradient, where something was added before it, and the sums
/// of each channel: of what it let through, and of that times the centred input.
pub(crate) fn passed(state: &State, gradient: &[f32]) -> (Option<Vec<f32>>, Vec<[f64; 2]>) {
    let Layout { channels, positions, rectifier } = state.layout;
    let most = rectifier.map(Rectifier::most);
    let input = host::values(&state.input);
    let added = state.residual.as_ref().map(host::values);
    let keeps = added.is_some() && rectifier.is_some();
    let mut passed = vec![0.0; if keeps { gradient.len() } else { 0 }];
    let images = gradient.len() / state.layout.image();
    let mut kept: Vec<Option<&mut [f32]>> =
        passed.chunks_mut(state.layout.image()).map(Some).collect();
    kept.resize_with(images, || None);
    let of_image = |(image, mut kept): (usize, Option<&mut [f32]>)| -> Vec<[f64; 2]> {
        let of_channel = |channel: usize| {
            let start = image * state.layout.image() + channel * positions;
            let plane = start..start + positions;
            let (input, gradient) = (&input[plane.clone()], &gradient[plane.clone()]);
            let [mean, scale, bias] =
                [&state.mean, &state.scale, &state.bias].map(|it| it[channel]);
            match (added, kept.as_mut()) {
                (Some(added), Some(kept)) => on_vectors(|| {
                    let added = &added[plane];
                    let kept = &mut kept[channel * positions..][..positions];
                    for (place, to) in kept.iter_mut().enumerate() {
                        let value = (input[place] - mean) * scale + bias + added[place];
                        *to = through(value, gradient[place], most);
                    }
                    sums(positions, |place| [kept[place], kept[place] * (input[place] - mean)])
                }),
                _ => on_vectors(|| {
                    sums(positions, |place| {
                        let centred = input[place] - mean;
                        let own = through(centred * scale + bias, gradient[place], most);
                        [own, own * centred]
                    })
                }),
            }
        };
        (0..channels).map(of_channel).collect()
    };
    let by_image: Vec<Vec<[f64; 2]>> = kept.into_par_iter().enumerate().map(of_image).collect();
    let mut totals = vec![[0.0; 2]; channels];
    for own in &by_image {
        for (total, own) in totals.iter_mut().zip(own) {
            *total = [total[0] + own[0], total[1] + own[1]];
        }
    }
    (keeps.then_some(passed), totals)
}

/// The gradient of the input: that of the output, less what acts through mean and variance.
/// `passed` is what the rectifier let through where it is known.
pub(crate) fn input_gradient(
    state: &State,
    gradient: &[f32],
    passed: Option<&[f32]>,
    sums: &[[f64; 2]],
) -> Vec<f32> {
    let input = host::values(&state.input);
    let samples = gradient.len() as f64 / state.layout.channels as f64;
    let most = state.layout.rectifier.map(Rectifier::most).filter(|_| passed.is_none());
    let gradient = passed.unwrap_or(gradient);
    by_plane(state.layout, gradient.len(), |channel, plane, found| {
        let [sum, products] = sums[channel];
        let inverse = f64::from(state.inverse[channel]);
        let by_mean = (sum / samples) as f32;
        let by_deviation = (products / samples * inverse * inverse) as f32;
        let [mean, scale, bias] = [&state.mean, &state.scale, &state.bias].map(|it| it[channel]);
        let places = found.iter_mut().zip(&input[plane.clone()]).zip(&gradient[plane]);
        on_vectors(|| {
            places.for_each(|((to, &value), &gradient)| {
                let centred = value - mean;
                let own = through(centred * scale + bias, gradient, most);
                *to = scale * (own - by_mean - centred * by_deviation);
            });
        });
    })
}
