//! The loss of single-utterance test-time adaptation.

use super::entropy::entropy_per_sample;
use super::mcc::confusion;
use burn::tensor::{Tensor, activation::softmax};

/// The two parts of the loss of an utterance, shape `[1]` each.
#[derive(Clone, Debug)]
pub struct UtteranceLoss {
    /// Mean entropy of the frames that are predicted as some symbol.
    pub entropy: Tensor<1>,
    /// Class confusion of all frames.
    pub confusion: Tensor<1>,
}

impl UtteranceLoss {
    /// `share * entropy + (1 - share) * confusion`.
    pub fn loss(&self, share: f64) -> Tensor<1> {
        self.entropy.clone().mul_scalar(share) + self.confusion.clone().mul_scalar(1.0 - share)
    }
}

/// What the predictions of an utterance's frames lack in certainty and in difference:
///
/// ```text
/// p = softmax(z / temperature)
/// entropy   = mean of H(p_i) over the frames i whose largest logit is not that of the blank
/// confusion = mcc's, with exact entropies in the weights
/// ```
///
/// Blanks are certain anyway, and most frames are blank. Where every frame is, the first part is 0.
///
/// Source: Lin, Li, Lee, "Listen, adapt, better WER: source-free single-utterance test-time adaptation
/// for automatic speech recognition", Interspeech 2022, eq. 1 to 4. Peers: the authors' code.
///
/// # Shapes
/// - `logits`: `[frames, symbols and blank]`
///
/// # Panics
/// If there is no frame, or `temperature` is not positive.
pub fn utterance_loss(logits: Tensor<2>, temperature: f64, blank: usize) -> UtteranceLoss {
    assert!(temperature > 0.0, "utterance_loss: temperature must be positive, got {temperature}");
    let spoken = Tensor::from_inner(spoken_frames(logits.clone(), blank));
    let scaled = logits.div_scalar(temperature);
    let entropies = entropy_per_sample(scaled.clone());
    let confusion = confusion(softmax(scaled, 1), entropies.clone().inner());
    let count = spoken.clone().sum().clamp_min(1.0);
    UtteranceLoss { entropy: (entropies * spoken).sum() / count, confusion }
}

/// 1 for each frame whose largest logit is not that of the blank, else 0; `[frames]`, off the tape.
pub fn spoken_frames(logits: Tensor<2>, blank: usize) -> Tensor<1> {
    let symbols = logits.inner().argmax(1).squeeze_dim::<1>(1);
    symbols.not_equal_elem(blank as i64).float()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::mcc;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};

    #[test]
    fn blanks_do_not_count_in_the_entropy() {
        let logits = matrix([7, 4], 3).mul_scalar(3.0);
        let largest = logits.clone().inner().argmax(1).to_data();
        let blank = largest.iter::<i64>().next().unwrap() as usize;
        let spoken = values(&spoken_frames(logits.clone(), blank));
        let own = values(&entropy_per_sample(logits.clone().div_scalar(2.0)));
        let total: f64 = own.iter().zip(&spoken).map(|(entropy, spoken)| entropy * spoken).sum();
        let count: f64 = spoken.iter().sum();
        assert!(count > 0.0 && count < 7.0, "{spoken:?}");
        let loss = utterance_loss(logits.clone(), 2.0, blank);
        assert_close(&[scalar(&loss.entropy)], &[total / count], 1e-6);
        assert_close(&[scalar(&loss.confusion)], &[scalar(&mcc(logits, 2.0))], 1e-4);
    }

    #[test]
    fn an_utterance_of_blanks_has_confusion_alone() {
        let logits = matrix([3, 4], 5);
        let silent =
            logits.inner() + Tensor::<2>::from_floats([[9.0, 0.0, 0.0, 0.0]], &Default::default());
        let (loss, [gradient]) =
            differentiate([&Tensor::from_inner(silent)], |[z]| utterance_loss(z, 2.5, 0).loss(0.3));
        assert!(loss > 0.0 && gradient.iter().all(|value| value.is_finite()), "{loss}");
    }
}
