//! Texts to word pieces, as BERT's uncased English networks were trained with.
//!
//! The crate `tokenizers` would do the same; it brings fifteen crates along for formats that nothing
//! here reads.

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
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
                word: regex(&format!(r"[{alone}]|[^\s{alone}]+")),
            }
        })
    }

    /// Lower case, without accents and what is not seen.
    fn plain(&self, text: &str) -> String {
        let shown = self.dropped.replace_all(text, "");
        let is_accent = unicode_normalization::char::is_combining_mark;
        let letters = shown.nfd().filter(|&letter| !is_accent(letter));
        letters.flat_map(char::to_lowercase).collect()
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
/// translation system", 2016, section 4.1; Devlin et al., "BERT", NAACL 2019).
///
/// # Panics
/// If `most` is below 2.
pub(crate) fn word_pieces(text: &str, most: usize) -> Vec<u32> {
    assert!(most >= 2, "a text has a piece before and one behind");
    let pieces = WordPieces::get();
    let plain = pieces.plain(text);
    let words = pieces.word.find_iter(&plain).flat_map(|word| pieces.of_word(word.as_str()));
    let inside: Vec<u32> = words.take(most - 2).collect();
    [&[FIRST], inside.as_slice(), &[LAST]].concat()
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

    #[test]
    fn the_vocabulary_is_whole() {
        assert_eq!(WordPieces::get().ids.len(), PIECES);
        for (piece, id) in [("[PAD]", 0), ("[UNK]", UNKNOWN), ("[CLS]", FIRST), ("[SEP]", LAST)] {
            assert_eq!(WordPieces::get().ids[piece], id);
        }
    }
}
