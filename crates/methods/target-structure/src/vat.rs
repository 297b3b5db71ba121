//! Virtual adversarial training.

use std::ops::Range;

use burn::tensor::TensorData;
use isthmus_core::context::Segment;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_losses::target::{adversarial_perturbation, divergence};
use rand::RngExt;
use rand_distr::StandardNormal;

inventory::submit! {
    Plugin::term::<Vat>(About {
        name: "vat",
        summary: "Keeps predictions as they are under the small perturbation that changes them most",
        paper: "Miyato, Maeda, Koyama, Ishii: Virtual adversarial training: a regularization \
                method for supervised and semi-supervised learning, TPAMI 2018; for adaptation: \
                Shu, Bui, Narui, Ermon: A DIRT-T approach to unsupervised domain adaptation, ICLR \
                2018",
    }).of_classes()
    .weight(0.01)
}

/// The divergence `KL(p(x) ‖ p(x + r))` of the predictions of perturbed inputs from those of the
/// inputs, mean over the rows. `r` has the length `radius` and the direction, found by one step of
/// the power iteration, that changes the prediction of its row most; `p(x)` and `r` are constants
/// in the gradient. Works on inputs of any shape; what series are padded with stays 0.
///
/// With `dann` and `entropy` it is VADA, whose weights are 0.01 for these two and for `vat` on the
/// target, and 1 for a second `vat` with `domains = "source"`.
///
/// On the target alone it may confirm mistakes, as `entropy` does: it pushes the decision boundary
/// away from where the rows are dense, wherever that leaves it.
///
/// All rows of the batch go through the model together, so that norm layers see both domains; rows
/// that are not perturbed do not count. Running statistics stay, and all passes of a step have the
/// same dropout masks, so that predictions differ by the perturbation alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Vat {
    /// Which rows are perturbed: those of the `target`, of the `source`, or of `both`.
    pub domains: PerturbedDomains,
    /// Euclidean length of the perturbation of a whole input, in the inputs' own units. The default
    /// is VADA's for RGB images of 32x32 pixels; fewer or smaller values need less: a tenth to a
    /// half of the typical length of an input.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub radius: f64,
    /// Length of the random perturbation from which the direction is found, in the same units. The
    /// 1e-6 of published code is lost to rounding in single precision.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub xi: f64,
}

/// Whose rows are perturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PerturbedDomains {
    /// The target's.
    #[default]
    Target,
    /// Those of all sources.
    Source,
    /// All.
    Both,
}

impl Default for Vat {
    fn default() -> Self {
        Self { domains: PerturbedDomains::Target, radius: 3.5, xi: 0.1 }
    }
}

impl PluginConfig for Vat {}
impl Method for Vat {}

impl Term for Vat {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let rows = match self.domains {
            PerturbedDomains::Target => joint.source_rows..joint.source_rows + joint.target_rows,
            PerturbedDomains::Source => 0..joint.source_rows,
            PerturbedDomains::Both => 0..joint.source_rows + joint.target_rows,
        };
        if rows.is_empty() {
            return Err(MethodError::Unsuitable(
                "`vat` perturbs rows of a domain that this batch has none of".to_owned(),
            ));
        }
        let segments = joint.segments.clone();
        can_be_perturbed("vat", &joint.input)?;
        Ok(smoothness(step, &joint.input, segments, rows, self.xi, self.radius))
    }
}

/// Refuses texts, which have no values to perturb.
pub(crate) fn can_be_perturbed(method: &str, input: &Input) -> Result<(), MethodError> {
    match input {
        Input::Texts(_) => Err(MethodError::Unsuitable(format!(
            "`{method}` perturbs the values of samples, and texts have none: freeze the extractor, \
             so that it perturbs its features"
        ))),
        _ => Ok(()),
    }
}

/// The divergence of the model's predictions under the perturbation of length `radius`, found by
/// one of length `xi`, that changes them most: of the rows `rows` of `input`, which go through the
/// model with all others.
pub(crate) fn smoothness(
    step: &mut Step<'_>,
    input: &Input,
    segments: Vec<Segment>,
    rows: Range<usize>,
    xi: f64,
    radius: f64,
) -> Tensor<1> {
    let key = step.key();
    let context = step.pass_context(segments);
    let model = &mut *step.stage.model;
    let mut predict = |input: Input| {
        let logits = model.forward(input, &context.again()).logits;
        logits.narrow(0, rows.start, rows.len())
    };
    let values = input.clone().flatten().detach();
    let perturbed = |perturbation: Tensor<2>| {
        let moved = values.clone().narrow(0, rows.start, rows.len()) + perturbation;
        let shape = values.dims();
        let part = |start: usize, end: usize| values.clone().slice([start..end, 0..shape[1]]);
        let parts = [part(0, rows.start), moved, part(rows.end, shape[0])];
        let parts = parts.into_iter().filter(|part| part.dims()[0] > 0).collect();
        input.with_rows(Tensor::cat(parts, 0))
    };

    let clean = predict(input.clone()).detach();
    let direction = random_like(&input.clone().narrow(rows.start, rows.len()), key);
    let perturbation = adversarial_perturbation(clean.clone(), direction, xi, radius, |rows| {
        predict(perturbed(rows))
    });
    divergence(clean, predict(perturbed(perturbation)))
}

/// Standard normal values of the shape of the flattened inputs; 0 where these are padding, for
/// which nothing is drawn.
fn random_like(input: &Input, key: Key) -> Tensor<2> {
    let mut rng = key.named("direction").rng();
    let lengths = input.lengths().map(<[usize]>::to_vec);
    let (rows, shape) = (input.clone().flatten(), input.shape());
    let [count, size] = rows.dims();
    let time = match shape {
        InputShape::VariableSeries { longest, .. } => longest.max(1),
        _ => size,
    };
    let mut values = Vec::with_capacity(count * size);
    for at in 0..count * size {
        let (row, step) = (at / size, at % size % time);
        let is_valid = lengths.as_ref().is_none_or(|lengths| step < lengths[row]);
        values.push(if is_valid { rng.sample(StandardNormal) } else { 0.0f32 });
    }
    Tensor::from_data(TensorData::new(values, [count, size]), &rows.device())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use isthmus_core::registry::Kind;
    use isthmus_core::step::Step;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, plugin, term};

    use super::*;

    fn bench(shift: f32) -> Workbench {
        let data = TwoDomains::shifted(40, 24, shift).batches(10, 6);
        Workbench::new(ModelSpec::NORMALISED, data, 60, 0.1)
    }

    fn loss(bench: &mut Workbench, config: &str) -> f64 {
        let mut vat = term("vat", config, &bench.context());
        let mut step = Step::new(bench.stage(), 3, 0, false);
        vat.loss(&mut step).unwrap().into_scalar::<f64>()
    }

    #[test]
    fn larger_perturbations_of_a_trained_model_change_its_predictions_more() {
        let mut bench = bench(1.0);
        bench.train_on_source(60);
        let [small, large] =
            ["radius = 0.1", "radius = 1.0"].map(|config| loss(&mut bench, config));
        assert!(small > 0.0 && large > 5.0 * small, "{small}, {large}");
        let own = loss(&mut bench, "domains = \"source\"\nradius = 1.0");
        let both = loss(&mut bench, "domains = \"both\"\nradius = 1.0");
        assert!(own > 0.0 && both > 0.0 && own != both && own != large);
    }

    /// The direction found is worse for the model than a random one of the same length.
    #[test]
    fn the_direction_is_adversarial() {
        let mut bench = bench(1.0);
        bench.train_on_source(60);
        let found = loss(&mut bench, "radius = 0.5");
        let mut step = Step::new(bench.stage(), 3, 0, false);
        let joint = step.joint().unwrap();
        let context = step.pass_context(joint.segments.clone());
        let mut logits =
            |input| step.stage.model.forward(input, &context.again()).logits.narrow(0, 10, 6);
        let clean = logits(joint.input.clone()).detach();
        let random = (0..8).map(|seed| {
            let values = random_like(&joint.input, Key::new(seed));
            let norms = values.clone().square().sum_dim(1).sqrt();
            let moved = joint.input.clone().flatten() + (values / norms).mul_scalar(0.5);
            let moved = Tensor::cat(
                vec![joint.input.clone().flatten().narrow(0, 0, 10), moved.narrow(0, 10, 6)],
                0,
            );
            divergence(clean.clone(), logits(joint.input.with_rows(moved))).into_scalar::<f64>()
        });
        let random = random.sum::<f64>() / 8.0;
        assert!(found > 1.5 * random, "{found} against {random}");
    }

    #[test]
    fn running_statistics_and_the_joint_pass_stay_as_without_the_term() {
        let train = |weightless: bool| {
            let mut bench = bench(1.0);
            let mut step = Step::new(bench.stage(), 0, 0, false);
            let joint = step.joint().unwrap();
            if !weightless {
                let mut vat = term("vat", "", &plain_context());
                let loss = vat.loss(&mut step).unwrap();
                // The graph of the joint pass is whole after the inner backward.
                assert!(loss.into_scalar::<f64>().is_finite());
            }
            let loss = joint.source_logits().square().mean();
            step.update(&loss, Vec::new()).unwrap();
            bench.values()
        };
        assert_eq!(train(true), train(false));
    }

    fn plain_context() -> isthmus_core::method::MethodContext {
        isthmus_testing::context(3, 2, 1)
    }

    #[test]
    fn images_and_series_keep_their_shape() {
        let device = burn::tensor::Device::flex();
        let texts = Input::Texts(vec!["a".to_owned()]);
        let error = can_be_perturbed("vat", &texts).unwrap_err().to_string();
        assert!(error.contains("texts have none"), "{error}");
        let images = Input::Images(Tensor::ones([2, 3, 4, 5], &device));
        assert_eq!(images.with_rows(images.clone().flatten()).shape(), images.shape());
        let series = Input::Series(Tensor::ones([2, 3, 4], &device));
        assert_eq!(series.with_rows(series.clone().flatten()).shape(), series.shape());
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let spec = ModelSpec {
            extractor: ("mlp", "hidden = [8, 6]\nbatch_norm = false"),
            ..ModelSpec::NORMALISED
        };
        let bench = || {
            let data = TwoDomains::shifted(40, 24, 3.0).batches(20, 12);
            Workbench::new(spec, data, 100, 0.1)
        };
        let mut alone = bench();
        alone.train_on_source(100);
        let before = alone.target_accuracy();
        let mut bench = bench();
        let config = "domains = \"both\"\nradius = 0.5";
        let vat = term("vat", config, &bench.context());
        bench.train(vat, 100);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} without, {after:.3} with");
        assert!(after > before, "{before} to {after}");
        let [without, with] = [&mut alone, &mut bench].map(|bench| loss(bench, config));
        assert!(with < 0.8 * without, "the divergence is {with}, {without} without the term");
    }

    #[test]
    fn the_same_step_gives_the_same_numbers() {
        let values = || -> BTreeMap<String, Vec<f32>> {
            let mut bench = bench(1.0);
            let vat = term("vat", "domains = \"both\"", &bench.context());
            bench.train(vat, 5);
            bench.values()
        };
        assert_eq!(values(), values());
    }

    #[test]
    fn the_defaults_are_vadas_and_lengths_are_positive() {
        let plugin = plugin(Kind::Method, "vat");
        assert_eq!((plugin.weight, (plugin.defaults)()["radius"].clone()), (0.01, 3.5.into()));
        assert!(config_error("vat", "radius = 0").contains("must be > 0"));
        assert!(config_error("vat", "xi = -1.0").contains("must be > 0"));
        assert!(config_error("vat", "domains = \"all\"").contains("all"));
    }
}
