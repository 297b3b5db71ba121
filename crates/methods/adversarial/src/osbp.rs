//! Open set domain adaptation by backpropagation.

use isthmus_core::config::FieldProblem;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::prelude::*;
use isthmus_losses::adversarial::{gradient_reversal, unknown_class_bce};

use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Osbp>(About {
        name: "osbp",
        summary: "Separates target samples of unknown classes by an adversarial boundary",
        paper: "Saito, Yamamoto, Ushiku, Harada: Open set domain adaptation by backpropagation, \
                ECCV 2018",
    }).of_open_classes()
}

/// The classifier learns to give every target sample the probability `probability` of being
/// unknown; the features learn, through a reversed gradient, to move each sample away from that, to
/// either side. Needs the objective `open-set`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Osbp {
    /// The probability at which the classifier puts its boundary. The paper takes 0.5.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub probability: f64,
    /// How strongly the gradient of the features is reversed. The paper's is constant, 1.
    pub reversal: Reversal,
}

impl Default for Osbp {
    fn default() -> Self {
        Self { probability: 0.5, reversal: Reversal::FULL }
    }
}

impl PluginConfig for Osbp {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl Method for Osbp {}

impl Term for Osbp {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let lambda = self.reversal.coefficient(step.number, step.stage.total_steps);
        let reversed = gradient_reversal(joint.target_features(), lambda);
        let segment = Segment { domain: DomainRole::Target, rows: joint.target_rows };
        let context = step.pass_context(vec![segment]);
        let logits = step.stage.model.classifier.forward(reversed, &context);
        if step.measure {
            step.note("lambda", lambda);
        }
        Ok(unknown_class_bce(logits, self.probability))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::objective::OutputKind;
    use isthmus_core::registry::Kind;
    use isthmus_core::step::Step;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, context, plugin, term};

    #[test]
    fn it_needs_an_output_for_unknown_samples() {
        let plugin = plugin(Kind::Method, "osbp");
        assert_eq!(plugin.needs.outputs, OutputKind::OpenClasses);
        assert_eq!((plugin.defaults)()["probability"], 0.5);
        assert!(config_error("osbp", "probability = 1").contains("`probability = 1`"));
        let falling = "reversal = { low = 0.5, high = 0.1 }";
        assert!(config_error("osbp", falling).contains("at least `low`"));
    }

    /// The gradient of the extractor is the reversed one of the same loss without reversal; that of
    /// the classifier is the loss's own.
    #[test]
    fn classifier_and_features_pull_in_opposite_directions() {
        let norms = |config: &str| {
            let data = TwoDomains::shifted(8, 8, 1.0);
            let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 10, 0.1);
            let mut osbp = term("osbp", config, &context(6, 2, 1));
            let mut step = Step::new(bench.stage(), 3, 0, false);
            let loss = osbp.loss(&mut step).unwrap();
            let gradients = loss.backward();
            let mut found = std::collections::BTreeMap::new();
            for part in step.stage.model.parts() {
                part.network.visit_gradients(&gradients, &mut |parameter, gradient| {
                    let values: Vec<f32> = gradient.to_data().iter::<f32>().collect();
                    found.insert(format!("{}.{}", part.name, parameter.path), values);
                });
            }
            found
        };
        let full = norms("");
        let half = norms("reversal = { schedule = \"constant\", high = 0.5 }");
        let none = norms("reversal = { schedule = \"constant\", high = 0.0 }");
        assert!(full.keys().any(|name| name.starts_with("extractor")));
        for (name, values) in &full {
            for ((full, half), none) in values.iter().zip(&half[name]).zip(&none[name]) {
                if name.starts_with("classifier") {
                    assert_eq!((full, full), (half, none), "{name}");
                } else {
                    assert!((full - 2.0 * half).abs() <= 1e-6 && *none == 0.0, "{name}");
                }
            }
        }
    }

    #[test]
    fn training_moves_target_samples_to_either_side_of_the_boundary() {
        let data = TwoDomains::shifted(32, 32, 0.5);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 200, 0.1);
        let osbp = term("osbp", "", &bench.context());
        let steps = bench.train(osbp, 200);
        let losses: Vec<f64> = steps.iter().map(|step| step["term/loss"]).collect();
        let least = 2f64.ln();
        assert!(losses.iter().all(|loss| *loss >= least - 1e-5), "below a coin's entropy");
        // The features win ground that the classifier alone would not give.
        assert!(losses[150..].iter().sum::<f64>() / 50.0 > least + 0.01, "{losses:?}");
    }
}
