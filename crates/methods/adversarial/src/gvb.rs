//! Gradually vanishing bridge.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::{TensorData, activation::softmax};
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::error::NetworkError;
use isthmus_core::export::{ExportedModel, NotExported};
use isthmus_core::file_tensors::FileTensors;
use isthmus_core::input::Input;
use isthmus_core::model::{Model, ModelOutput};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::Classifier;
use isthmus_core::predictor::Predictor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::step::Joint;
use isthmus_core::updater::{Part, Role, load_parts, part_tensors};
use isthmus_losses::adversarial::certainty_weights;

use crate::adversary::{Adversary, domain_loss, note, require_both};
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::driver::<Gvb>(
        About {
            name: "gvb",
            summary: "Bridges take up what differs between the domains and vanish as training goes on",
            paper: "Cui, Wang, Zhuo, Su, Huang, Tian: Gradually vanishing bridge for adversarial \
                    domain adaptation, CVPR 2020",
        },
        Needs::NOTHING.of_classes(),
    )
}

/// A bridge, a second classifier built as the experiment's, is subtracted from the classifier's
/// logits: what is left predicts, learns the source, and is shown as class probabilities to a
/// discriminator behind a gradient reversal. From the discriminator's logit a bridge of its own, a
/// further output, is subtracted likewise. Both bridges are held small, so that they vanish as the
/// domains come together. Rows that are predicted with certainty count more for the discriminator, by
/// `exp(-H)` of the prediction's entropy `H`; these weights are constants in the gradient, unlike in
/// the authors' code.
///
/// It predicts by the logits without the bridge; terms beside it see these too. A following stage
/// starts from the model alone. Several sources count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gvb {
    /// Factor of the discriminator's loss.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
    /// Factor of the mean magnitude of the classifier's bridge; 1 in the paper.
    #[schemars(range(min = 0.0))]
    pub bridge: f64,
    /// Factor of the mean magnitude of the discriminator's bridge; 1 in the paper.
    #[schemars(range(min = 0.0))]
    pub discriminator_bridge: f64,
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that tells the domains apart by class probabilities, and makes its bridge.
    pub discriminator: Choice<DiscriminatorKind>,
}

impl Default for Gvb {
    fn default() -> Self {
        let mut discriminator = Choice::named("mlp");
        discriminator.config =
            serde_json::json!({ "hidden": [1024, 1024], "batch_norm": false, "dropout": 0.5 });
        Self {
            trade_off: 1.0,
            bridge: 1.0,
            discriminator_bridge: 1.0,
            reversal: Reversal::default(),
            discriminator,
        }
    }
}

impl PluginConfig for Gvb {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl DriverPlugin for Gvb {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let bridge = context.fresh_classifier("bridge")?;
        // A discriminator of three domains has an output for the logit, one for the bridge, and one
        // that is left out: fewer outputs than domains are two.
        let (outputs, size) = (3, context.outputs);
        let adversary =
            Adversary::new("gvb", &self.discriminator, self.reversal, size, outputs, context)?;
        Ok(Box::new(Bridges { config: self.clone(), bridge, adversary }))
    }
}

/// The driver.
struct Bridges {
    config: Gvb,
    bridge: Box<dyn Classifier>,
    adversary: Adversary,
}

impl Bridges {
    /// The discriminator's loss, with its bridge.
    fn adversarial_loss(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Tensor<1>, MethodError> {
        let segments = &joint.segments;
        let probabilities = softmax(joint.logits.clone(), 1);
        let outputs = self.adversary.judge(step, segments, probabilities)?;
        let bridge = outputs.clone().narrow(1, 1, 1);
        let logits = outputs.narrow(1, 0, 1) - bridge.clone();
        // Each domain's weights are of mean 1 by themselves.
        let of_source = certainty_weights(joint.source_logits());
        let weights = Tensor::cat(vec![of_source, certainty_weights(joint.target_logits())], 0);
        let loss = domain_loss(&logits, segments, Some(weights));
        note(step, &loss, &logits, segments);
        let size = bridge.abs().mean();
        if step.measure {
            step.note("discriminator_bridge", size.clone().into_scalar::<f64>());
        }
        let Gvb { trade_off, discriminator_bridge, .. } = self.config;
        Ok(loss.mul_scalar(trade_off) + size.mul_scalar(discriminator_bridge))
    }
}

impl Method for Bridges {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let mut parts = vec![Part::new("bridge", Role::Classifier, &mut *self.bridge)];
        parts.extend(self.adversary.networks());
        parts
    }

    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        Some(Box::new(WithoutBridge {
            model: model.evaluation_copy(),
            bridge: self.bridge.evaluation_copy(),
            norm: NormPolicy::EVALUATE.grouped(grouping),
        }))
    }
}

impl Driver for Bridges {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let joint = step.joint()?;
        require_both("gvb", &joint.segments)?;
        let context = step.network_context(joint.segments.clone());
        let bridge = self.bridge.forward(joint.features.clone(), &context);
        let joint = Rc::new(Joint {
            input: joint.input.clone(),
            features: joint.features.clone(),
            logits: joint.logits.clone() - bridge.clone(),
            states: None,
            layers: joint.layers.clone(),
            targets: joint.targets.clone(),
            segments: joint.segments.clone(),
            source_rows: joint.source_rows,
            target_rows: joint.target_rows,
            source_indices: joint.source_indices.clone(),
            target_indices: joint.target_indices.clone(),
        });
        step.set_joint(Rc::clone(&joint));
        let size = bridge.abs().mean();
        if step.measure {
            step.note("bridge", size.clone().into_scalar::<f64>());
        }
        let loss = step.loss()?
            + self.adversarial_loss(step, &joint)?
            + size.mul_scalar(self.config.bridge);
        step.update(&loss, self.networks())
    }
}

/// Predicts by the model's logits without the bridge.
struct WithoutBridge {
    model: Model,
    bridge: Box<dyn Classifier>,
    norm: NormPolicy,
}

impl WithoutBridge {
    fn bridge(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("bridge", Role::Classifier, &mut *self.bridge)]
    }
}

impl Predictor for WithoutBridge {
    fn predict(&mut self, input: Input, domain: DomainRole) -> ModelOutput {
        let context = Context::evaluate(domain, input.rows()).with_norm(self.norm);
        let ModelOutput { features, logits, .. } = self.model.forward(input, &context);
        let bridge = self.bridge.forward(features.clone(), &context);
        ModelOutput::new(features, logits - bridge)
    }

    fn tensors(&mut self) -> Vec<NamedTensor> {
        let mut tensors = self.model.recorded_tensors();
        tensors.extend(part_tensors(self.bridge()));
        tensors
    }

    fn file(&self) -> Option<&FileTensors> {
        self.model.file()
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        self.model.load_tensors(tensors)?;
        load_parts(self.bridge(), tensors)
    }

    fn pytorch(&self) -> Result<ExportedModel, NotExported> {
        Err(NotExported("it predicts by the difference of two classifiers".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_core::stage::SampleView;
    use isthmus_core::stage::StageData;
    use isthmus_testing::{FAR, TwoDomains, Workbench, driver, moved, plugin, term};

    use super::*;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16], batch_norm = false, \
                         dropout = 0.0 }\nreversal = { schedule = \"constant\" }\n";

    fn predicted(bench: &mut Workbench, gvb: &mut dyn Driver) -> ModelOutput {
        let mut predictor = gvb.predictor(&bench.model, Grouping::Shared).unwrap();
        let rows: Vec<usize> = (0..bench.data.target_rows()).collect();
        let device = burn::tensor::Device::flex();
        let data: &TwoDomains = &bench.data;
        let batch = data.target_at(&rows, SampleView::Plain, &device).unwrap();
        predictor.predict(batch.input, DomainRole::Target)
    }

    #[test]
    fn the_defaults_are_the_authors() {
        let defaults = (plugin(Kind::Method, "gvb").defaults)();
        for field in ["trade_off", "bridge", "discriminator_bridge"] {
            assert_eq!(defaults[field], 1.0);
        }
        assert_eq!(defaults["discriminator"]["batch_norm"], false);
    }

    /// With a large factor the bridges vanish, and the model predicts by itself.
    #[test]
    fn the_bridges_vanish() {
        let mut bench = moved(FAR, 300);
        let config = format!("bridge = 3.0\n{SMALL}");
        let mut gvb = driver("gvb", &config, &bench.context());
        let reports = bench.run(&mut *gvb, 0..300);
        let mean = |name: &str, range: std::ops::Range<usize>| {
            let all = reports[range.clone()].iter().map(|report| report[name]);
            all.sum::<f64>() / range.len() as f64
        };
        for name in ["bridge", "discriminator_bridge"] {
            let (first, last) = (mean(name, 0..10), mean(name, 290..300));
            println!("{name}: {first:.3} to {last:.3}");
            assert!(last < first, "{name}: {first} to {last}");
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let mut alone = moved(FAR, 200);
        alone.train_on_source(200);
        let before = alone.target_accuracy();
        let mut bench = moved(FAR, 200);
        let mut gvb = driver("gvb", SMALL, &bench.context());
        bench.run(&mut *gvb, 0..200);
        let classes = predicted(&mut bench, &mut *gvb).logits.argmax(1).into_data();
        let labels = bench.data.target_labels.iter().map(|&label| i64::from(label));
        let right = classes.iter::<i64>().zip(labels).filter(|(found, label)| found == label);
        let after = right.count() as f64 / bench.data.target_labels.len() as f64;
        println!("target accuracy: {before:.3} without, {after:.3} with");
        assert!(after > before, "{before} to {after}");
    }

    #[test]
    fn it_predicts_without_the_bridge_and_a_record_brings_it_back() {
        let mut bench = moved(FAR, 3);
        let mut gvb = driver("gvb", SMALL, &bench.context());
        bench.run(&mut *gvb, 0..3);
        let output = predicted(&mut bench, &mut *gvb);
        let model = bench.stage().predict_target().unwrap();
        assert_ne!(output.logits.to_data(), model.to_data());
        let tensors = gvb.predictor(&bench.model, Grouping::Shared).unwrap().tensors();
        let mut fresh = driver("gvb", SMALL, &moved(FAR, 3).context());
        let mut loaded = fresh.predictor(&moved(FAR, 3).model, Grouping::Shared).unwrap();
        let map = tensors.into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        loaded.load(&map).unwrap();
        let rows: Vec<usize> = (0..bench.data.target_rows()).collect();
        let device = burn::tensor::Device::flex();
        let input = bench.data.target_at(&rows, SampleView::Plain, &device).unwrap().input;
        let again = loaded.predict(input, DomainRole::Target);
        assert_eq!(again.logits.to_data(), output.logits.to_data());
        let refusal = loaded.pytorch().err().unwrap().to_string();
        assert!(refusal.contains("difference of two classifiers"), "{refusal}");
    }

    /// A term beside it sees the logits that predict.
    #[test]
    fn terms_beside_it_count() {
        let train = |beside: bool| {
            let mut bench = moved(FAR, 5);
            let mut gvb = driver("gvb", SMALL, &bench.context());
            if beside {
                bench.add_term("afn", term("afn", "", &bench.context()));
            }
            let reports = bench.run(&mut *gvb, 0..5);
            (bench.values(), reports)
        };
        let ((alone, _), (beside, reports)) = (train(false), train(true));
        assert_ne!(alone, beside);
        assert!(reports[4]["afn/loss"] > 0.0);
    }
}
