//! Prediction by the statistics of each batch.

use isthmus_core::batch::TargetBatch;
use isthmus_core::context::{Grouping, Statistics};
use isthmus_core::model::Model;
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::prelude::*;
use isthmus_core::registry::TestTimePlugin;
use isthmus_core::test_time::{Predicted, Reset, Stream, TestTimeMethod};

use crate::statistics::require_norm_layers;

inventory::submit! {
    Plugin::test_time::<BatchStatistics>(About {
        name: "batch-statistics",
        summary: "Normalises by the statistics of each batch of the target, at test time",
        paper: "Nado, Padhy, Sculley, D'Amour, Lakshminarayanan, Snoek: Evaluating prediction-time \
                batch normalization for robustness under covariate shift, arXiv:2006.10963, 2020",
    })
    .of_norm_layers()
}

/// Predicts the target's test samples once, batch by batch, normalised by each batch's own
/// statistics; no weight changes. It is what `tent` does before it learns.
///
/// Of `training`, `batch_size` counts; the paper uses batches of 100 and 500.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchStatistics {}

impl PluginConfig for BatchStatistics {}

impl TestTimePlugin for BatchStatistics {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn TestTimeMethod>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

impl Method for BatchStatistics {
    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        Some(Box::new(ModelPredictor::by_batch(model, grouping)))
    }
}

impl TestTimeMethod for BatchStatistics {
    fn reset(&self) -> Reset {
        Reset::Never
    }

    fn begin(&mut self, stream: &mut Stream<'_>) -> Result<(), MethodError> {
        require_norm_layers(stream.model, "`batch-statistics` is of")
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
        Ok(Predicted { output: output.inner(), measurements: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::stage::SampleView;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, test_time};

    fn trained(spec: ModelSpec) -> Workbench {
        let mut bench = Workbench::new(spec, TwoDomains::shifted(40, 48, 1.5), 60, 0.2);
        bench.train_on_source(60);
        bench
    }

    fn first_answer(bench: &mut Workbench, method: &str) -> Vec<f32> {
        let mut method = test_time(method, "", &bench.context());
        method.begin(&mut bench.stream()).unwrap();
        let stage = bench.stage();
        let rows: Vec<usize> = (0..16).collect();
        let batch = stage.data.target_at(&rows, SampleView::Plain, &stage.device).unwrap();
        let predicted = method.predict(&mut bench.stream(), batch, 0, true).unwrap();
        predicted.output.logits.to_data().iter::<f32>().collect()
    }

    #[test]
    fn a_batch_is_predicted_as_tent_predicts_its_first_and_nothing_changes() {
        let mut bench = trained(ModelSpec::NORMALISED);
        let before = bench.values();
        let answer = first_answer(&mut bench, "batch-statistics");
        assert_eq!(bench.values(), before);
        assert_eq!(first_answer(&mut bench, "tent"), answer);
    }

    #[test]
    fn a_model_without_norm_layers_is_refused() {
        let plain = ModelSpec {
            extractor: ("mlp", "hidden = [8]\nbatch_norm = false"),
            ..ModelSpec::NORMALISED
        };
        let mut bench = trained(plain);
        let mut method = test_time("batch-statistics", "", &bench.context());
        let error = method.begin(&mut bench.stream()).unwrap_err().to_string();
        assert!(error.contains("this model has none"), "{error}");
    }
}
