//! The driver of self-training in rounds, whatever chooses the labels.

use isthmus_core::batch::SourceBatch;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::input::Input;
use isthmus_core::model::ModelOutput;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::stage::SampleView;
use isthmus_core::targets::{Targets, class_tensor};

use crate::label_loss::LabelLoss;
use crate::labels::PseudoLabels;
use crate::round_labels::RoundLabels;
use crate::rounds::Round;

/// Which predictions become labels.
pub(crate) enum Selection {
    /// Those of at least a probability, which goes from `threshold` to `last` over the rounds.
    Confident { threshold: f64, last: f64 },
    /// The most certain ones: a portion, which goes from `portion` to `last` over the rounds, of all
    /// rows or of those of each class.
    MostCertain { portion: f64, last: f64, per_class: bool },
}

impl Selection {
    fn labels(&self, logits: Tensor<2>, round: Round) -> PseudoLabels {
        match *self {
            Self::Confident { threshold, last } => {
                PseudoLabels::confident(logits, round.between(threshold, last))
            }
            Self::MostCertain { portion, last, per_class } => {
                PseudoLabels::most_certain(logits, round.between(portion, last), per_class)
            }
        }
    }
}

/// A batch of source rows, with target rows behind them that have labels.
pub(crate) struct LabelledBatch {
    pub input: Input,
    pub segments: Vec<Segment>,
    /// Targets of the source rows.
    pub targets: Targets,
    /// Labels of the target rows; fewer than asked for where few rows have one.
    pub labels: Vec<u32>,
}

impl LabelledBatch {
    /// This step's source batch and as many labelled target rows as a batch has, drawn at random.
    pub fn draw(
        step: &Step<'_>,
        labels: &PseudoLabels,
        class_balanced: bool,
    ) -> Result<Self, MethodError> {
        let (key, stage) = (step.key(), &step.stage);
        let (rows, labels) = labels.draw(stage.batch_size, class_balanced, key.named("rows"));
        let SourceBatch { mut input, mut segments, targets, .. } =
            stage.data.source_batch(step.batch_number(), &stage.device)?;
        if !rows.is_empty() {
            let view = SampleView::Weak(key.named("view"));
            input = input.concatenate(stage.data.target_at(&rows, view, &stage.device)?.input);
            segments.push(Segment { domain: DomainRole::Target, rows: rows.len() });
        }
        Ok(Self { input, segments, targets, labels })
    }

    /// What a network makes of the source rows.
    pub fn source(&self, output: &ModelOutput) -> ModelOutput {
        output.rows(0, self.targets.rows())
    }

    /// The loss of the target rows' labels, of the logits of all rows; none where no row has a
    /// label, since a mean over no rows is not a number.
    pub fn label_loss(&self, loss: LabelLoss, logits: &Tensor<2>) -> Option<Tensor<1>> {
        let rows = self.labels.len();
        (rows > 0).then(|| {
            let logits = logits.clone().narrow(0, self.targets.rows(), rows);
            let labels = class_tensor(&self.labels, &logits.device());
            loss.of(logits, labels)
        })
    }
}

/// The driver.
pub(crate) struct SelfTraining {
    pub selection: Selection,
    /// How often labels are given.
    pub rounds: usize,
    /// Whether batches hold equally many labelled rows of each class.
    pub class_balanced: bool,
    pub loss: LabelLoss,
    /// Factor of the loss on labelled target rows.
    pub trade_off: f64,
    pub labels: RoundLabels,
}

impl Driver for SelfTraining {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let round = Round::of(step, self.rounds);
        if round.begins {
            let logits = step.stage.predict_target()?;
            self.labels.begin(self.selection.labels(logits, round));
        }
        let labels = self.labels.at(step)?;
        let kept_share = labels.kept_share();
        let batch = LabelledBatch::draw(step, labels, self.class_balanced)?;
        let output = step.first_pass(batch.input.clone(), batch.segments.clone());
        let objective = step.stage.objective;
        let source_loss = objective.loss(&batch.source(&output), &batch.targets, None)?;
        let target_loss = batch.label_loss(self.loss, &output.logits);

        if step.measure || round.begins {
            step.note("round", round.number as f64);
            step.note("kept_share", kept_share);
        }
        if step.measure {
            step.note(objective.loss_name(), source_loss.clone().into_scalar::<f64>());
            if let Some(loss) = &target_loss {
                step.note("pseudo_label_loss", loss.clone().into_scalar::<f64>());
            }
        }
        let loss = match target_loss {
            Some(target_loss) => source_loss + target_loss.mul_scalar(self.trade_off),
            None => source_loss,
        };
        step.update(&loss, Vec::new())
    }
}

impl Method for SelfTraining {
    fn state(&self) -> Vec<NamedTensor> {
        self.labels.state()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.labels.load_state(&state)
    }
}
