//! t-SNE by the Barnes-Hut approximation (van der Maaten 2014), by `bhtsne`.

use bhtsne::{Neighbor, tSNE};
use rayon::prelude::*;

/// The perplexity where there are points enough for it.
const PERPLEXITY: usize = 30;
/// Fewer points than this have no neighbourhoods to speak of.
const FEWEST: usize = 16;
const EPOCHS: usize = 500;
/// Epochs in which groups are pulled together.
const EXAGGERATED: usize = 150;
/// How coarse the approximation is.
const THETA: f32 = 0.5;
/// The spread of the first component that the layout starts from (Kobak and Berens 2019).
const START: f64 = 1e-4;

/// The points' places, starting from their principal components; `None` where there are too few
/// or the layout fails to be finite (all points in one place).
pub(super) fn places(points: &[&[f32]], components: &[[f64; 2]]) -> Option<Vec<[f64; 2]>> {
    if points.len() < FEWEST {
        return None;
    }
    let variance = components.iter().map(|place| place[0] * place[0]).sum::<f64>();
    let spread = (variance / components.len() as f64).sqrt();
    if spread <= 0.0 || !spread.is_finite() {
        return None;
    }
    let start: Vec<f32> =
        components.iter().flatten().map(|value| (value * START / spread) as f32).collect();
    let perplexity = PERPLEXITY.min((points.len() - 1) / 3);
    let neighbours = neighbours(points, 3 * perplexity);
    // One thread: sums are then taken in one order, and the layout is the same on every call.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().ok()?;
    let places = pool.install(|| {
        let mut layout: tSNE<'_, f32, &[f32]> = tSNE::new(points);
        layout
            .embedding_dim(2)
            .perplexity(perplexity as f32)
            .epochs(EPOCHS)
            .initial_embedding(start)
            .stop_lying_epoch(EXAGGERATED)
            .momentum_switch_epoch(EXAGGERATED)
            .barnes_hut_with_neighbors(THETA, &neighbours);
        layout.embedding()
    });
    let places: Vec<[f64; 2]> =
        places.chunks_exact(2).map(|pair| [f64::from(pair[0]), f64::from(pair[1])]).collect();
    let finite = places.iter().flatten().all(|value| value.is_finite());
    (finite && places.len() == points.len()).then_some(places)
}

/// The nearest other points of each point; of equal distances the earlier points. The library's
/// own search breaks such ties at random.
fn neighbours(points: &[&[f32]], number: usize) -> Vec<Vec<Neighbor<f32>>> {
    points
        .par_iter()
        .enumerate()
        .map(|(place, point)| {
            let mut others: Vec<Neighbor<f32>> = points
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != place)
                .map(|(index, other)| Neighbor { index, distance: distance(point, other) })
                .collect();
            // The sort is stable.
            others.sort_by(|one, other| one.distance.total_cmp(&other.distance));
            others.truncate(number);
            others
        })
        .collect()
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    let squares = one.iter().zip(other).map(|(one, other)| (one - other).powi(2));
    squares.sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use crate::embedding::{Embedding, embed};

    /// Two clouds in eight dimensions, far from each other.
    fn clouds(each: usize) -> Vec<Vec<f32>> {
        (0..2 * each)
            .map(|place| {
                let shift = if place < each { 0.0 } else { 20.0 };
                (0..8).map(|axis| shift + ((place * 8 + axis) as f32 * 12.9898).sin()).collect()
            })
            .collect()
    }

    #[test]
    fn clouds_stay_apart_and_the_layout_is_always_the_same() {
        let points = clouds(60);
        let slices: Vec<&[f32]> = points.iter().map(Vec::as_slice).collect();
        let (places, embedding) = embed(&slices, Embedding::Tsne);
        assert_eq!(embedding, Embedding::Tsne);
        let near = |one: usize, other: usize| {
            (places[one][0] - places[other][0]).hypot(places[one][1] - places[other][1])
        };
        for point in 0..120 {
            let nearest = (0..120)
                .filter(|&other| other != point)
                .min_by(|&one, &other| near(point, one).total_cmp(&near(point, other)))
                .unwrap();
            assert_eq!(nearest < 60, point < 60, "{point} is nearest to {nearest}");
        }
        assert_eq!(embed(&slices, Embedding::Tsne).0, places);
    }

    #[test]
    fn few_points_and_points_in_one_place_are_laid_out_by_their_components() {
        let points = clouds(4);
        let slices: Vec<&[f32]> = points.iter().map(Vec::as_slice).collect();
        assert_eq!(embed(&slices, Embedding::Tsne).1, Embedding::Pca);
        let one = [0.5_f32; 4];
        let all: Vec<&[f32]> = vec![&one; 40];
        assert_eq!(embed(&all, Embedding::Tsne).1, Embedding::Pca);
    }
}
