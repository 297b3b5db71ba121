//! Translation into one domain: a translator, and the discriminator that it has to deceive.

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Tensor, TensorData};
use isthmus_core::error::MethodError;
use isthmus_core::method::MethodContext;
use isthmus_core::random::Key;
use isthmus_core::step::Step;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::dann_domain_bce;
use rand_distr::{Distribution, StandardNormal};

use crate::image_discriminator::ImageDiscriminator;
use crate::translator::{Translator, TranslatorSize};

/// Translates images into one domain.
pub(crate) struct Direction {
    translator: Translator,
    discriminator: ImageDiscriminator,
    /// Random numbers of an image.
    noise: usize,
    /// Names of the translator and of the discriminator among the method's networks.
    names: [&'static str; 2],
}

impl Direction {
    /// For images of `[channels, height, width]`.
    pub(crate) fn new(
        names: [&'static str; 2],
        extent: [usize; 3],
        size: TranslatorSize,
        noise: usize,
        hidden: usize,
        context: &MethodContext,
    ) -> Self {
        let [translator, discriminator] = names.map(|name| context.network(name));
        Self {
            translator: Translator::new(extent, size, noise, &translator),
            discriminator: ImageDiscriminator::new(extent, hidden, &discriminator),
            noise,
            names,
        }
    }

    /// The translator, for an update of it alone.
    pub(crate) fn translator(&mut self) -> Part<'_> {
        Part::new(self.names[0], Role::Auxiliary, &mut self.translator)
    }

    /// Both networks.
    pub(crate) fn networks(&mut self) -> Vec<Part<'_>> {
        vec![
            Part::new(self.names[0], Role::Auxiliary, &mut self.translator),
            Part::new(self.names[1], Role::Discriminator, &mut self.discriminator),
        ]
    }

    /// The images as they would be in the other domain, with random numbers named by `key`.
    pub(crate) fn translate(&self, images: Tensor<4>, key: Key) -> Tensor<4> {
        let rows = images.dims()[0];
        let noise = (self.noise > 0).then(|| {
            let drawn = StandardNormal.sample_iter(key.rng()).take(rows * self.noise);
            let drawn = TensorData::new(drawn.collect::<Vec<f32>>(), [rows, self.noise]);
            Tensor::from_data(drawn, &images.device())
        });
        self.translator.forward(images, noise)
    }

    /// One update of the discriminator: to tell real images of the domain from translated ones,
    /// which are taken off the tape. Returns its loss, where the step measures.
    pub(crate) fn sharpen(
        &mut self,
        step: &mut Step<'_>,
        real: &Tensor<4>,
        translated: &Tensor<4>,
    ) -> Result<f64, MethodError> {
        let logits = |images: &Tensor<4>| self.discriminator.forward(images.clone().detach());
        let loss = dann_domain_bce(logits(real), logits(translated));
        let value = if step.measure { loss.clone().into_scalar::<f64>() } else { 0.0 };
        let [_, name] = self.names;
        let own = Part::new(name, Role::Discriminator, &mut self.discriminator);
        step.update_only(&loss, &[], vec![own])?;
        Ok(value)
    }

    /// Cross-entropy of translated images against the label of real ones, shape `[1]`: what the
    /// translator lowers.
    pub(crate) fn deception(&self, translated: Tensor<4>) -> Tensor<1> {
        log_sigmoid(self.discriminator.forward(translated)).mean().neg()
    }
}
