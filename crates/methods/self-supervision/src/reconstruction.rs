//! Reconstruction of samples from their features.

use burn::tensor::TensorData;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::parts::Classifier;
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::{Part, Role};
use rand::RngExt;

use crate::domains::{Chosen, Domains};
use crate::head::head;

inventory::submit! {
    Plugin::term::<Reconstruction>(About {
        name: "reconstruction",
        summary: "Learns to restore samples from their features",
        paper: "Ghifary, Kleijn, Zhang, Balduzzi, Li: Deep reconstruction-classification networks \
                for unsupervised domain adaptation, ECCV 2016",
    })
}

/// A decoder of its own restores samples from the model's features; the loss is the mean squared
/// difference of all values, so that features keep what tells samples of the domain apart. DRCN
/// learns by the target's samples alone, which the paper finds better than by both domains'.
///
/// A share of the values of each sample is set to 0 before, and the whole sample is to be restored,
/// as DRCN does; such samples go through the model in a pass of their own, which leaves running
/// statistics as they are. DRCN alternates between reconstruction and classification by epochs;
/// here they add up.
///
/// The decoder has linear layers, for samples of any one shape: features, images, series of equal
/// length. (DRCN's own is convolutional.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reconstruction {
    /// Whose samples are restored: those of the `target`, of the `source`, or of `both`.
    pub domains: Domains,
    /// Sizes of the decoder's hidden layers, with ReLU; none for a linear decoder.
    pub hidden: Vec<usize>,
    /// Share of the values that is set to 0. At 0 features are those of the joint pass.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub corruption: f64,
}

impl Default for Reconstruction {
    fn default() -> Self {
        Self { domains: Domains::Target, hidden: vec![256], corruption: 0.5 }
    }
}

impl PluginConfig for Reconstruction {}

impl TermPlugin for Reconstruction {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        if let InputShape::VariableSeries { .. } | InputShape::Text = context.input_shape {
            return Err(MethodError::Unsuitable(format!(
                "`reconstruction` restores samples of one shape, this data set has {}",
                context.input_shape
            )));
        }
        let decoder = head(context, "decoder", &self.hidden, context.input_shape.len())?;
        Ok(Box::new(ReconstructionTask { config: self.clone(), decoder }))
    }
}

/// The term.
struct ReconstructionTask {
    config: Reconstruction,
    decoder: Box<dyn Classifier>,
}

impl Method for ReconstructionTask {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("decoder", Role::Auxiliary, &mut *self.decoder)]
    }
}

impl Term for ReconstructionTask {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let Chosen { input, segments, rows } = self.config.domains.of(&joint, "reconstruction")?;
        let key = step.key().named("corruption");
        let context = step.pass_context(segments);
        let features = match self.config.corruption > 0.0 {
            true => {
                let corrupted = corrupted(&input, self.config.corruption, key);
                step.stage.model.features(corrupted, &context)
            }
            false => joint.features.clone().narrow(0, rows.start, rows.len()),
        };
        let restored = self.decoder.forward(features, &context);
        Ok((restored - input.flatten().detach()).square().mean())
    }
}

/// The samples with a share of their values set to 0, drawn by `key`.
fn corrupted(input: &Input, share: f64, key: Key) -> Input {
    let values = input.clone().flatten();
    let [rows, size] = values.dims();
    let mut rng = key.rng();
    let mask: Vec<f32> =
        (0..rows * size).map(|_| f32::from(u8::from(rng.random::<f64>() >= share))).collect();
    let mask = Tensor::from_data(TensorData::new(mask, [rows, size]), &values.device());
    input.with_rows(values * mask)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, context, term};

    use super::*;

    fn bench(data: TwoDomains, steps: usize) -> Workbench {
        let spec = ModelSpec { extractor: ("mlp", "hidden = [24, 12]"), ..ModelSpec::NORMALISED };
        Workbench::new(spec, data.batches(20, 12), steps, 0.1)
    }

    #[test]
    fn features_and_images_of_either_domain_come_to_be_restored() {
        for domains in ["target", "source", "both"] {
            for data in [TwoDomains::shifted(40, 24, 2.0), TwoDomains::images(40, 24, 0.5)] {
                let mut bench = bench(data, 150);
                let config = format!("domains = \"{domains}\"\ncorruption = 0.2");
                let method = term("reconstruction", &config, &bench.context());
                let steps = bench.train(method, 150);
                let (first, last) = (steps[0]["term/loss"], steps[149]["term/loss"]);
                assert!(last < 0.6 * first, "{domains}: {first} to {last}");
            }
        }
    }

    #[test]
    fn a_share_of_the_values_is_zero_and_the_rest_stays() {
        let input = Input::Images(Tensor::ones([20, 1, 10, 10], &Device::flex()));
        let mean = |share: f64, key: u64| {
            let corrupted = corrupted(&input, share, Key::new(key));
            assert_eq!(corrupted.shape(), input.shape());
            let values: Vec<f64> = corrupted.flatten().to_data().iter::<f64>().collect();
            assert!(values.iter().all(|value| *value == 0.0 || *value == 1.0));
            values.iter().sum::<f64>() / values.len() as f64
        };
        assert!((mean(0.3, 1) - 0.7).abs() < 0.05);
        assert_ne!(mean(0.3, 1), mean(0.3, 2));
        assert_eq!(mean(1.0, 1), 0.0);
    }

    #[test]
    fn without_corruption_it_is_the_loss_of_the_joint_features() {
        let mut bench = bench(TwoDomains::shifted(40, 24, 2.0), 5);
        let context = bench.context();
        let of = |bench: &mut Workbench, corruption: f64| {
            let config = format!("corruption = {corruption}");
            let mut method = term("reconstruction", &config, &context);
            let mut step = Step::new(bench.stage(), 0, 0, false);
            method.loss(&mut step).unwrap().into_scalar::<f64>()
        };
        assert_eq!(of(&mut bench, 0.0), of(&mut bench, 0.0));
        assert_ne!(of(&mut bench, 0.0), of(&mut bench, 0.5));
    }

    /// Features that restore the target may keep what the domains differ in, so that a gain is not
    /// certain: what is, is that the source is learned all the same, and the target restored.
    #[test]
    fn the_source_is_learned_while_the_target_is_restored() {
        let mut bench = bench(TwoDomains::images(40, 24, 0.5), 150);
        let method = term("reconstruction", "", &bench.context());
        let steps = bench.train(method, 150);
        assert!(bench.source_accuracy() > 0.9);
        assert!(steps[149]["class_loss"] < 0.2 * steps[0]["class_loss"]);
        assert!(steps[149]["term/loss"] < 0.5 * steps[0]["term/loss"]);
    }

    #[test]
    fn series_of_different_lengths_and_wrong_settings_are_refused() {
        let input_shape = InputShape::VariableSeries { channels: 2, longest: 9 };
        let context = MethodContext { input_shape, ..context(4, 3, 1) };
        let error = Reconstruction::default().build(&context).err().unwrap().to_string();
        assert!(error.contains("samples of one shape"), "{error}");
        assert!(config_error("reconstruction", "corruption = 1.5").contains("corruption"));
        assert!(config_error("reconstruction", "domains = \"all\"").contains("all"));
    }
}
