//! A stream of target samples, predicted by a method that adapts meanwhile.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use isthmus_core::batch::TargetBatch;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::network::NamedTensor;
use isthmus_core::random::Key;
use isthmus_core::sample_check::SampleCheck;
use isthmus_core::stage::SampleView;
use isthmus_core::test_time::{Predicted, Reset, Stream, TestTimeMethod};
use isthmus_core::updater::Updater;
use isthmus_core::validation::{Matrix, Outputs};
use rand::seq::SliceRandom;

use crate::checkpoint::{self, Kept, load_model, start_of};
use crate::data::JobData;
use crate::error::EngineError;
use crate::observer::{Next, Observer};
use crate::stage::{MEASURE_EVERY, StageOutcome, StageSetup, evaluate_outputs};

/// What was answers of the samples so far, in a checkpoint.
const FEATURES: &str = "stream.features";
const LOGITS: &str = "stream.logits";

/// Number of batches of a stream of `rows` samples.
pub(crate) fn batches(rows: usize, batch_size: usize) -> usize {
    rows.div_ceil(batch_size.max(1))
}

/// Goes through the target's test samples once, in an order of the stage's key, and measures what
/// the method says of them; `resumed` is a checkpoint of this stage.
///
/// Batches differ in size by one row at most: a last batch of one sample would have no statistics.
///
/// # Errors
/// If the method cannot go on, a sample cannot be read, the checkpoint is not of this job, or the
/// observer cannot write or stops the job.
pub(crate) fn run_stream(
    setup: &StageSetup<'_>,
    model: &mut Model,
    method: &mut dyn TestTimeMethod,
    updater: &mut Updater,
    data: &JobData,
    resumed: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<StageOutcome, EngineError> {
    let samples = &data.target.test.samples;
    let order = order(samples.rows(), setup.key);
    let steps = batches(order.len(), setup.training.batch_size);
    observer.stage_started(setup.index, steps)?;
    if resumed.is_none() {
        observer.stage_entered(setup.index, &mut || model.evaluation_copy())?;
    }
    let failed = |source: MethodError| setup.failed(source);
    let device = setup.device.clone();
    // A checkpoint before a reset holds the model that the stream began with, see below.
    let start = (method.reset() == Reset::Batch).then(|| start_of(setup.index, model.tensors()));
    let mut answers = Answers::new(order.len(), model.feature_size(), data.classes.len());
    let mut stream = Stream {
        model,
        updater,
        device: device.clone(),
        key: setup.key,
        total_steps: steps,
        grouping: setup.training.normalization,
        samples: SampleCheck::default(),
    };
    method.begin(&mut stream).map_err(failed)?;
    if let Some(checkpoint) = resumed {
        load_model(checkpoint, stream.model)?;
        let plain = device.clone().inner();
        let state = checkpoint::load(checkpoint, method.networks(), stream.updater, &plain)?;
        let (own, state) = state.into_iter().partition(|tensor| answers.owns(tensor));
        answers.load(own).map_err(failed)?;
        method.load_state(state).map_err(failed)?;
    }
    for step in resumed.map_or(0, |checkpoint| checkpoint.step)..steps {
        let done = step + 1;
        let indices = order[step * order.len() / steps..done * order.len() / steps].to_vec();
        let values = samples.values(&indices, SampleView::Plain)?;
        let input = Input::from_values(values, indices.len(), samples.shape(), &device);
        let batch = TargetBatch { input, indices: indices.clone() };
        let measure = done % MEASURE_EVERY == 0 || done == steps;
        let predicted = method.predict(&mut stream, batch, step, measure).map_err(failed)?;
        stream.samples.result().map_err(|single| failed(single.into()))?;
        answers.keep(&indices, &predicted).map_err(failed)?;
        observer.step_done(setup.index, done, &predicted.measurements)?;
        if done == steps {
            break;
        }
        if let Some(start) = &start {
            load_model(start, stream.model)?;
            stream.updater.load_state(&BTreeMap::new(), &device.clone().inner())?;
            method.begin(&mut stream).map_err(failed)?;
        }
        let next = observer.next();
        if next != Next::Continue {
            let mut state = method.state();
            state.extend(answers.tensors());
            let kept = Kept { state, networks: method.networks() };
            let checkpoint =
                checkpoint::take(setup.index, done, stream.model, kept, stream.updater);
            observer.checkpoint(checkpoint)?;
        }
        if next == Next::Stop {
            return Err(EngineError::Interrupted { stage: setup.index, step: done });
        }
    }
    let own = method.predictor(stream.model, setup.training.normalization);
    let mut predictor = setup.predictor(own, stream.model);
    let outputs = answers.into_outputs();
    let evaluation = evaluate_outputs(setup, &mut *predictor, &outputs, data, steps, observer)?;
    observer.stage_finished(setup.index, &mut || stream.model.tensors())?;
    Ok(StageOutcome { evaluation, outputs, predictor })
}

fn order(rows: usize, key: Key) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut key.named("stream").rng());
    order
}

/// What the method answers of the samples so far, in the order of the data set.
struct Answers {
    rows: usize,
    features: Vec<f32>,
    logits: Vec<f32>,
}

impl Answers {
    fn new(rows: usize, features: usize, classes: usize) -> Self {
        Self { rows, features: vec![0.0; rows * features], logits: vec![0.0; rows * classes] }
    }

    fn keep(&mut self, indices: &[usize], predicted: &Predicted) -> Result<(), MethodError> {
        let tensors =
            [(&mut self.features, &predicted.features), (&mut self.logits, &predicted.logits)];
        for (all, tensor) in tensors {
            put(all, self.rows, indices, tensor)?;
        }
        Ok(())
    }

    fn tensors(&self) -> [NamedTensor; 2] {
        let tensor = |path: &str, values: &Vec<f32>| NamedTensor {
            path: path.to_owned(),
            data: TensorData::new(values.clone(), [values.len()]),
        };
        [tensor(FEATURES, &self.features), tensor(LOGITS, &self.logits)]
    }

    fn owns(&self, tensor: &NamedTensor) -> bool {
        [FEATURES, LOGITS].contains(&tensor.path.as_str())
    }

    fn load(&mut self, tensors: Vec<NamedTensor>) -> Result<(), MethodError> {
        for (path, own) in [(FEATURES, &mut self.features), (LOGITS, &mut self.logits)] {
            let found = tensors.iter().find(|tensor| tensor.path == path);
            let values = found.and_then(|tensor| tensor.data.as_slice::<f32>().ok());
            match values {
                Some(values) if values.len() == own.len() => own.copy_from_slice(values),
                _ => {
                    return Err(MethodError::Checkpoint(format!(
                        "it holds no `{path}` of {} values",
                        own.len()
                    )));
                }
            }
        }
        Ok(())
    }

    fn into_outputs(self) -> Outputs {
        let matrix =
            |values: Vec<f32>| Matrix::new(self.rows, values.len() / self.rows.max(1), values);
        Outputs::new(matrix(self.features), matrix(self.logits))
    }
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
    let values = tensor.to_data().try_to_vec::<f32>().expect("networks compute in f32");
    for (&row, values) in indices.iter().zip(values.chunks_exact(columns.max(1))) {
        all[row * columns..][..columns].copy_from_slice(values);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_comes_once_in_batches_of_nearly_one_size() {
        for (rows, batch_size) in [(65, 64), (64, 64), (5, 2), (1, 8)] {
            let order = order(rows, Key::new(3));
            let steps = batches(rows, batch_size);
            let sizes: Vec<usize> =
                (0..steps).map(|step| (step + 1) * rows / steps - step * rows / steps).collect();
            assert_eq!(sizes.iter().sum::<usize>(), rows);
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1 && *most <= batch_size, "{sizes:?}");
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..rows).collect::<Vec<_>>());
        }
        assert_ne!(order(50, Key::new(3)), order(50, Key::new(4)));
    }

    #[test]
    fn an_answer_of_another_size_is_refused() {
        let mut answers = Answers::new(3, 2, 2);
        let device = burn::tensor::Device::flex();
        let predicted = |rows: usize| Predicted {
            features: Tensor::ones([rows, 2], &device),
            logits: Tensor::ones([rows, 2], &device),
            measurements: Vec::new(),
        };
        answers.keep(&[2, 0], &predicted(2)).unwrap();
        assert_eq!(answers.logits, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        let error = answers.keep(&[1, 2], &predicted(1)).unwrap_err().to_string();
        assert!(error.contains("[1, 2], not [2, 2]"), "{error}");
    }

    #[test]
    fn another_streams_checkpoint_is_refused() {
        let mut answers = Answers::new(3, 2, 2);
        answers.load(answers.tensors().into()).unwrap();
        let error = answers.load(Answers::new(4, 2, 2).tensors().into()).unwrap_err().to_string();
        assert!(error.contains("`stream.features` of 6 values"), "{error}");
    }
}
