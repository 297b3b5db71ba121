//! Cycle-consistent adversarial domain adaptation.

use burn::tensor::Tensor;
use isthmus_core::batch::SourceBatch;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::updater::Part;
use isthmus_losses::classification::cross_entropy;

use crate::direction::Direction;
use crate::images::{extent, images, some_of_source, some_of_target};
use crate::translator::TranslatorSize;

/// The name in experiments.
const NAME: &str = "cycada";

inventory::submit! {
    Plugin::driver::<Cycada>(
        About {
            name: NAME,
            summary: "Translators between both domains, there and back, that keep what a source \
                      classifier sees; then the classifier learns from translated images",
            paper: "Hoffman, Tzeng, Park, Zhu, Isola, Saenko, Efros, Darrell: CyCADA: \
                    cycle-consistent adversarial domain adaptation, ICML 2018",
        },
        Needs::TRAINED.of_classes().of_images(),
    )
}

/// A stage after one on the source, in two phases.
///
/// In the image phase two translators learn, source to target and back, each against a discriminator
/// of its own; the model stays. They lower the sum of
///
/// - the cross-entropy of translated images against the discriminators' label of real ones;
/// - `cycle_weight` times the mean absolute difference of an image and what comes back of it, for
///   both domains;
/// - `semantic_weight` times the cross-entropy of what the model of the stage before says of translated
///   images against the class that it says of their originals, for both domains.
///
/// In the feature phase the translators stay, and the model learns from translated source images
/// with the labels of their originals. The stage's terms see these in the source's place: with
/// `dann` beside it this is the whole of CyCADA, without a term its image part. Terms that warm up by
/// steps do so from the first step of the stage on.
///
/// Samples are images of one size, small ones: the networks work at full resolution. They learn by
/// the optimizer of the stage; Adam serves them better than SGD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cycada {
    /// Share of the stage's steps that belong to the image phase.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub image_phase: f64,
    /// Factor of the loss of what comes back; 10 in CycleGAN.
    #[schemars(range(min = 0.0))]
    pub cycle_weight: f64,
    /// Factor of the loss of what the source classifier says.
    #[schemars(range(min = 0.0))]
    pub semantic_weight: f64,
    /// Sizes of each translator.
    pub translator: TranslatorSize,
    /// Channels after the first convolution of each discriminator.
    #[schemars(range(min = 1))]
    pub discriminator_channels: usize,
}

impl Default for Cycada {
    fn default() -> Self {
        Self {
            image_phase: 0.5,
            cycle_weight: 10.0,
            semantic_weight: 1.0,
            translator: TranslatorSize::default(),
            discriminator_channels: 16,
        }
    }
}

impl PluginConfig for Cycada {}

impl DriverPlugin for Cycada {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let extent = extent(NAME, context)?;
        let direction = |names| {
            let hidden = self.discriminator_channels;
            Direction::new(names, extent, self.translator, 0, hidden, context)
        };
        Ok(Box::new(Cycle {
            config: self.clone(),
            to_target: direction(["to_target", "target_discriminator"]),
            to_source: direction(["to_source", "source_discriminator"]),
            classifier: None,
        }))
    }
}

/// The driver.
struct Cycle {
    config: Cycada,
    to_target: Direction,
    to_source: Direction,
    /// The model as the stage before left it: from [`Driver::begin`] on.
    classifier: Option<Model>,
}

/// The images of a step.
struct Images {
    source: Tensor<4>,
    target: Tensor<4>,
}

impl Cycle {
    /// The cross-entropy of what the source classifier says of translated images against the class
    /// that it says of the originals, off the tape.
    fn semantic_loss(
        &mut self,
        step: &Step<'_>,
        originals: Tensor<4>,
        translated: Tensor<4>,
        domain: DomainRole,
    ) -> Result<Tensor<1>, MethodError> {
        let classifier = self.classifier.as_mut().ok_or_else(|| {
            MethodError::Unsuitable("`cycada` has not begun: it has no classifier".to_owned())
        })?;
        let segment = Segment { domain, rows: originals.dims()[0] };
        let mut logits = |images: Tensor<4>| {
            let context = step.stage.evaluation_context(vec![segment]);
            classifier.forward(Input::Images(images), &context).logits
        };
        let classes = logits(originals).detach().argmax(1).squeeze_dim::<1>(1);
        Ok(cross_entropy(logits(translated), classes))
    }

    /// One step of the image phase: discriminators, then translators.
    fn learn_to_translate(&mut self, step: &mut Step<'_>, real: Images) -> Result<(), MethodError> {
        let key = step.key();
        let as_target = self.to_target.translate(real.source.clone(), key);
        let as_source = self.to_source.translate(real.target.clone(), key);
        let of_target = self.to_target.sharpen(step, &real.target, &as_target)?;
        let of_source = self.to_source.sharpen(step, &real.source, &as_source)?;

        let deception = self.to_target.deception(as_target.clone())
            + self.to_source.deception(as_source.clone());
        let back = |came: Tensor<4>, original: &Tensor<4>| (came - original.clone()).abs().mean();
        let cycle = back(self.to_source.translate(as_target.clone(), key), &real.source)
            + back(self.to_target.translate(as_source.clone(), key), &real.target);
        if step.measure {
            step.note("discriminator_loss", of_target + of_source);
            step.note("deception", deception.clone().into_scalar::<f64>());
            step.note("cycle_loss", cycle.clone().into_scalar::<f64>());
        }
        let mut loss = deception + cycle.mul_scalar(self.config.cycle_weight);
        if self.config.semantic_weight > 0.0 {
            let semantic = self.semantic_loss(step, real.source, as_target, DomainRole::SOURCE)?
                + self.semantic_loss(step, real.target, as_source, DomainRole::Target)?;
            if step.measure {
                step.note("semantic_loss", semantic.clone().into_scalar::<f64>());
            }
            loss = loss + semantic.mul_scalar(self.config.semantic_weight);
        }
        let translators = vec![self.to_target.translator(), self.to_source.translator()];
        step.update_only(&loss, &[], translators)
    }
}

impl Method for Cycle {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let mut parts = self.to_target.networks();
        parts.extend(self.to_source.networks());
        if let Some(classifier) = &mut self.classifier {
            // The model goes on to learn, so that a checkpoint has to hold both.
            parts.extend(classifier.parts().into_iter().map(|part| part.below("classifier")));
        }
        parts
    }
}

impl Driver for Cycle {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        self.classifier = Some(stage.model.training_copy());
        Ok(())
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let (number, stage) = (step.batch_number(), &step.stage);
        let source = stage.data.source_batch(number, &stage.device)?;
        let target = stage.data.target_batch(number, &stage.device)?;
        let original = images(NAME, source.input.clone())?;
        let progress = step.number as f64 / step.stage.total_steps as f64;
        if progress < self.config.image_phase {
            let real = Images { source: original, target: images(NAME, target.input)? };
            return self.learn_to_translate(step, real);
        }
        let translated = self.to_target.translate(original, step.key()).detach();
        step.joint_of(SourceBatch { input: Input::Images(translated), ..source }, target);
        let loss = step.loss()?;
        step.update(&loss, Vec::new())
    }

    fn pictures(&mut self, stage: &mut Stage<'_>) -> Result<Vec<NamedTensor>, MethodError> {
        let key = stage.key;
        let source = some_of_source(NAME, stage.data, &stage.device)?;
        let target = some_of_target(NAME, stage.data, &stage.device)?;
        let as_target = self.to_target.translate(source.clone(), key);
        let as_source = self.to_source.translate(target.clone(), key);
        Ok(vec![
            NamedTensor::of("source", &source),
            NamedTensor::of("source, translated", &as_target),
            NamedTensor::of(
                "source, translated and back",
                &self.to_source.translate(as_target.clone(), key),
            ),
            NamedTensor::of("target", &target),
            NamedTensor::of("target, translated", &as_source),
            NamedTensor::of(
                "target, translated and back",
                &self.to_target.translate(as_source.clone(), key),
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{config_error, context};

    use super::*;
    use crate::testing::{assert_gains, bench, image_context};

    fn cycle(config: Cycada, bench: &mut isthmus_testing::Workbench) -> Cycle {
        let size = TranslatorSize { channels: 4, blocks: 1 };
        let context = bench.context();
        let direction = |names| Direction::new(names, [1, 6, 6], size, 0, 4, &context);
        let mut cycle = Cycle {
            config,
            to_target: direction(["to_target", "target_discriminator"]),
            to_source: direction(["to_source", "source_discriminator"]),
            classifier: None,
        };
        cycle.begin(&mut bench.stage()).unwrap();
        cycle
    }

    #[test]
    fn translators_learn_in_the_image_phase_and_the_model_after_it() {
        let mut bench = bench(0.5, 4);
        bench.train_on_source(20);
        let mut method = cycle(Cycada::default(), &mut bench);
        let moved = |before: &[NamedTensor], after: &[NamedTensor], name: &str| {
            let pairs = before.iter().zip(after).filter(|(it, _)| it.path.starts_with(name));
            pairs.filter(|(before, after)| before.data != after.data).count()
        };
        let (model, networks) = (bench.values(), part_tensors(method.networks()));
        bench.run(&mut method, 0..2);
        let translated = part_tensors(method.networks());
        assert_eq!(bench.values(), model);
        for name in ["to_target.", "to_source.", "target_disc", "source_disc"] {
            assert!(moved(&networks, &translated, name) > 0, "{name}");
        }
        assert_eq!(moved(&networks, &translated, "classifier."), 0);

        bench.run(&mut method, 2..4);
        assert_ne!(bench.values(), model);
        assert_eq!(moved(&translated, &part_tensors(method.networks()), ""), 0);
    }

    #[test]
    fn what_comes_back_and_what_is_seen_stay_by_their_weights() {
        let losses = |config: Cycada| {
            let mut bench = bench(0.7, 150);
            bench.train_on_source(60);
            let config = Cycada { image_phase: 1.0, ..config };
            let mut method = cycle(config, &mut bench);
            bench.run(&mut method, 0..150).remove(149)
        };
        let with = losses(Cycada::default());
        let without = losses(Cycada { cycle_weight: 0.0, ..Cycada::default() });
        assert!(with["cycle_loss"] < 0.5 * without["cycle_loss"], "{with:?}, {without:?}");
        let blind = losses(Cycada { semantic_weight: 0.0, ..Cycada::default() });
        assert!(with["semantic_loss"].is_finite() && !blind.contains_key("semantic_loss"));
    }

    #[test]
    fn raises_the_accuracy_on_a_faded_target() {
        assert_gains(
            NAME,
            "translator = { channels = 8, blocks = 1 }\ncycle_weight = 2.0",
            0.7,
            true,
        );
    }

    #[test]
    fn images_there_and_back_are_shown() {
        let mut bench = bench(0.5, 4);
        let mut method = cycle(Cycada::default(), &mut bench);
        let pictures = method.pictures(&mut bench.stage()).unwrap();
        let captions: Vec<&str> = pictures.iter().map(|it| it.path.as_str()).collect();
        let mut sorted = captions.clone();
        sorted.sort_unstable();
        assert_eq!((captions.len(), &captions), (6, &sorted), "records keep them in this order");
        assert_eq!(pictures[0].data, pictures[2].data, "translators begin as the identity");
    }

    #[test]
    fn samples_that_are_no_images_are_refused() {
        let error = Cycada::default().build(&context(4, 3, 1)).err().unwrap().to_string();
        assert!(error.contains("`cycada` translates images"), "{error}");
        Cycada::default().build(&image_context()).unwrap();
        assert!(config_error(NAME, "image_phase = 1.5").contains("image_phase"));
    }
}
