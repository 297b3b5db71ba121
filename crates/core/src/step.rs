//! One training step, as terms, drivers and tests see it: the joint forward, further passes, the
//! loss, the updates.

use std::rc::Rc;

use burn::tensor::Tensor;

use crate::batch::{SourceBatch, TargetBatch};
use crate::context::{Context, DomainRole, Segment, StatisticsUpdate};
use crate::error::MethodError;
use crate::input::Input;
pub use crate::joint::Joint;
use crate::method::Method;
use crate::metric::Measurement;
use crate::model::ModelOutput;
use crate::optimizer::is_host;
use crate::parameter::ParameterSet;
use crate::random::Key;
use crate::sample_check::SampleCheck;
use crate::stage::Stage;
use crate::targets::Targets;
use crate::terms::{Terms, WeightedTerm};
use crate::updater::{Part, Role, UpdatePlace};

/// One step of a stage. What a method can do in it: look at the joint forward, make further
/// passes, ask for the loss, update networks, note measurements.
pub struct Step<'a> {
    /// The stage: model, data, settings.
    pub stage: Stage<'a>,
    /// Number of the step, from 0: schedules go by it.
    pub number: usize,
    /// Whether measurements that cost time are wanted.
    pub measure: bool,
    /// The batch of this step whose gradients are summed with those of its other batches.
    batch: usize,
    joint: Option<Rc<Joint>>,
    /// Factors of the source rows' loss, off the tape, as the terms asked in this step.
    source_weights: Option<Tensor<1>>,
    /// Whether the norm layers of all passes had samples enough.
    samples: SampleCheck,
    /// Label of the term that runs.
    owner: Option<String>,
    passes: u64,
    updates: usize,
    measurements: Vec<Measurement>,
}

impl<'a> Step<'a> {
    /// Batch `batch` of step `number`; `batch` is below the updater's
    /// [`accumulate`](crate::updater::Updater::accumulate).
    pub fn new(stage: Stage<'a>, number: usize, batch: usize, measure: bool) -> Self {
        Self {
            stage,
            number,
            measure,
            batch,
            joint: None,
            source_weights: None,
            samples: SampleCheck::default(),
            owner: None,
            passes: 0,
            updates: 0,
            measurements: Vec::new(),
        }
    }

    /// The same with a joint forward made beforehand, for tests of terms by themselves.
    pub fn with_joint(mut self, joint: Rc<Joint>) -> Self {
        self.joint = Some(joint);
        self
    }

    /// Puts `joint` in the place of the joint forward until the next update, for drivers that predict
    /// by more than the model: objective and terms see what it predicts.
    pub fn set_joint(&mut self, joint: Rc<Joint>) {
        self.joint = Some(joint);
    }

    /// What was measured.
    pub fn into_measurements(self) -> Vec<Measurement> {
        self.measurements
    }

    /// The number of this step's batch: as the step's, where nothing is accumulated.
    pub fn batch_number(&self) -> usize {
        self.number * self.stage.updates.updater.accumulate() + self.batch
    }

    /// Whether this batch is the first of its step.
    pub fn is_first_batch(&self) -> bool {
        self.batch == 0
    }

    /// Whether this batch is the last of its step: where gradients are accumulated, its updates are
    /// those that change networks.
    pub fn is_last_batch(&self) -> bool {
        self.batch + 1 == self.stage.updates.updater.accumulate()
    }

    /// Names the randomness of the method that asks, at this step.
    pub fn key(&self) -> Key {
        let key = match &self.owner {
            Some(label) => self.stage.key.named(label),
            None => self.stage.key.named(self.stage.updates.driver),
        };
        key.at(self.batch_number() as u64)
    }

    /// Notes a measurement. Give it only where [`Step::measure`] asks, if it costs time.
    pub fn note(&mut self, name: &str, value: f64) {
        let name = match &self.owner {
            Some(label) => format!("{label}/{name}"),
            None => name.to_owned(),
        };
        self.measurements.push((name, value));
    }

    /// The joint forward of this step's source and target batches. It is made once, and anew after
    /// an update.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn joint(&mut self) -> Result<Rc<Joint>, MethodError> {
        if let Some(joint) = &self.joint {
            return Ok(Rc::clone(joint));
        }
        let (number, stage) = (self.batch_number(), &mut self.stage);
        let source = stage.data.source_batch(number, &stage.device)?;
        let target = stage.data.target_batch(number, &stage.device)?;
        Ok(self.joint_of(source, target))
    }

    /// The joint forward of other batches than the step's own, in its place until the next update:
    /// for drivers that change samples before objective and terms see them.
    pub fn joint_of(&mut self, source: SourceBatch, target: TargetBatch) -> Rc<Joint> {
        let (source_rows, target_rows) = (source.input.rows(), target.input.rows());
        let mut segments = source.segments;
        segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        let input = source.input.concatenate(target.input);
        let ModelOutput { features, logits, states, layers } =
            self.first_pass(input.clone(), segments.clone());
        let joint = Rc::new(Joint {
            input,
            features,
            logits,
            states,
            layers,
            targets: source.targets,
            segments,
            source_rows,
            target_rows,
            source_indices: source.indices,
            target_indices: target.indices,
        });
        self.joint = Some(Rc::clone(&joint));
        joint
    }

    /// A training pass of a method's own batch, in place of the joint forward. The first pass of a
    /// step moves running statistics; dropout masks differ from pass to pass.
    pub fn first_pass(&mut self, input: Input, segments: Vec<Segment>) -> ModelOutput {
        let mut key = self.stage.key.named("forward").at(self.batch_number() as u64);
        if self.updates > 0 {
            key = key.named("update").at(self.updates as u64);
        }
        let norm = self.stage.norm;
        let context = Context::train(segments, key).with_norm(norm).with_check(&self.samples);
        self.stage.model.forward(input, &context)
    }

    /// A further training pass, with dropout masks of its own; running statistics stay as they are.
    pub fn forward(&mut self, input: Input, segments: Vec<Segment>) -> ModelOutput {
        let context = self.pass_context(segments);
        self.stage.model.forward(input, &context)
    }

    /// What a further pass of this step is told: training, statistics kept, dropout masks of its
    /// own. Also for passes of a method's own networks.
    pub fn pass_context(&mut self, segments: Vec<Segment>) -> Context {
        let mut norm = self.stage.norm;
        norm.update = StatisticsUpdate::Keep;
        self.network_context(segments).with_norm(norm)
    }

    /// What a training pass of a method's own network is told that is evaluated later: as
    /// [`pass_context`](Self::pass_context), but running statistics move.
    pub fn network_context(&mut self, segments: Vec<Segment>) -> Context {
        let key = self.key().named("pass").at(self.passes);
        self.passes += 1;
        Context::train(segments, key).with_norm(self.stage.norm).with_check(&self.samples)
    }

    /// The loss of the step, shape `[1]`: the objective's on the source rows, weighted as terms
    /// ask, and every term of the stage. The parts of it are noted.
    ///
    /// # Errors
    /// If a term cannot go on or a sample cannot be read.
    pub fn loss(&mut self) -> Result<Tensor<1>, MethodError> {
        let joint = self.joint()?;
        // The terms see the step, so they are not in it while they run.
        let mut terms = std::mem::take(self.stage.updates.terms);
        let loss = self.sum(&joint, &mut terms);
        *self.stage.updates.terms = terms;
        loss
    }

    /// The objective's loss on source rows as a further head predicts them, shape `[1]`, weighted as
    /// the terms asked in this step's [`loss`](Self::loss).
    ///
    /// # Errors
    /// If the objective does not take such targets.
    pub fn source_loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
    ) -> Result<Tensor<1>, MethodError> {
        self.stage.objective.loss(output, targets, self.source_weights.clone())
    }

    fn sum(&mut self, joint: &Joint, terms: &mut Terms) -> Result<Tensor<1>, MethodError> {
        let mut weights: Option<Tensor<1>> = None;
        for WeightedTerm { label, term, .. } in &mut terms.list {
            self.owner = Some(label.clone());
            if let Some(own) = term.source_weights(self, joint)? {
                weights = Some(match weights {
                    Some(weights) => weights * own,
                    None => own,
                });
            }
        }
        self.owner = None;
        self.source_weights = weights.clone().map(Tensor::detach);
        let mut loss = self.stage.objective.loss(&joint.source(), &joint.targets, weights)?;
        if self.measure {
            self.note(self.stage.objective.loss_name(), loss.clone().into_scalar::<f64>());
        }
        for WeightedTerm { label, weight, term } in &mut terms.list {
            self.owner = Some(label.clone());
            let added = term.loss(self)?;
            if self.measure {
                self.note("loss", added.clone().into_scalar::<f64>());
            }
            let added = if *weight == 1.0 { added } else { added.mul_scalar(*weight) };
            loss = loss + added;
        }
        self.owner = None;
        Ok(loss)
    }

    /// Back-propagates `loss` and updates the model, the networks of the terms, and `own` networks
    /// of the driver.
    ///
    /// # Errors
    /// If the loss is not finite, or a norm layer took statistics of a single sample.
    pub fn update(&mut self, loss: &Tensor<1>, own: Vec<Part<'_>>) -> Result<(), MethodError> {
        self.check(loss)?;
        self.joint = None;
        let place = self.place();
        let stage = &mut self.stage;
        let mut gradients = loss.backward();
        let mut parts = stage.model.parts();
        parts.extend(own.into_iter().map(|part| part.below(stage.updates.driver)));
        parts.extend(stage.updates.terms.networks());
        stage.updates.updater.update(place, &mut gradients, parts, ParameterSet::All);
        Ok(())
    }

    /// Back-propagates `loss` and updates the model's parts of the given roles and `own` networks
    /// of the driver; everything else stays as it is.
    ///
    /// # Errors
    /// If the loss is not finite, or a norm layer took statistics of a single sample.
    pub fn update_only(
        &mut self,
        loss: &Tensor<1>,
        roles: &[Role],
        own: Vec<Part<'_>>,
    ) -> Result<(), MethodError> {
        self.check(loss)?;
        self.joint = None;
        let place = self.place();
        let stage = &mut self.stage;
        let mut gradients = loss.backward();
        let mut parts = stage.model.parts();
        parts.retain(|part| roles.contains(&part.role));
        parts.extend(own.into_iter().map(|part| part.below(stage.updates.driver)));
        stage.updates.updater.update(place, &mut gradients, parts, ParameterSet::All);
        Ok(())
    }

    /// The place of the next update.
    fn place(&mut self) -> UpdatePlace {
        let phase = self.updates;
        self.updates += 1;
        let total_steps = self.stage.total_steps;
        UpdatePlace { step: self.number, total_steps, batch: self.batch, phase }
    }

    /// Refuses to train by a loss that teaches nothing.
    fn check(&self, loss: &Tensor<1>) -> Result<(), MethodError> {
        self.samples.result()?;
        // On the host the check costs nothing; elsewhere it would wait for the device each step.
        if self.measure || is_host(&self.stage.device) {
            let value = loss.clone().into_scalar::<f64>();
            if !value.is_finite() {
                let quantity = "the loss".to_owned();
                return Err(MethodError::Diverged { quantity, value, step: self.number });
            }
        }
        Ok(())
    }
}
