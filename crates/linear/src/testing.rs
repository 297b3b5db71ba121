//! Small samples for tests.

use isthmus_core::random::Key;
use rand_distr::{Distribution, StandardNormal};

use crate::rows::Rows;

/// Standard normal numbers.
pub(crate) fn normal(count: usize, columns: usize, key: &Key) -> Rows {
    let values: Vec<f64> = StandardNormal.sample_iter(key.rng()).take(count * columns).collect();
    Rows::new(columns, values)
}

/// All values moved.
pub(crate) fn shifted(rows: &Rows, by: f64) -> Rows {
    rows.minus(&vec![-by; rows.columns()])
}

/// The largest absolute difference of two matrices of one shape.
pub(crate) fn distance(a: &Rows, b: &Rows) -> f64 {
    assert_eq!((a.count(), a.columns()), (b.count(), b.columns()));
    a.values().iter().zip(b.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
