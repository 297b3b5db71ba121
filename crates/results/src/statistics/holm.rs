//! Correction for several tests at once.

/// p-values corrected after Holm, "A simple sequentially rejective multiple test procedure", 1979,
/// in the order given: the smallest is multiplied by their number, the next by one less, and so
/// on, none below the one before nor above 1.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, &index) in order.iter().enumerate() {
        let factor = (p_values.len() - place) as f64;
        largest = largest.max(factor * p_values[index]).min(1.0);
        corrected[index] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_corrected_as_by_hand() {
        // Sorted: 4 * 0.01 = 0.04, 3 * 0.02 = 0.06, 2 * 0.025 = 0.05 raised to 0.06, 1 * 0.7.
        let found = holm(&[0.02, 0.7, 0.01, 0.025]);
        for (found, expected) in found.iter().zip([0.06, 0.7, 0.04, 0.06]) {
            assert!((found - expected).abs() < 1e-15, "{found} instead of {expected}");
        }
        assert_eq!(holm(&[0.6, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
