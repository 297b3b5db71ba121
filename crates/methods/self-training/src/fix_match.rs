//! FixMatch: confident predictions of a weak view are the labels of a strong one.

use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::prelude::*;
use isthmus_core::stage::SampleView;
use isthmus_losses::target::{pseudo_label_loss, pseudo_labels};

use crate::label_loss::LabelLoss;
use crate::rounds::between;

inventory::submit! {
    Plugin::term::<FixMatch>(About {
        name: "fixmatch",
        summary: "Trains strong views of the target on confident predictions of weak ones",
        paper: "Sohn et al.: FixMatch: simplifying semi-supervised learning with consistency and \
                confidence, NeurIPS 2020",
    }).of_classes()
    .with_strong_views()
}

/// FixMatch: the model predicts the weak views of a target batch; where the largest probability
/// exceeds the threshold, the predicted class is the label of the strong view of the same sample.
/// The sum of the losses is divided by all rows of the batch. What the views are, `[data.views]` says.
///
/// Weak views are predicted in the joint forward with the source, strong ones in a further pass with
/// the same source rows, so that norm layers normalise both views alike; that pass leaves running
/// statistics as they are. (tllib gives source, weak and strong rows a pass each.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FixMatch {
    /// Probability of the predicted class above which a weak view labels the strong one. The paper
    /// uses 0.95, tllib 0.9 for domain adaptation.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// What the threshold goes to, by equal parts from step to step; absent: it stays.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub last_threshold: Option<f64>,
    /// The loss of the strong views against the labels.
    pub loss: LabelLoss,
}

impl Default for FixMatch {
    fn default() -> Self {
        Self { threshold: 0.95, last_threshold: None, loss: LabelLoss::default() }
    }
}

impl PluginConfig for FixMatch {}
impl Method for FixMatch {}

impl Term for FixMatch {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let view = SampleView::Strong(step.key().named("strong view"));
        let stage = &step.stage;
        let strong = stage.data.target_at(&joint.target_indices, view, &stage.device)?;
        let input = joint.source_input().concatenate(strong.input);
        let mut segments = joint.source_segments();
        segments.push(Segment { domain: DomainRole::Target, rows: joint.target_rows });
        let output = step.forward(input, segments);
        let strong = output.rows(joint.source_rows, joint.target_rows).logits;
        let last = self.last_threshold.unwrap_or(self.threshold);
        let threshold = between(self.threshold, last, step.number, step.stage.total_steps);
        let weak = joint.target_logits();
        if step.measure {
            let trusted = pseudo_labels(weak.clone(), threshold).mask.mean();
            step.note("trusted_share", trusted.into_scalar::<f64>());
        }
        Ok(pseudo_label_loss(weak, strong, threshold, self.loss.exponent))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::{log_softmax, softmax};
    use isthmus_core::context::NormPolicy;
    use isthmus_core::registry::Kind;
    use isthmus_core::step::Step;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, plugin, term};

    use super::*;

    /// Without norm layers a row's logits do not depend on the other rows.
    const PLAIN: ModelSpec = ModelSpec {
        extractor: ("mlp", "hidden = [8]\nbatch_norm = false"),
        bottleneck: None,
        classifier: ("linear", ""),
    };

    fn bench(total_steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(10, 6);
        let mut bench = Workbench::new(PLAIN, data, total_steps, 0.1);
        bench.train_on_source(30);
        bench
    }

    fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
        let columns = tensor.dims()[1];
        let values: Vec<f64> = tensor.into_data().iter::<f64>().collect();
        values.chunks(columns).map(<[f64]>::to_vec).collect()
    }

    #[test]
    fn confident_weak_predictions_label_strong_views() {
        const THRESHOLD: f64 = 0.9;
        let mut bench = bench(30);
        let mut term = FixMatch { threshold: THRESHOLD, ..FixMatch::default() };
        let mut step = Step::new(bench.stage(), 3, 0, true);
        let loss = term.loss(&mut step).unwrap().into_scalar::<f64>();
        let joint = step.joint().unwrap();
        let key = step.key().named("strong view");
        let stage = &step.stage;
        let strong = SampleView::Strong(key);
        let strong = stage.data.target_at(&joint.target_indices, strong, &stage.device).unwrap();
        let segment = Segment { domain: DomainRole::Target, rows: joint.target_rows };
        let context = stage.evaluation_context(vec![segment]).with_norm(NormPolicy::EVALUATE);
        let strong = step.stage.model.forward(strong.input, &context).logits;
        let weak = rows(softmax(joint.target_logits(), 1));
        let strong = rows(log_softmax(strong, 1));
        let (mut want, mut trusted) = (0.0, 0);
        for (weak, strong) in weak.iter().zip(&strong) {
            let class = usize::from(weak[1] > weak[0]);
            if weak[class] > THRESHOLD {
                want -= strong[class] / 6.0;
                trusted += 1;
            }
        }
        assert!(trusted > 0 && trusted < 6, "{trusted} of 6 rows are trusted: no test");
        assert!((loss - want).abs() < 1e-5, "{loss}, expected {want}");
        let noted = step.into_measurements();
        assert_eq!(noted.len(), 1);
        assert_eq!(noted[0].0, "trusted_share");
        assert!((noted[0].1 - f64::from(trusted) / 6.0).abs() < 1e-6, "{}", noted[0].1);
    }

    #[test]
    fn no_confident_row_gives_no_loss() {
        let mut bench = bench(3);
        let reports = bench.train(term("fixmatch", "threshold = 1.0", &bench.context()), 2);
        for report in reports {
            assert_eq!((report["term/loss"], report["term/trusted_share"]), (0.0, 0.0));
        }
    }

    #[test]
    fn the_threshold_goes_from_the_first_to_the_last() {
        let mut bench = bench(3);
        let config = "threshold = 1.0\nlast_threshold = 0.0";
        let reports = bench.train(term("fixmatch", config, &bench.context()), 3);
        let shares = [0, 2].map(|step: usize| reports[step]["term/trusted_share"]);
        assert_eq!(shares, [0.0, 1.0]);
    }

    #[test]
    fn raises_the_accuracy_on_the_target() {
        let mut bench = bench(150);
        let before = bench.target_accuracy();
        bench.train(term("fixmatch", "threshold = 0.8", &bench.context()), 150);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        assert!(after > before, "{before} to {after}");
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "fixmatch");
        assert_eq!((plugin.defaults)()["threshold"], 0.95);
        assert!(plugin.needs.strong_views);
        assert!(config_error("fixmatch", "threshold = 1.5").contains("must be"));
    }
}
