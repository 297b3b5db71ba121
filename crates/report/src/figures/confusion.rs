//! Predicted against true classes of the target's test rows.

use std::collections::BTreeMap;

use super::count;
use super::heatmap::{Cell, Heatmap, panel_size};
use crate::canvas::{self, Layout};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::results::{PlotOptions, Results, grouped};
use crate::runs::Run;

/// Cells of tables up to this many classes are large enough for numbers.
const WITH_NUMBERS: usize = 12;
/// Beyond this many classes a cell would be smaller than a pixel or two.
const MOST_CLASSES: usize = 200;
/// The largest confusions that the table lists of many classes.
const LISTED: usize = 20;
/// Side of a table of small cells.
const SIDE: u32 = 400;

/// Rows by true and predicted class.
#[derive(Debug, Default)]
struct Counts {
    rows: BTreeMap<(u32, u32), u64>,
    runs: usize,
}

impl Counts {
    fn add(&mut self, run: &Run) -> Result<(), ReportError> {
        if let Some(predictions) = run.record.predictions()? {
            self.runs += 1;
            for prediction in predictions {
                if let Some(label) = prediction.label {
                    *self.rows.entry((label, prediction.predicted)).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Number of classes: those up to the largest that occurs.
    fn classes(&self) -> usize {
        let largest = self.rows.keys().map(|(label, predicted)| label.max(predicted)).max();
        largest.map_or(0, |&class| class as usize + 1)
    }

    fn of_class(&self, label: u32) -> u64 {
        self.rows.range((label, 0)..=(label, u32::MAX)).map(|(_, rows)| rows).sum()
    }
}

pub(super) fn draw(results: &Results, options: &PlotOptions) -> Result<Figure, ReportError> {
    let runs = results.select(options)?;
    let mut counted = Vec::new();
    for (_, runs) in grouped(&runs, |run| (run.record.run.dataset.clone(), run.series)) {
        let Some(first) = runs.first() else { continue };
        let mut counts = Counts::default();
        runs.iter().try_for_each(|run| counts.add(run))?;
        if !counts.rows.is_empty() {
            let title = results.with_dataset(first, &results.method(first).name());
            counted.push((title, counts));
        }
    }
    if counted.is_empty() {
        return Err(ReportError::Missing(
            "No record holds predictions (`predictions.csv`) of samples whose classes are known: \
             the target has no labels, or the records were thinned out."
                .to_owned(),
        ));
    }
    let classes = counted.iter().map(|(_, counts)| counts.classes()).max().unwrap_or(0);
    if classes > MOST_CLASSES {
        return Err(ReportError::Missing(format!(
            "A confusion matrix of {classes} classes is too large to be drawn; `predictions.csv` \
             of each record has the predictions."
        )));
    }
    let panels: Vec<Heatmap> =
        counted.iter().map(|(title, counts)| heatmap(title, counts)).collect();
    let layout = Layout {
        panels: panels.len(),
        columns: if classes > WITH_NUMBERS { 2 } else { 3 },
        panel: panel_size(&panels),
        legend: Vec::new(),
    };
    let svg = canvas::draw(&layout, |number, _, area| panels[number].draw(area))?;
    let title = match counted.as_slice() {
        [(method, _)] => format!("Predictions of {method}, in percent of the true class"),
        _ => "Predictions by method, in percent of the true class".to_owned(),
    };
    let summed: Vec<String> = counted
        .iter()
        .map(|(method, counts)| format!("{method}: {}", count(counts.runs, "run")))
        .collect();
    let description = format!(
        "Confusion matrix, true classes down and predicted classes across, in percent of the true \
         class, {} classes, summed over seeds and tasks ({}). {}",
        classes,
        summed.join(", "),
        largest(&counted)
    );
    Ok(Figure { title, description, svg, notes: Vec::new(), table: table(&counted, classes).cut() })
}

fn share(counts: &Counts, label: u32, rows: u64) -> f64 {
    rows as f64 / counts.of_class(label).max(1) as f64
}

fn heatmap(title: &str, counts: &Counts) -> Heatmap {
    let classes = counts.classes();
    let with_numbers = classes <= WITH_NUMBERS;
    let mut cells = vec![vec![None; classes]; classes];
    for (&(label, predicted), &rows) in &counts.rows {
        let share = share(counts, label, rows);
        let text = if with_numbers { format!("{:.0}", share * 100.0) } else { String::new() };
        cells[label as usize][predicted as usize] = Some(Cell { share, text });
    }
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let side = SIDE / u32::try_from(classes).unwrap_or(u32::MAX).max(1);
    Heatmap {
        title: title.to_owned(),
        down: "true class".to_owned(),
        across: "predicted class".to_owned(),
        rows: names.clone(),
        columns: names,
        cells,
        cell: if with_numbers { (32, 26) } else { (side.max(2), side.max(2)) },
    }
}

/// The confusions of each method, the most frequent first.
fn confusions(counts: &Counts) -> Vec<((u32, u32), u64)> {
    let mut wrong: Vec<((u32, u32), u64)> = counts
        .rows
        .iter()
        .filter(|((label, predicted), _)| label != predicted)
        .map(|(&classes, &rows)| (classes, rows))
        .collect();
    wrong.sort_by_key(|&(classes, rows)| (std::cmp::Reverse(rows), classes));
    wrong
}

fn largest(counted: &[(String, Counts)]) -> String {
    let sentences: Vec<String> = counted
        .iter()
        .map(|(method, counts)| match confusions(counts).first() {
            Some(&((label, predicted), rows)) => format!(
                "{method} takes class {label} most often for class {predicted}: {:.0} % of it.",
                100.0 * share(counts, label, rows)
            ),
            None => format!("{method} makes no mistake."),
        })
        .collect();
    sentences.join(" ")
}

fn table(counted: &[(String, Counts)], classes: usize) -> DataTable {
    let columns = ["method", "true class", "predicted class", "rows", "percent of the true class"];
    let row = |method: &str, counts: &Counts, (label, predicted): (u32, u32), rows: u64| {
        vec![
            method.to_owned(),
            label.to_string(),
            predicted.to_string(),
            rows.to_string(),
            format!("{:.1}", 100.0 * share(counts, label, rows)),
        ]
    };
    if classes <= WITH_NUMBERS {
        let mut table = DataTable::new("Rows by true and predicted class", &columns);
        for (method, counts) in counted {
            let rows = counts.rows.iter();
            table.rows.extend(rows.map(|(&pair, &rows)| row(method, counts, pair, rows)));
        }
        return table;
    }
    let caption = format!("The {LISTED} most frequent confusions of each method");
    let mut table = DataTable::new(caption, &columns);
    for (method, counts) in counted {
        let rows = confusions(counts).into_iter().take(LISTED);
        table.rows.extend(rows.map(|(pair, rows)| row(method, counts, pair, rows)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, count, loaded, made, texts};

    fn results(rows: &[Option<&str>]) -> (tempfile::TempDir, Results) {
        let folder = tempfile::tempdir().unwrap();
        for (seed, rows) in rows.iter().enumerate() {
            let run = Made { seed: seed as u64, ..Made::default() };
            made(folder.path(), &run, "0,5,target_accuracy,0.5\n", *rows);
        }
        let results = loaded(folder.path());
        (folder, results)
    }

    #[test]
    fn seeds_are_summed_and_rows_are_shares_of_the_true_class() {
        let (_folder, results) =
            results(&[Some("0,0,0,0.9\n1,1,0,0.6\n"), Some("0,0,1,0.9\n1,1,0,0.6\n")]);
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        let texts = texts(&figure.svg);
        assert_eq!(texts.iter().filter(|text| *text == "50").count(), 2, "{texts:?}");
        assert_eq!(texts.iter().filter(|text| *text == "100").count(), 1);
        assert_eq!(figure.table.rows[2], ["dann", "1", "0", "2", "100.0"]);
        assert!(figure.description.contains("dann takes class 1 most often for class 0: 100 %"));
        assert!(figure.description.contains("dann: 2 runs"));
    }

    #[test]
    fn many_classes_are_drawn_without_numbers_and_too_many_are_not() {
        let rows: String = (0..31).map(|class| format!("{class},{class},{class},1.0\n")).collect();
        let (_folder, many) = results(&[Some(&rows)]);
        let figure = draw(&many, &PlotOptions::default()).unwrap();
        // The paper, 31 cells and the frame.
        assert_eq!(count(&figure.svg, "rect"), 33);
        assert!(figure.table.rows.is_empty());
        assert!(figure.description.ends_with("dann makes no mistake."));

        let (_folder, too_many) = results(&[Some("0,344,0,0.5\n")]);
        let error = draw(&too_many, &PlotOptions::default()).unwrap_err().to_string();
        assert!(error.contains("345 classes"), "{error}");
    }

    #[test]
    fn records_without_predictions_are_named_as_such() {
        let (_folder, results) = results(&[None]);
        let error = draw(&results, &PlotOptions::default()).unwrap_err();
        assert!(matches!(error, ReportError::Missing(_)), "{error}");
    }
}
