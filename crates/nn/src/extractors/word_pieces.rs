//! Texts to word pieces, as BERT's uncased English networks were trained with.
//!
//! The crate `tokenizers` would do the same; it brings fifteen crates along for formats that nothing
//! here reads.

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use isthmus_core::augmentation::MASKED_WORD;
use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// The vocabulary of BERT's uncased English networks, a piece a line (Apache-2.0, google-research/bert).
const VOCABULARY: &[u8] = include_bytes!("../../assets/word-pieces.txt.gz");

/// Number of pieces.
pub(crate) const PIECES: usize = 30522;
/// In the place of a word that no pieces make up.
const UNKNOWN: u32 = 100;
/// What stands before a text.
const FIRST: u32 = 101;
/// What stands behind a text.
const LAST: u32 = 102;
/// In the place of a word that is masked.
const MASKED: u32 = 103;
/// A word of more letters is unknown.
const LONGEST_WORD: usize = 100;
/// What a piece inside a word begins with.
const INSIDE: &str = "##";

/// Chinese, Japanese and Korean signs are words of their own.
const IDEOGRAPHS: &str = r"\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}";
/// What is punctuation: all signs of ASCII that are neither letters nor digits, and Unicode's.
const PUNCTUATION: &str = r"!-/:-@\[-`{-~\p{P}";

struct WordPieces {
    ids: HashMap<String, u32>,
    /// Signs that are passed over.
    dropped: Regex,
    /// Accents, once letters are taken apart.
    accents: Regex,
    /// A word.
    word: Regex,
}

impl WordPieces {
    fn get() -> &'static Self {
        static MADE: OnceLock<WordPieces> = OnceLock::new();
        MADE.get_or_init(|| {
            let mut lines = String::new();
            GzDecoder::new(VOCABULARY)
                .read_to_string(&mut lines)
                .expect("the vocabulary is part of this program");
            let alone = format!("{IDEOGRAPHS}{PUNCTUATION}");
            let regex = |text: &str| Regex::new(text).expect("the expression is right");
            Self {
                ids: lines.lines().map(str::to_owned).zip(0..).collect(),
                dropped: regex(r"[[\p{Cc}\p{Cf}\p{Cn}\p{Co}\x{FFFD}]--[\t\n\r]]"),
                accents: regex(r"\p{Mn}"),
                word: regex(&format!(r"[{alone}]|[^\s{alone}]+")),
            }
        })
    }

    /// Lower case, without accents and what is not seen.
    fn plain(&self, text: &str) -> String {
        let shown = self.dropped.replace_all(text, "");
        let apart: String = shown.nfd().collect();
        self.accents.replace_all(&apart, "").chars().flat_map(char::to_lowercase).collect()
    }

    /// The pieces of a text in which nothing is masked, no more than `most`.
    fn of_text(&self, text: &str, most: usize) -> Vec<u32> {
        let plain = self.plain(text);
        let words = self.word.find_iter(&plain);
        words.flat_map(|word| self.of_word(word.as_str())).take(most).collect()
    }

    /// The longest pieces of a word, from the left.
    fn of_word(&self, word: &str) -> Vec<u32> {
        if word.chars().count() > LONGEST_WORD {
            return vec![UNKNOWN];
        }
        let mut found = Vec::new();
        let mut start = 0;
        while start < word.len() {
            let before = if start == 0 { "" } else { INSIDE };
            let ends = (start + 1..=word.len()).rev().filter(|&end| word.is_char_boundary(end));
            let piece = ends
                .filter_map(|end| {
                    Some((end, self.ids.get(&format!("{before}{}", &word[start..end]))?))
                })
                .next();
            let Some((end, &id)) = piece else { return vec![UNKNOWN] };
            found.push(id);
            start = end;
        }
        found
    }
}

/// The ids of the pieces of a text between those that stand before and behind each text, at most
/// `most` in all: what is beyond is cut off.
///
/// Letters are made lower case and lose their accents, words are cut at spaces and punctuation, then
/// into the longest pieces that the vocabulary has, from the left (Wu et al., "Google's neural machine
/// translation system", 2016, section 4.1; Devlin et al., "BERT", NAACL 2019). `[MASK]` is one piece,
/// wherever it stands.
///
/// # Panics
/// If `most` is below 2.
pub(crate) fn word_pieces(text: &str, most: usize) -> Vec<u32> {
    assert!(most >= 2, "a text has a piece before and one behind");
    let pieces = WordPieces::get();
    let mut found = vec![FIRST];
    for (part, text) in text.split(MASKED_WORD).enumerate() {
        if part > 0 && found.len() < most - 1 {
            found.push(MASKED);
        }
        if found.len() >= most - 1 {
            break;
        }
        found.extend(pieces.of_text(text, most - 1 - found.len()));
    }
    found.push(LAST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_into_pieces_between_marks() {
        let ids = word_pieces("The cat sits on the mat.", 512);
        assert_eq!(ids, [101, 1996, 4937, 7719, 2006, 1996, 13523, 1012, 102]);
        assert_eq!(word_pieces("The cat sits on the mat.", 4), [101, 1996, 4937, 102]);
        assert_eq!(word_pieces("", 512), [101, 102]);
        assert_eq!(word_pieces(" \n\t\u{0} ", 512), [101, 102]);
    }

    #[test]
    fn accents_case_and_signs_that_are_not_seen_do_not_count() {
        assert_eq!(word_pieces("na\u{ef}ve", 512), [101, 15743, 102]);
        assert_eq!(word_pieces("NAI\u{308}\u{200b}VE", 512), [101, 15743, 102]);
        // Signs of ASCII stand alone, `$` as well as `.`.
        assert_eq!(word_pieces("a$b", 512), [101, 1037, 1002, 1038, 102]);
        // A sign that the vocabulary has stands alone; one that it lacks is unknown.
        assert_eq!(word_pieces("\u{4e2d}\u{4e2d}", 512), [101, 1746, 1746, 102]);
        assert_eq!(word_pieces("\u{1f980}", 512), [101, 100, 102]);
        let long = "a".repeat(LONGEST_WORD + 1);
        assert_eq!(word_pieces(&long, 512), [101, 100, 102]);
    }

    // The ids are those that the tokenizer published with the weights of MiniLM gives.
    #[test]
    fn what_is_masked_is_one_piece() {
        assert_eq!(word_pieces("the [MASK] sits", 512), [101, 1996, 103, 7719, 102]);
        assert_eq!(word_pieces("a[MASK]b", 512), [101, 1037, 103, 1038, 102]);
        assert_eq!(word_pieces("[MASK] [MASK].", 512), [101, 103, 103, 1012, 102]);
        assert_eq!(word_pieces("[MASK]", 512), [101, 103, 102]);
        let small = word_pieces("the [mask] sits", 512);
        assert_eq!(small, [101, 1996, 1031, 7308, 1033, 7719, 102]);
        assert_eq!(word_pieces("the [MASK] sits", 4), [101, 1996, 103, 102]);
        assert_eq!(word_pieces("the [MASK] sits", 3), [101, 1996, 102]);
        assert_eq!(word_pieces("[MASK] [MASK]", 2), [101, 102]);
    }

    #[test]
    fn vowel_signs_that_take_space_are_no_accents() {
        let ids = word_pieces("\u{915}\u{93e}\u{92e}", 512);
        assert_eq!(ids, [101, 1315, 29876, 29867, 102]);
        // The virama takes none, so it is dropped as accents are.
        let ids = word_pieces("\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}", 512);
        assert_eq!(ids, [101, 1339, 29877, 29863, 29861, 29878, 102]);
    }

    #[test]
    fn the_vocabulary_is_whole() {
        assert_eq!(WordPieces::get().ids.len(), PIECES);
        for (piece, id) in [
            ("[PAD]", 0),
            ("[UNK]", UNKNOWN),
            ("[CLS]", FIRST),
            ("[SEP]", LAST),
            (MASKED_WORD, MASKED),
        ] {
            assert_eq!(WordPieces::get().ids[piece], id);
        }
    }
}
