//! What the tests of transforms share.

use isthmus_core::feature_transform::{FeatureTransform, Vectors};

/// Vectors of a size.
pub(crate) fn vectors(size: usize, values: &[f32]) -> Vectors {
    Vectors { size, values: values.to_vec() }
}

/// Source and target as a transform makes them, fitted to both.
pub(crate) fn applied(
    transform: &dyn FeatureTransform,
    source: Vectors,
    target: Vectors,
) -> [Vectors; 2] {
    let fitted = transform.fit(std::slice::from_ref(&source), &target).unwrap();
    let source_map = transform.map(&fitted.sources[0]).unwrap();
    let target_map = transform.map(&fitted.target).unwrap();
    [source_map.apply(source).unwrap(), target_map.apply(target).unwrap()]
}
