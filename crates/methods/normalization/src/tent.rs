//! Entropy minimisation at test time.

use isthmus_core::batch::TargetBatch;
use isthmus_core::context::{Grouping, Statistics};
use isthmus_core::model::Model;
use isthmus_core::parameter::ParameterSet;
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::prelude::*;
use isthmus_core::registry::TestTimePlugin;
use isthmus_core::test_time::{Predicted, Reset, Stream, TestTimeMethod};
use isthmus_losses::target::entropy;

use crate::statistics::require_norm_layers;

inventory::submit! {
    Plugin::test_time::<Tent>(About {
        name: "tent",
        summary: "Minimises the entropy of predictions by scale and shift of the norm layers, at \
                  test time",
        paper: "Wang, Shelhamer, Liu, Olshausen, Darrell: Tent: fully test-time adaptation by \
                entropy minimization, ICLR 2021",
    })
    .of_norm_layers()
    .of_classes()
}

/// Predicts the target's test samples once, batch by batch, normalised by each batch's own
/// statistics, and lowers the entropy of the predictions by the scale and shift of the norm
/// layers; no other weight changes, and neither source samples nor labels are used. Its accuracy
/// is that of the predictions made on the way.
///
/// Of `training`, `batch_size`, `optimizer` and `schedule` count, and `iterations` does not. The
/// paper uses batches of 200 with Adam at 0.001 on small images, and of 64 with SGD at 0.00025 on
/// ImageNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tent {
    /// When the model goes back to the trained one: `never`, so that it goes on learning from
    /// batch to batch, before each `batch`, or before each `shift` of a stream of several domains
    /// (`data.streams`).
    pub reset: Reset,
    /// Updates a batch. Each is made from a forward pass of its own; the predictions are those of
    /// the last pass, before its update.
    #[schemars(range(min = 1))]
    pub steps: usize,
}

impl Default for Tent {
    fn default() -> Self {
        Self { reset: Reset::Never, steps: 1 }
    }
}

impl PluginConfig for Tent {}

impl TestTimePlugin for Tent {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn TestTimeMethod>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

impl Method for Tent {
    /// By the statistics of each batch, as the stream is predicted.
    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        Some(Box::new(ModelPredictor::by_batch(model, grouping)))
    }
}

impl TestTimeMethod for Tent {
    fn reset(&self) -> Reset {
        self.reset
    }

    fn begin(&mut self, stream: &mut Stream<'_>) -> Result<(), MethodError> {
        require_norm_layers(stream.model, "`tent` changes scale and shift of")
    }

    fn predict(
        &mut self,
        stream: &mut Stream<'_>,
        batch: TargetBatch,
        step: usize,
        measure: bool,
    ) -> Result<Predicted, MethodError> {
        let mut predicted = None;
        for phase in 0..self.steps {
            let context = stream.context(batch.input.rows(), Statistics::Batch);
            let output = stream.model.forward(batch.input.clone(), &context);
            let loss = entropy(output.logits.clone());
            stream.update((step, phase), &loss, ParameterSet::Norms, Vec::new());
            predicted = Some((output, loss));
        }
        let Some((output, loss)) = predicted else {
            return Err(MethodError::Unsuitable(
                "`tent` makes no pass with `steps = 0`".to_owned(),
            ));
        };
        let value = |loss: Tensor<1>| vec![("entropy".to_owned(), loss.into_scalar::<f64>())];
        let measurements = if measure { value(loss) } else { Vec::new() };
        Ok(Predicted { output: output.inner(), measurements })
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::NormPolicy;
    use isthmus_core::stage::SampleView;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, test_time};

    use super::*;

    /// A model trained on the source, and a target moved away from it.
    fn trained(spec: ModelSpec) -> Workbench {
        let mut bench = Workbench::new(spec, TwoDomains::shifted(40, 48, 1.5), 60, 0.2);
        bench.train_on_source(60);
        bench
    }

    /// Predicts the target in batches of 16 and returns each answer's logits and entropies.
    fn go_through(bench: &mut Workbench, tent: &mut dyn TestTimeMethod) -> Vec<(Vec<f32>, f64)> {
        tent.begin(&mut bench.stream()).unwrap();
        (0..3).map(|step| answer(bench, tent, step)).collect()
    }

    fn adapted(bench: &mut Workbench, config: &str) -> Vec<(Vec<f32>, f64)> {
        let mut tent = test_time("tent", config, &bench.context());
        go_through(bench, &mut *tent)
    }

    fn answer(
        bench: &mut Workbench,
        tent: &mut dyn TestTimeMethod,
        step: usize,
    ) -> (Vec<f32>, f64) {
        let rows: Vec<usize> = (step * 16..(step + 1) * 16).collect();
        let stage = bench.stage();
        let batch = stage.data.target_at(&rows, SampleView::Plain, &stage.device).unwrap();
        let predicted = tent.predict(&mut bench.stream(), batch, step, true).unwrap();
        assert_eq!(predicted.measurements[0].0, "entropy");
        (predicted.output.logits.to_data().iter::<f32>().collect(), predicted.measurements[0].1)
    }

    #[test]
    fn scale_and_shift_of_norm_layers_change_and_nothing_else() {
        let mut bench = trained(ModelSpec::NORMALISED);
        let before = bench.values();
        adapted(&mut bench, "");
        let changed: Vec<String> = bench
            .values()
            .into_iter()
            .filter(|(name, values)| before[name] != *values)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(changed.len(), 4, "{changed:?}");
        for name in &changed {
            assert!(name.contains("norm.weight") || name.contains("norm.bias"), "{name}");
        }
    }

    /// The first answer is that of the trained model normalised by the batch: adaptation shows
    /// from the second on. With more steps it shows at once.
    #[test]
    fn the_entropy_falls() {
        let mut bench = trained(ModelSpec::NORMALISED);
        let start = bench.tensors();
        let one = adapted(&mut bench, "");
        bench.load(&start);
        let many = adapted(&mut bench, "steps = 10");
        assert!(many[0].1 < one[0].1, "{} is not below {}", many[0].1, one[0].1);
        bench.load(&start);
        let still = go_through(&mut bench, &mut Still);
        assert_eq!(one[0], still[0]);
        assert!(one[2].1 < still[2].1, "{} is not below {}", one[2].1, still[2].1);
    }

    /// Predicts as Tent does and learns nothing.
    struct Still;

    impl Method for Still {}

    impl TestTimeMethod for Still {
        fn reset(&self) -> Reset {
            Reset::Never
        }

        fn predict(
            &mut self,
            stream: &mut Stream<'_>,
            batch: TargetBatch,
            _step: usize,
            _measure: bool,
        ) -> Result<Predicted, MethodError> {
            let context = stream.context(batch.input.rows(), Statistics::Batch);
            let output = stream.model.forward(batch.input, &context);
            let loss = entropy(output.logits.clone()).into_scalar::<f64>();
            let measurements = vec![("entropy".to_owned(), loss)];
            Ok(Predicted { output: output.inner(), measurements })
        }
    }

    #[test]
    fn batch_statistics_serve_whatever_the_model_was_trained_with() {
        let mut bench = trained(ModelSpec::NORMALISED);
        bench.norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
        let answers = adapted(&mut bench, "");
        assert!(answers.iter().flat_map(|(logits, _)| logits).all(|value| value.is_finite()));
    }

    #[test]
    fn a_model_without_norm_layers_is_refused() {
        let plain = ModelSpec {
            extractor: ("mlp", "hidden = [8]\nbatch_norm = false"),
            ..ModelSpec::NORMALISED
        };
        let mut bench = trained(plain);
        let mut tent = test_time("tent", "", &bench.context());
        let error = tent.begin(&mut bench.stream()).unwrap_err().to_string();
        assert!(error.contains("this model has none"), "{error}");
    }

    #[test]
    fn wrong_configurations_are_refused() {
        assert!(config_error("tent", "reset = \"always\"").contains("always"));
    }
}
