//! Dropout with masks drawn on the host from the pass's key.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::Context;
use isthmus_core::random::Key;
use isthmus_core::states::PaddedSeries;
use rand::Rng;

/// Zeroes each value with a probability while training and scales the others so that the
/// expectation stays (Srivastava et al., "Dropout", JMLR 2014).
#[derive(Module, Debug)]
pub struct Dropout {
    probability: f64,
}

/// Zeroes whole channels of images while training (Tompson et al., "Efficient object localization
/// using convolutional networks", CVPR 2015; PyTorch's `Dropout2d`).
#[derive(Module, Debug)]
pub struct ChannelDropout {
    probability: f64,
}

impl Dropout {
    /// Dropout with a probability in [0, 1).
    pub fn new(probability: f64) -> Self {
        Self { probability }
    }

    /// The input, thinned if the context is one of training.
    pub fn forward<const D: usize>(&self, input: Tensor<D>, context: &Context) -> Tensor<D> {
        if !context.training || self.probability == 0.0 {
            return input;
        }
        let mask = mask(input.dims(), self.probability, context.next_key(), &input.device());
        input * mask
    }

    /// The same for series of different lengths: nothing is drawn for their padding, so that a
    /// series loses the same values however far it is padded.
    pub fn forward_padded(&self, series: PaddedSeries, context: &Context) -> PaddedSeries {
        if !context.training || self.probability == 0.0 {
            return series;
        }
        let PaddedSeries { values, lengths } = series;
        let [rows, channels, time] = values.dims();
        let valid = channels * lengths.iter().sum::<usize>();
        let drawn = draw(valid, self.probability, context.next_key());
        let mut mask = vec![0.0; rows * channels * time];
        let of_channels = lengths.iter().flat_map(|&length| std::iter::repeat_n(length, channels));
        let mut rest = drawn.as_slice();
        for (place, length) in mask.chunks_exact_mut(time.max(1)).zip(of_channels) {
            let (own, behind) = rest.split_at(length);
            place[..length].copy_from_slice(own);
            rest = behind;
        }
        let mask = TensorData::new(mask, [rows, channels, time]);
        let mask = Tensor::from_data(mask, &values.device());
        PaddedSeries { values: values * mask, lengths }
    }
}

impl ChannelDropout {
    /// Dropout of channels with a probability in [0, 1).
    pub fn new(probability: f64) -> Self {
        Self { probability }
    }

    /// The images `[batch, channels, height, width]`, thinned if the context is one of training.
    pub fn forward(&self, input: Tensor<4>, context: &Context) -> Tensor<4> {
        if !context.training || self.probability == 0.0 {
            return input;
        }
        let [batch, channels, _, _] = input.dims();
        let shape = [batch, channels, 1, 1];
        let mask = mask(shape, self.probability, context.next_key(), &input.device());
        input * mask
    }
}

/// 0 with the given probability, else `1 / (1 - probability)`.
fn mask<const D: usize>(
    shape: [usize; D],
    probability: f64,
    key: Key,
    device: &Device,
) -> Tensor<D> {
    let values = draw(shape.iter().product(), probability, key);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `count` values of a mask.
fn draw(count: usize, probability: f64, key: Key) -> Vec<f32> {
    const LEVELS: f64 = 65536.0;
    let mut random = vec![0; 2 * count];
    key.rng().fill_bytes(&mut random);
    // Two bytes a value decide, so that drawing costs less than the layers around; the scale fits
    // the probability rounded to 1/65536.
    let threshold = (probability * LEVELS).round().min(LEVELS - 1.0);
    let scale = (LEVELS / (LEVELS - threshold)) as f32;
    let threshold = threshold as u32;
    random
        .chunks_exact(2)
        .map(|bytes| {
            let draw = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
            if draw < threshold { 0.0 } else { scale }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{evaluation, joint_training, values};

    fn ones<const D: usize>(shape: [usize; D]) -> Tensor<D> {
        Tensor::ones(shape, &Device::flex().autodiff())
    }

    #[test]
    fn the_share_and_the_scale_fit_the_probability() {
        let output = Dropout::new(0.3).forward(ones([100, 100]), &joint_training(100, 0));
        let output = values(&output);
        let zeros = output.iter().filter(|&&value| value == 0.0).count();
        assert!((2800..3200).contains(&zeros), "{zeros}");
        let kept = output.iter().find(|&&value| value != 0.0).unwrap();
        assert!((kept - 1.0 / 0.7).abs() < 1e-4, "{kept}");
    }

    #[test]
    fn the_key_of_the_pass_decides() {
        let draw = |context: &Context| values(&Dropout::new(0.5).forward(ones([8, 8]), context));
        assert_eq!(draw(&joint_training(8, 0)), draw(&joint_training(8, 0)));
        let context = joint_training(8, 0);
        assert_ne!(draw(&context), draw(&context), "the second layer of a pass draws anew");
        let other = Context::train(context.segments.clone(), Key::new(12));
        assert_ne!(draw(&joint_training(8, 0)), draw(&other));
    }

    #[test]
    fn evaluation_leaves_the_input() {
        let output = Dropout::new(0.5).forward(ones([4, 4]), &evaluation(4));
        assert_eq!(values(&output), vec![1.0; 16]);
    }

    #[test]
    fn channels_fall_as_a_whole() {
        let output = ChannelDropout::new(0.5).forward(ones([4, 8, 3, 3]), &joint_training(4, 0));
        let output = values(&output);
        assert!(output.chunks(9).all(|channel| channel.iter().all(|value| *value == channel[0])));
        assert!(output.contains(&0.0) && output.contains(&2.0));
    }
}
