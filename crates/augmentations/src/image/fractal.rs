//! Random textures.

use rand::RngExt;

use super::Plane;

/// A plasma fractal by the diamond-square algorithm: random values from 0 to 1 on the square that a
/// plane of this size is cut out of. Each halving of the distance between points divides the height of
/// what is added by the square of `decay`, so that larger ones make a smoother texture. (Fournier,
/// Fussell, Carpenter: Computer rendering of stochastic models, Communications of the ACM 1982; the
/// square goes on at its borders, as in ImageNet-C.)
pub(crate) fn plasma(size: [usize; 2], decay: f32, random: &mut impl RngExt) -> Plane {
    let side = size[0].max(size[1]).next_power_of_two().max(2);
    let mut map = vec![0.0_f32; side * side];
    let at = |row: usize, column: usize| (row % side) * side + column % side;
    let mut step = side;
    let mut height = 1.0_f32;
    while step >= 2 {
        let half = step / 2;
        let mut wobble = |height: f32| height * random.random_range(-1.0..1.0_f32);
        for row in (0..side).step_by(step) {
            for column in (0..side).step_by(step) {
                let corners = [
                    at(row, column),
                    at(row, column + step),
                    at(row + step, column),
                    at(row + step, column + step),
                ];
                let mean = corners.map(|it| map[it]).iter().sum::<f32>() / 4.0;
                map[at(row + half, column + half)] = mean + wobble(height);
            }
        }
        for row in (0..side).step_by(half) {
            let first = if (row / half).is_multiple_of(2) { half } else { 0 };
            for column in (first..side).step_by(step) {
                let around = [
                    at(row + side - half, column),
                    at(row + half, column),
                    at(row, column + side - half),
                    at(row, column + half),
                ];
                let mean = around.map(|it| map[it]).iter().sum::<f32>() / 4.0;
                map[at(row, column)] = mean + wobble(height);
            }
        }
        step = half;
        height /= decay * decay;
    }
    let whole = Plane { height: side, width: side, values: map };
    let [lowest, highest] = whole.range();
    let scale = (highest - lowest).max(f32::MIN_POSITIVE);
    Plane::from_places(size, |row, column| (whole.values[at(row, column)] - lowest) / scale)
}

/// Ridges: lines of 1 on a ground of 0, from `coarsest` of them along the shorter side to some of a
/// pixel's width, those of each octave half as high as the ones before. (Musgrave, in Ebert and
/// others: Texturing and modeling, 1994.)
pub(crate) fn ridges(size: [usize; 2], coarsest: f64, random: &mut impl RngExt) -> Plane {
    /// How far random values are apart that a ridge lies between, in pixels, at least.
    const FINEST: f64 = 2.0;
    let shorter = size[0].min(size[1]) as f64;
    let mut sum = Plane::from_places(size, |_, _| 0.0);
    let mut total = 0.0;
    let mut weight = 1.0;
    let mut distance = (shorter / coarsest).max(FINEST);
    loop {
        let cells = size.map(|side| (side as f64 / distance).ceil() as usize + 2);
        let values = Plane::from_places(cells, |_, _| random.random::<f32>());
        let [right, down] = [random.random::<f64>(), random.random::<f64>()];
        let ridge = |row: usize, column: usize| {
            let value =
                values.between(right + column as f64 / distance, down + row as f64 / distance);
            (1.0 - (2.0 * value - 1.0).abs()).powi(2)
        };
        let octave = Plane::from_places(size, ridge);
        sum.values.iter_mut().zip(octave.values).for_each(|(sum, own)| *sum += weight * own);
        total += weight;
        weight *= 0.5;
        if distance <= FINEST {
            break;
        }
        distance = (distance / 2.0).max(FINEST);
    }
    sum.values.iter_mut().for_each(|value| *value /= total);
    sum
}

#[cfg(test)]
mod tests {
    use isthmus_core::random::Key;

    use super::*;

    /// Mean absolute difference of neighbours in a row.
    fn roughness(plane: &Plane) -> f32 {
        let pairs = plane.values.windows(2).map(|pair| (pair[0] - pair[1]).abs());
        pairs.sum::<f32>() / plane.values.len() as f32
    }

    #[test]
    fn plasma_is_from_zero_to_one_and_smoother_by_decay() {
        for decay in [1.4, 2.0] {
            let plane = plasma([64, 64], decay, &mut Key::new(1).rng());
            assert_eq!(plane.range(), [0.0, 1.0]);
        }
        let rough = |decay| roughness(&plasma([64, 64], decay, &mut Key::new(1).rng()));
        assert!(rough(1.4) > 1.5 * rough(2.0), "{} {}", rough(1.4), rough(2.0));
        let part = plasma([1, 3], 2.0, &mut Key::new(1).rng());
        assert!(part.values.iter().all(|value| (0.0..=1.0).contains(value)), "{part:?}");
    }

    #[test]
    fn ridges_are_from_zero_to_one_and_fill_every_size() {
        for size in [[1, 1], [5, 40], [64, 64]] {
            let plane = ridges(size, 6.0, &mut Key::new(1).rng());
            assert_eq!(plane.size(), size);
            assert!(plane.values.iter().all(|value| (0.0..=1.0).contains(value)));
        }
        let plane = ridges([64, 64], 6.0, &mut Key::new(1).rng());
        assert!(plane.range()[1] - plane.range()[0] > 0.4, "{:?}", plane.range());
    }
}
