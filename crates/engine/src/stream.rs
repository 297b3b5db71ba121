//! A stream of target samples, predicted by a method that adapts meanwhile.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use isthmus_core::batch::TargetBatch;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::metric::Measurement;
use isthmus_core::metric::RUNNING_PREFIX;
use isthmus_core::model::{Model, ModelSnapshot};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::sample_check::SampleCheck;
use isthmus_core::stage::SampleView;
use isthmus_core::test_time::{Predicted, Reset, Stream, TestTimeMethod};
use isthmus_core::updater::Updater;
use isthmus_core::validation::{Matrix, Outputs};

use crate::checkpoint::{self, Kept, load_model};
use crate::data::JobData;
use crate::error::EngineError;
use crate::observer::{Next, Observer};
use crate::stage::{MEASURE_EVERY, StageOutcome, StageSetup, evaluate_outputs};
use crate::stream_plan::{StreamBatch, plan};

/// What was answered of the samples so far, in a checkpoint.
const FEATURES: &str = "stream.features";
const LOGITS: &str = "stream.logits";
/// Begins the names of tensors of the model that the stream began with, in a checkpoint: those that
/// have changed since.
const START: &str = "stream.start/";

/// Goes through the target's test samples once, domain by domain where it is a stream of several,
/// and measures what the method says of them; `resumed` is a checkpoint of this stage.
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
    let failed = |source: MethodError| setup.failed(source);
    let plan = plan(data, setup.stream_order, setup.training.batch_size, setup.key);
    let plan = plan.map_err(failed)?;
    let steps = plan.len();
    observer.stage_started(setup.index, steps)?;
    if resumed.is_none() {
        observer.stage_entered(setup.index, &mut || model.evaluation_copy())?;
    }
    let device = setup.device.clone();
    let reset = method.reset();
    let start = match reset {
        Reset::Never => None,
        Reset::Batch | Reset::Shift => Some(start_of_stream(model, resumed)?),
    };
    let outputs = setup.objective.outputs(data.classes.len());
    let mut answers = Answers::new(samples.rows(), model.feature_size(), outputs);
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
        let mut state = checkpoint::load(checkpoint, method.networks(), stream.updater, &plain)?;
        state.retain(|tensor| !tensor.path.starts_with(START));
        let (own, state) = state.into_iter().partition(|tensor| answers.owns(tensor));
        answers.load(own).map_err(failed)?;
        method.load_state(state).map_err(failed)?;
    }
    // The usual stream is judged at its end; others change on the way.
    let tracked = !data.shifts.is_empty() || !setup.stream_order.is_shuffled();
    for step in resumed.map_or(0, |checkpoint| checkpoint.step)..steps {
        let done = step + 1;
        let StreamBatch { rows, ends_shift } = &plan[step];
        let values = samples.values(rows, SampleView::Plain)?;
        let input = Input::from_values(values, rows.len(), samples.shape(), &device);
        let batch = TargetBatch { input, indices: rows.clone() };
        let measure = done % MEASURE_EVERY == 0 || done == steps || (tracked && *ends_shift);
        let predicted = method.predict(&mut stream, batch, step, measure).map_err(failed)?;
        stream.samples.result().map_err(|single| failed(single.into()))?;
        answers.keep(rows, &predicted).map_err(failed)?;
        observer.step_done(setup.index, done, &predicted.measurements)?;
        if tracked
            && measure
            && let Some(so_far) = answers.so_far(setup, data, &plan[..done])?
        {
            observer
                .evaluated(setup.index, done, &[so_far], &mut || stream.model.recorded_tensors())?;
        }
        if done == steps {
            break;
        }
        let ends_episode = reset == Reset::Batch || (reset == Reset::Shift && *ends_shift);
        if let (Some(start), true) = (&start, ends_episode) {
            stream.model.restore(start)?;
            stream.updater.load_state(&BTreeMap::new(), &device.clone().inner())?;
            method.begin(&mut stream).map_err(failed)?;
        }
        let next = observer.next();
        if next != Next::Continue {
            let mut state = method.state();
            state.extend(answers.tensors());
            // Before each batch the model is the one that the stream began with.
            if let (Some(start), Reset::Shift) = (&start, reset) {
                state.extend(changed_since(start, stream.model));
            }
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
    let outputs = answers.outputs();
    let evaluation = evaluate_outputs(setup, &mut *predictor, &outputs, data, steps, observer)?;
    observer.stage_finished(setup.index, &mut || stream.model.recorded_tensors())?;
    Ok(StageOutcome { evaluation, outputs, predictor, pictures: Vec::new() })
}

/// The model that the stream began with. `model` holds it, or the one of a checkpoint, which has the
/// tensors of the start that had changed by then.
fn start_of_stream(
    model: &mut Model,
    resumed: Option<&Checkpoint>,
) -> Result<ModelSnapshot, EngineError> {
    let changed: BTreeMap<String, TensorData> = resumed
        .map(checkpoint::state)
        .into_iter()
        .flatten()
        .filter_map(|(path, data)| Some((path.strip_prefix(START)?.to_owned(), data)))
        .collect();
    if !changed.is_empty() {
        let own = model.tensors().into_iter().map(|tensor| (tensor.path, tensor.data));
        let mut all: BTreeMap<String, TensorData> = own.collect();
        all.extend(changed);
        model.load_tensors(&all)?;
    }
    Ok(model.snapshot())
}

/// The tensors of `start` that are others in `model`, under the names of checkpoints.
fn changed_since(start: &ModelSnapshot, model: &mut Model) -> Vec<NamedTensor> {
    let now: BTreeMap<String, TensorData> =
        model.tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
    let has_changed = |tensor: &NamedTensor| {
        now.get(&tensor.path).is_none_or(|now| now.as_bytes() != tensor.data.as_bytes())
    };
    let changed = start.tensors().into_iter().filter(has_changed);
    changed
        .map(|tensor| NamedTensor { path: format!("{START}{}", tensor.path), ..tensor })
        .collect()
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

    /// The primary metric of what was answered of these batches, where it is defined.
    fn so_far(
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

    fn outputs(&self) -> Outputs {
        let matrix = |values: &[f32]| {
            Matrix::new(self.rows, values.len() / self.rows.max(1), values.to_vec())
        };
        Outputs::new(matrix(&self.features), matrix(&self.logits))
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
