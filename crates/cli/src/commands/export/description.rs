//! What a program needs to build the network of an export.

use isthmus_core::input::InputShape;
use isthmus_core::spec::{PluginSpec, Transform};
use isthmus_results::Record;
use isthmus_results::record::TakenInfo;
use serde::Serialize;

use super::weights::WeightsFile;
use crate::commands::predict::RecordedModel;
use crate::failure::Failure;

/// Version of `model.json`; raised when a reader of the old one would misread the new.
const FORMAT: u32 = 1;

/// Which of a run's models is exported.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Origin {
    /// `last`, or the validator that chose it.
    pub choice: String,
    /// The stage, from 1.
    pub stage: usize,
    /// Steps done in it.
    pub step: usize,
}

impl Origin {
    /// The place of the model that was chosen.
    ///
    /// # Errors
    /// If the record's choices cannot be read.
    pub(super) fn of(record: &Record, choice: &str) -> Result<Self, Failure> {
        let chosen = record.chosen().map_err(|error| Failure::input(error.to_string()))?;
        let stage = record.run.stages;
        let last = || {
            let steps = record.metrics.iter().filter(|row| row.stage + 1 == stage);
            steps.map(|row| row.step).max().unwrap_or(0)
        };
        let step = chosen
            .as_ref()
            .and_then(|chosen| chosen.by_validator().get(choice))
            .map_or_else(last, |choice| choice.step);
        Ok(Self { choice: choice.to_owned(), stage, step })
    }
}

/// An extractor, the file of its weights where they are no part of the export, and the run whose
/// weights it began with.
#[derive(Debug, Serialize)]
struct Extractor<'a> {
    #[serde(flatten)]
    plugin: &'a PluginSpec,
    frozen: bool,
    weights_file: Option<&'a WeightsFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights_from: Option<&'a TakenInfo>,
}

/// What `model.json` holds.
#[derive(Debug, Serialize)]
pub(super) struct Description<'a> {
    format: u32,
    isthmus: &'a str,
    experiment: &'a str,
    run: &'a str,
    method: &'a str,
    dataset: &'a str,
    task: String,
    seed: u64,
    pub(super) model: &'a Origin,
    /// The shape of a sample as the exported part of the network takes it: features, where the
    /// extractor is frozen.
    pub(super) input: InputShape,
    pub(super) transform: Option<&'a Transform>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) feature_transforms: &'a [PluginSpec],
    extractor: Extractor<'a>,
    bottleneck: Option<&'a PluginSpec>,
    classifier: &'a PluginSpec,
    /// The classifiers whose outputs' mean predicts.
    classifiers: Vec<String>,
    objective: &'a PluginSpec,
    pub(super) classes: &'a [String],
}

impl<'a> Description<'a> {
    pub(super) fn new(
        recorded: &'a RecordedModel,
        model: &'a Origin,
        weights_file: Option<&'a WeightsFile>,
        classifiers: Vec<String>,
    ) -> Self {
        let RecordedModel { record, job, task, .. } = recorded;
        let run = &record.run;
        Self {
            format: FORMAT,
            isthmus: &run.isthmus_version,
            experiment: &run.experiment,
            run: &run.id,
            method: &run.method,
            dataset: &run.dataset,
            task: run.task.to_string(),
            seed: run.seed,
            model,
            input: task.shape,
            transform: job.data.transform.as_ref(),
            feature_transforms: &job.data.feature_transforms,
            extractor: Extractor {
                plugin: &job.extractor.plugin,
                frozen: job.extractor.frozen,
                weights_file,
                weights_from: task.weights_from.as_ref(),
            },
            bottleneck: job.bottleneck.as_ref(),
            classifier: &job.classifier,
            classifiers,
            objective: &job.objective,
            classes: &task.classes,
        }
    }

    /// Extractor, bottleneck and classifier by name.
    pub(super) fn parts(&self) -> Vec<(&'static str, String)> {
        let extractor = self.extractor.plugin.name.clone();
        let frozen = if self.extractor.frozen { ", frozen" } else { "" };
        let heads = match self.classifiers.len() {
            0 | 1 => String::new(),
            several => format!(", {several} of them: outputs are their mean"),
        };
        let mut parts = vec![("extractor", format!("{extractor}{frozen}"))];
        parts.extend(self.bottleneck.map(|part| ("bottleneck", part.name.clone())));
        parts.push(("classifier", format!("{}{heads}", self.classifier.name)));
        parts
    }

    /// Whether the extractor is no part of the export.
    pub(super) fn is_without_extractor(&self) -> bool {
        let Extractor { frozen, weights_file, weights_from, .. } = &self.extractor;
        *frozen && (weights_file.is_some() || weights_from.is_some())
    }

    /// The file of the frozen extractor's weights.
    pub(super) fn weights_file(&self) -> Option<&WeightsFile> {
        self.extractor.weights_file
    }

    /// The run whose weights the extractor began with.
    pub(super) fn weights_from(&self) -> Option<&TakenInfo> {
        self.extractor.weights_from
    }
}
