//! Wasserstein distance guided representation learning.

use burn::tensor::TensorData;
use isthmus_core::config::{Choice, DiscriminatorKind};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::parts::Discriminator;
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_core::registry::{DriverPlugin, build_discriminator};
use isthmus_core::step::Joint;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::{gradient_penalty, wasserstein_estimate};
use rand::RngExt;

use crate::adversary::require_both;

inventory::submit! {
    Plugin::driver::<Wdgrl>(
        About {
            name: "wdgrl",
            summary: "A critic estimates the Wasserstein distance of the domains; features lower it",
            paper: "Shen, Qu, Zhang, Yu: Wasserstein distance guided representation learning for \
                    domain adaptation, AAAI 2018",
        },
        Needs::NOTHING,
    )
}

/// Each step has two phases. First the critic, a discriminator without a sigmoid, learns
/// `critic_steps` times, on the step's features held still, to value source rows above target rows:
/// it lowers `-w + gradient_penalty g`, where `w = mean D(source) - mean D(target)` and `g` keeps its
/// slope near 1: the mean of `(|dD/df| - 1)²` over the rows of both domains and as many random points
/// between them. Then everything else learns once, by the loss on the source, the stage's terms and
/// `distance_weight w`; the critic stays.
///
/// The penalty's gradient is exact: the slope is computed as ordinary operations. So the critic has
/// to be one that knows its slope: `mlp` without batch normalisation, or `linear`. Several sources
/// count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wdgrl {
    /// Updates of the critic in a step; 5 in the authors' code.
    #[schemars(range(min = 1))]
    pub critic_steps: usize,
    /// Factor of the penalty of the critic's slope.
    #[schemars(range(min = 0.0))]
    pub gradient_penalty: f64,
    /// Factor of the estimated distance `w` in the loss of the features. The authors' code has 1 for
    /// the Amazon reviews and 0.00045 for MNIST to USPS.
    #[schemars(range(min = 0.0))]
    pub distance_weight: f64,
    /// The network that values rows. It learns by the optimizer of the stage; a group of
    /// `[[training.groups]]` gives discriminators one of their own.
    pub critic: Choice<DiscriminatorKind>,
}

impl Default for Wdgrl {
    fn default() -> Self {
        let mut critic = Choice::named("mlp");
        critic.config = serde_json::json!({ "hidden": [100], "batch_norm": false, "dropout": 0.0 });
        Self { critic_steps: 5, gradient_penalty: 10.0, distance_weight: 1.0, critic }
    }
}

impl PluginConfig for Wdgrl {}

impl DriverPlugin for Wdgrl {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let size = context.feature_size;
        let mut critic = build_discriminator(&self.critic, size, 2, &context.network("critic"))?;
        let row = Segment { domain: DomainRole::SOURCE, rows: 1 };
        let pass = Context::train(vec![row], context.key);
        let probe = Tensor::zeros([1, size], &context.device);
        if critic.with_input_gradient(probe, &pass).is_none() {
            return Err(MethodError::Unsuitable(format!(
                "`wdgrl` penalises the slope of its critic, which `{}` does not know as it is \
                 configured: choose `mlp` with `batch_norm = false`, or `linear`",
                self.critic.name
            )));
        }
        Ok(Box::new(Distance { config: self.clone(), critic }))
    }
}

/// The driver.
struct Distance {
    config: Wdgrl,
    critic: Box<dyn Discriminator>,
}

impl Distance {
    /// One update of the critic on features off the tape.
    fn sharpen(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
        key: Key,
    ) -> Result<f64, MethodError> {
        let source = joint.source_features().detach();
        let target = joint.target_features().detach();
        let between = points_between(&source, &target, key);
        let [pairs, _] = between.dims();
        let segments = [(DomainRole::SOURCE, joint.source_rows + pairs)]
            .into_iter()
            .chain([(DomainRole::Target, joint.target_rows)])
            .map(|(domain, rows)| Segment { domain, rows })
            .collect();
        let context = step.network_context(segments);
        let points = Tensor::cat(vec![source, between, target], 0);
        let Some((values, gradients)) = self.critic.with_input_gradient(points, &context) else {
            return Err(MethodError::Unsuitable(
                "the critic of `wdgrl` does not know its slope".to_owned(),
            ));
        };
        let of_target = values.clone().narrow(0, joint.source_rows + pairs, joint.target_rows);
        let distance = wasserstein_estimate(values.narrow(0, 0, joint.source_rows), of_target);
        let penalty = gradient_penalty(gradients);
        let size = if step.measure { penalty.clone().into_scalar::<f64>() } else { 0.0 };
        let loss = penalty.mul_scalar(self.config.gradient_penalty) - distance;
        step.update_only(&loss, &[], self.networks())?;
        Ok(size)
    }
}

/// Random points on the lines between pairs of rows, as many as the smaller domain has rows.
fn points_between(source: &Tensor<2>, target: &Tensor<2>, key: Key) -> Tensor<2> {
    let pairs = source.dims()[0].min(target.dims()[0]);
    let mut rng = key.rng();
    let shares: Vec<f32> = (0..pairs).map(|_| rng.random()).collect();
    let shares = Tensor::from_data(TensorData::new(shares, [pairs, 1]), &source.device());
    let from = target.clone().narrow(0, 0, pairs);
    let to = source.clone().narrow(0, 0, pairs);
    from.clone() + (to - from) * shares
}

impl Method for Distance {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("critic", Role::Discriminator, &mut *self.critic)]
    }
}

impl Driver for Distance {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let joint = step.joint()?;
        require_both("wdgrl", &joint.segments)?;
        // The critic's updates touch nothing that this loss depends on, so that one forward serves
        // both phases.
        let loss = step.loss()?;
        let key = step.key().named("between");
        let mut penalty = 0.0;
        for update in 0..self.config.critic_steps {
            penalty = self.sharpen(step, &joint, key.at(update as u64))?;
        }
        let context = step.network_context(joint.segments.clone());
        let values = self.critic.forward(joint.features.clone(), &context);
        let source = values.clone().narrow(0, 0, joint.source_rows);
        let target = values.narrow(0, joint.source_rows, joint.target_rows);
        let distance = wasserstein_estimate(source, target);
        if step.measure {
            step.note("distance", distance.clone().into_scalar::<f64>());
            step.note("gradient_penalty", penalty);
        }
        step.update(&(loss + distance.mul_scalar(self.config.distance_weight)), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{
        FAR, ModelSpec, TwoDomains, Workbench, assert_driver_gains, config_error, context, driver,
        moved, plugin,
    };

    use super::*;

    #[test]
    fn the_defaults_are_the_authors() {
        let defaults = (plugin(Kind::Method, "wdgrl").defaults)();
        assert_eq!(
            (&defaults["critic_steps"], &defaults["gradient_penalty"]),
            (&5.into(), &10.0.into())
        );
        assert!(config_error("wdgrl", "critic_steps = 0").contains("critic_steps"));
    }

    #[test]
    fn a_critic_that_does_not_know_its_slope_is_refused_when_it_is_built() {
        let mut config = Wdgrl { critic: Choice::named("mlp"), ..Wdgrl::default() };
        config.critic.config =
            serde_json::json!({ "hidden": [8], "batch_norm": true, "dropout": 0.0 });
        let error = config.build(&context(4, 3, 1)).err().unwrap().to_string();
        assert!(error.contains("`mlp` with `batch_norm = false`, or `linear`"), "{error}");
        driver("wdgrl", "critic = { name = \"linear\" }", &context(4, 3, 1));
    }

    /// On features that stay, a critic with a slope of 1 measures how far apart the domains are.
    #[test]
    fn the_critic_measures_the_distance_of_domains_that_are_moved() {
        let spec = ModelSpec { extractor: ("identity", ""), ..ModelSpec::NORMALISED };
        let data = TwoDomains::shifted(64, 64, 2.0);
        // The mean of the rows moves by this much; no linear critic of slope 1 sees more.
        let mean = |rows: &[f32], column: usize| {
            rows.iter().skip(column).step_by(3).sum::<f32>() / (rows.len() / 3) as f32
        };
        let moved = (0..3).map(|at| mean(&data.source, at) - mean(&data.target, at));
        let apart = f64::from(moved.map(|by| by * by).sum::<f32>().sqrt());
        let mut bench = Workbench::new(spec, data, 200, 0.01);
        let config = "distance_weight = 0.0\ncritic = { name = \"linear\" }";
        let mut wdgrl = driver("wdgrl", config, &bench.context());
        let report = bench.run(&mut *wdgrl, 0..200).remove(199);
        // d s - 10 (s - 1)² is largest at a slope of 1 + d / 20.
        let slope = 1.0 + apart / 20.0;
        assert!((report["distance"] - slope * apart).abs() < 1e-3, "{report:?}, {apart} apart");
        assert!((report["gradient_penalty"] - (slope - 1.0).powi(2)).abs() < 1e-3, "{report:?}");
    }

    #[test]
    fn the_model_stays_while_the_critic_learns_and_the_critic_while_the_features_do() {
        let mut bench = moved(FAR, 1);
        let mut method = Distance {
            config: Wdgrl::default(),
            critic: build_discriminator(
                &Wdgrl::default().critic,
                6,
                2,
                &bench.context().network("critic"),
            )
            .unwrap(),
        };
        let values = |method: &mut Distance| -> Vec<TensorData> {
            part_tensors(method.networks()).into_iter().map(|tensor| tensor.data).collect()
        };
        let (model, critic) = (bench.values(), values(&mut method));
        let mut step = Step::new(bench.stage(), 0, 0, false);
        let joint = step.joint().unwrap();
        method.sharpen(&mut step, &joint, Key::new(1)).unwrap();
        drop(step);
        let trained = |values: std::collections::BTreeMap<String, Vec<f32>>| {
            let statistics = ["mean", "variance", "seen"];
            let mut values = values;
            values.retain(|name, _| !statistics.iter().any(|field| name.ends_with(field)));
            values
        };
        assert_eq!(trained(bench.values()), trained(model.clone()));
        assert_ne!(values(&mut method), critic);
        // All of its updates are of the first phase.
        method.config.critic_steps = 0;
        let critic = values(&mut method);
        bench.step(&mut method, 0, false).unwrap();
        assert_eq!(values(&mut method), critic);
        assert_ne!(trained(bench.values()), trained(model));
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        // Stronger, it matches each class with the other one: nothing in it sees classes.
        assert_driver_gains("wdgrl", "distance_weight = 0.1\ngradient_penalty = 1.0", FAR, 200);
    }

    #[test]
    fn terms_beside_it_count() {
        let train = |term: bool| {
            let mut bench = moved(FAR, 3);
            let mut wdgrl = driver("wdgrl", "gradient_penalty = 1.0", &bench.context());
            if term {
                bench.add_term("afn", isthmus_testing::term("afn", "", &bench.context()));
            }
            let reports = bench.run(&mut *wdgrl, 0..3);
            (bench.values(), reports)
        };
        let ((alone, _), (beside, reports)) = (train(false), train(true));
        assert_ne!(alone, beside);
        assert!(reports[2]["afn/loss"] > 0.0);
    }
}
