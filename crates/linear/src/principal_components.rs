//! Principal components of a domain.

use crate::{Eigen, LinearError, Rows};

/// The leading principal components along which the rows vary, one a row and of unit length, those of
/// the largest variance first; at least one.
///
/// # Errors
/// If a value is not finite, or the eigenproblem does not converge.
pub fn principal_components(rows: &Rows, dimensions: usize) -> Result<Rows, LinearError> {
    let centred = rows.minus(&rows.mean());
    let found = if rows.count() > rows.columns() {
        Eigen::largest(&centred.transposed_times(&centred), dimensions)?
    } else {
        // With fewer rows than features, from the rows' products.
        let found = Eigen::largest(&centred.times_transposed(&centred), dimensions)?;
        Eigen { vectors: found.vectors.times(&centred).unit_length(), ..found }
    };
    Ok(found.significant().vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{distance, normal};
    use isthmus_core::random::Key;

    #[test]
    fn components_by_rows_and_by_features_are_the_same() {
        let wide = normal(6, 9, &Key::new(1));
        let padded = wide.above(&Rows::new(9, wide.mean().repeat(5)));
        // Rows at the mean change no principal component.
        let (few, many) =
            (principal_components(&wide, 3).unwrap(), principal_components(&padded, 3).unwrap());
        let overlap = few.times_transposed(&many);
        let mut unit = Rows::new(3, overlap.values().iter().map(|value| value.abs()).collect());
        unit.add_to_diagonal(-1.0);
        assert!(distance(&unit, &Rows::new(3, vec![0.0; 9])) < 1e-10);
    }
}
