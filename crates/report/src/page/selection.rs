//! What each validator would have chosen, beside the last iterate and the oracle: the table of
//! `isthmus compare --columns selection`.

use isthmus_results::{CompareOptions, Dimension};
use maud::Markup;

use super::{comparison, parts};
use crate::figures::validator_names;
use crate::results::Results;

pub(super) fn body(results: &Results, metric: Option<&str>) -> Markup {
    if validator_names(results).is_empty() {
        return parts::missing(
            "No run was scored by a validator; list validators under `[selection]` in the \
             experiment file to record their scores.",
        );
    }
    comparison::tables(CompareOptions {
        columns: Dimension::Selection,
        ..comparison::options(results, metric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, loaded, made};

    #[test]
    fn choices_stand_side_by_side_and_collapsed_ones_are_marked() {
        let folder = tempfile::tempdir().unwrap();
        let evaluation = |step: u32, accuracy: f64, entropy: &str, classes: f64| {
            format!(
                "0,{step},target_accuracy,{accuracy}\n0,{step},validator/entropy,{entropy}\n\
                 0,{step},validator/dev,NaN\n0,{step},target_effective_classes,{classes}\n"
            )
        };
        let rows = [
            evaluation(0, 0.9, "5.0", 0.9),
            evaluation(1, 0.5, "-1.0", 0.3),
            evaluation(2, 0.7, "-1.0", 0.9),
            evaluation(3, 0.6, "NaN", 0.9),
        ];
        made(folder.path(), &Made::default(), &rows.concat(), None);
        let results = loaded(folder.path());
        let page = body(&results, None).into_string();
        let (head, rows) = page.split_once("<tbody>").unwrap();
        let names: Vec<usize> = ["method", "last", "entropy", "oracle"]
            .iter()
            .map(|name| head.find(&format!(">{name}<")).unwrap_or_else(|| panic!("{name}: {head}")))
            .collect();
        assert!(names.is_sorted(), "{head}");
        for cell in ["60.0", "50.0†", "70.0"] {
            assert!(rows.contains(cell), "{cell}: {rows}");
        }
        assert!(page.contains("predicts few classes"), "{page}");
    }

    #[test]
    fn without_scores_the_setting_that_records_them_is_named() {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path(), &Made::default(), "0,5,target_accuracy,0.5\n", None);
        let page = body(&loaded(folder.path()), None).into_string();
        assert!(page.contains("<code>[selection]</code>"), "{page}");
    }
}
