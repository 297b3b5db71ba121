//! Prediction with what a finished run left.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use isthmus_core::context::DomainRole;
use isthmus_core::dataset::{Domain, LabelledSource};
use isthmus_core::export::{ExportedModel, NotExported};
use isthmus_core::input::InputShape;
use isthmus_core::method::{Method, MethodContext};
use isthmus_core::model::Model;
use isthmus_core::objective::Objective;
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::random::Key;
use isthmus_core::spec::{Job, StageSpec, StreamOrder};
use isthmus_core::validation::Outputs;

use crate::build::{
    StageMethod, TrainingMethods, build_method, build_model, build_objective, build_updater,
    read_by,
};
use crate::data::JobData;
use crate::error::EngineError;
use crate::evaluation::predict;
use crate::observer::Silent;
use crate::stage::StageSetup;
use crate::stream::run_stream;
use crate::stream_plan::batches;

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

/// The last stage of a run, built anew.
struct LastStage<'a> {
    index: usize,
    stage: &'a StageSpec,
    key: Key,
    objective: Box<dyn Objective>,
    model: Model,
    method: StageMethod,
}

impl RecordedRun<'_> {
    /// Features and outputs for all samples of a set, which count as the target's. A method that
    /// adapts while it predicts goes through them as a stream, from where its run ended.
    ///
    /// # Errors
    /// If a part cannot be built, the tensors are not of this run, the method cannot go on, or a
    /// sample cannot be read.
    pub fn predict(&self, set: &LabelledSource, device: &Device) -> Result<Outputs, EngineError> {
        let tracked = device.clone().autodiff();
        let rows = set.samples.rows();
        let last = self.last_stage(rows, &tracked)?;
        if let StageMethod::TestTime(method) = last.method {
            let mut model = last.model;
            model.load_tensors(self.tensors)?;
            // The labels that an order by label takes are not there.
            let stream_order = match self.job.data.stream_order {
                StreamOrder::ByLabel => StreamOrder::Shuffled,
                order => order,
            };
            let setup = StageSetup {
                index: last.index,
                label: &self.job.method.label,
                training: &last.stage.training,
                target_labels: false,
                measures_source: false,
                stream_order,
                device: &tracked,
                key: last.key,
                objective: &*last.objective,
                selection: None,
            };
            let (mut method, data) = (method, self.stream_of(set));
            let mut updater = build_updater(&last.stage.training)?;
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
        let mut predictor = self.predictor(last)?;
        let rows: Vec<usize> = (0..rows).collect();
        Ok(predict(&mut *predictor, &*set.samples, &rows, DomainRole::Target, device)?)
    }

    /// What predicts samples of the target, as PyTorch has it.
    ///
    /// # Errors
    /// If a part cannot be built, the tensors are not of this run, or what predicts is no network
    /// that PyTorch has.
    pub fn pytorch(&self, device: &Device) -> Result<ExportedModel, EngineError> {
        let last = self.last_stage(1, &device.clone().autodiff())?;
        if matches!(last.method, StageMethod::TestTime(_)) {
            return Err(NotExported(
                "it adapts while it predicts, so that no one network is what predicts; the model \
                 that it starts from is that of a run without its last stage"
                    .to_owned(),
            )
            .into());
        }
        Ok(self.predictor(last)?.pytorch()?)
    }

    /// The last stage, which is to predict so many rows.
    fn last_stage(&self, rows: usize, tracked: &Device) -> Result<LastStage<'_>, EngineError> {
        let Some((index, stage)) = self.job.method.stages.iter().enumerate().next_back() else {
            return Err(EngineError::PastTheEnd { stages: 0 });
        };
        let key = Key::new(self.job.seed);
        let objective = build_objective(&self.job.objective)?;
        let outputs = objective.outputs(self.classes.len());
        let model = build_model(self.job, self.shape, outputs, tracked, &key.named("model"))?;
        let model = read_by(&*objective, model, self.job)?;
        let key = key.named("stage").at(index as u64);
        let context = MethodContext {
            device: tracked.clone(),
            key: key.named("method"),
            input_shape: self.shape,
            feature_size: model.feature_size(),
            hidden_layers: model.extractor.layers(),
            classes: self.classes.len(),
            outputs,
            sources: self.job.task().sources.len(),
            total_steps: batches(rows, stage.training.batch_size),
            classifier: self.job.classifier.clone(),
            trained: index > 0,
        };
        let method = build_method(stage, &context)?;
        Ok(LastStage { index, stage, key, objective, model, method })
    }

    /// What the methods of the last stage predict by, with the recorded tensors.
    fn predictor(&self, last: LastStage<'_>) -> Result<Box<dyn Predictor>, EngineError> {
        let grouping = last.stage.training.normalization;
        let model = last.model;
        let own = match last.method {
            StageMethod::Training(TrainingMethods { mut driver, mut terms, .. }) => {
                let own = driver.as_mut().and_then(|driver| driver.predictor(&model, grouping));
                own.or_else(|| terms.predictor(&model, grouping))
            }
            StageMethod::Fit(mut fit) => fit.predictor(&model, grouping),
            StageMethod::TestTime(mut method) => method.predictor(&model, grouping),
        };
        let mut predictor = own.unwrap_or_else(|| Box::new(ModelPredictor::new(&model, grouping)));
        predictor.load(self.tensors)?;
        Ok(predictor)
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
        JobData {
            classes: self.classes.to_vec(),
            target_classes: None,
            sources: Vec::new(),
            target,
            shifts: Vec::new(),
        }
    }
}
