//! Loops compiled for the vector instructions of the processor at hand.

use macerator::{AutoArch, Simd, WithSimd};

struct Vectors<F>(F);

impl<R, F: FnOnce() -> R> WithSimd for Vectors<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(self) -> R {
        (self.0)()
    }
}

/// Calls `work`, whose loops become the widest vector instructions that the processor has: the
/// program itself is built for any processor of its kind.
#[inline]
pub(crate) fn on_vectors<R>(work: impl FnOnce() -> R) -> R {
    AutoArch::new().dispatch(Vectors(work))
}

/// Values that are summed side by side, so that a sum becomes vector instructions.
const LANES: usize = 16;

/// The sums of what `term` gives over the places of a slice of `length`. Sums of many terms are of 64
/// bits.
#[inline(always)]
pub(crate) fn sums<const N: usize>(length: usize, term: impl Fn(usize) -> [f32; N]) -> [f64; N] {
    /// Terms that are summed in 32 bits.
    const PART: usize = 4096;
    let mut totals = [0.0; N];
    for start in (0..length).step_by(PART) {
        let end = (start + PART).min(length);
        let whole = start + (end - start) / LANES * LANES;
        let mut lanes = [[0.0_f32; LANES]; N];
        for place in (start..whole).step_by(LANES) {
            for lane in 0..LANES {
                let terms = term(place + lane);
                for (lanes, term) in lanes.iter_mut().zip(terms) {
                    lanes[lane] += term;
                }
            }
        }
        for place in whole..end {
            for (lanes, term) in lanes.iter_mut().zip(term(place)) {
                lanes[place - whole] += term;
            }
        }
        for (total, lanes) in totals.iter_mut().zip(&lanes) {
            *total += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
        }
    }
    totals
}
