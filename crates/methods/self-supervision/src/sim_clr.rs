//! Contrastive learning on views of the target.

use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::parts::Classifier;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::stage::SampleView;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::target::nt_xent;

use crate::head::head;

inventory::submit! {
    Plugin::term::<SimClr>(About {
        name: "simclr",
        summary: "Learns to tell two views of a target sample from those of others",
        paper: "Chen, Kornblith, Norouzi, Hinton: A simple framework for contrastive learning of \
                visual representations, ICML 2020",
    })
    .with_strong_views()
}

/// Of each target sample of the batch two strong views are made, as `[data.views]` says; a head of
/// its own maps the model's features of both to vectors, and each is to be more alike to the other
/// view of its sample than to all other vectors of the batch. Features so forget what the views
/// differ in. Large batches have more to tell apart.
///
/// All views go through the model in one pass, which leaves running statistics as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimClr {
    /// Divides similarities, which are between -1 and 1: small ones make the nearest other samples
    /// count most.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// Sizes of the head's hidden layers, with ReLU.
    pub hidden: Vec<usize>,
    /// Size of the vectors that are compared.
    #[schemars(range(min = 1))]
    pub size: usize,
}

impl Default for SimClr {
    fn default() -> Self {
        Self { temperature: 0.5, hidden: vec![128], size: 64 }
    }
}

impl PluginConfig for SimClr {}

impl TermPlugin for SimClr {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let head = head(context, "head", &self.hidden, self.size)?;
        Ok(Box::new(Contrast { temperature: self.temperature, head }))
    }
}

/// The term.
struct Contrast {
    temperature: f64,
    head: Box<dyn Classifier>,
}

impl Method for Contrast {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("head", Role::Auxiliary, &mut *self.head)]
    }
}

impl Term for Contrast {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let rows = joint.target_rows;
        if rows < 2 {
            return Err(MethodError::Unsuitable(format!(
                "`simclr` compares at least 2 target samples in a batch, this one has {rows}: \
                 raise `training.batch_size`"
            )));
        }
        let stage = &step.stage;
        let view = |name: &str| {
            let view = SampleView::Strong(step.key().named(name));
            stage.data.target_at(&joint.target_indices, view, &stage.device)
        };
        let input = view("first view")?.input.concatenate(view("second view")?.input);
        let segment = Segment { domain: DomainRole::Target, rows: 2 * rows };
        let context = step.pass_context(vec![segment]);
        let features = step.stage.model.features(input, &context);
        let vectors = self.head.forward(features, &context);
        let [first, second] = [0, rows].map(|start| vectors.clone().narrow(0, start, rows));
        Ok(nt_xent(first, second, self.temperature))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, term};

    use super::*;

    fn bench(target_rows: usize, steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(20, target_rows);
        Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1)
    }

    #[test]
    fn views_of_a_sample_come_to_be_more_alike_than_those_of_others() {
        let mut bench = bench(12, 150);
        let method = term("simclr", "", &bench.context());
        let steps = bench.train(method, 150);
        let mean = |steps: &[std::collections::BTreeMap<String, f64>]| {
            steps.iter().map(|step| step["term/loss"]).sum::<f64>() / steps.len() as f64
        };
        let (first, last) = (mean(&steps[..10]), mean(&steps[140..]));
        assert!(last < first - 0.3, "{first} to {last}");
        assert!(bench.source_accuracy() > 0.9);
    }

    #[test]
    fn views_differ_from_step_to_step_and_are_the_same_for_a_step() {
        let mut bench = bench(12, 5);
        let context = bench.context();
        let mut at = |number: usize| {
            let mut method = term("simclr", "", &context);
            let mut step = Step::new(bench.stage(), number, 0, false);
            method.loss(&mut step).unwrap().into_scalar::<f64>()
        };
        assert_eq!(at(0), at(0));
        assert_ne!(at(0), at(2), "batches 0 and 2 hold the same rows");
    }

    #[test]
    fn raises_the_accuracy_on_a_faded_target() {
        let bench = || {
            let spec = ModelSpec {
                extractor: ("mlp", "hidden = [24, 12]\nbatch_norm = false"),
                ..ModelSpec::NORMALISED
            };
            Workbench::new(spec, TwoDomains::images(40, 24, 0.7).batches(20, 12), 150, 0.1)
        };
        let mut alone = bench();
        alone.train_on_source(150);
        let mut bench = bench();
        let method = term("simclr", "", &bench.context());
        bench.train(method, 150);
        let (before, after) = (alone.target_accuracy(), bench.target_accuracy());
        println!("target accuracy: {before:.3} without, {after:.3} with");
        assert!(after > before, "{before} to {after}");
    }

    #[test]
    fn a_batch_of_one_and_wrong_settings_are_refused() {
        let mut bench = bench(1, 5);
        let mut method = term("simclr", "", &bench.context());
        let mut step = Step::new(bench.stage(), 0, 0, false);
        let error = method.loss(&mut step).err().unwrap().to_string();
        assert!(error.contains("at least 2 target samples"), "{error}");
        assert!(config_error("simclr", "temperature = 0.0").contains("must be > 0"));
        assert!(config_error("simclr", "size = 0").contains("size"));
    }
}
