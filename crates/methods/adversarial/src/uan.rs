//! Universal adaptation networks.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::error::NetworkError;
use isthmus_core::file_tensors::FileTensors;
use isthmus_core::input::Input;
use isthmus_core::model::{Model, ModelOutput};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::predictor::Predictor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::{Part, load_parts, part_tensors};
use isthmus_losses::adversarial::{sample_transferability, weights_over_range};

use crate::adversary::Adversary;
use crate::domain_classifier::DomainClassifier;
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Uan>(About {
        name: "uan",
        summary: "Aligns samples of classes that both domains have, and tells those of others",
        paper: "You, Long, Cao, Wang, Jordan: Universal domain adaptation, CVPR 2019",
    }).of_open_classes()
}

/// Universal adaptation: the source may have classes that the target lacks, and the target others. A
/// domain classifier, which features do not learn from, gives each row the probability `D` of being
/// the source's. With `H` the entropy of a row's prediction over `K` known classes, source rows weigh
/// by `H / log K - D` and target rows by `D - H / log K` in the loss of an adversary, which is
/// otherwise that of `dann`: each brought to a range from 0, with mean 1, batch by batch.
///
/// It predicts a sample as unknown where `D - H / log K` is below `threshold`, else as the class of
/// the largest known output: the unknown output becomes the largest known one plus `threshold - (D -
/// H / log K)`. Needs the objective `open-set`, whose own threshold is best left at 0. Several sources
/// count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Uan {
    /// A sample is unknown where `D - H / log K` is below this. The authors take -0.5.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub threshold: f64,
    /// Temperature by which the logits of source rows are divided before `H` is taken, since a model
    /// is certain of what it was trained on. 10 in the authors' code; the paper has none.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that features are trained against.
    pub discriminator: Choice<DiscriminatorKind>,
    /// The network that gives `D`.
    pub domain_classifier: Choice<DiscriminatorKind>,
}

impl Default for Uan {
    fn default() -> Self {
        Self {
            threshold: -0.5,
            temperature: 10.0,
            reversal: Reversal::default(),
            discriminator: Choice::named("mlp"),
            domain_classifier: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Uan {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Uan {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let size = context.feature_size;
        let adversary =
            Adversary::new("uan", &self.discriminator, self.reversal, size, 2, context)?;
        let classifier = DomainClassifier::new("uan", &self.domain_classifier, context)?;
        let Self { threshold, temperature, .. } = *self;
        Ok(Box::new(UniversalAlignment { threshold, temperature, adversary, classifier }))
    }
}

/// The term.
struct UniversalAlignment {
    threshold: f64,
    temperature: f64,
    adversary: Adversary,
    classifier: DomainClassifier,
}

/// The logits of the known classes, all but the last.
fn known(logits: &Tensor<2>) -> Tensor<2> {
    let classes = logits.dims()[1] - 1;
    logits.clone().narrow(1, 0, classes)
}

impl Method for UniversalAlignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let mut parts = self.adversary.networks();
        parts.push(self.classifier.part());
        parts
    }

    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        let classifier = self.classifier.evaluation_copy();
        let norm = NormPolicy::EVALUATE.grouped(grouping);
        let (model, threshold) = (model.evaluation_copy(), self.threshold);
        Some(Box::new(Universal { model, classifier, threshold, norm }))
    }
}

impl Term for UniversalAlignment {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let (domains, classifier_loss) = self.classifier.judge(step, &joint)?;
        let logits = known(&joint.logits);
        let of = |first: usize, rows: usize, temperature: f64| {
            let [domains, logits] = [&domains, &logits].map(|it| it.clone().narrow(0, first, rows));
            sample_transferability(domains, logits, temperature)
        };
        let of_source = of(0, joint.source_rows, self.temperature);
        let of_target = of(joint.source_rows, joint.target_rows, 1.0).neg();
        if step.measure {
            let unknown = of_target.clone().lower_elem(self.threshold).float().mean();
            step.note("unknown_share", unknown.into_scalar::<f64>());
        }
        let weights = [of_source, of_target].map(weights_over_range);
        let loss = self.adversary.align_rows(step, &joint, Tensor::cat(weights.into(), 0))?;
        Ok(loss + classifier_loss)
    }
}

/// Predicts by the model and by how far a sample is of a known class.
struct Universal {
    model: Model,
    classifier: DomainClassifier,
    threshold: f64,
    norm: NormPolicy,
}

impl Predictor for Universal {
    fn predict(&mut self, input: Input, domain: DomainRole) -> ModelOutput {
        let context = Context::evaluate(domain, input.rows()).with_norm(self.norm);
        let output = self.model.forward(input, &context);
        let domains = self.classifier.evaluate(output.features.clone(), domain);
        let known = known(&output.logits);
        let value = sample_transferability(domains, known.clone(), 1.0).unsqueeze_dim::<2>(1);
        // The value is minus the target's criterion.
        let unknown = known.clone().max_dim(1) + value.add_scalar(self.threshold);
        let logits = Tensor::cat(vec![known, unknown], 1);
        ModelOutput { logits, ..output }
    }

    fn tensors(&mut self) -> Vec<NamedTensor> {
        let mut tensors = self.model.recorded_tensors();
        tensors.extend(part_tensors(vec![self.classifier.part()]));
        tensors
    }

    fn file(&self) -> Option<&FileTensors> {
        self.model.file()
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        self.model.load_tensors(tensors)?;
        load_parts(vec![self.classifier.part()], tensors)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::objective::OutputKind;
    use isthmus_core::registry::Kind;
    use isthmus_core::stage::SampleView;
    use isthmus_testing::{
        Joint as FreeJoint, ModelSpec, TwoDomains, Workbench, config_error, context, plugin, term,
    };

    use super::*;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n\
                         domain_classifier = { name = \"mlp\", hidden = [16] }\n";

    /// Two known classes and, in the target, an unknown one between them and away from both.
    fn open(steps: usize) -> Workbench {
        let mut data = TwoDomains::shifted(40, 36, 1.0);
        for row in (0..36).step_by(3) {
            data.target_labels[row] = 2;
            data.target[row * 3] = 0.0;
            data.target[row * 3 + 2] += 3.0;
        }
        data.classes = 3;
        Workbench::new(ModelSpec::NORMALISED, data.batches(20, 18), steps, 0.1)
    }

    /// The classes that are predicted of all target rows.
    fn predicted(bench: &mut Workbench, predictor: &mut dyn Predictor) -> Vec<u32> {
        let rows: Vec<usize> = (0..bench.data.target_labels.len()).collect();
        let device = burn::tensor::Device::flex();
        let stage = bench.stage();
        let batch = stage.data.target_at(&rows, SampleView::Plain, &device).unwrap();
        let logits = predictor.predict(batch.input, DomainRole::Target).logits;
        logits.argmax(1).to_data().iter::<i64>().map(|class| class as u32).collect()
    }

    /// Shares of known and of unknown rows that are right.
    fn shares(bench: &Workbench, predicted: &[u32]) -> [f64; 2] {
        let of = |known: bool| {
            let rows = bench.data.target_labels.iter().zip(predicted);
            let rows: Vec<bool> = rows
                .filter(|(label, _)| (**label < 2) == known)
                .map(|(label, found)| label == found)
                .collect();
            rows.iter().filter(|right| **right).count() as f64 / rows.len() as f64
        };
        [of(true), of(false)]
    }

    #[test]
    fn unknown_samples_are_found_and_known_ones_kept() {
        let mut bench = open(200);
        let mut uan = term("uan", SMALL, &bench.context());
        for number in 0..200 {
            let mut step = Step::new(bench.stage(), number, 0, false);
            let loss = step.loss().unwrap() + uan.loss(&mut step).unwrap();
            step.update(&loss, uan.networks()).unwrap();
        }
        let alone = bench.stage().predict_target().unwrap().argmax(1).to_data();
        let alone: Vec<u32> = alone.iter::<i64>().map(|class| class as u32).collect();
        assert_eq!(shares(&bench, &alone)[1], 0.0, "the model itself finds none");
        let mut predictor = uan.predictor(&bench.model, Grouping::Shared).unwrap();
        let found = predicted(&mut bench, &mut *predictor);
        let [known, unknown] = shares(&bench, &found);
        println!("known {known:.3}, unknown {unknown:.3}");
        assert!(known > 0.7 && unknown > 0.7, "known {known}, unknown {unknown}");
    }

    /// The lowest threshold finds no unknown sample, the highest takes all for such.
    #[test]
    fn the_threshold_decides() {
        let mut bench = open(10);
        bench.train_on_source(30);
        for (threshold, want) in [(-1.0, 0), (1.0, 36)] {
            let config = format!("{SMALL}threshold = {threshold:?}");
            let mut uan = term("uan", &config, &bench.context());
            let mut predictor = uan.predictor(&bench.model, Grouping::Shared).unwrap();
            let found = predicted(&mut bench, &mut *predictor);
            assert_eq!(found.iter().filter(|class| **class == 2).count(), want);
        }
    }

    #[test]
    fn a_record_gives_the_predictor_back() {
        let mut bench = open(10);
        let predictor = |bench: &Workbench, key: &str| {
            let context = MethodContext {
                key: isthmus_core::random::Key::new(1).named(key),
                ..bench.context()
            };
            let mut uan = term("uan", SMALL, &context);
            uan.predictor(&bench.model, Grouping::Shared).unwrap()
        };
        let (mut one, mut other) = (predictor(&bench, "one"), predictor(&bench, "other"));
        let values = |predictor: &mut dyn Predictor| {
            let tensors = predictor.tensors().into_iter();
            tensors.map(|own| (own.path, own.data)).collect::<BTreeMap<_, _>>()
        };
        assert_ne!(values(&mut *one), values(&mut *other));
        other.load(&values(&mut *one)).unwrap();
        assert_eq!(values(&mut *one), values(&mut *other));
        let found = predicted(&mut bench, &mut *one);
        assert_eq!(found, predicted(&mut bench, &mut *other));
    }

    #[test]
    fn identical_rows_and_extreme_logits_are_no_trouble() {
        for (features, logits) in [(0.0, 0.0), (1.0, 1e4)] {
            let joint = FreeJoint::new(&[5], 3, 4, 3).scaled(features, logits);
            let mut uan = term("uan", SMALL, &context(4, 3, 1));
            let loss = joint.loss(&mut *uan, 500, 1000).into_scalar::<f64>();
            assert!(loss.is_finite(), "{loss}");
        }
    }

    #[test]
    fn the_defaults_and_needs_are_declared() {
        let plugin = plugin(Kind::Method, "uan");
        assert_eq!(plugin.needs.outputs, OutputKind::OpenClasses);
        assert_eq!((plugin.defaults)()["threshold"], -0.5);
        assert!(config_error("uan", "temperature = 0.0").contains("temperature"));
        let falling = "reversal = { low = 0.5, high = 0.1 }";
        assert!(config_error("uan", falling).contains("at least `low`"));
    }
}
