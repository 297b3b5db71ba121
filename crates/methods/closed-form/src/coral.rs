//! Correlation alignment of features.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::{Eigen, LinearError, Rows};

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<Coral>(
        About {
            name: "coral",
            summary: "Gives the source's features the covariance of the target's",
            paper: "Sun, Feng, Saenko: Return of frustratingly easy domain adaptation, AAAI 2016",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Whitens the source's features and colours them by the target's covariance, then fits a shallow
/// classifier to them; the target stays as it is. Acts once, in the last stage: in a first stage on
/// the extractor's features, after a stage that trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Coral {
    /// Added to every variance of both domains, above 0; small against the features' variances it
    /// aligns fully, large it leaves the source as it is.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: f64,
    /// Whether the source gets the target's mean too. The paper brings every feature of both
    /// domains to mean 0 first, to the same end.
    pub align_means: bool,
    /// What classifies the features.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for Coral {
    fn default() -> Self {
        Self {
            regularization: 1.0,
            align_means: true,
            classifier: Choice::named("logistic-regression"),
        }
    }
}

impl PluginConfig for Coral {}

impl FitPlugin for Coral {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for Coral {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        domains.need_rows("coral", 2)?;
        let (source, target) = (&domains.source, &domains.target);
        let matrix = recolouring(source, target, self.regularization)?;
        let distance = {
            let (of_source, of_target) = (source.covariance(), target.covariance());
            let pairs = of_source.values().iter().zip(of_target.values());
            pairs.map(|(s, t)| (s - t) * (s - t)).sum::<f64>().sqrt()
        };
        let map = match self.align_means {
            false => Map::linear(matrix),
            true => Map::moved(&source.mean(), matrix, &target.mean()),
        };
        let measurements = vec![("covariance_distance".to_owned(), distance)];
        Ok((Mapping::of_each(map, Map::Identity), measurements))
    }
}

/// The matrix `A = C_s^-1/2 C_t^1/2` that recolours source rows, `x A`. `C` is the covariance of a
/// domain's rows (divided by their number less 1) plus `regularization` on the diagonal; roots are
/// symmetric.
///
/// # Errors
/// If a value is not finite.
///
/// # Panics
/// If the domains have features of different number.
pub fn recolouring(source: &Rows, target: &Rows, regularization: f64) -> Result<Rows, LinearError> {
    assert_eq!(source.columns(), target.columns(), "features of one number");
    let root = |rows: &Rows, f: fn(f64) -> f64| {
        let mut covariance = rows.covariance();
        covariance.add_to_diagonal(regularization);
        // What is below the regularisation is rounding.
        Ok(Eigen::of(&covariance)?.map(|value| f(value.max(regularization))))
    };
    let whitening = root(source, |value| 1.0 / value.sqrt())?;
    let colouring = root(target, f64::sqrt)?;
    Ok(whitening.times(&colouring))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, distance, moved, normal, problem, survives};
    use isthmus_testing::config_error;

    #[test]
    fn the_source_gets_the_covariance_of_the_target() {
        let turn = normal(4, 4, 5);
        let (source, target) = (normal(80, 4, 1).times(&turn), normal(90, 4, 2));
        let matrix = recolouring(&source, &target, 1e-9).unwrap();
        let after = source.times(&matrix).covariance();
        assert!(distance(&after, &target.covariance()) < 1e-6);
    }

    #[test]
    fn equal_domains_stay() {
        let rows = normal(30, 3, 1);
        let mut unit = Rows::new(3, vec![0.0; 9]);
        unit.add_to_diagonal(1.0);
        assert!(distance(&recolouring(&rows, &rows, 1.0).unwrap(), &unit) < 1e-12);
        // Far above the variances, the regularisation leaves everything.
        let found = recolouring(&rows, &normal(30, 3, 2), 1e9).unwrap();
        assert!(distance(&found, &unit) < 1e-6);
    }

    #[test]
    fn a_target_that_is_moved_and_scaled_is_classified_better() {
        let data = moved([0.3, 5.0, 1.0], [0.9, 1.0, 0.0]);
        for classifier in ["nearest-neighbour", "logistic-regression", "linear-svm"] {
            let config = |regularization: f64| {
                format!(
                    "regularization = {regularization:?}\n\
                     classifier = {{ name = \"{classifier}\" }}"
                )
            };
            let alone = format!("classifier = {{ name = \"{classifier}\" }}");
            let mut without = Run::new("shallow-source-only", &alone, &data).unwrap();
            let mut with = Run::new("coral", &config(0.01), &data).unwrap();
            let (before, after) = (without.target_accuracy(), with.target_accuracy());
            assert!(before < 0.8 && after > 0.95, "{classifier}: {before} to {after}");
            assert!(with.source_accuracy() > 0.95);
            with.check("coral", &config(0.01));
        }
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("coral", "");
        survives("coral", "regularization = 1e-6\nalign_means = false");
        let single = problem(2, (&normal(1, 2, 1), &[0]), (&normal(3, 2, 2), &[0, 1, 0]));
        let error = Run::new("coral", "", &single).err().unwrap().to_string();
        assert_eq!(error, "`coral` needs 2 source samples or more, there are 1");
    }

    #[test]
    fn fields_out_of_range_are_refused() {
        assert!(config_error("coral", "regularization = 0.0").contains("> 0"));
    }
}
