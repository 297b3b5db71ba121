//! What a method answers of the samples of a stream.

use burn::tensor::{Tensor, TensorData};
use isthmus_core::error::MethodError;
use isthmus_core::metric::{Measurement, RUNNING_PREFIX};
use isthmus_core::model::ModelOutput;
use isthmus_core::named_tensor::{NamedTensor, copy_values};
use isthmus_core::validation::{Matrix, Outputs, StateOutputs};

use crate::data::JobData;
use crate::error::EngineError;
use crate::stage::StageSetup;
use crate::stream_plan::StreamBatch;

/// Their names in a checkpoint.
const FEATURES: &str = "stream.features";
const LOGITS: &str = "stream.logits";
const STATES: &str = "stream.states";
const LENGTHS: &str = "stream.lengths";

/// The answers so far, in the order of the data set.
pub(crate) struct Answers {
    rows: usize,
    outputs: usize,
    features: Vec<f32>,
    logits: Vec<f32>,
    /// The outputs in time of each row, of a model that reads states; empty where it was not
    /// answered yet.
    states: Option<Vec<Vec<f32>>>,
}

impl Answers {
    /// Of no row yet, one row of features and outputs each.
    pub(crate) fn new(rows: usize, features: usize, outputs: usize) -> Self {
        let (features, logits) = (vec![0.0; rows * features], vec![0.0; rows * outputs]);
        Self { rows, outputs, features, logits, states: None }
    }

    /// The same with outputs in time.
    pub(crate) fn with_states(self) -> Self {
        Self { states: Some(vec![Vec::new(); self.rows]), ..self }
    }

    /// Puts what was answered of a batch at its places.
    ///
    /// # Errors
    /// If the answer is not of these rows, or has no outputs in time where there should be some.
    pub(crate) fn keep(
        &mut self,
        indices: &[usize],
        output: &ModelOutput,
    ) -> Result<(), MethodError> {
        let tensors = [(&mut self.features, &output.features), (&mut self.logits, &output.logits)];
        for (all, tensor) in tensors {
            put(all, self.rows, indices, tensor)?;
        }
        if let Some(all) = &mut self.states {
            let states = output.states()?;
            let values = host(&states.valid());
            let mut left = values.as_slice();
            for (&row, &length) in indices.iter().zip(&states.lengths) {
                let (own, others) = left.split_at(length * self.outputs);
                all[row] = own.to_vec();
                left = others;
            }
        }
        Ok(())
    }

    /// The answers as a checkpoint holds them.
    pub(crate) fn tensors(&self) -> Vec<NamedTensor> {
        let tensor = |path: &str, values: Vec<f32>| NamedTensor {
            path: path.to_owned(),
            data: TensorData::new(values.clone(), [values.len()]),
        };
        let mut tensors =
            vec![tensor(FEATURES, self.features.clone()), tensor(LOGITS, self.logits.clone())];
        if let Some(states) = &self.states {
            let lengths = states.iter().map(|row| (row.len() / self.outputs) as f32).collect();
            tensors.extend([tensor(STATES, states.concat()), tensor(LENGTHS, lengths)]);
        }
        tensors
    }

    /// Whether a tensor of a checkpoint is one of the answers.
    pub(crate) fn owns(&self, tensor: &NamedTensor) -> bool {
        [FEATURES, LOGITS, STATES, LENGTHS].contains(&tensor.path.as_str())
    }

    /// Takes the answers of a checkpoint.
    ///
    /// # Errors
    /// If they are not of these rows.
    pub(crate) fn load(&mut self, tensors: Vec<NamedTensor>) -> Result<(), MethodError> {
        copy_values(&tensors, FEATURES, &mut self.features)?;
        copy_values(&tensors, LOGITS, &mut self.logits)?;
        let Some(states) = &mut self.states else { return Ok(()) };
        let mut lengths = vec![0.0; self.rows];
        copy_values(&tensors, LENGTHS, &mut lengths)?;
        let sizes: Vec<usize> = lengths.iter().map(|it| *it as usize * self.outputs).collect();
        let mut all = vec![0.0; sizes.iter().sum()];
        copy_values(&tensors, STATES, &mut all)?;
        let mut left = all.as_slice();
        for (row, size) in states.iter_mut().zip(sizes) {
            let (own, others) = left.split_at(size);
            *row = own.to_vec();
            left = others;
        }
        Ok(())
    }

    /// The primary metric of what was answered of these batches, where it is defined.
    pub(crate) fn so_far(
        &self,
        setup: &StageSetup<'_>,
        data: &JobData,
        batches: &[StreamBatch],
    ) -> Result<Option<Measurement>, EngineError> {
        let rows: Vec<usize> = batches.iter().flat_map(|batch| batch.rows.clone()).collect();
        let targets = data.target.test.targets.select(&rows);
        let judged = setup.objective.evaluate(&self.outputs().select(&rows), &targets);
        let judged = judged.map_err(|source| setup.failed(source))?;
        let primary = setup.objective.metrics().primary().name.clone();
        let value = judged.metric(&primary);
        Ok(value.map(|value| (format!("{RUNNING_PREFIX}{primary}"), value)))
    }

    /// All answers.
    pub(crate) fn outputs(&self) -> Outputs {
        let matrix = |values: &[f32]| {
            Matrix::new(self.rows, values.len() / self.rows.max(1), values.to_vec())
        };
        let states = self.states.as_ref().map(|states| {
            let lengths: Vec<usize> = states.iter().map(|row| row.len() / self.outputs).collect();
            let all = Matrix::new(lengths.iter().sum(), self.outputs, states.concat());
            StateOutputs::new(all, &lengths)
        });
        Outputs { states, ..Outputs::new(matrix(&self.features), matrix(&self.logits)) }
    }
}

fn host(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.to_data().try_to_vec::<f32>().expect("networks compute in f32")
}

/// Puts the rows of a batch at their places among all `rows`.
fn put(
    all: &mut [f32],
    rows: usize,
    indices: &[usize],
    tensor: &Tensor<2>,
) -> Result<(), MethodError> {
    let columns = all.len() / rows.max(1);
    if tensor.dims() != [indices.len(), columns] {
        return Err(MethodError::Unsuitable(format!(
            "a batch of {} samples was answered by a tensor {:?}, not [{}, {columns}]",
            indices.len(),
            tensor.dims(),
            indices.len(),
        )));
    }
    let values = host(tensor);
    for (&row, values) in indices.iter().zip(values.chunks_exact(columns.max(1))) {
        all[row * columns..][..columns].copy_from_slice(values);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_core::states::States;

    use super::*;

    fn output(rows: usize) -> ModelOutput {
        let device = Device::flex();
        ModelOutput::new(Tensor::ones([rows, 2], &device), Tensor::ones([rows, 2], &device))
    }

    #[test]
    fn an_answer_of_another_size_is_refused() {
        let mut answers = Answers::new(3, 2, 2);
        answers.keep(&[2, 0], &output(2)).unwrap();
        assert_eq!(answers.logits, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        let error = answers.keep(&[1, 2], &output(1)).unwrap_err().to_string();
        assert!(error.contains("[1, 2], not [2, 2]"), "{error}");
    }

    #[test]
    fn another_streams_checkpoint_is_refused() {
        let mut answers = Answers::new(3, 2, 2);
        answers.load(answers.tensors()).unwrap();
        let error = answers.load(Answers::new(4, 2, 2).tensors()).unwrap_err().to_string();
        assert!(error.contains("`stream.features` of 6 values"), "{error}");
        let error = Answers::new(3, 2, 2).with_states().load(answers.tensors()).unwrap_err();
        assert!(error.to_string().contains("`stream.lengths` of 3 values"), "{error}");
    }

    #[test]
    fn outputs_in_time_go_to_their_rows_and_come_back() {
        let mut answers = Answers::new(3, 2, 2).with_states();
        let error = answers.keep(&[0], &output(1)).unwrap_err().to_string();
        assert!(error.contains("outputs in time"), "{error}");
        let values =
            Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0], &Device::flex());
        let states = States { values: values.reshape([2, 2, 2]), lengths: vec![2, 1] };
        answers.keep(&[2, 0], &ModelOutput { states: Some(states), ..output(2) }).unwrap();
        let found = answers.outputs().states.unwrap();
        let of = |row: usize| found.of(row).flatten().copied().collect::<Vec<f32>>();
        assert_eq!((of(0), of(1), of(2)), (vec![5.0, 6.0], vec![], vec![1.0, 2.0, 3.0, 4.0]));
        let mut other = Answers::new(3, 2, 2).with_states();
        other.load(answers.tensors()).unwrap();
        assert_eq!(other.outputs(), answers.outputs());
    }
}
