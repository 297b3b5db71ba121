//! Spectral graph alignment.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{Laplacian, graph_spectral_alignment, median_distance};

use crate::estimator::{EqualRows, require_rows};

inventory::submit! {
    Plugin::term::<Spa>(About {
        name: "spa",
        summary: "Aligns the spectra of the graphs that the rows of each domain make up",
        paper: "Xiao, Wang, Jin, Feng, Chen, Huang, Zhao: SPA: a graph spectral alignment \
                perspective for domain adaptation, NeurIPS 2023",
    })
}

/// Distance of the spectra of two graphs, one of the batch's source rows and one of its target rows:
/// `|σ(L_s) - σ(L_t)|`, with the singular values `σ` of a Laplacian `L` in order of size. Two rows
/// are joined by `A_ij = exp(-d² / (2 bandwidth²))` of their distance `d`.
///
/// A spectrum says how rows lie to each other and nothing of where they are: groups come to be as
/// many and as tight in both domains. Domains that differ in their place alone are not brought
/// together by it. The paper has an adversarial term beside it (`dann` or `cdan`) and labels by
/// neighbours (as `atdoc` has); list them in `align` to have all three.
///
/// Of a domain with more rows in the batch a random choice takes part. Singular values are computed
/// on the host, whatever the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spa {
    /// Which Laplacian, with `D` the diagonal matrix of the row sums of `A`: `random-walk`,
    /// `-D⁻¹ A`; `unnormalized`, `D - A`; `symmetric`, `I - D^-½ A D^-½`.
    pub laplacian: GraphLaplacian,
    /// Standard deviation of the Gaussian, in units of the features; absent: the median distance
    /// of two rows of the batch, of either domain, which follows the scale of the features and is
    /// constant in the gradient. The authors' code has 1.5.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub bandwidth: Option<f64>,
}

/// A Laplacian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GraphLaplacian {
    /// `-D⁻¹ A`.
    #[default]
    RandomWalk,
    /// `D - A`.
    Unnormalized,
    /// `I - D^-½ A D^-½`.
    Symmetric,
}

impl From<GraphLaplacian> for Laplacian {
    fn from(laplacian: GraphLaplacian) -> Self {
        match laplacian {
            GraphLaplacian::RandomWalk => Self::RandomWalk,
            GraphLaplacian::Unnormalized => Self::Unnormalized,
            GraphLaplacian::Symmetric => Self::Symmetric,
        }
    }
}

impl PluginConfig for Spa {}
impl Method for Spa {}

impl Term for Spa {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("spa", &joint)?;
        let (source, target) = EqualRows::new(&joint, step.key())
            .apply(joint.source_features(), joint.target_features());
        let width = self.bandwidth.unwrap_or_else(|| median_distance(&source, &target));
        if step.measure {
            step.note("bandwidth", width);
        }
        Ok(graph_spectral_alignment(source, target, width, self.laplacian.into()))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{FAR, Joint, Workbench, config_error, context, moved, term};

    use super::*;

    #[test]
    fn spectra_come_closer_on_unequal_batches() {
        for laplacian in ["random-walk", "unnormalized", "symmetric"] {
            let config = format!("laplacian = \"{laplacian}\"\nbandwidth = 2.0");
            let mut spa = term("spa", &config, &context(4, 3, 1));
            let mut joint = Joint::new(&[6, 3], 9, 4, 3);
            let losses = joint.descend(&mut *spa, 150, 0.2);
            let (first, last) = (losses[0], losses[149]);
            assert!(last < 0.5 * first, "{laplacian}: {first} to {last}");
            joint = Joint::new(&[9, 5], 8, 4, 3);
            let gradient = joint.gradients(&mut *spa, 0, 1).0.unwrap();
            let moved = gradient.chunks(4).filter(|row| row.iter().any(|value| *value != 0.0));
            assert_eq!(moved.count(), 16, "{laplacian}");
        }
    }

    #[test]
    fn identical_and_extreme_rows_are_finite_and_single_ones_are_refused() {
        for scale in [0.0, 1e4] {
            let joint = Joint::new(&[4], 5, 4, 3).scaled(scale, 1e4);
            for config in ["", "bandwidth = 1.5", "laplacian = \"symmetric\""] {
                let mut spa = term("spa", config, &context(4, 3, 1));
                let (features, logits) = joint.gradients(&mut *spa, 0, 1);
                assert!(features.unwrap().iter().all(|value| value.is_finite()), "{config}");
                assert!(logits.is_none());
            }
        }
        let error = Joint::new(&[5], 1, 4, 3).refusal(&mut *term("spa", "", &context(4, 3, 1)));
        assert!(error.contains("`spa` needs at least 2 rows"), "{error}");
    }

    /// Spectra say nothing of places: on this problem, where the domains differ in their means alone,
    /// the term does what it promises and adaptation gains nothing.
    #[test]
    fn spectra_of_trained_features_come_closer_and_places_do_not() {
        let distance = |bench: &mut Workbench| {
            let mut spa = term("spa", "", &bench.context());
            let mut step = Step::new(bench.stage(), 0, 0, false);
            spa.loss(&mut step).unwrap().into_scalar::<f64>()
        };
        let mut alone = moved(FAR, 100);
        alone.train_on_source(100);
        let mut bench = moved(FAR, 100);
        let spa = term("spa", "", &bench.context());
        bench.train(spa, 100);
        let (without, with) = (distance(&mut alone), distance(&mut bench));
        assert!(with < 0.5 * without, "{without} to {with}");
        assert!(bench.source_accuracy() > 0.9);
    }

    #[test]
    fn laplacians_and_widths_are_checked() {
        assert!(config_error("spa", "laplacian = \"signed\"").contains("signed"));
        assert!(config_error("spa", "bandwidth = 0.0").contains("bandwidth"));
    }
}
