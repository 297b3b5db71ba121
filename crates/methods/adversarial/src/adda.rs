//! Adversarial discriminative domain adaptation.

use burn::tensor::activation::log_sigmoid;
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::model::Model;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::updater::{Part, Role};

use crate::adversary::{Adversary, domain_loss, note, source_rows};
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::driver::<Adda>(
        About {
            name: "adda",
            summary: "An encoder of the target's own is trained to look like the source's",
            paper: "Tzeng, Hoffman, Saenko, Darrell: Adversarial discriminative domain adaptation, \
                    CVPR 2017",
        },
        Needs::TRAINED.alone(),
    )
}

/// A stage after one on the source. Extractor and bottleneck are copied: the source's copy stays as it
/// is, its norm layers too, and the model's own becomes the target's encoder. Each step a discriminator
/// learns to tell the features of source rows, by the source's encoder, from those of target rows, by
/// the target's; then the target's encoder learns to pass for the source's. The classifier stays, and
/// no label is seen, so that an encoder which is trained too fast loses what it knew of the classes: give
/// the stage a smaller learning rate than the one before (tllib: a tenth of that of `dann`).
///
/// The model that predicts has the target's encoder, for source samples too: their accuracy may fall.
/// Several sources count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adda {
    /// How the encoder passes for the source's: by `inverted-labels` (the paper), or by the reversed
    /// gradient of the discriminator's loss (`reversal`, tllib), which vanishes where the
    /// discriminator is certain.
    pub loss: EncoderLoss,
    /// How strongly the gradient is reversed, for `reversal`; up to 2 in tllib.
    pub reversal: Reversal,
    /// The network that tells the domains apart. The paper has hidden layers of 500; its learning rate
    /// is the stage's times `learning_rate_factors.discriminator`.
    pub discriminator: Choice<DiscriminatorKind>,
}

/// What the target's encoder lowers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderLoss {
    /// The cross-entropy of target rows against the source's label.
    #[default]
    InvertedLabels,
    /// The negative of the discriminator's loss.
    Reversal,
}

impl Default for Adda {
    fn default() -> Self {
        Self {
            loss: EncoderLoss::InvertedLabels,
            reversal: Reversal { high: 2.0, ..Reversal::default() },
            discriminator: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Adda {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl DriverPlugin for Adda {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let size = context.feature_size;
        let adversary =
            Adversary::new("adda", &self.discriminator, self.reversal, size, 2, context)?;
        Ok(Box::new(Encoders { loss: self.loss, adversary, source: None }))
    }
}

/// The driver.
struct Encoders {
    loss: EncoderLoss,
    adversary: Adversary,
    /// The model as the stage before left it, off the tape: from [`Driver::begin`] on.
    source: Option<Model>,
}

impl Encoders {
    /// Features of this step's source rows by the source's encoder, as at evaluation, and the rows'
    /// domains.
    fn source_features(
        &mut self,
        step: &Step<'_>,
    ) -> Result<(Tensor<2>, Vec<Segment>), MethodError> {
        let stage = &step.stage;
        let batch = stage.data.source_batch(step.batch_number(), &stage.device.clone().inner())?;
        let context = stage.evaluation_context(batch.segments.clone());
        let source = self.source.as_mut().ok_or_else(|| {
            MethodError::Unsuitable("`adda` has not begun: it has no source encoder".to_owned())
        })?;
        Ok((Tensor::from_inner(source.features(batch.input, &context)), batch.segments))
    }
}

impl Method for Encoders {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let mut parts = self.adversary.networks();
        if let Some(source) = &mut self.source {
            // The target's encoder replaces the model's, so that a checkpoint has to hold both.
            let own = source.parts().into_iter().filter(|part| part.role != Role::Classifier);
            parts.extend(own.map(|part| part.below("source")));
        }
        parts
    }
}

impl Driver for Encoders {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let features = stage.model.parts().into_iter().filter(|part| part.role != Role::Classifier);
        if features.map(|part| part.network.parameter_count()).sum::<usize>() == 0 {
            return Err(MethodError::Unsuitable(
                "`adda` trains an encoder of the target, and this model has nothing that makes \
                 features: add a `[bottleneck]`, or an extractor that is trained"
                    .to_owned(),
            ));
        }
        self.source = Some(stage.model.evaluation_copy());
        Ok(())
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let (source, mut segments) = self.source_features(step)?;
        let stage = &step.stage;
        let batch = stage.data.target_batch(step.batch_number(), &stage.device)?;
        let of_target = Segment { domain: DomainRole::Target, rows: batch.input.rows() };
        let target = step.first_pass(batch.input, vec![of_target]).features;
        segments.push(of_target);

        let still = Tensor::cat(vec![source.clone(), target.clone().detach()], 0);
        let logits = self.adversary.pass(step, &segments, still)?;
        let loss = domain_loss(&logits, &segments, None);
        note(step, &loss, &logits, &segments);
        step.update_only(&loss, &[], self.adversary.networks())?;

        let moving = Tensor::cat(vec![source, target], 0);
        let loss = match self.loss {
            EncoderLoss::InvertedLabels => {
                let logits = self.adversary.pass(step, &segments, moving)?;
                let of_target = logits.narrow(0, source_rows(&segments), of_target.rows);
                log_sigmoid(of_target).mean().neg()
            }
            EncoderLoss::Reversal => {
                let logits = self.adversary.judge(step, &segments, moving)?;
                domain_loss(&logits, &segments, None)
            }
        };
        if step.measure {
            step.note("encoder_loss", loss.clone().into_scalar::<f64>());
        }
        step.update_only(&loss, &[Role::Extractor, Role::Bottleneck], Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::named_tensor::NamedTensor;
    use isthmus_core::registry::Kind;
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    use super::*;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n";

    fn trained(shift: f32) -> Workbench {
        let data = TwoDomains::shifted(40, 24, shift).batches(20, 12);
        let spec = ModelSpec {
            extractor: ("mlp", "hidden = [8, 6]"),
            bottleneck: Some(("linear", "size = 5")),
            ..ModelSpec::NORMALISED
        };
        let mut bench = Workbench::new(spec, data, 200, 0.1);
        bench.train_on_source(200);
        bench
    }

    /// Tensors of the source's encoder by their names in the model.
    fn source(adda: &mut dyn Driver) -> Vec<(String, Vec<f32>)> {
        let values = |tensor: NamedTensor| {
            let name = tensor.path.strip_prefix("source.")?.to_owned();
            Some((name, tensor.data.iter::<f32>().collect()))
        };
        part_tensors(adda.networks()).into_iter().filter_map(values).collect()
    }

    #[test]
    fn the_encoders_share_nothing_and_the_sources_stays() {
        let mut bench = trained(1.0);
        let before = bench.values();
        let mut adda = driver("adda", SMALL, &bench.context());
        adda.begin(&mut bench.stage()).unwrap();
        bench.run(&mut *adda, 0..5);
        let after = bench.values();
        let kept = source(&mut *adda);
        assert_eq!(kept.len(), before.keys().filter(|name| !name.starts_with("class")).count());
        let mut moved = (false, false);
        for (name, values) in kept {
            assert_eq!(values, before[&name], "{name} of the source's encoder");
            if after[&name] != values {
                let is_statistic = name.ends_with("mean") || name.ends_with("variance");
                if is_statistic { moved.1 = true } else { moved.0 = true }
            }
        }
        assert_eq!(moved, (true, true), "parameters and statistics of the target's encoder");
        let classifier = |values: &std::collections::BTreeMap<String, Vec<f32>>| {
            values.iter().filter(|(name, _)| name.starts_with("class")).count()
        };
        assert!(classifier(&before) > 0);
        for (name, values) in before.iter().filter(|(name, _)| name.starts_with("class")) {
            assert_eq!(*values, after[name], "{name}");
        }
    }

    /// A resumed stage begins with the adapted model: the source's encoder comes from the checkpoint.
    #[test]
    fn a_checkpoint_holds_the_sources_encoder() {
        let mut bench = trained(1.0);
        let mut adda = driver("adda", SMALL, &bench.context());
        adda.begin(&mut bench.stage()).unwrap();
        bench.run(&mut *adda, 0..3);
        let saved = part_tensors(adda.networks());
        let mut resumed = driver("adda", SMALL, &bench.context());
        resumed.begin(&mut bench.stage()).unwrap();
        assert_ne!(source(&mut *resumed), source(&mut *adda));
        let tensors = saved.into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        isthmus_core::updater::load_parts(resumed.networks(), &tensors).unwrap();
        assert_eq!(source(&mut *resumed), source(&mut *adda));
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        for loss in ["loss = \"inverted-labels\"", "loss = \"reversal\"\nreversal.high = 1.0"] {
            let mut bench = trained(3.0);
            let before = bench.target_accuracy();
            let config = format!("{loss}\n{SMALL}");
            let mut adda = driver("adda", &config, &bench.context());
            adda.begin(&mut bench.stage()).unwrap();
            bench.run(&mut *adda, 0..200);
            let after = bench.target_accuracy();
            println!("target accuracy: {before:.3} without, {after:.3} with {loss}");
            assert!(after > before, "{loss}: {before} to {after}");
        }
    }

    #[test]
    fn what_it_cannot_work_with_is_refused() {
        let spec = ModelSpec { extractor: ("identity", ""), ..ModelSpec::NORMALISED };
        let mut bench = Workbench::new(spec, TwoDomains::shifted(8, 8, 1.0), 1, 0.1);
        let mut adda = driver("adda", "", &bench.context());
        let error = adda.begin(&mut bench.stage()).unwrap_err().to_string();
        assert!(error.contains("nothing that makes features"), "{error}");
        let needs = plugin(Kind::Method, "adda").needs;
        assert!(needs.trained_model && needs.alone);
        assert!(config_error("adda", "loss = \"minimax\"").contains("minimax"));
        // tllib's script passes `--lr-d`, which its parser takes for `--lr-decay`.
        assert!(config_error("adda", "lr_d = 0.03").contains("`lr_d` is not a field"));
    }
}
