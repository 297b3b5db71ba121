//! What progress says of a run, in a few words.

use isthmus_core::metric::Measurement;
use isthmus_core::validation::SCORE_PREFIX;

/// What was measured last: in training, and by validators.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    training: String,
    validators: String,
}

impl Shown {
    /// Takes over what a training step measured: loss terms, coefficients such as λ, accuracies.
    pub fn trained(&mut self, measurements: &[Measurement]) {
        let measured = measurements.iter().filter(|(name, _)| name != "learning_rate");
        self.training = listed(measured.map(|(name, value)| (name.as_str(), *value)));
    }

    /// Takes over the scores of an evaluation. What takes target labels is left to the record:
    /// nothing shall be stopped or changed by it while it trains.
    pub fn evaluated(&mut self, measurements: &[Measurement]) {
        self.validators = listed(
            measurements
                .iter()
                .filter_map(|(name, value)| Some((name.strip_prefix(SCORE_PREFIX)?, *value))),
        );
    }

    /// All of it.
    pub fn text(&self) -> String {
        match (self.training.as_str(), self.validators.as_str()) {
            (training, "") => training.to_owned(),
            ("", validators) => format!("validators: {validators}"),
            (training, validators) => format!("{training}; validators: {validators}"),
        }
    }
}

fn listed<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> String {
    let texts: Vec<String> = values
        .map(|(name, value)| {
            if value.is_nan() { format!("{name} undefined") } else { format!("{name} {value:.3}") }
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[(&str, f64)]) -> Vec<Measurement> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn loss_terms_coefficients_and_validators_are_told_and_target_labels_are_not() {
        let mut shown = Shown::default();
        assert_eq!(shown.text(), "");
        shown.trained(&measured(&[
            ("class_loss", 0.5),
            ("dann/loss", 0.25),
            ("dann/lambda", 0.125),
            ("learning_rate", 0.1),
        ]));
        assert_eq!(shown.text(), "class_loss 0.500, dann/loss 0.250, dann/lambda 0.125");
        shown.evaluated(&measured(&[
            ("target_accuracy", 0.9),
            ("validator/snd", 1.5),
            ("validator/dev", f64::NAN),
        ]));
        assert_eq!(
            shown.text(),
            "class_loss 0.500, dann/loss 0.250, dann/lambda 0.125; validators: snd 1.500, dev \
             undefined"
        );
    }
}
