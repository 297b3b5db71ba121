//! Linear optimal transport.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::rows::squared_distance;
use isthmus_linear::{Eigen, LinearError, Rows};

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::low_rank::symmetric;
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<LinearTransport>(
        About {
            name: "linear-transport",
            summary: "Moves the source's features to the target's mean and covariance by the shortest way",
            paper: "Flamary, Lounici, Ferrari: Concentration bounds for linear Monge mapping estimation \
                    and optimal transport domain adaptation, arXiv 2019; the map: Knott, Smith, 1984",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Maps source rows by `(x - m_s) A + m_t` with
/// `A = C_s^-1/2 (C_s^1/2 C_t C_s^1/2)^1/2 C_s^-1/2`, and fits a shallow classifier to them; the target
/// stays as it is. Of all maps that give the source the target's mean `m_t` and covariance `C_t`, as
/// `coral` does too, this one moves rows least: it is the optimal transport where both domains are
/// Gaussian. Further rows are mapped alike. Acts once, in the last stage: in a first stage on the
/// extractor's features, after a stage that trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearTransport {
    /// Added to every variance of both domains, above 0; small against the features' variances it
    /// aligns fully, large it only moves the mean.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: f64,
    /// What classifies the features.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for LinearTransport {
    fn default() -> Self {
        Self { regularization: 1.0, classifier: Choice::named("logistic-regression") }
    }
}

impl PluginConfig for LinearTransport {}

impl FitPlugin for LinearTransport {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for LinearTransport {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        domains.need_rows("linear-transport", 2)?;
        let (source, target) = (&domains.source, &domains.target);
        let transport = gaussian_transport(source, target, self.regularization)?;
        let map = Map::moved(&source.mean(), transport.matrix, &target.mean());
        let measurements = vec![("wasserstein_distance".to_owned(), transport.distance)];
        Ok((Mapping::of_each(map, Map::Identity), measurements))
    }
}

/// What [`gaussian_transport`] finds.
#[derive(Clone, Debug)]
pub(crate) struct GaussianTransport {
    /// The symmetric `A`, `[features, features]`: rows `x` go to `(x - m_s) A + m_t`.
    pub(crate) matrix: Rows,
    /// The Wasserstein distance of order 2 of both Gaussians.
    pub(crate) distance: f64,
}

/// The optimal transport between Gaussians with the domains' means and covariances; these are divided
/// by the number of rows less 1, with `regularization` added on the diagonal.
///
/// # Errors
/// If a value is not finite.
///
/// # Panics
/// If the domains have features of different number.
pub(crate) fn gaussian_transport(
    source: &Rows,
    target: &Rows,
    regularization: f64,
) -> Result<GaussianTransport, LinearError> {
    assert_eq!(source.columns(), target.columns(), "features of one number");
    let covariance = |rows: &Rows| {
        let mut covariance = rows.covariance();
        covariance.add_to_diagonal(regularization);
        covariance
    };
    let (of_source, of_target) = (covariance(source), covariance(target));
    let eigen = Eigen::of(&of_source)?;
    // What is below the regularisation is rounding.
    let root = eigen.map(|value| value.max(regularization).sqrt());
    let inverse_root = eigen.map(|value| 1.0 / value.max(regularization).sqrt());
    let middle = Eigen::of(&symmetric(&root.times(&of_target).times(&root)))?;
    let middle_root = middle.map(|value| value.max(0.0).sqrt());
    let matrix = inverse_root.times(&middle_root).times(&inverse_root);
    let trace = |rows: &Rows| rows.values().iter().step_by(rows.columns() + 1).sum::<f64>();
    let square =
        squared_distance(&source.mean(), &target.mean()) + trace(&of_source) + trace(&of_target)
            - 2.0 * trace(&middle_root);
    Ok(GaussianTransport { matrix, distance: square.max(0.0).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, assert_peers, distance, moved, normal, problem, small, survives};
    use isthmus_testing::config_error;

    #[test]
    fn the_source_gets_the_covariance_of_the_target_by_a_symmetric_map() {
        let turn = normal(4, 4, 5);
        let (source, target) = (normal(80, 4, 1).times(&turn), normal(90, 4, 2));
        let found = gaussian_transport(&source, &target, 1e-9).unwrap();
        let after = source.times(&found.matrix).covariance();
        assert!(distance(&after, &target.covariance()) < 1e-6);
        // Of all maps to this covariance the optimal one is symmetric and positive.
        assert!(distance(&found.matrix, &found.matrix.transposed()) < 1e-8);
        assert!(Eigen::of(&found.matrix).unwrap().values.iter().all(|value| *value > 0.0));
    }

    #[test]
    fn the_map_is_that_of_pot() {
        let (source, target) = small();
        let found = gaussian_transport(&source, &target, 0.1).unwrap();
        let matrix = [
            0.793231, -0.224799, -0.213216, -0.224799, 0.803753, -0.268768, -0.213216, -0.268768,
            1.210293,
        ];
        assert_peers(found.matrix.values(), &matrix, 2e-6);
        assert_peers(&[found.distance], &[1.243635], 2e-6);
    }

    #[test]
    fn the_distance_is_how_far_rows_are_moved() {
        let rows = normal(50, 3, 1);
        let target = rows.minus(&[3.0, 0.0, -4.0]);
        let found = gaussian_transport(&rows, &target, 1e-6).unwrap();
        assert!((found.distance - 5.0).abs() < 1e-6, "{}", found.distance);
        // In one dimension: moved by 1 and stretched by 2 from variance 4 to 16.
        let (source, target) =
            (Rows::new(1, vec![0.0, 2.0, 4.0]), Rows::new(1, vec![-1.0, 3.0, 7.0]));
        let found = gaussian_transport(&source, &target, 1e-12).unwrap();
        assert!((found.matrix.values()[0] - 2.0).abs() < 1e-9);
        assert!((found.distance - 5.0_f64.sqrt()).abs() < 1e-9, "{}", found.distance);
    }

    #[test]
    fn a_target_that_is_moved_and_scaled_is_classified_better() {
        let data = moved([0.3, 5.0, 1.0], [0.9, 1.0, 0.0]);
        let config = "regularization = 0.01\nclassifier = { name = \"nearest-neighbour\" }";
        let mut without = Run::new("shallow-source-only", "", &data).unwrap();
        let mut with = Run::new("linear-transport", config, &data).unwrap();
        let (before, after) = (without.target_accuracy(), with.target_accuracy());
        assert!(before < 0.75 && after > 0.95, "{before} to {after}");
        with.check("linear-transport", config);
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("linear-transport", "");
        survives("linear-transport", "regularization = 1e-6");
        let single = problem(2, (&normal(1, 2, 1), &[0]), (&normal(3, 2, 2), &[0, 1, 0]));
        let error = Run::new("linear-transport", "", &single).err().unwrap().to_string();
        assert_eq!(error, "`linear-transport` needs 2 source samples or more, there are 1");
        assert!(config_error("linear-transport", "regularization = 0.0").contains("> 0"));
    }
}
