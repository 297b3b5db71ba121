//! Prediction with what a finished run left.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use isthmus_core::context::DomainRole;
use isthmus_core::dataset::{Domain, LabelledSource};
use isthmus_core::input::InputShape;
use isthmus_core::method::{Method, MethodContext};
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::random::Key;
use isthmus_core::spec::Job;
use isthmus_core::validation::Outputs;

use crate::build::{
    StageMethod, TrainingMethods, build_method, build_model, build_objective, build_updater,
};
use crate::data::JobData;
use crate::error::EngineError;
use crate::evaluation::predict;
use crate::observer::Silent;
use crate::stage::StageSetup;
use crate::stream::{batches, run_stream};

/// What a finished run left.
pub struct RecordedRun<'a> {
    /// The run.
    pub job: &'a Job,
    /// Names of the classes.
    pub classes: &'a [String],
    /// Shape of one sample as the model takes it: features, where the extractor is frozen.
    pub shape: InputShape,
    /// Everything that decides its predictions.
    pub tensors: &'a BTreeMap<String, TensorData>,
}

impl RecordedRun<'_> {
    /// Features and outputs for all samples of a set, which count as the target's. A method that
    /// adapts while it predicts goes through them as a stream, from where its run ended.
    ///
    /// # Errors
    /// If a part cannot be built, the tensors are not of this run, the method cannot go on, or a
    /// sample cannot be read.
    pub fn predict(&self, set: &LabelledSource, device: &Device) -> Result<Outputs, EngineError> {
        let Some((index, stage)) = self.job.method.stages.iter().enumerate().next_back() else {
            return Err(EngineError::PastTheEnd { stages: 0 });
        };
        let tracked = device.clone().autodiff();
        let key = Key::new(self.job.seed);
        let objective = build_objective(&self.job.objective)?;
        let outputs = objective.outputs(self.classes.len());
        let mut model = build_model(self.job, self.shape, outputs, &tracked, &key.named("model"))?;
        let key = key.named("stage").at(index as u64);
        let rows = set.samples.rows();
        let context = MethodContext {
            device: tracked.clone(),
            key: key.named("method"),
            input_shape: self.shape,
            feature_size: model.feature_size(),
            classes: self.classes.len(),
            outputs,
            sources: self.job.task().sources.len(),
            total_steps: batches(rows, stage.training.batch_size),
            classifier: self.job.classifier.clone(),
            trained: index > 0,
        };
        let grouping = stage.training.normalization;
        let own = match build_method(stage, &context)? {
            StageMethod::Training(TrainingMethods { mut driver, mut terms, .. }) => {
                let own = driver.as_mut().and_then(|driver| driver.predictor(&model, grouping));
                own.or_else(|| terms.predictor(&model, grouping))
            }
            StageMethod::Fit(mut fit) => fit.predictor(&model, grouping),
            StageMethod::TestTime(mut method) => {
                model.load_tensors(self.tensors)?;
                let setup = StageSetup {
                    index,
                    label: &self.job.method.label,
                    training: &stage.training,
                    target_labels: false,
                    device: &tracked,
                    key,
                    objective: &*objective,
                    selection: None,
                };
                let data = self.stream_of(set);
                let mut updater = build_updater(&stage.training)?;
                let outcome = run_stream(
                    &setup,
                    &mut model,
                    &mut *method,
                    &mut updater,
                    &data,
                    None,
                    &mut Silent,
                )?;
                return Ok(outcome.outputs);
            }
        };
        let mut predictor: Box<dyn Predictor> =
            own.unwrap_or_else(|| Box::new(ModelPredictor::new(&model, grouping)));
        predictor.load(self.tensors)?;
        let rows: Vec<usize> = (0..rows).collect();
        Ok(predict(&mut *predictor, &*set.samples, &rows, DomainRole::Target, device)?)
    }

    /// The set as the target of a job without sources.
    fn stream_of(&self, set: &LabelledSource) -> JobData {
        let set = LabelledSource {
            samples: Arc::clone(&set.samples),
            targets: set.without_targets().targets,
        };
        let target = Domain {
            name: "predicted".to_owned(),
            train: set.clone(),
            validation: None,
            test: set,
        };
        JobData { classes: self.classes.to_vec(), sources: Vec::new(), target }
    }
}
