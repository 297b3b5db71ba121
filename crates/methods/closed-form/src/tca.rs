//! Transfer component analysis.

use isthmus_core::config::{Choice, FieldProblem, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::kernel::{gaussian_kernel, mean_width, squared_distances};
use isthmus_linear::subset::spread;
use isthmus_linear::{Eigen, LinearError, Rows, cholesky};

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::low_rank::leading;
use crate::mapping::{Map, Mapping, to_unit_variance};

inventory::submit! {
    Plugin::fit::<Tca>(
        About {
            name: "tca",
            summary: "Components of the features in which the domains' means agree",
            paper: "Pan, Tsang, Kwok, Yang: Domain adaptation via transfer component analysis, \
                    IEEE Transactions on Neural Networks 2011",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// How alike two rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// Their inner product.
    #[default]
    Linear,
    /// `exp(-gamma |x - y|^2)`.
    Rbf,
}

/// Maps features to components with large variance over both domains and a small distance between
/// the domains' means (the maximum mean discrepancy of the kernel), and classifies them by a
/// shallow classifier that is fitted to the source. Acts once, in the last stage: in a first stage
/// on the extractor's features, after a stage that trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tca {
    /// Number of components; fewer where the features have no more that vary.
    #[schemars(range(min = 1))]
    pub dimensions: usize,
    /// Weight of the components' size against the distance of the means, above 0: larger values
    /// keep more of the distance.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub mu: f64,
    /// How alike two rows are: `linear` or `rbf`.
    pub kernel: Kernel,
    /// Width of the kernel `rbf`, above 0; absent: one over the mean squared distance of two rows.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub gamma: Option<f64>,
    /// The kernel `rbf` compares with so many rows of each domain at most, spread evenly over them;
    /// time grows with the cube of this number. The kernel `linear` takes all rows.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
    /// Whether each row is brought to length 1 first.
    pub unit_length: bool,
    /// Whether components are brought to variance 1 over both domains, as the paper's constraint
    /// says; else those of large variance count more in distances.
    pub unit_variance: bool,
    /// What classifies the components.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for Tca {
    fn default() -> Self {
        Self {
            dimensions: 30,
            mu: 1.0,
            kernel: Kernel::Linear,
            gamma: None,
            maximum_rows: 1000,
            unit_length: false,
            unit_variance: true,
            classifier: Choice::named("nearest-neighbour"),
        }
    }
}

impl PluginConfig for Tca {
    fn check(&self) -> Result<(), FieldProblem> {
        match (self.kernel, self.gamma) {
            (Kernel::Linear, Some(gamma)) => Err(FieldProblem {
                field: "gamma".to_owned(),
                message: format!(
                    "{gamma} is the width of the kernel `rbf`, and the kernel is `linear`: remove \
                     it, or write `kernel = \"rbf\"`"
                ),
            }),
            _ => Ok(()),
        }
    }
}

impl FitPlugin for Tca {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for Tca {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        let prepared =
            |rows: &Rows| if self.unit_length { rows.unit_length() } else { rows.clone() };
        let (source, target) = (prepared(&domains.source), prepared(&domains.target));
        let (map, values) = match self.kernel {
            Kernel::Linear => {
                let found = transfer_components(&source, &target, self.mu, self.dimensions)?;
                let mapped = source.above(&target).times(&found.projection);
                (Map::linear(self.scaled(found.projection, &mapped)), found.eigenvalues)
            }
            Kernel::Rbf => {
                let source = spread(&source, self.maximum_rows);
                let target = spread(&target, self.maximum_rows);
                self.by_kernel(&source, &target)?
            }
        };
        let mapping = Mapping { unit_before: self.unit_length, ..Mapping::shared(map) };
        let measurements = vec![
            ("dimensions".to_owned(), values.len() as f64),
            ("largest_eigenvalue".to_owned(), values.first().copied().unwrap_or_default()),
        ];
        Ok((mapping, measurements))
    }
}

impl Tca {
    fn scaled(&self, matrix: Rows, mapped: &Rows) -> Rows {
        if self.unit_variance { to_unit_variance(&matrix, mapped) } else { matrix }
    }

    fn by_kernel(&self, source: &Rows, target: &Rows) -> Result<(Map, Vec<f64>), MethodError> {
        let rows = source.above(target);
        let gamma = match self.gamma {
            Some(gamma) => gamma,
            None => mean_width(&squared_distances(&rows, &rows)),
        };
        let kernel = gaussian_kernel(&rows, &rows, gamma);
        let found = of_kernel(&kernel, source.count(), self.mu, self.dimensions)?;
        let weights = found.vectors.transposed();
        let weights = self.scaled(weights.clone(), &kernel.times(&weights));
        Ok((Map::Kernel { rows, weights, gamma }, found.values))
    }
}

/// What [`transfer_components`] finds.
#[derive(Clone, Debug)]
pub struct TransferComponents {
    /// Eigenvalues of the components, from the largest to the smallest.
    pub eigenvalues: Vec<f64>,
    /// The map from features to components, `[features, components]`.
    pub projection: Rows,
}

/// Transfer components by the linear kernel `K = X X'` of all rows `X`: the components of the rows
/// are `Z = K W`, with `W` the leading eigenvectors, of unit length, of
/// `(K L K + mu I)^-1 K H K`; `L = e e'` measures the distance of the means (`e` is `1 / rows` in
/// the source and `-1 / rows` in the target) and `H` centres. Signs are arbitrary. As `Z = X P`,
/// `P` maps other rows too.
///
/// With more rows than features the same is found from matrices of the features' size.
///
/// # Errors
/// If a value is not finite.
///
/// # Panics
/// If the domains have features of different number, one has no row, or `mu` is not above 0.
pub fn transfer_components(
    source: &Rows,
    target: &Rows,
    mu: f64,
    dimensions: usize,
) -> Result<TransferComponents, LinearError> {
    assert!(mu > 0.0, "mu is above 0");
    let rows = source.above(target);
    if rows.count() > rows.columns() {
        return by_features(source, target, mu, dimensions);
    }
    let kernel = rows.times_transposed(&rows);
    let found = of_kernel(&kernel, source.count(), mu, dimensions)?;
    let projection = rows.transposed_times(&found.vectors.transposed());
    Ok(TransferComponents { eigenvalues: found.values, projection })
}

/// The leading eigenvectors, one a row, for a kernel of which the first `source` rows are of the
/// source.
fn of_kernel(
    kernel: &Rows,
    source: usize,
    mu: f64,
    dimensions: usize,
) -> Result<Eigen, LinearError> {
    let count = kernel.count();
    let target = count - source;
    let weights =
        (0..count).map(|row| if row < source { 1.0 / source as f64 } else { -1.0 / target as f64 });
    // K e, as a row.
    let gap = Rows::new(count, weights.collect()).times(kernel);
    // K H K = (H K)' (H K).
    let centred = kernel.minus(&kernel.mean());
    let spread = centred.transposed_times(&centred);
    cut(leading(&spread, &gap, mu, dimensions)?)
}

/// The same with matrices of the features' size. With `X' X = R' R` every eigenvector is
/// `w = X R^-1 b` of the length of `b`, where
/// `R (X' H X) R' b = value (mu I + R m m' R') b` and `m` is the difference of the means; then
/// `K w = X R' b`.
fn by_features(
    source: &Rows,
    target: &Rows,
    mu: f64,
    dimensions: usize,
) -> Result<TransferComponents, LinearError> {
    let rows = source.above(target);
    rows.check_finite()?;
    let mut gram = rows.transposed_times(&rows);
    let trace: f64 = (0..gram.count()).map(|row| gram.row(row)[row]).sum();
    // Keeps the factor apart from zero where features depend on each other; what it adds to a
    // component is below its rounding to 32 bits.
    gram.add_to_diagonal(match trace {
        trace if trace > 0.0 => 1e-10 * trace / gram.count() as f64,
        _ => 1.0,
    });
    let lower = cholesky::factor(&gram)?;
    let centred = rows.minus(&rows.mean());
    let covariance = centred.transposed_times(&centred);
    let spread = lower.transposed_times(&covariance.times(&lower));
    let target_mean = target.mean();
    let gap: Vec<f64> = source.mean().iter().zip(&target_mean).map(|(s, t)| s - t).collect();
    let gap = Rows::new(gap.len(), gap).times(&lower);
    let found = cut(leading(&spread, &gap, mu, dimensions)?)?;
    let projection = lower.times_transposed(&found.vectors);
    Ok(TransferComponents { eigenvalues: found.values, projection })
}

/// Without the components that do not vary.
fn cut(found: Eigen) -> Result<Eigen, LinearError> {
    let found = found.significant();
    found.vectors.check_finite()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, moved, normal, survives};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error};

    /// The squared distance of the means of two sets of rows.
    fn gap(a: &Rows, b: &Rows) -> f64 {
        a.mean().iter().zip(b.mean()).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    /// Columns of unit length, the largest entry of each positive.
    fn unit_columns(z: &Rows) -> Rows {
        let mut columns = z.transposed().unit_length().values().to_vec();
        for column in columns.chunks_exact_mut(z.count()) {
            let largest =
                column.iter().fold(0.0_f64, |l, v| if v.abs() > l.abs() { *v } else { l });
            if largest < 0.0 {
                column.iter_mut().for_each(|value| *value = -*value);
            }
        }
        Rows::new(z.count(), columns).transposed()
    }

    #[test]
    fn both_forms_give_the_same_components() {
        for (source, target, features) in [(20, 14, 6), (6, 4, 10), (5, 5, 10)] {
            let source = normal(source, features, 1);
            let target = normal(target, features, 2).minus(&vec![-1.0; features]);
            let rows = source.above(&target);
            let primal = by_features(&source, &target, 1.0, 4).unwrap();
            let dual = of_kernel(&rows.times_transposed(&rows), source.count(), 1.0, 4).unwrap();
            for (a, b) in primal.eigenvalues.iter().zip(&dual.values) {
                assert!((a - b).abs() < 1e-7 * dual.values[0], "{a} {b}");
            }
            let z = rows.times(&primal.projection);
            let other = rows.times_transposed(&rows).times(&dual.vectors.transposed());
            let apart = crate::testing::distance(&unit_columns(&z), &unit_columns(&other));
            assert!(apart < 1e-6, "{apart}");
        }
    }

    #[test]
    fn the_means_come_closer_than_the_rows_are_wide() {
        let source = normal(60, 5, 1);
        let target = normal(50, 5, 2).minus(&[-4.0, 0.0, 0.0, 0.0, 0.0]);
        let found = transfer_components(&source, &target, 1.0, 3).unwrap();
        let (z_s, z_t) = (source.times(&found.projection), target.times(&found.projection));
        let share = |a: &Rows, b: &Rows| {
            let covariance = a.above(b).covariance();
            let variance: f64 = (0..a.columns()).map(|at| covariance.row(at)[at]).sum();
            gap(a, b) / variance
        };
        assert!(share(&z_s, &z_t) < 1e-3 * share(&source, &target));
    }

    #[test]
    fn a_shift_across_the_classes_is_taken_out() {
        let data = moved([1.0; 3], [2.0, 6.0, 0.0]);
        for classifier in ["nearest-neighbour", "logistic-regression"] {
            for kernel in ["linear", "rbf"] {
                let classifier = format!("classifier = {{ name = \"{classifier}\" }}");
                let config =
                    format!("dimensions = 2\nkernel = \"{kernel}\"\nmu = 0.1\n{classifier}");
                let mut run = Run::new("tca", &config, &data).unwrap();
                let mut without = Run::new("shallow-source-only", &classifier, &data).unwrap();
                let (before, after) = (without.target_accuracy(), run.target_accuracy());
                let enough = if kernel == "rbf" { before + 0.05 } else { 0.95 };
                assert!(after > enough && after > before, "{config}: {before} to {after}");
                assert!(run.source_accuracy() > 0.9);
                run.check("tca", &config);
            }
        }
    }

    #[test]
    fn after_a_trained_stage_the_model_gives_the_features() {
        let mut bench =
            Workbench::new(ModelSpec::NORMALISED, TwoDomains::shifted(40, 50, 2.0), 60, 0.2);
        bench.train_on_source(60);
        let before = bench.values();
        let mut run = Run::on(&mut bench, true, "tca", "dimensions = 3").unwrap();
        assert_eq!(bench.values(), before);
        assert!(run.source_accuracy() > 0.95, "{}", run.source_accuracy());
        assert_eq!(run.target().0.len(), 50 * 3);
        let paths: Vec<String> = run.predictor.tensors().into_iter().map(|it| it.path).collect();
        assert!(paths.iter().any(|path| path.starts_with("extractor.")), "{paths:?}");
        assert!(paths.iter().all(|path| !path.starts_with("classifier.")), "{paths:?}");
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("tca", "");
        survives("tca", "kernel = \"rbf\"");
        survives("tca", "unit_length = true\ndimensions = 1000");
        survives("tca", "unit_variance = false");
    }

    #[test]
    fn fields_that_do_not_fit_are_refused() {
        assert!(config_error("tca", "gamma = 2.0").contains("the kernel is `linear`"));
        assert!(config_error("tca", "mu = 0.0").contains("> 0"));
        let classifier = "classifier = { name = \"nearest-neighbour\", k = 0 }";
        assert!(config_error("tca", classifier).contains(">= 1"));
        assert!(config_error("tca", "classifier = { name = \"mlp\" }").contains("mlp"));
    }

    #[test]
    fn a_feature_that_is_no_number_is_told_with_its_row() {
        let mut data = TwoDomains::shifted(9, 9, 1.0);
        data.target[4] = f32::NAN;
        let error = Run::new("tca", "", &data).err().unwrap().to_string();
        assert!(error.contains("target's training samples: row 1, column 1 holds NaN"), "{error}");
    }
}
