//! A stream of target samples, predicted by a method that adapts meanwhile.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::batch::TargetBatch;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::model::{Model, ModelSnapshot};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::sample_check::SampleCheck;
use isthmus_core::stage::SampleView;
use isthmus_core::test_time::{Reset, Stream, TestTimeMethod};
use isthmus_core::updater::Updater;

use crate::answers::Answers;
use crate::checkpoint::{self, Kept, load_model};
use crate::data::JobData;
use crate::error::EngineError;
use crate::observer::{Next, Observer};
use crate::stage::{MEASURE_EVERY, StageOutcome, StageSetup, evaluate_outputs};
use crate::stream_plan::{StreamBatch, plan};

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
    if setup.objective.reads_states() {
        answers = answers.with_states();
    }
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
        answers.keep(rows, &predicted.output).map_err(failed)?;
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
