//! Unsupervised pixel-level domain adaptation.

use isthmus_core::batch::SourceBatch;
use isthmus_core::input::Input;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::updater::Part;

use crate::direction::Direction;
use crate::images::{extent, images, some_of_source, some_of_target};
use crate::translator::TranslatorSize;

/// The name in experiments.
const NAME: &str = "pixel-da";

inventory::submit! {
    Plugin::driver::<PixelDa>(
        About {
            name: NAME,
            summary: "Source images are made to look like the target's, and the classifier learns \
                      from them",
            paper: "Bousmalis, Silberman, Dohan, Erhan, Krishnan: Unsupervised pixel-level domain \
                    adaptation with generative adversarial networks, CVPR 2017",
        },
        Needs::NOTHING.of_images(),
    )
}

/// Each step has two phases. First a discriminator learns to tell the target's images from
/// translated source images. Then a translator and the model learn together, by the sum of
///
/// - the loss of the objective on translated images with the labels of their originals, and the
///   stage's terms, which see translated images in the source's place;
/// - `source_weight` times the objective's loss on the images as they are;
/// - `deception_weight` times the cross-entropy of the translated images against the
///   discriminator's label of real ones, which reaches the translator only.
///
/// The translator adds to an image what it finds fit, and begins as the identity: so training begins
/// as `source-only`. Random numbers let one image have many translations. The paper's content loss
/// is left out: it needs masks of what is in the foreground.
///
/// Samples are images of one size, small ones: the networks work at full resolution. They learn by
/// the optimizer of the stage; Adam serves them better than SGD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PixelDa {
    /// Factor of the loss that makes translated images pass for the target's. Large, it lets
    /// translations become what their label is not; small, it leaves them as they were. (The paper:
    /// 0.01 to 0.1 by the pair of domains.)
    #[schemars(range(min = 0.0))]
    pub deception_weight: f64,
    /// Factor of the loss on source images as they are; without it the classifier may agree with the
    /// translator on other classes for them.
    #[schemars(range(min = 0.0))]
    pub source_weight: f64,
    /// Random numbers that the translator is given with each image; 0 for one translation an image.
    pub noise: usize,
    /// Sizes of the translator.
    pub translator: TranslatorSize,
    /// Channels after the discriminator's first convolution.
    #[schemars(range(min = 1))]
    pub discriminator_channels: usize,
}

impl Default for PixelDa {
    fn default() -> Self {
        Self {
            deception_weight: 0.1,
            source_weight: 1.0,
            noise: 10,
            translator: TranslatorSize::default(),
            discriminator_channels: 16,
        }
    }
}

impl PluginConfig for PixelDa {}

impl DriverPlugin for PixelDa {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let extent = extent(NAME, context)?;
        let names = ["translator", "discriminator"];
        let hidden = self.discriminator_channels;
        let to_target = Direction::new(names, extent, self.translator, self.noise, hidden, context);
        Ok(Box::new(Translation { config: self.clone(), to_target }))
    }
}

/// The driver.
struct Translation {
    config: PixelDa,
    to_target: Direction,
}

impl Method for Translation {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.to_target.networks()
    }
}

impl Driver for Translation {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let (number, stage) = (step.batch_number(), &step.stage);
        let source = stage.data.source_batch(number, &stage.device)?;
        let target = stage.data.target_batch(number, &stage.device)?;
        let original = images(NAME, source.input.clone())?;
        let translated = self.to_target.translate(original, step.key().named("noise"));
        let real = images(NAME, target.input.clone())?;
        let sharpness = self.to_target.sharpen(step, &real, &translated)?;

        let segments = source.segments.clone();
        let plain = source.input.clone();
        let input = Input::Images(translated.clone());
        let joint = step.joint_of(SourceBatch { input, ..source }, target);
        let mut loss = step.loss()?;
        if self.config.source_weight > 0.0 {
            let plain = step.forward(plain, segments);
            let plain = step.source_loss(&plain, &joint.targets)?;
            loss = loss + plain.mul_scalar(self.config.source_weight);
        }
        let deception = self.to_target.deception(translated);
        if step.measure {
            step.note("discriminator_loss", sharpness);
            step.note("deception", deception.clone().into_scalar::<f64>());
        }
        loss = loss + deception.mul_scalar(self.config.deception_weight);
        step.update(&loss, vec![self.to_target.translator()])
    }

    fn pictures(&mut self, stage: &mut Stage<'_>) -> Result<Vec<NamedTensor>, MethodError> {
        let source = some_of_source(NAME, stage.data, &stage.device)?;
        let target = some_of_target(NAME, stage.data, &stage.device)?;
        let translated = self.to_target.translate(source.clone(), stage.key.named("pictures"));
        Ok(vec![
            NamedTensor::of("source", &source),
            NamedTensor::of("source, translated", &translated),
            NamedTensor::of("target", &target),
        ])
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, context, driver};

    use super::*;
    use crate::testing::{bench, image_context};

    #[test]
    fn it_begins_as_source_only() {
        let mut bench = bench(0.5, 1);
        let mut method =
            driver(NAME, "source_weight = 0.0\ndeception_weight = 0.0", &bench.context());
        let begun = bench.run(&mut *method, 0..1).remove(0);
        let mut plain = crate::testing::bench(0.5, 1);
        let mut step = Step::new(plain.stage(), 0, 0, true);
        let loss = step.loss().unwrap().into_scalar::<f64>();
        assert!((begun["class_loss"] - loss).abs() < 1e-6, "{begun:?}, {loss}");
    }

    #[test]
    fn each_phase_changes_its_own_networks() {
        let mut bench = bench(0.5, 4);
        let extent = [1, 6, 6];
        let context = bench.context();
        let size = TranslatorSize { channels: 4, blocks: 1 };
        let names = ["translator", "discriminator"];
        let to_target = Direction::new(names, extent, size, 2, 4, &context);
        let mut method = Translation { config: PixelDa::default(), to_target };
        let before = part_tensors(method.networks());
        bench.run(&mut method, 0..2);
        let after = part_tensors(method.networks());
        let moved = |name: &str| {
            let pairs = before.iter().zip(&after).filter(|(it, _)| it.path.starts_with(name));
            pairs.filter(|(before, after)| before.data != after.data).count()
        };
        assert!(moved("translator.") > 0 && moved("discriminator.") > 0);

        // A discriminator that learns alone leaves all else.
        let model = bench.values();
        let mut step = Step::new(bench.stage(), 2, 0, true);
        let real = Tensor::<4>::ones([3, 1, 6, 6], &context.device);
        let translated = method.to_target.translate(real.clone().mul_scalar(0.5), context.key);
        let first = method.to_target.sharpen(&mut step, &real, &translated).unwrap();
        let second = method.to_target.sharpen(&mut step, &real, &translated).unwrap();
        assert!(second < first, "{first} to {second}");
        drop(step);
        assert_eq!(bench.values(), model);
    }

    #[test]
    fn raises_the_accuracy_on_a_faded_target() {
        crate::testing::assert_gains(NAME, "", 0.7, false);
    }

    #[test]
    fn images_of_the_phases_are_shown() {
        let mut bench = bench(0.5, 4);
        let mut method = driver(NAME, "", &bench.context());
        let pictures = method.pictures(&mut bench.stage()).unwrap();
        let captions: Vec<&str> = pictures.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(captions, ["source", "source, translated", "target"]);
        for picture in &pictures {
            assert_eq!(picture.data.shape().to_vec(), [12, 1, 6, 6]);
        }
        assert_eq!(pictures[0].data, pictures[1].data, "the translator begins as the identity");
    }

    #[test]
    fn samples_that_are_no_images_are_refused() {
        let error = PixelDa::default().build(&context(4, 3, 1)).err().unwrap().to_string();
        assert!(error.contains("`pixel-da` translates images"), "{error}");
        PixelDa::default().build(&image_context()).unwrap();
        assert!(config_error(NAME, "translator = { channels = 0 }").contains("channels"));
        let data = TwoDomains::shifted(8, 8, 1.0);
        let mut flat = Workbench::new(ModelSpec::NORMALISED, data, 1, 0.1);
        let mut method = PixelDa::default().build(&image_context()).unwrap();
        let mut step = Step::new(flat.stage(), 0, 0, false);
        let error = method.step(&mut step).unwrap_err().to_string();
        assert!(error.contains("features [3]"), "{error}");
    }
}
