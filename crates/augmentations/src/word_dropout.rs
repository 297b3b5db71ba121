//! Word dropout: texts without some of their words.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Leaves words of a text out, each with the same probability. A word is what stands between spaces.
/// Where all would go, the text stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WordDropout {
    /// The probability with which a word is left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
}

impl Default for WordDropout {
    fn default() -> Self {
        Self { probability: 0.1 }
    }
}

impl PluginConfig for WordDropout {}

impl AugmentationPlugin for WordDropout {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Text];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<WordDropout>(About {
        name: "word-dropout",
        summary: "Leaves words of a text out at random",
        paper: "Iyyer, Manjunatha, Boyd-Graber, Daum\u{e9}: Deep unordered composition rivals \
                syntactic methods for text classification, ACL 2015",
    })
}

impl Augmentation for WordDropout {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Text(text) = sample else { return };
        let mut random = key.rng();
        let kept: Vec<&str> =
            text.split_whitespace().filter(|_| !random.random_bool(self.probability)).collect();
        if !kept.is_empty() {
            *text = kept.join(" ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_by_key;

    fn dropped(probability: f64, text: &str, key: &Key) -> String {
        let mut text = text.to_owned();
        WordDropout { probability }.apply(SampleMut::Text(&mut text), key);
        text
    }

    #[test]
    fn words_go_by_the_key_and_stay_in_order() {
        let text: Vec<String> = (0..1000).map(|word| word.to_string()).collect();
        let text = text.join("\n");
        assert_by_key(|key| dropped(0.3, &text, key));
        let left = dropped(0.3, &text, &Key::new(1));
        let words: Vec<usize> = left.split(' ').map(|word| word.parse().unwrap()).collect();
        assert!(words.is_sorted() && (630..770).contains(&words.len()), "{}", words.len());
        assert_eq!(dropped(0.0, "a b", &Key::new(1)), "a b");
    }

    #[test]
    fn a_text_is_never_left_without_a_word() {
        assert_eq!(dropped(1.0, "one two", &Key::new(1)), "one two");
        assert_eq!(dropped(0.5, "", &Key::new(1)), "");
    }
}
