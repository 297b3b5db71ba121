//! The geodesic flow kernel.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::rows::{add_scaled, dot};
use isthmus_linear::{Eigen, LinearError, Rows, principal_components};

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<Gfk>(
        About {
            name: "gfk",
            summary: "Features along the shortest way from the source's subspace to the target's",
            paper: "Gong, Shi, Sha, Grauman: Geodesic flow kernel for unsupervised domain \
                    adaptation, CVPR 2012",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Describes each domain by the subspace of its principal components, goes the shortest way from the
/// source's to the target's, and compares rows by their projections on all subspaces along it: the
/// kernel `x G y'` with `G = integral of P(t) P(t)' dt`, `P(0)` the source's components and `P(1)`
/// spanning the target's. In closed form by the principal angles of both. Rows are mapped by a square
/// root of `G`, two features an angle, so that their inner products are the kernel and any classifier
/// can follow. Each domain is centred by its own mean.
///
/// Acts once, in the last stage: in a first stage on the extractor's features, after a stage that
/// trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gfk {
    /// Number of principal components of each domain; fewer where a domain has no more that vary.
    #[schemars(range(min = 1))]
    pub dimensions: usize,
    /// What classifies the mapped features.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for Gfk {
    fn default() -> Self {
        Self { dimensions: 20, classifier: Choice::named("nearest-neighbour") }
    }
}

impl PluginConfig for Gfk {}

impl FitPlugin for Gfk {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for Gfk {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        domains.need_rows("gfk", 2)?;
        let (source, target) = (&domains.source, &domains.target);
        let of_source = principal_components(source, self.dimensions)?;
        let of_target = principal_components(target, self.dimensions)?;
        let count = of_source.count().min(of_target.count());
        let first: Vec<usize> = (0..count).collect();
        let flow = GeodesicFlow::between(&of_source.select(&first), &of_target.select(&first))?;
        let root = flow.root();
        let mapping = Mapping::of_each(
            Map::centred(&source.mean(), root.clone()),
            Map::centred(&target.mean(), root),
        );
        let mean_angle = flow.angles.iter().sum::<f64>() / count as f64;
        let measurements = vec![
            ("dimensions".to_owned(), count as f64),
            ("mean_angle".to_owned(), mean_angle.to_degrees()),
        ];
        Ok((mapping, measurements))
    }
}

/// The shortest way between two subspaces: `p_i(t) = cos(t angle_i) from_i + sin(t angle_i) to_i`.
#[derive(Clone, Debug)]
pub(crate) struct GeodesicFlow {
    /// Principal angles in radians, from the smallest to the largest.
    pub(crate) angles: Vec<f64>,
    /// Principal directions of the first subspace, one a row, orthonormal.
    pub(crate) from: Rows,
    /// Orthonormal directions at right angles to the first subspace, towards the second, one a row;
    /// 0 where the angle is 0.
    pub(crate) to: Rows,
}

/// Sines below this are rounding.
const ROUNDING: f64 = 1e-8;

impl GeodesicFlow {
    /// The way from the subspace of the rows of `first` to that of `second`, both orthonormal and of
    /// one number.
    ///
    /// # Errors
    /// If a value is not finite.
    ///
    /// # Panics
    /// If the subspaces are of different size.
    pub(crate) fn between(first: &Rows, second: &Rows) -> Result<Self, LinearError> {
        assert_eq!(first.count(), second.count(), "subspaces of one size");
        // Right singular vectors v of first second', cosines from the largest to the smallest.
        let cosines = first.times_transposed(second);
        let right = Eigen::of(&cosines.transposed_times(&cosines))?.vectors;
        let ends = right.times(second);
        let inside = right.times_transposed(&cosines);
        let mut turns: Vec<Vec<f64>> = Vec::with_capacity(right.count());
        let (mut angles, mut towards) = (Vec::new(), Vec::new());
        for (inside, end) in inside.iter().zip(ends.iter()) {
            turns.push(completed(inside, &turns));
            // What of the end is outside the first subspace.
            let mut outside = end.to_vec();
            for (share, row) in inside.iter().zip(first.iter()) {
                add_scaled(&mut outside, row, -share);
            }
            let (sine, cosine) = (dot(&outside, &outside).sqrt(), dot(inside, inside).sqrt());
            angles.push(sine.atan2(cosine));
            let factor = if sine > ROUNDING { 1.0 / sine } else { 0.0 };
            towards.extend(outside.iter().map(|value| value * factor));
        }
        let turns = Rows::new(first.count(), turns.concat());
        Ok(Self { angles, from: turns.times(first), to: Rows::new(first.columns(), towards) })
    }

    /// `R`, `[features, 2 angles]`, with `R R' = G`, the integral of the projections along the way.
    pub(crate) fn root(&self) -> Rows {
        let mut columns = Vec::with_capacity(2 * self.from.values().len());
        for ((from, to), angle) in self.from.iter().zip(self.to.iter()).zip(&self.angles) {
            let [a, b, c] = weights(*angle);
            // The symmetric root of the two-by-two matrix: (M + s I) / t, with s^2 its determinant.
            let s = (a * c - b * b).max(0.0).sqrt();
            let t = (a + c + 2.0 * s).sqrt();
            for [by_from, by_to] in [[a + s, b], [b, c + s]] {
                let column = from.iter().zip(to);
                columns.extend(column.map(|(from, to)| (by_from * from + by_to * to) / t));
            }
        }
        Rows::new(self.from.columns(), columns).transposed()
    }
}

/// Integrals over `t` in `[0, 1]` of `cos^2(t angle)`, `cos(t angle) sin(t angle)` and
/// `sin^2(t angle)`.
fn weights(angle: f64) -> [f64; 3] {
    let twice = 2.0 * angle;
    if twice < 1e-4 {
        // To the order of rounding.
        let square = angle * angle;
        return [1.0 - square / 3.0, angle / 2.0, square / 3.0];
    }
    let share = twice.sin() / twice;
    [(1.0 + share) / 2.0, (1.0 - twice.cos()) / (2.0 * twice), (1.0 - share) / 2.0]
}

/// A unit vector along `vector` at right angles to `others`; where nothing is left of it, along the
/// first axis of which something is.
fn completed(vector: &[f64], others: &[Vec<f64>]) -> Vec<f64> {
    let size = vector.len();
    let axes = (0..size).map(|axis| {
        let mut unit = vec![0.0; size];
        unit[axis] = 1.0;
        unit
    });
    let mut best = vec![0.0; size];
    for mut candidate in std::iter::once(vector.to_vec()).chain(axes) {
        // Twice, for what rounding left.
        for _ in 0..2 {
            for other in others {
                let share = dot(&candidate, other);
                add_scaled(&mut candidate, other, -share);
            }
        }
        let length = dot(&candidate, &candidate).sqrt();
        if length > ROUNDING {
            best = candidate.iter().map(|value| value / length).collect();
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, assert_peers, distance, normal, small, survives, turned};

    /// Orthonormal rows.
    fn subspace(count: usize, columns: usize, seed: u64) -> Rows {
        let rows = normal(columns + 5, columns, seed);
        principal_components(&rows, count).unwrap()
    }

    /// `G` by Simpson's rule on the flow.
    fn by_steps(flow: &GeodesicFlow) -> Rows {
        const STEPS: usize = 200;
        let size = flow.from.columns();
        let mut sum = vec![0.0; size * size];
        for step in 0..=STEPS {
            let t = step as f64 / STEPS as f64;
            let weight = match step {
                0 | STEPS => 1.0,
                step if step % 2 == 1 => 4.0,
                _ => 2.0,
            } / (3 * STEPS) as f64;
            let mut points = Vec::new();
            for ((from, to), angle) in flow.from.iter().zip(flow.to.iter()).zip(&flow.angles) {
                let (sine, cosine) = (t * angle).sin_cos();
                points.extend(from.iter().zip(to).map(|(from, to)| cosine * from + sine * to));
            }
            let points = Rows::new(size, points);
            add_scaled(&mut sum, points.transposed_times(&points).values(), weight);
        }
        Rows::new(size, sum)
    }

    /// Equal subspaces, ones that share a direction, any, and ones at right angles.
    fn pairs() -> Vec<(Rows, Rows)> {
        let axes = |places: &[usize]| {
            let mut values = vec![0.0; 6 * places.len()];
            for (row, place) in places.iter().enumerate() {
                values[6 * row + place] = 1.0;
            }
            Rows::new(6, values)
        };
        vec![
            (subspace(3, 6, 1), subspace(3, 6, 1)),
            (axes(&[0, 1, 2]), axes(&[2, 3, 4])),
            (subspace(3, 6, 1), subspace(3, 6, 2)),
            (subspace(2, 9, 3), subspace(2, 9, 4)),
            (axes(&[0, 1]), axes(&[2, 3])),
        ]
    }

    #[test]
    fn the_kernel_is_the_integral_of_projections_along_the_way() {
        for (first, second) in pairs() {
            let flow = GeodesicFlow::between(&first, &second).unwrap();
            let root = flow.root();
            let kernel = root.times_transposed(&root);
            assert!(distance(&kernel, &by_steps(&flow)) < 1e-8);
        }
    }

    #[test]
    fn the_kernel_is_that_of_the_papers_formula() {
        let (source, target) = small();
        let [first, second] = [source, target].map(|rows| principal_components(&rows, 2).unwrap());
        let root = GeodesicFlow::between(&first, &second).unwrap().root();
        let kernel = [
            0.490183, -0.471048, -0.143884, -0.471048, 0.564027, -0.136126, -0.143884, -0.136126,
            0.945789,
        ];
        assert_peers(root.times_transposed(&root).values(), &kernel, 2e-6);
    }

    #[test]
    fn the_way_leads_from_one_subspace_to_the_other() {
        let projection = |rows: &Rows| rows.transposed_times(rows);
        for (first, second) in pairs() {
            let flow = GeodesicFlow::between(&first, &second).unwrap();
            assert!(distance(&projection(&flow.from), &projection(&first)) < 1e-9);
            let inside = flow.to.times_transposed(&first);
            assert!(inside.values().iter().all(|share| share.abs() < 1e-7));
            let end = flow.from.iter().zip(flow.to.iter()).zip(&flow.angles).flat_map(
                |((from, to), angle)| {
                    let (sine, cosine) = angle.sin_cos();
                    from.iter().zip(to).map(move |(from, to)| cosine * from + sine * to)
                },
            );
            let end = Rows::new(first.columns(), end.collect());
            assert!(distance(&projection(&end), &projection(&second)) < 1e-7);
            assert!(
                flow.angles.windows(2).all(|pair| pair[0] < pair[1] + 1e-7),
                "{:?}",
                flow.angles
            );
        }
    }

    #[test]
    fn equal_subspaces_are_projected_on() {
        let first = subspace(3, 6, 1);
        let root = GeodesicFlow::between(&first, &first).unwrap().root();
        let projection = first.transposed_times(&first);
        assert!(distance(&root.times_transposed(&root), &projection) < 1e-9);
    }

    #[test]
    fn weights_of_small_angles_are_the_same_in_both_forms() {
        let [below, above] = [0.499_999e-4, 0.500_001e-4].map(weights);
        assert!(below.iter().zip(above).all(|(a, b)| (a - b).abs() < 1e-9), "{below:?} {above:?}");
        assert_eq!(weights(0.0), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_target_that_is_turned_and_moved_is_classified_better() {
        let data = turned();
        let config = "dimensions = 1";
        let mut run = Run::new("gfk", config, &data).unwrap();
        assert!(run.target_accuracy() > 0.95, "{}", run.target_accuracy());
        let angle = run.measurements["mean_angle"];
        assert!((angle - 53.0).abs() < 4.0, "{angle}");
        run.check("gfk", config);
        let mut without = Run::new("shallow-source-only", "", &data).unwrap();
        assert!(without.target_accuracy() < 0.8, "{}", without.target_accuracy());
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("gfk", "");
        survives("gfk", "dimensions = 2");
    }
}
