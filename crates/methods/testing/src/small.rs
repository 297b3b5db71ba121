//! Two small domains on which results of other packages are known.

/// Source rows of three features, those of `bench/peers/closed_form.py`.
pub const SMALL_SOURCE: [[f64; 3]; 6] = [
    [0.3, -1.2, 0.5],
    [1.1, 0.4, -0.7],
    [-0.6, 0.9, 1.3],
    [0.8, -0.2, 0.1],
    [-1.4, 0.7, -0.9],
    [0.2, 1.6, 0.4],
];
/// The class of each source row.
pub const SMALL_LABELS: [u32; 6] = [0, 1, 1, 0, 2, 2];
/// Target rows.
pub const SMALL_TARGET: [[f64; 3]; 5] =
    [[1.5, 0.2, 0.9], [0.7, 1.8, -0.3], [2.1, -0.5, 0.6], [-0.1, 0.9, 1.7], [1.2, 1.1, -1.0]];
