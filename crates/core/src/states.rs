//! Rows of different lengths in one tensor: padded series, and features in time.
//!
//! What is beyond a row's length is padding. It is 0, and no number depends on how much of it there
//! is.

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

/// Series of different lengths, padded with zeros to the length of one tensor.
#[derive(Clone, Debug)]
pub struct PaddedSeries {
    /// `[batch, channels, time]`.
    pub values: Tensor<3>,
    /// Valid time steps of each row, at least 1.
    pub lengths: Vec<usize>,
}

/// Features or outputs in time.
#[derive(Clone, Debug)]
pub struct States {
    /// `[batch, time, features]`.
    pub values: Tensor<3>,
    /// Valid time steps of each row, at least 1.
    pub lengths: Vec<usize>,
}

impl PaddedSeries {
    /// The rows of `self`, then those of `other`, padded to the longer of both.
    pub fn concatenate(self, other: Self) -> Self {
        let longest = self.values.dims()[2].max(other.values.dims()[2]);
        let values = [self.values, other.values].map(|values| padded(values, 2, longest)).to_vec();
        let mut lengths = self.lengths;
        lengths.extend(other.lengths);
        Self { values: Tensor::cat(values, 0), lengths }
    }

    /// `rows` rows from `first` on.
    pub fn narrow(self, first: usize, rows: usize) -> Self {
        Self {
            values: self.values.narrow(0, first, rows),
            lengths: self.lengths[first..first + rows].to_vec(),
        }
    }

    /// The same with other values `[batch, channels, time]`, of which the padding is made 0.
    pub fn with_values(&self, values: Tensor<3>) -> Self {
        let [rows, _, time] = values.dims();
        let mask: Vec<f32> = self
            .lengths
            .iter()
            .flat_map(|&length| (0..time).map(move |step| if step < length { 1.0 } else { 0.0 }))
            .collect();
        let mask = Tensor::from_data(TensorData::new(mask, [rows, 1, time]), &values.device());
        Self { values: values * mask, lengths: self.lengths.clone() }
    }

    /// The channels of each step as its features.
    pub fn into_states(self) -> States {
        States { values: self.values.swap_dims(1, 2), lengths: self.lengths }
    }
}

impl States {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// The features of each step as channels.
    pub fn into_series(self) -> PaddedSeries {
        PaddedSeries { values: self.values.swap_dims(1, 2), lengths: self.lengths }
    }

    /// The same off the tape.
    pub fn inner(self) -> Self {
        Self { values: self.values.inner(), lengths: self.lengths }
    }

    /// The valid states `[sum of the lengths, features]`, row after row.
    pub fn valid(&self) -> Tensor<2> {
        let [rows, time, features] = self.values.dims();
        let all: Tensor<2> = self.values.clone().reshape([rows * time, features]);
        match self.is_full() {
            true => all,
            false => all.select(0, self.places()),
        }
    }

    /// The same rows with other valid states `[sum of the lengths, features]`: the reverse of
    /// [`valid`](Self::valid).
    pub fn with_valid(&self, states: Tensor<2>) -> Self {
        let [rows, time, _] = self.values.dims();
        let features = states.dims()[1];
        let all = if self.is_full() {
            states
        } else {
            Tensor::zeros([rows * time, features], &states.device()).select_assign(
                0,
                self.places(),
                states,
                IndexingUpdateOp::Add,
            )
        };
        Self { values: all.reshape([rows, time, features]), lengths: self.lengths.clone() }
    }

    /// The mean over the valid states of each row, `[batch, features]`.
    pub fn mean(&self) -> Tensor<2> {
        let counts: Vec<f32> = self.lengths.iter().map(|&length| length.max(1) as f32).collect();
        let counts = TensorData::new(counts, [self.rows(), 1]);
        let sums = self.values.clone().sum_dim(1).squeeze_dim::<2>(1);
        sums / Tensor::from_data(counts, &self.values.device())
    }

    /// `rows` rows from `first` on.
    pub fn narrow(&self, first: usize, rows: usize) -> Self {
        Self {
            values: self.values.clone().narrow(0, first, rows),
            lengths: self.lengths[first..first + rows].to_vec(),
        }
    }

    /// All rows of several states, in order, padded to the longest.
    pub fn concatenate(parts: Vec<Self>) -> Self {
        let longest = parts.iter().map(|part| part.values.dims()[1]).max().unwrap_or(0);
        let (values, lengths): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| (padded(part.values, 1, longest), part.lengths)).unzip();
        Self { values: Tensor::cat(values, 0), lengths: lengths.concat() }
    }

    /// Whether there is no padding.
    fn is_full(&self) -> bool {
        let time = self.values.dims()[1];
        self.lengths.iter().all(|&length| length == time)
    }

    /// Where the valid states are among those of all rows and steps.
    fn places(&self) -> Tensor<1, Int> {
        let time = self.values.dims()[1];
        let places: Vec<i64> = self
            .lengths
            .iter()
            .enumerate()
            .flat_map(|(row, &length)| (row * time..row * time + length).map(|at| at as i64))
            .collect();
        let count = places.len();
        Tensor::from_data(TensorData::new(places, [count]), &self.values.device())
    }
}

/// Zeros behind, along `dimension`.
fn padded(values: Tensor<3>, dimension: usize, length: usize) -> Tensor<3> {
    let mut shape = values.dims();
    if shape[dimension] == length {
        return values;
    }
    shape[dimension] = length - shape[dimension];
    let zeros = Tensor::zeros(shape, &values.device());
    Tensor::cat(vec![values, zeros], dimension)
}

/// Pads series on the host, `[channels, length]` one after the other, to the longest of them:
/// `[rows, channels, longest]`.
pub(crate) fn pad_rows(
    values: &[f32],
    lengths: Vec<usize>,
    channels: usize,
    device: &Device,
) -> PaddedSeries {
    let (rows, longest) = (lengths.len(), lengths.iter().copied().max().unwrap_or(0));
    let mut all = vec![0.0; rows * channels * longest];
    let places = all.chunks_exact_mut(longest.max(1));
    let of_channels = lengths.iter().flat_map(|&length| std::iter::repeat_n(length, channels));
    let mut rest = values;
    for (place, length) in places.zip(of_channels) {
        let (channel, behind) = rest.split_at(length);
        place[..length].copy_from_slice(channel);
        rest = behind;
    }
    let values = Tensor::from_data(TensorData::new(all, [rows, channels, longest]), device);
    PaddedSeries { values, lengths }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
        tensor.to_data().try_to_vec().unwrap()
    }

    fn states(lengths: &[usize], time: usize) -> States {
        let device = Device::flex().autodiff();
        let rows = lengths.len();
        let all: Vec<f32> = (0..rows * time).flat_map(|at| [at as f32, 10.0]).collect();
        let values = Tensor::from_data(TensorData::new(all, [rows, time, 2]), &device);
        States { values, lengths: lengths.to_vec() }
    }

    #[test]
    fn valid_states_are_taken_out_and_put_back() {
        let states = states(&[1, 3, 2], 3);
        let valid = states.valid();
        assert_eq!(
            values(&valid),
            [0.0, 10.0, 3.0, 10.0, 4.0, 10.0, 5.0, 10.0, 6.0, 10.0, 7.0, 10.0]
        );
        let back = states.with_valid(valid.clone());
        assert_eq!(values(&back.valid()), values(&valid));
        assert_eq!(values(&back.values.narrow(0, 0, 1))[2..], [0.0; 4]);
        assert_eq!(values(&back_mean(&states)), [0.0, 10.0, 4.0, 10.0, 6.5, 10.0]);
    }

    fn back_mean(states: &States) -> Tensor<2> {
        states.with_valid(states.valid()).mean()
    }

    #[test]
    fn gradients_reach_every_valid_state_once() {
        let mut states = states(&[2, 1], 2);
        states.values = states.values.require_grad();
        let gradients = states.with_valid(states.valid()).values.sum().backward();
        let gradient = states.values.grad(&gradients).unwrap();
        assert_eq!(values(&gradient), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn rows_of_different_lengths_are_joined() {
        let device = Device::flex();
        let short = pad_rows(&[1.0, 2.0, 3.0, 4.0], vec![1, 1], 2, &device);
        let long = pad_rows(&[5.0, 6.0, 7.0, 8.0, 9.0, 0.5], vec![3], 2, &device);
        let both = short.concatenate(long);
        assert_eq!(both.lengths, [1, 1, 3]);
        assert_eq!(values(&both.values.clone().narrow(0, 0, 1)), [1.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(values(&both.values.clone().narrow(0, 2, 1)), [5.0, 6.0, 7.0, 8.0, 9.0, 0.5]);
        let masked = both.with_values(both.values.clone().ones_like()).narrow(0, 1);
        assert_eq!(values(&masked.values), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let joined = States::concatenate(vec![states(&[1], 2).inner(), states(&[3], 3).inner()]);
        assert_eq!((joined.values.dims(), joined.lengths), ([2, 3, 2], vec![1, 3]));
    }
}
