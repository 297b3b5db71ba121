//! Single-utterance test-time adaptation.

use isthmus_core::batch::TargetBatch;
use isthmus_core::context::{Grouping, Statistics};
use isthmus_core::model::Model;
use isthmus_core::parameter::ParameterSet;
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::prelude::*;
use isthmus_core::registry::TestTimePlugin;
use isthmus_core::test_time::{Predicted, Reset, Stream, TestTimeMethod};
use isthmus_losses::target::utterance_loss;

use crate::statistics::require_norm_layers;

inventory::submit! {
    Plugin::test_time::<Suta>(About {
        name: "suta",
        summary: "Adapts to each utterance by itself: less entropy of its frames, less confusion of \
                  symbols",
        paper: "Lin, Li, Lee: Listen, adapt, better WER: source-free single-utterance test-time \
                adaptation for automatic speech recognition, Interspeech 2022",
    })
    .of_norm_layers()
    .of_states()
}

/// Predicts the target's test samples once and adapts to each batch before it answers: `steps` updates
/// lower `entropy` times the mean entropy of the frames that are predicted as a symbol, plus the rest
/// times the class confusion of all frames. Then the model goes back to the trained one. Neither
/// source samples nor transcripts are used.
///
/// `batch_size = 1` of `training` is an utterance at a time, as in the paper; there AdamW at 2e-5
/// updates the norm layers and the convolutions below a transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Suta {
    /// Updates a batch; the answer is that of a pass after the last.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Divides the logits, so that what is certain still has a gradient.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// Share of the entropy in the loss; the rest is the class confusion.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub entropy: f64,
    /// What is updated. For the paper's choice, norm layers and the network before the classifier,
    /// `all` with `learning_rate_factors.classifier = 0` in `training`.
    pub parameters: ParameterSet,
    /// Whether norm layers take mean and variance of the batch's own frames, as in `tent`, in place of
    /// those that they were trained with. The paper's networks have layers that no batch concerns.
    pub batch_statistics: bool,
    /// When the model goes back to the trained one: before each `batch`, before each `shift` of a
    /// stream of several domains, or `never`.
    pub reset: Reset,
}

impl Default for Suta {
    fn default() -> Self {
        Self {
            steps: 10,
            temperature: 2.5,
            entropy: 0.3,
            parameters: ParameterSet::Norms,
            batch_statistics: false,
            reset: Reset::Batch,
        }
    }
}

impl PluginConfig for Suta {}

impl TestTimePlugin for Suta {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn TestTimeMethod>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

impl Suta {
    fn statistics(&self) -> Statistics {
        if self.batch_statistics { Statistics::Batch } else { Statistics::Running }
    }
}

impl Method for Suta {
    /// As the stream is predicted before it is adapted to.
    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        let by_batch = || Box::new(ModelPredictor::by_batch(model, grouping)) as Box<dyn Predictor>;
        self.batch_statistics.then(by_batch)
    }
}

impl TestTimeMethod for Suta {
    fn reset(&self) -> Reset {
        self.reset
    }

    fn begin(&mut self, stream: &mut Stream<'_>) -> Result<(), MethodError> {
        require_norm_layers(stream.model, "`suta` changes")
    }

    fn predict(
        &mut self,
        stream: &mut Stream<'_>,
        batch: TargetBatch,
        step: usize,
        measure: bool,
    ) -> Result<Predicted, MethodError> {
        let context = stream.context(batch.input.rows(), self.statistics());
        let mut measurements = Vec::new();
        for phase in 0..self.steps {
            let output = stream.model.forward(batch.input.clone(), &context);
            let frames = output.states()?.valid();
            // The last output is that of the blank.
            let blank = frames.dims()[1].saturating_sub(1);
            let parts = utterance_loss(frames, self.temperature, blank);
            if measure && phase == 0 {
                let value = |loss: &Tensor<1>| loss.clone().into_scalar::<f64>();
                measurements = vec![
                    ("entropy".to_owned(), value(&parts.entropy)),
                    ("confusion".to_owned(), value(&parts.confusion)),
                ];
            }
            let loss = parts.loss(self.entropy);
            stream.update((step, phase), &loss, self.parameters, Vec::new());
        }
        let output = stream.model.forward(batch.input, &context);
        Ok(Predicted { output: output.inner(), measurements })
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{config_error, plugin};

    #[test]
    fn it_needs_norm_layers_and_outputs_in_time() {
        let needs = plugin(Kind::Method, "suta").needs;
        assert!(needs.states && needs.norm_layers && needs.trained_model && needs.last);
    }

    #[test]
    fn wrong_configurations_are_refused() {
        assert!(config_error("suta", "entropy = 1.5").contains("entropy"));
        assert!(config_error("suta", "temperature = 0").contains("temperature"));
        assert!(config_error("suta", "steps = 0").contains("steps"));
    }
}
