//! Series on their way through a network over time: of one length, or padded.

use burn::tensor::activation::relu;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Tensor, TensorData, module};
use isthmus_core::context::Context;
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::states::{PaddedSeries, States};
use isthmus_layers::{AfterNorm, Convolution1d, DomainBatchNorm, Dropout, Rectifier};

use crate::checks;

/// Values in time. Where series differ in length, what is beyond a series' own is 0 before and
/// after every operation, so that what they are padded with changes no number.
#[derive(Clone)]
pub(super) struct InTime {
    /// `[batch, channels, time]`.
    values: Tensor<3>,
    /// Valid time steps of each row; absent where all are.
    lengths: Option<Vec<usize>>,
}

/// The number of channels of the series that a network is built for.
///
/// # Errors
/// If its inputs are no series, or have no values.
pub(super) fn channels(network: &str, shape: InputShape) -> Result<usize, NetworkError> {
    match shape {
        InputShape::Series { channels, .. } | InputShape::VariableSeries { channels, .. } => {
            checks::not_empty(network, shape)?;
            Ok(channels)
        }
        _ => Err(NetworkError::Input {
            network: network.to_owned(),
            expected: "series".to_owned(),
            found: shape.to_string(),
        }),
    }
}

impl InTime {
    /// # Panics
    /// If the network was built for series and is fed something else.
    pub fn of(input: Input, network: &str) -> Self {
        match input {
            Input::Series(values) => Self { values, lengths: None },
            Input::VariableSeries(PaddedSeries { values, lengths }) => {
                Self { values, lengths: Some(lengths) }
            }
            _ => panic!("{network} was built for series and is fed {}", input.shape()),
        }
    }

    /// A convolution over time.
    pub fn convolved(self, convolution: &Convolution1d) -> Self {
        let lengths = self.lengths.map(|lengths| {
            lengths.into_iter().map(|length| convolution.output_length(length)).collect()
        });
        Self { values: convolution.forward(self.values), lengths }.masked()
    }

    /// Batch normalisation with the statistics of valid steps, then a rectifier where one is given.
    pub fn normalised(
        self,
        norm: &mut DomainBatchNorm,
        rectifier: Option<Rectifier>,
        context: &Context,
    ) -> Self {
        let Some(lengths) = self.lengths else {
            let after = AfterNorm { residual: None, rectifier };
            let values = norm.forward_then(self.values, after, context);
            return Self { values, lengths: None };
        };
        let states = PaddedSeries { values: self.values, lengths }.into_states();
        let context = context.over_states(&states.lengths);
        let after = AfterNorm { residual: None, rectifier };
        let normalised = norm.forward_then(states.valid(), after, &context);
        let PaddedSeries { values, lengths } = states.with_valid(normalised).into_series();
        Self { values, lengths: Some(lengths) }
    }

    /// Values below 0 become 0.
    pub fn rectified(self) -> Self {
        Self { values: relu(self.values), lengths: self.lengths }
    }

    /// The sum with values of the same lengths.
    pub fn plus(self, other: Self) -> Self {
        Self { values: self.values + other.values, lengths: self.lengths }
    }

    /// Dropout; for padding nothing is drawn.
    pub fn dropped(self, dropout: &Dropout, context: &Context) -> Self {
        let Some(lengths) = self.lengths else {
            return Self { values: dropout.forward(self.values, context), lengths: None };
        };
        let series = PaddedSeries { values: self.values, lengths };
        let PaddedSeries { values, lengths } = dropout.forward_padded(series, context);
        Self { values, lengths: Some(lengths) }
    }

    /// The largest of each `kernel` steps; `padding` steps at either end count as nothing. No value
    /// may be below 0, so that a 0 of the padding is larger than none in its window.
    pub fn pooled(self, kernel: usize, stride: usize, padding: usize) -> Self {
        let options = MaxPoolOptions::new([kernel]).with_stride([stride]).with_padding([padding]);
        let pooled = |length: usize| (length + 2 * padding - kernel) / stride + 1;
        let lengths = self.lengths.map(|lengths| lengths.into_iter().map(pooled).collect());
        Self { values: module::max_pool1d(self.values, options), lengths }.masked()
    }

    /// The mean over time, `[batch, channels]`.
    pub fn mean(&self) -> Tensor<2> {
        match &self.lengths {
            None => self.values.clone().mean_dim(2).squeeze_dim::<2>(2),
            Some(_) => self.clone().into_states().mean(),
        }
    }

    /// The last step of each series, `[batch, channels]`.
    pub fn last(&self) -> Tensor<2> {
        let [rows, channels, time] = self.values.dims();
        let Some(lengths) = &self.lengths else {
            return self.values.clone().narrow(2, time - 1, 1).squeeze_dim::<2>(2);
        };
        let places = lengths.iter().enumerate();
        let places: Vec<i64> =
            places.map(|(row, length)| (row * time + length - 1) as i64).collect();
        let places = Tensor::from_data(TensorData::new(places, [rows]), &self.values.device());
        let states: Tensor<2> =
            self.values.clone().swap_dims(1, 2).reshape([rows * time, channels]);
        states.select(0, places)
    }

    /// The channels of each step as its features.
    pub fn into_states(self) -> States {
        let [rows, _, time] = self.values.dims();
        let lengths = self.lengths.unwrap_or_else(|| vec![time; rows]);
        PaddedSeries { values: self.values, lengths }.into_states()
    }

    /// The same with padding of 0.
    fn masked(self) -> Self {
        let Some(lengths) = self.lengths else { return self };
        let time = self.values.dims()[2];
        if lengths.iter().all(|&length| length == time) {
            return Self { values: self.values, lengths: Some(lengths) };
        }
        let series = PaddedSeries { values: self.values.clone(), lengths };
        let PaddedSeries { values, lengths } = series.with_values(self.values);
        Self { values, lengths: Some(lengths) }
    }
}
