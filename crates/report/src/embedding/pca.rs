//! The first two principal components.

/// Enough for components to look the same; those of nearly equal variance may still turn.
const PASSES: usize = 200;
/// Ends the search when no weight moves by more.
const TOLERANCE: f64 = 1e-9;

/// Each point's first and second principal component; zeros where the points do not spread. Found
/// by subspace iteration from fixed directions, so always the same.
pub(super) fn components(points: &[&[f32]]) -> Vec<[f64; 2]> {
    let Some(dimension) = points.first().map(|point| point.len()) else { return Vec::new() };
    let mut mean = vec![0.0; dimension];
    for point in points {
        for (mean, &value) in mean.iter_mut().zip(*point) {
            *mean += f64::from(value) / points.len() as f64;
        }
    }
    let centred: Vec<Vec<f64>> = points
        .iter()
        .map(|point| {
            point.iter().zip(&mean).map(|(&value, mean)| f64::from(value) - mean).collect()
        })
        .collect();
    let mut first = start(dimension, 0);
    let mut second = start(dimension, 1);
    for _ in 0..PASSES {
        let (mut next, mut other) = (vec![0.0; dimension], vec![0.0; dimension]);
        for point in &centred {
            let (along, across) = (dot(point, &first), dot(point, &second));
            for ((next, other), value) in next.iter_mut().zip(&mut other).zip(point) {
                *next += along * value;
                *other += across * value;
            }
        }
        normalise(&mut next);
        let overlap = dot(&next, &other);
        other.iter_mut().zip(&next).for_each(|(other, next)| *other -= overlap * next);
        normalise(&mut other);
        let moved = distance(&first, &next).max(distance(&second, &other));
        (first, second) = (next, other);
        if moved < TOLERANCE {
            break;
        }
    }
    centred.iter().map(|point| [dot(point, &first), dot(point, &second)]).collect()
}

/// A fixed direction that no data is likely to be orthogonal to.
fn start(dimension: usize, which: usize) -> Vec<f64> {
    let mut direction: Vec<f64> =
        (0..dimension).map(|place| ((place * 2 + which) as f64 * 1.618 + 0.5).sin()).collect();
    normalise(&mut direction);
    direction
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

/// Scales to length 1; a vector without direction stays nothing.
fn normalise(vector: &mut [f64]) {
    let length = dot(vector, vector).sqrt();
    if length > 1e-12 {
        vector.iter_mut().for_each(|value| *value /= length);
    } else {
        vector.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_axis_comes_first() {
        // Points on an ellipse: by hand, the first component is the coordinate along (1, 1), the
        // second the one along (1, -1), up to sign.
        let points: Vec<Vec<f32>> = (0..40)
            .map(|place| {
                let angle = place as f32 * std::f32::consts::TAU / 40.0;
                let (along, across) = (5.0 * angle.cos(), 2.0 * angle.sin());
                let half = std::f32::consts::FRAC_1_SQRT_2;
                vec![3.0 + half * (along + across), half * (along - across), 7.0]
            })
            .collect();
        let slices: Vec<&[f32]> = points.iter().map(Vec::as_slice).collect();
        for (place, component) in components(&slices).iter().enumerate() {
            let angle = place as f64 * std::f64::consts::TAU / 40.0;
            assert!((component[0].abs() - 5.0 * angle.cos().abs()).abs() < 1e-4);
            assert!((component[1].abs() - 2.0 * angle.sin().abs()).abs() < 1e-4);
        }
    }

    #[test]
    fn points_that_do_not_spread_stay_together() {
        let point = [1.0_f32, 2.0];
        assert_eq!(components(&[&point, &point]), [[0.0, 0.0]; 2]);
        assert!(components(&[]).is_empty());
        assert_eq!(components(&[&[][..]]), [[0.0, 0.0]]);
    }
}
