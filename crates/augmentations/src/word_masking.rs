//! Word masking: texts with marks in the place of some of their words.

use isthmus_core::augmentation::{Augmentation, MASKED_WORD, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Puts `[MASK]` in the place of words of a text, each with the same probability. A word is what
/// stands between spaces. Networks of word pieces have one piece for the mark; that of BERT's weights
/// was trained with 15 % of the pieces chosen. Where all words would go, the text stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WordMasking {
    /// The probability with which a word is masked.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
}

impl Default for WordMasking {
    fn default() -> Self {
        Self { probability: 0.15 }
    }
}

impl PluginConfig for WordMasking {}

impl AugmentationPlugin for WordMasking {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Text];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<WordMasking>(About {
        name: "word-masking",
        summary: "Puts a mark in the place of words of a text at random",
        paper: "Devlin, Chang, Lee, Toutanova: BERT: pre-training of deep bidirectional \
                transformers for language understanding, NAACL 2019, section 3.1",
    })
}

impl Augmentation for WordMasking {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Text(text) = sample else { return };
        let mut random = key.rng();
        let mut is_any_left = false;
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|word| {
                let is_masked = random.random_bool(self.probability);
                is_any_left |= !is_masked;
                if is_masked { MASKED_WORD } else { word }
            })
            .collect();
        if is_any_left {
            *text = words.join(" ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_by_key;

    fn masked(probability: f64, text: &str, key: &Key) -> String {
        let mut text = text.to_owned();
        WordMasking { probability }.apply(SampleMut::Text(&mut text), key);
        text
    }

    #[test]
    fn words_are_masked_by_the_key_and_the_others_stay_in_their_places() {
        let text: Vec<String> = (0..1000).map(|word| word.to_string()).collect();
        let text = text.join("\n");
        assert_by_key(|key| masked(0.3, &text, key));
        let changed = masked(0.3, &text, &Key::new(1));
        let words: Vec<&str> = changed.split(' ').collect();
        assert_eq!(words.len(), 1000);
        for (place, word) in words.iter().enumerate() {
            assert!(*word == MASKED_WORD || *word == place.to_string(), "{place}: {word}");
        }
        let marks = words.iter().filter(|word| **word == MASKED_WORD).count();
        assert!((230..370).contains(&marks), "{marks}");
        assert_eq!(masked(0.0, "a b", &Key::new(1)), "a b");
    }

    #[test]
    fn a_text_is_never_left_without_a_word() {
        assert_eq!(masked(1.0, "one two", &Key::new(1)), "one two");
        assert_eq!(masked(0.5, "", &Key::new(1)), "");
    }
}
