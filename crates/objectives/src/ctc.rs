//! Sequences of symbols.

use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::metric::{Direction, MetricInfo, Metrics, Unit};
use isthmus_core::model::ModelOutput;
use isthmus_core::objective::{
    Evaluation, Objective, OutputKind, PredictionColumn, unsuitable_targets,
};
use isthmus_core::registry::{About, ObjectivePlugin, Plugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::Outputs;
use isthmus_losses::classification::{ctc_best_path, ctc_per_sample};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::classes::defined;

inventory::submit! {
    Plugin::objective::<Ctc>(About {
        name: "ctc",
        summary: "A sequence of symbols for each series: judged by the word error rate",
        paper: "Graves, Fernández, Gomez, Schmidhuber: Connectionist temporal classification, \
                ICML 2006",
    })
}

/// Connectionist temporal classification: the classifier scores every step in time, with one output
/// more for the blank, and the loss is over all ways to spread the target's symbols over the steps.
/// What is predicted is the best path. Needs an extractor that gives states in time, such as
/// `cnn1d`.
///
/// Error rates are edits (insertions, deletions, substitutions) over all samples, divided by the
/// symbols or words of all targets; they may exceed 100 percent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ctc {
    /// The symbol that separates words, by its number, where symbols are characters. Absent: each
    /// symbol is a word, so that word and character error rate are one.
    pub separator: Option<u32>,
}

impl PluginConfig for Ctc {}

impl ObjectivePlugin for Ctc {
    const TARGETS: TargetKind = TargetKind::Sequences;
    const OUTPUTS: OutputKind = OutputKind::Other;

    fn build(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
}

impl Ctc {
    /// The words of a sequence.
    fn words<'a>(&self, symbols: &'a [u32]) -> Vec<&'a [u32]> {
        match self.separator {
            None => symbols.chunks(1).collect(),
            Some(separator) => symbols
                .split(|symbol| *symbol == separator)
                .filter(|word| !word.is_empty())
                .collect(),
        }
    }
}

impl Objective for Ctc {
    fn outputs(&self, classes: usize) -> usize {
        classes + 1
    }

    fn reads_states(&self) -> bool {
        true
    }

    fn loss_name(&self) -> &'static str {
        "ctc_loss"
    }

    fn loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError> {
        let Targets::Sequences(sequences) = targets else {
            return Err(unsuitable_targets("ctc", "sequences", targets));
        };
        let states = output.states()?;
        let losses = ctc_per_sample(states.values.clone(), &states.lengths, sequences);
        let losses = losses.map_err(|error| {
            MethodError::Unsuitable(format!(
                "`ctc`: {error}; let the extractor keep more steps, or leave such samples out"
            ))
        })?;
        Ok(match weights {
            None => losses.mean(),
            Some(weights) => (losses * weights).mean(),
        })
    }

    fn metrics(&self) -> Metrics {
        let rate =
            |name: &str, title: &str| MetricInfo::new(name, Direction::Lower, Unit::Share, title);
        Metrics::new(
            rate("wer", "word error rate"),
            [
                rate("cer", "character error rate"),
                MetricInfo::new(
                    "exact_match",
                    Direction::Higher,
                    Unit::Share,
                    "samples without an error",
                ),
            ],
        )
    }

    fn evaluate(&self, outputs: &Outputs, targets: &RowTargets) -> Result<Evaluation, MethodError> {
        let states = outputs.states()?;
        let predicted: Vec<Vec<u32>> =
            (0..states.samples()).map(|sample| ctc_best_path(states.of(sample))).collect();
        let known = targets.known();
        let sequences = match targets.targets() {
            Targets::Sequences(sequences) => sequences.as_slice(),
            _ if known.is_empty() => &[],
            other => return Err(unsuitable_targets("ctc", "sequences", other)),
        };
        let (mut words, mut characters) = (ErrorRate::default(), ErrorRate::default());
        let mut right = 0usize;
        for (&row, expected) in known.iter().zip(sequences) {
            let found = &predicted[row];
            words.add(&self.words(found), &self.words(expected));
            characters.add(found, expected);
            right += usize::from(found == expected);
        }
        let metrics = [
            ("wer", words.rate()),
            ("cer", characters.rate()),
            ("exact_match", (!known.is_empty()).then(|| right as f64 / known.len() as f64)),
        ];
        let mut given = vec![None; predicted.len()];
        for (&row, expected) in known.iter().zip(sequences) {
            given[row] = Some(numbers(expected));
        }
        Ok(Evaluation {
            metrics: defined(metrics),
            predictions: vec![
                PredictionColumn::texts("sequence", given),
                PredictionColumn::texts(
                    "predicted",
                    predicted.iter().map(|it| Some(numbers(it))).collect(),
                ),
            ],
        })
    }

    fn describe(
        &self,
        outputs: &Outputs,
        classes: &[String],
    ) -> Result<Vec<PredictionColumn>, MethodError> {
        let states = outputs.states()?;
        let name = |symbol: &u32| classes.get(*symbol as usize).map_or("", String::as_str);
        // Characters stand side by side, words apart.
        let between = if self.separator.is_some() { "" } else { " " };
        let text = |sample: usize| {
            let symbols = ctc_best_path(states.of(sample));
            Some(symbols.iter().map(name).collect::<Vec<_>>().join(between))
        };
        let texts = (0..states.samples()).map(text).collect();
        Ok(vec![PredictionColumn::texts("sequence", texts)])
    }
}

/// The numbers of symbols: `3 7 7`.
fn numbers(symbols: &[u32]) -> String {
    symbols.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// Edits of all samples by the length of all targets.
#[derive(Default)]
struct ErrorRate {
    edits: usize,
    expected: usize,
}

impl ErrorRate {
    fn add<T: PartialEq>(&mut self, found: &[T], expected: &[T]) {
        self.edits += edits(found, expected);
        self.expected += expected.len();
    }

    fn rate(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.edits as f64 / self.expected as f64)
    }
}

/// The least number of insertions, deletions and substitutions between two sequences (Levenshtein,
/// 1966).
fn edits<T: PartialEq>(found: &[T], expected: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=expected.len()).collect();
    for (place, own) in found.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for (column, other) in expected.iter().enumerate() {
            let substituted = diagonal + usize::from(own != other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[expected.len()]
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use isthmus_core::states::States;
    use isthmus_core::validation::{Matrix, StateOutputs};

    use super::*;

    /// Outputs that spell the given paths over two symbols and the blank, 2.
    fn outputs(paths: &[&[usize]]) -> Outputs {
        let all: Vec<f32> = paths
            .iter()
            .flat_map(|path| path.iter())
            .flat_map(|&best| (0..3).map(move |it| if it == best { 1.0 } else { 0.0 }))
            .collect();
        let lengths: Vec<usize> = paths.iter().map(|path| path.len()).collect();
        let states = StateOutputs::new(Matrix::new(all.len() / 3, 3, all), &lengths);
        let rows = Matrix::new(paths.len(), 3, vec![0.0; 3 * paths.len()]);
        Outputs { states: Some(states), ..Outputs::new(rows.clone(), rows) }
    }

    #[test]
    fn error_rates_are_edits_over_all_targets() {
        let outputs = outputs(&[&[0, 2, 0, 1], &[1, 1, 2], &[2, 0]]);
        let targets = vec![vec![0, 0, 1], vec![0, 1], vec![1]];
        let targets = RowTargets::all(Targets::Sequences(targets));
        let judged = Ctc::default().evaluate(&outputs, &targets).unwrap();
        // Right; one deletion; one substitution: 2 of 6.
        assert_eq!(judged.metric("wer"), Some(2.0 / 6.0));
        assert_eq!(judged.metric("cer"), judged.metric("wer"));
        assert_eq!(judged.metric("exact_match"), Some(1.0 / 3.0));
        let texts = |texts: [&str; 3]| texts.map(|text| Some(text.to_owned())).to_vec();
        let predicted = PredictionColumn::texts("predicted", texts(["0 0 1", "1", "0"]));
        assert_eq!(judged.predictions[1], predicted);
        let names = ["a".to_owned(), "b".to_owned()];
        let columns = Ctc::default().describe(&outputs, &names).unwrap();
        assert_eq!(columns, [PredictionColumn::texts("sequence", texts(["a a b", "b", "a"]))]);
    }

    #[test]
    fn words_are_between_separators() {
        let ctc = Ctc { separator: Some(1) };
        // `aa a` for `a a`: both words' letters, one edit; of two words one is wrong.
        let outputs = outputs(&[&[0, 2, 0, 1, 0]]);
        let targets = RowTargets::all(Targets::Sequences(vec![vec![0, 1, 0]]));
        let judged = ctc.evaluate(&outputs, &targets).unwrap();
        assert_eq!(judged.metric("wer"), Some(0.5));
        assert_eq!(judged.metric("cer"), Some(1.0 / 3.0));
    }

    #[test]
    fn edits_are_the_least() {
        assert_eq!(edits(b"kitten", b"sitting"), 3);
        assert_eq!(edits(b"", b"abc"), 3);
        assert_eq!(edits(b"abc", b""), 3);
        assert_eq!(edits(b"abc", b"abc"), 0);
    }

    #[test]
    fn outputs_without_states_and_targets_that_do_not_fit_are_refused() {
        let device = Device::flex();
        let logits = Tensor::<2>::zeros([1, 3], &device);
        let output = ModelOutput::new(logits.clone(), logits);
        let targets = Targets::Sequences(vec![vec![0, 0]]);
        let error = Ctc::default().loss(&output, &targets, None).unwrap_err().to_string();
        assert!(error.contains("reads outputs in time"), "{error}");
        let values = Tensor::from_data(TensorData::new(vec![0.0f32; 6], [1, 2, 3]), &device);
        let states = Some(States { values, lengths: vec![2] });
        let output = ModelOutput { states, ..output };
        let error = Ctc::default().loss(&output, &targets, None).unwrap_err().to_string();
        assert!(error.contains("has 2 steps of output, its target needs 3"), "{error}");
        let error = Ctc::default().loss(&output, &Targets::Classes(vec![0]), None).unwrap_err();
        assert!(error.to_string().contains("sequences"), "{error}");
    }
}
