//! Domain-adversarial neural network.

use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::Part;
use isthmus_losses::adversarial::negative_domain_entropy;

use crate::adversary::{Adversary, domain_loss, note};
use crate::reversal::{Reversal, ReversalSchedule};

inventory::submit! {
    Plugin::term::<Dann>(About {
        name: "dann",
        summary: "Aligns features against a domain discriminator behind a gradient reversal",
        paper: "Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand, Lempitsky: \
                Domain-adversarial training of neural networks, JMLR 2016",
    })
}

/// A discriminator learns to tell source from target features; the features learn, through a
/// reversed gradient, to make that impossible. With several sources the discriminator tells all
/// domains apart, and the features may, in place of a reversed gradient, raise its uncertainty.
///
/// The defaults are those of the Transfer Learning Library (tllib).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dann {
    /// How the reversal coefficient λ rises from `low` to `high`: `warm-start` by steps (tllib),
    /// `progress` by the share of the stage that is done (the paper), `constant` is `high`
    /// throughout.
    pub schedule: ReversalSchedule,
    /// Steepness of the warm start; the larger, the faster. `progress` always has the paper's 10.
    #[schemars(range(min = 0.0))]
    pub alpha: f64,
    /// λ at the first step: the factor by which the features receive the reversed gradient.
    #[schemars(range(min = 0.0))]
    pub low: f64,
    /// What λ rises to; at least `low`.
    #[schemars(range(min = 0.0))]
    pub high: f64,
    /// Steps of the warm start, after which λ is `low + (high - low) tanh(alpha / 2)`: 0.46 with
    /// the defaults. It goes on rising after them. 0 is no warm start.
    pub max_iterations: u64,
    /// What the features do against the discriminator, which always learns by cross-entropy:
    /// `cross-entropy` raises its loss (a reversed gradient), `entropy` the entropy of the domains
    /// that it predicts, so that all become equally likely (Huang, Fu, Zhang, Lee: Improving
    /// distortion robustness of self-supervised speech processing tasks with domain adaptation,
    /// Interspeech 2022, for several sources).
    pub objective: DomainObjective,
    /// The network that tells the domains apart.
    pub discriminator: Choice<DiscriminatorKind>,
}

/// What features do against a discriminator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DomainObjective {
    /// They raise its cross-entropy.
    #[default]
    CrossEntropy,
    /// They raise the entropy of what it predicts.
    Entropy,
}

impl Default for Dann {
    fn default() -> Self {
        Self {
            schedule: ReversalSchedule::WarmStart,
            alpha: 1.0,
            low: 0.0,
            high: 1.0,
            max_iterations: 1000,
            objective: DomainObjective::CrossEntropy,
            discriminator: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Dann {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.high >= self.low {
            Ok(())
        } else {
            Err(FieldProblem {
                field: "high".to_owned(),
                message: format!(
                    "`high` is {}, it must be at least `low`, which is {}",
                    self.high, self.low
                ),
            })
        }
    }
}

impl TermPlugin for Dann {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let reversal = Reversal {
            schedule: self.schedule,
            alpha: self.alpha,
            low: self.low,
            high: self.high,
            max_iterations: self.max_iterations,
        };
        let (size, domains) = (context.feature_size, context.sources + 1);
        let adversary =
            Adversary::new("dann", &self.discriminator, reversal, size, domains, context)?;
        Ok(Box::new(Alignment { adversary, objective: self.objective }))
    }
}

struct Alignment {
    adversary: Adversary,
    objective: DomainObjective,
}

impl Method for Alignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.adversary.networks()
    }
}

impl Term for Alignment {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let (logits, loss) = match self.objective {
            DomainObjective::CrossEntropy => {
                let logits = self.adversary.logits(step, &joint)?;
                let loss = domain_loss(&logits, &joint.segments, None);
                (logits, loss)
            }
            DomainObjective::Entropy => self.adversary.confuse(
                step,
                &joint.segments,
                joint.features.clone(),
                negative_domain_entropy,
            )?,
        };
        note(step, &loss, &logits, &joint.segments);
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use isthmus_core::context::Context;
    use isthmus_core::registry::{Kind, build_discriminator};
    use isthmus_core::updater::Role;
    use isthmus_losses::adversarial::{dann_domain_bce, domain_columns};
    use isthmus_testing::{
        Joint as FreeJoint, ModelSpec, TwoDomains, Workbench, config_error, context, plugin, term,
    };

    use super::*;
    use crate::adversary::domain_labels;

    /// λ = 1 at every step, and a discriminator of a size for tests.
    const REVERSED: &str =
        "schedule = \"constant\"\ndiscriminator = { name = \"mlp\", hidden = [16] }";

    fn measured(joint: &FreeJoint, term: &mut dyn Term, step: usize) -> BTreeMap<String, f64> {
        joint.measured(term, step, 1000).into_iter().collect()
    }

    /// skada's default discriminator ends in a softmax over one output: it is constant and nothing
    /// ever learns.
    #[test]
    fn the_default_discriminator_learns_from_the_first_step() {
        let mut dann = term("dann", "", &context(4, 3, 1));
        let joint = FreeJoint::new(&[5], 3, 4, 3);
        let gradients = joint.loss(&mut *dann, 0, 1000).backward();
        let parts = dann.networks();
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].name.as_str(), parts[0].role), ("discriminator", Role::Discriminator));
        assert!(parts[0].network.gradient_square_sum(&gradients) > 1e-6);
        // 4-1024-1024-1 with biases, and scale and shift (and one more) of two norm layers.
        let linear = 4 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 + 1;
        let norms = parts[0].network.parameter_count() - linear;
        assert!((4 * 1024..=4 * 1024 + 2).contains(&norms), "{norms}");
    }

    #[test]
    fn the_warm_start_begins_without_a_gradient_for_the_features() {
        let mut dann = term("dann", "", &context(4, 3, 1));
        let joint = FreeJoint::new(&[5], 3, 4, 3);
        assert_eq!(measured(&joint, &mut *dann, 0)["lambda"], 0.0);
        assert!((measured(&joint, &mut *dann, 1000)["lambda"] - 0.4621).abs() < 1e-4);
        let size = |term: &mut dyn Term, step| -> f32 {
            joint.gradients(term, step, 1000).0.unwrap().iter().map(|value| value.abs()).sum()
        };
        assert_eq!(size(&mut *dann, 0), 0.0);
        assert!(size(&mut *dann, 500) > 0.0);
    }

    #[test]
    fn the_gradient_of_the_features_is_reversed_and_unequal_batches_count_alike() {
        let joint = FreeJoint::new(&[5], 3, 4, 3);
        let method = context(4, 3, 1);
        let batch = joint.batch();
        // The same discriminator without a reversal, domain by domain.
        let choice = serde_json::from_value(serde_json::json!({ "name": "mlp", "hidden": [16] }));
        let own = method.network("discriminator");
        let mut discriminator = build_discriminator(&choice.unwrap(), 4, 2, &own).unwrap();
        let pass = Context::train(batch.segments.clone(), method.key);
        let logits = discriminator.forward(joint.features.clone(), &pass);
        let plain = dann_domain_bce(logits.clone().narrow(0, 0, 5), logits.clone().narrow(0, 5, 3));
        let gradients = plain.backward();
        let forward: Vec<f32> =
            joint.features.grad(&gradients).unwrap().to_data().iter::<f32>().collect();
        assert!(forward.iter().any(|value| value.abs() > 1e-3));

        for lambda in [1.0, 0.25] {
            let config = format!("high = {lambda:?}\n{REVERSED}");
            let mut dann = term("dann", &config, &method);
            let loss = joint.loss(&mut *dann, 1, 1000).into_scalar::<f64>();
            assert!((loss - plain.clone().into_scalar::<f64>()).abs() < 1e-6);
            let mut dann = term("dann", &config, &method);
            let reversed = joint.gradients(&mut *dann, 1, 1000).0.unwrap();
            for (reversed, forward) in reversed.iter().zip(&forward) {
                let want = -lambda as f32 * forward;
                assert!((reversed - want).abs() < 1e-6, "{reversed} is not {want}");
            }
        }
    }

    #[test]
    fn several_sources_are_told_apart_from_each_other() {
        let mut dann = term("dann", REVERSED, &context(4, 3, 2));
        let joint = FreeJoint::new(&[4, 3], 5, 4, 3);
        let measurements = measured(&joint, &mut *dann, 0);
        let loss = measurements["domain_loss"];
        assert!(loss > 0.5 * 3.0_f64.ln() && loss < 2.0 * 3.0_f64.ln(), "{loss}");
        let labels = domain_labels(&joint.segments, &joint.features.device());
        assert_eq!(
            labels.to_data().iter::<i64>().collect::<Vec<_>>(),
            [1, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0, 0]
        );
        let gradients = joint.loss(&mut *dann, 0, 1000).backward();
        assert!(dann.networks()[0].network.gradient_square_sum(&gradients) > 1e-6);
    }

    /// The features' gradient is that of the entropy of the discriminator's prediction, times λ; the
    /// discriminator's own that of its cross-entropy. For one source and for several.
    #[test]
    fn with_entropy_the_features_make_all_domains_equally_likely() {
        for sources in [vec![5], vec![4, 3]] {
            let joint = FreeJoint::new(&sources, 3, 4, 3);
            let method = context(4, 3, sources.len());
            let choice = serde_json::from_value(serde_json::json!({ "name": "linear" })).unwrap();
            let own = method.network("discriminator");
            let domains = sources.len() + 1;
            let mut discriminator = build_discriminator(&choice, 4, domains, &own).unwrap();
            let pass = Context::train(joint.segments.clone(), method.key);
            let logits = discriminator.forward(joint.features.clone(), &pass);
            let entropy = negative_domain_entropy(domain_columns(logits));
            let gradients = entropy.backward();
            let want = joint.features.grad(&gradients).unwrap();
            let want: Vec<f32> = want.to_data().iter::<f32>().collect();

            let config =
                "schedule = \"constant\"\nhigh = 0.5\ndiscriminator = { name = \"linear\" }";
            let with = |objective: &str| {
                let config = format!("objective = \"{objective}\"\n{config}");
                term("dann", &config, &method)
            };
            let mut entropy = with("entropy");
            let got = joint.gradients(&mut *entropy, 0, 1000).0.unwrap();
            for (got, want) in got.iter().zip(&want) {
                assert!((got - 0.5 * want).abs() < 1e-6, "{got} is not half of {want}");
            }
            let learned = |dann: &mut dyn Term| {
                let gradients = joint.loss(dann, 0, 1000).backward();
                dann.networks()[0].network.gradient_square_sum(&gradients)
            };
            let (one, other) = (learned(&mut *entropy), learned(&mut *with("cross-entropy")));
            assert!((one - other).abs() < 1e-6 * other, "{one} {other}");
        }
        assert!(config_error("dann", "objective = \"uniform\"").contains("uniform"));
    }

    /// The last quarter's mean of the discriminator's accuracy after training with λ.
    fn accuracy(lambda: f64, objective: &str) -> f64 {
        let data = TwoDomains::shifted(48, 32, 1.0);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 400, 0.1);
        let config = format!("objective = \"{objective}\"\nhigh = {lambda:?}\n{REVERSED}");
        let dann = term("dann", &config, &bench.context());
        let steps = bench.train(dann, 400);
        let last = &steps[300..];
        last.iter().map(|step| step["term/discriminator_accuracy"]).sum::<f64>() / last.len() as f64
    }

    #[test]
    fn the_discriminator_falls_toward_chance_as_lambda_rises() {
        for objective in ["cross-entropy", "entropy"] {
            let accuracy = |lambda| accuracy(lambda, objective);
            let (without, some, full) = (accuracy(0.0), accuracy(0.3), accuracy(1.0));
            println!("accuracy of the discriminator: {without:.3}, {some:.3}, {full:.3}");
            assert!(without > 0.9, "{without}");
            assert!(some < without, "{some} is not below {without}");
            assert!(full < 0.75, "{full}");
        }
    }

    /// tllib's `--lr-d` is taken for `--lr-decay`; here no part of a name stands for the whole.
    #[test]
    fn parts_of_field_names_are_refused() {
        let defaults = (plugin(Kind::Method, "dann").defaults)();
        let fields: Vec<&String> = defaults.as_object().unwrap().keys().collect();
        for field in &fields {
            for end in 1..field.len() {
                let part = &field[..end];
                let error = config_error("dann", &format!("{part} = 1"));
                assert!(error.contains(&format!("`{part}` is not a field of `dann`")), "{error}");
            }
        }
        assert!(config_error("dann", "lr_d = 0.03").contains("`lr_d` is not a field"));
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        assert!(config_error("dann", "low = 0.5\nhigh = 0.1").contains("at least `low`"));
        assert!(config_error("dann", "schedule = \"linear\"").contains("linear"));
        assert!(config_error("dann", "discriminator = \"mlp\"").contains("table"));
        let missing = Dann { discriminator: Choice::named("mpl"), ..Dann::default() };
        let error = missing.build(&context(4, 3, 1)).err().unwrap().to_string();
        assert!(error.contains("no discriminator `mpl`"), "{error}");
    }
}
