//! Balanced adversarial alignment with adaptive uncertainty suppression.

use burn::tensor::{Int, TensorData};
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::step::Joint;
use isthmus_core::updater::Part;
use isthmus_losses::adversarial::dann_domain_bce_weighted;
use isthmus_losses::classification::complement_entropy;
use isthmus_losses::target::entropy_per_sample;
use rand::seq::index;

use crate::adversary::{Adversary, note};
use crate::class_weights::{ClassWeights, row_weights, scaled_to_mean_1};
use crate::reversal::{Reversal, ReversalSchedule};

inventory::submit! {
    Plugin::term::<Ba3us>(About {
        name: "ba3us",
        summary: "As pada, with source rows that stand in for what the target lacks, and wrong \
                  classes kept alike",
        paper: "Liang, Wang, Hu, He, Feng: A balanced and uncertainty-aware approach for partial \
                domain adaptation, ECCV 2020",
    }).of_classes()
}

/// Partial adaptation: the source has classes that the target lacks. As in `pada`, a class weighs by
/// how often the target is predicted as it, in the loss on the source and in the adversary's.
///
/// Balanced alignment: source rows stand in for what the target lacks. A share of the batch's source
/// rows, drawn anew at each step, also counts as target rows in the adversary's loss; the share falls
/// to 0 by the end of the stage. All rows weigh by `exp(-H)` there, with `H` the entropy of their
/// prediction.
///
/// Uncertainty suppression: no wrong class is to stand out. `complement_weight` times the negative
/// entropy of what the classifier gives to the wrong classes of source rows, divided by its largest
/// value, is added; rows weigh by their class and by `(1 - p)^exponent`, with `p` the probability of
/// their own class.
///
/// The authors add the entropy of the predictions on the target: put the term `entropy` with weight
/// 0.1 beside it. On Office-31's features that is what gains most (`experiments/methods/partial.toml`).
/// They draw further source rows to stand in, where here the batch's own do. With one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ba3us {
    /// Steps between updates of the class weights; before the first one all weigh 1. The authors
    /// have ten updates in a run.
    #[schemars(range(min = 1))]
    pub update_every: usize,
    /// Share of the source rows that stand in for target rows at the first step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub augmentation: f64,
    /// Factor of the uncertainty suppression. The authors use 5 for Office-31, 1 elsewhere.
    #[schemars(range(min = 0.0))]
    pub complement_weight: f64,
    /// How much more rows count in it that are uncertain of their class; 0 counts all alike.
    #[schemars(range(min = 0.0))]
    pub exponent: f64,
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that tells the domains apart.
    pub discriminator: Choice<DiscriminatorKind>,
}

impl Default for Ba3us {
    fn default() -> Self {
        Self {
            update_every: 200,
            augmentation: 0.25,
            complement_weight: 1.0,
            exponent: 1.0,
            reversal: Reversal { schedule: ReversalSchedule::Progress, ..Reversal::default() },
            discriminator: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Ba3us {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Ba3us {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        if context.sources != 1 {
            return Err(MethodError::Unsuitable(format!(
                "`ba3us` weighs the classes of one source, this task has {}",
                context.sources
            )));
        }
        let size = context.feature_size;
        let adversary =
            Adversary::new("ba3us", &self.discriminator, self.reversal, size, 2, context)?;
        let weights = ClassWeights::new("ba3us", 1.0, self.update_every, context.outputs);
        Ok(Box::new(BalancedAlignment { config: self.clone(), weights, adversary }))
    }
}

struct BalancedAlignment {
    config: Ba3us,
    weights: ClassWeights,
    adversary: Adversary,
}

impl BalancedAlignment {
    /// Positions in the batch of the source rows that stand in for target rows at this step.
    fn stand_ins(&self, step: &Step<'_>, joint: &Joint) -> Vec<usize> {
        let done = step.number as f64 / step.stage.total_steps.max(1) as f64;
        let share = self.config.augmentation * (1.0 - done).max(0.0);
        let count = (share * joint.source_rows as f64).round() as usize;
        let mut rng = step.key().named("stand-ins").rng();
        let mut rows = index::sample(&mut rng, joint.source_rows, count).into_vec();
        rows.sort_unstable();
        rows
    }

    /// `(S + T + M) / (2 + rho)`, of the mean losses of source and target rows, weighted to mean 1, and
    /// of the rows that stand in, which are `rho` times as many as the source rows and weigh as those.
    fn balanced(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
        stand_ins: &[usize],
    ) -> Result<Tensor<1>, MethodError> {
        let logits = self.adversary.logits(step, joint)?;
        let certainty = entropy_per_sample(joint.logits.clone().detach()).neg().exp();
        let certainty: Vec<f32> = certainty.to_data().iter::<f32>().collect();
        let (of_source, of_target) = certainty.split_at(joint.source_rows);
        let classes = self.weights.of_rows(joint)?;
        let weights = classes.iter().zip(of_source).map(|(class, own)| class * own).collect();
        let source_weights = scaled_to_mean_1(weights);
        let mut target_weights = scaled_to_mean_1(of_target.to_vec());
        let (target_rows, rows) = (joint.target_rows, joint.target_rows + stand_ins.len());
        // A mean over all rows of the second group is then T + M.
        let scale = |of: usize| rows as f32 / of as f32;
        target_weights.iter_mut().for_each(|weight| *weight *= scale(target_rows));
        let of_stand_in = |row: &usize| source_weights[*row] * scale(joint.source_rows);
        target_weights.extend(stand_ins.iter().map(of_stand_in));

        let source = logits.clone().narrow(0, 0, joint.source_rows);
        let mut target = logits.clone().narrow(0, joint.source_rows, target_rows);
        if !stand_ins.is_empty() {
            let places: Vec<i64> = stand_ins.iter().map(|row| *row as i64).collect();
            let places = TensorData::new(places, [stand_ins.len()]);
            let places = Tensor::<1, Int>::from_data(places, &logits.device());
            target = Tensor::cat(vec![target, source.clone().select(0, places)], 0);
        }
        let loss = dann_domain_bce_weighted(
            source,
            target,
            row_weights(source_weights, joint),
            row_weights(target_weights, joint),
        );
        let ratio = stand_ins.len() as f64 / joint.source_rows as f64;
        let loss = loss.mul_scalar(2.0 / (2.0 + ratio));
        note(step, &loss, &logits, &joint.segments);
        Ok(loss)
    }
}

impl Method for BalancedAlignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.adversary.networks()
    }

    fn state(&self) -> Vec<NamedTensor> {
        vec![self.weights.state()]
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.weights.load_state(&state)
    }
}

impl Term for BalancedAlignment {
    fn source_weights(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Option<Tensor<1>>, MethodError> {
        self.weights.refresh(step)?;
        Ok(Some(self.weights.of_mean_1(joint)?))
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let stand_ins = self.stand_ins(step, &joint);
        let adversary = self.balanced(step, &joint, &stand_ins)?;
        let suppression = complement_entropy(
            joint.source_logits(),
            joint.source_classes()?,
            row_weights(self.weights.of_rows(&joint)?, &joint),
            self.config.exponent,
        );
        if step.measure {
            step.note("complement_entropy", suppression.clone().into_scalar::<f64>());
            step.note("smallest_class_weight", self.weights.smallest());
            step.note("stand_ins", stand_ins.len() as f64);
        }
        Ok(adversary + suppression.mul_scalar(self.config.complement_weight))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{
        FAR, Joint as FreeJoint, assert_term_gains, config_error, context, plugin, term,
    };

    use super::*;
    use crate::class_weights::tests::partial;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16], batch_norm = false }\n";

    fn value(joint: &FreeJoint, config: &str, step: usize) -> f64 {
        let mut ba3us = term("ba3us", &format!("{SMALL}{config}"), &context(4, 3, 1));
        joint.loss(&mut *ba3us, step, 100).into_scalar::<f64>()
    }

    /// Logits of 0 make all rows equally certain.
    #[test]
    fn without_stand_ins_and_suppression_it_is_dann() {
        let joint = FreeJoint::new(&[5], 3, 4, 3).scaled(1.0, 0.0);
        let mut dann = term("dann", &format!("{SMALL}schedule = \"progress\""), &context(4, 3, 1));
        let want = joint.loss(&mut *dann, 50, 100).into_scalar::<f64>();
        let found = value(&joint, "augmentation = 0.0\ncomplement_weight = 0.0", 50);
        assert!((found - want).abs() < 1e-6, "{found}, expected {want}");
    }

    /// With all source rows as stand-ins the loss is `(S + T + M) / 3`, of `S` and `M` the losses of
    /// the same rows under either label: `softplus(-z) + softplus(z)`.
    #[test]
    fn stand_ins_count_as_target_rows() {
        let joint = FreeJoint::new(&[5], 3, 4, 3).scaled(1.0, 0.0);
        let plain = "complement_weight = 0.0\naugmentation = ";
        let with = value(&joint, &format!("{plain}1.0"), 0);
        let without = value(&joint, &format!("{plain}0.0"), 0);
        // The discriminator's logits, by a pass of its own.
        let mut adversary = Adversary::new(
            "ba3us",
            &term_discriminator(),
            Ba3us::default().reversal,
            4,
            2,
            &context(4, 3, 1),
        )
        .unwrap();
        let data = isthmus_testing::TwoDomains::shifted(4, 4, 0.0);
        let spec = isthmus_testing::ModelSpec::NORMALISED;
        let mut bench = isthmus_testing::Workbench::new(spec, data, 100, 0.1);
        let step = Step::new(bench.stage(), 0, 0, false);
        let logits = adversary.pass(&step, &joint.segments, joint.features.clone()).unwrap();
        let logits: Vec<f64> = logits.to_data().iter::<f64>().collect();
        let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
        let mean = |rows: &[f64], sign: f64| {
            rows.iter().map(|z| softplus(sign * z)).sum::<f64>() / rows.len() as f64
        };
        let (source, target) = logits.split_at(5);
        let (s, t, m) = (mean(source, -1.0), mean(target, 1.0), mean(source, 1.0));
        assert!((without - (s + t) / 2.0).abs() < 1e-5, "{without}");
        assert!((with - (s + t + m) / 3.0).abs() < 1e-5, "{with}");
    }

    fn term_discriminator() -> Choice<DiscriminatorKind> {
        serde_json::from_value(serde_json::json!({
            "name": "mlp", "hidden": [16], "batch_norm": false
        }))
        .unwrap()
    }

    #[test]
    fn fewer_rows_stand_in_as_the_stage_goes_on() {
        let joint = FreeJoint::new(&[8], 4, 4, 3);
        let mut ba3us = term("ba3us", &format!("{SMALL}augmentation = 0.5"), &context(4, 3, 1));
        let mut count = |step: usize| {
            let measured = joint.measured(&mut *ba3us, step, 100);
            measured.into_iter().find(|(name, _)| name == "stand_ins").unwrap().1
        };
        assert_eq!([0, 50, 99].map(&mut count), [4.0, 2.0, 0.0]);
    }

    #[test]
    fn classes_that_the_target_lacks_weigh_less() {
        let mut bench = partial(0.2, 100);
        let ba3us = term("ba3us", &format!("{SMALL}update_every = 20"), &bench.context());
        let steps = bench.train(ba3us, 100);
        assert_eq!(steps[19]["term/smallest_class_weight"], 1.0);
        assert!(steps[99]["term/smallest_class_weight"] < 0.2, "{:?}", steps[99]);
        assert!(bench.target_accuracy() > 0.9);
    }

    #[test]
    fn extreme_batches_are_no_trouble() {
        for (features, logits) in [(0.0, 0.0), (1.0, 1e4)] {
            let joint = FreeJoint::new(&[5], 3, 4, 3).scaled(features, logits);
            assert!(value(&joint, "", 50).is_finite());
            let mut ba3us = term("ba3us", SMALL, &context(4, 3, 1));
            let (features, logits) = joint.gradients(&mut *ba3us, 50, 100);
            let all = features.into_iter().chain(logits).flatten();
            assert!(all.into_iter().all(|slope| slope.is_finite()));
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let config = "discriminator = { name = \"mlp\", hidden = [16] }";
        assert_term_gains("ba3us", config, FAR, 200);
    }

    #[test]
    fn the_defaults_are_the_authors() {
        let plugin = plugin(Kind::Method, "ba3us");
        let defaults = (plugin.defaults)();
        assert_eq!(
            (&defaults["augmentation"], &defaults["reversal"]["schedule"]),
            (&0.25.into(), &"progress".into())
        );
        let error = Ba3us::default().build(&context(4, 3, 2)).err().unwrap().to_string();
        assert!(error.contains("one source, this task has 2"), "{error}");
        assert!(config_error("ba3us", "augmentation = 1.5").contains("augmentation"));
    }
}
