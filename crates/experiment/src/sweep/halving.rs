//! Successive halving: which settings go on.
//!
//! Jamieson, Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
//! Optimization".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Diagnostics;
use crate::raw_sweep::RawHalving;
use crate::suggest::{did_you_mean, list};
use crate::table::read;
use crate::tree::{Node, child};
use isthmus_core::registry::{self, Kind};
use isthmus_core::spec::Experiment;

const DEFAULT_KEEP: f64 = 0.5;
const DEFAULT_ROUNDS: [f64; 3] = [0.25, 0.5, 1.0];
/// A product such as `0.1 * 30` lies this close above a whole number and is that number.
const ROUNDING: f64 = 1e-9;

/// What competes in successive halving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Competitors {
    /// The settings of each method on a task.
    #[default]
    Settings,
    /// All methods on a task, in all their settings.
    Methods,
}

/// Rounds of successive halving by a validator, which needs no target labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Halving {
    /// Name of the validator.
    pub validator: String,
    /// What competes.
    pub compete: Competitors,
    /// Labels of methods that go on whatever their scores.
    pub always: Vec<String>,
    /// Share of the settings that goes on, in (0, 1).
    pub keep: f64,
    /// Shares of the last stage's iterations, growing; the last is 1.
    pub rounds: Vec<f64>,
}

impl Halving {
    /// How many of `count` settings go on to the next round: the share, rounded up.
    pub fn kept(&self, count: usize) -> usize {
        ((count as f64 * self.keep - ROUNDING).ceil() as usize).clamp(1.min(count), count)
    }

    /// How many of `count` settings are in the round at `place`, from 0, if all can be scored.
    pub fn in_round(&self, count: usize, place: usize) -> usize {
        (0..place).fold(count, |count, _| self.kept(count))
    }

    /// Positions of the settings that go on, in order, by their scores in this round: those with
    /// the highest, of equals the first ones. A setting without a score, or one that is not a
    /// number, does not go on.
    pub fn survivors(&self, scores: &[Option<f64>]) -> Vec<usize> {
        let mut ranked: Vec<(usize, f64)> = scores
            .iter()
            .enumerate()
            .filter_map(|(place, score)| Some((place, score.filter(|score| !score.is_nan())?)))
            .collect();
        ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let mut places: Vec<usize> =
            ranked.into_iter().take(self.kept(scores.len())).map(|(place, _)| place).collect();
        places.sort_unstable();
        places
    }

    /// After how many of `iterations` a round with this share stops.
    pub fn steps(share: f64, iterations: usize) -> usize {
        ((iterations as f64 * share - ROUNDING).ceil() as usize).clamp(1, iterations)
    }
}

/// Reads `[sweep.halving]`.
pub(super) fn read_table(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<Halving> {
    let raw: RawHalving = read(node, diagnostics)?;
    let rounds = raw.rounds.unwrap_or_else(|| DEFAULT_ROUNDS.to_vec());
    let grows = rounds.windows(2).all(|pair| pair[0] < pair[1]);
    let within = rounds.first().is_some_and(|share| *share > 0.0);
    if !(grows && within && rounds.last() == Some(&1.0)) {
        let span = child(node, "rounds").map_or(node.span(), Node::span);
        diagnostics.error_with(
            span,
            "`sweep.halving.rounds` must be shares of the iterations that grow up to 1",
            "for example `rounds = [0.25, 0.5, 1.0]`",
        );
        return None;
    }
    Some(Halving {
        validator: raw.validator,
        compete: raw.compete,
        always: raw.always,
        keep: raw.keep.unwrap_or(DEFAULT_KEEP),
        rounds,
    })
}

/// Checks that the methods which always go on are those of the experiment.
pub(super) fn check_always(
    halving: &Halving,
    node: &Node<'_>,
    experiment: &Experiment,
    diagnostics: &mut Diagnostics,
) {
    let labels: Vec<&str> = experiment.methods.iter().map(|it| it.label.as_str()).collect();
    for label in halving.always.iter().filter(|label| !labels.contains(&label.as_str())) {
        let span = child(node, "always").map_or(node.span(), Node::span);
        let help = did_you_mean(label, labels.iter().copied())
            .unwrap_or_else(|| format!("the methods are {}", list(&labels)));
        diagnostics.error_with(span, format!("there is no method `{label}`"), help);
    }
}

/// Checks that the validator scores the evaluations of the experiment.
pub(super) fn check_validator(
    halving: &Halving,
    node: &Node<'_>,
    experiment: &Experiment,
    diagnostics: &mut Diagnostics,
) {
    let listed: Vec<&str> = experiment
        .selection
        .iter()
        .flat_map(|selection| &selection.validators)
        .map(|validator| validator.name.as_str())
        .collect();
    let name = halving.validator.as_str();
    if listed.contains(&name) {
        return;
    }
    let span = child(node, "validator").map_or(node.span(), Node::span);
    let message = format!("`{name}` is not one of the validators in `[selection]`");
    let help = match did_you_mean(name, listed.iter().copied()) {
        Some(help) => help,
        None if registry::find(Kind::Validator, name).is_some() => {
            format!("add it: `validators = [{{ name = \"{name}\" }}]` in `[selection]`")
        }
        None if listed.is_empty() => "list validators in `[selection]`; `isthmus list validator` \
                                      shows their names. Only they, which see no target labels, \
                                      can choose what goes on"
            .to_owned(),
        None => format!(
            "it lists {}; only validators, which see no target labels, can choose what goes on",
            list(&listed)
        ),
    };
    diagnostics.error_with(span, message, help);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halving(keep: f64) -> Halving {
        Halving {
            validator: "entropy".to_owned(),
            compete: Competitors::Settings,
            always: Vec::new(),
            keep,
            rounds: vec![0.25, 0.5, 1.0],
        }
    }

    #[test]
    fn the_highest_scores_go_on_in_their_order() {
        let scores = [Some(0.1), Some(0.9), Some(-0.3), Some(0.5), Some(0.4)];
        assert_eq!(halving(0.5).survivors(&scores), [1, 3, 4]);
        assert_eq!(halving(0.2).survivors(&scores), [1]);
        assert_eq!(halving(0.01).survivors(&scores), [1]);
    }

    #[test]
    fn of_equal_scores_the_first_go_on() {
        assert_eq!(halving(0.5).survivors(&[Some(1.0); 4]), [0, 1]);
    }

    #[test]
    fn a_setting_without_a_score_never_goes_on() {
        let scores = [None, Some(f64::NAN), Some(-2.0), Some(f64::NEG_INFINITY)];
        assert_eq!(halving(0.75).survivors(&scores), [2, 3]);
        assert_eq!(halving(0.5).survivors(&[None, None]), Vec::<usize>::new());
        assert_eq!(halving(0.5).survivors(&[]), Vec::<usize>::new());
    }

    #[test]
    fn counts_are_rounded_up_and_known_beforehand() {
        assert_eq!([1, 2, 3, 8].map(|count| halving(0.5).kept(count)), [1, 1, 2, 4]);
        assert_eq!(halving(0.1).kept(30), 3);
        assert_eq!(halving(0.5).kept(0), 0);
        assert_eq!([0, 1, 2].map(|place| halving(0.5).in_round(9, place)), [9, 5, 3]);
    }

    #[test]
    fn a_round_stops_after_its_share_of_the_steps() {
        assert_eq!(Halving::steps(0.25, 10), 3);
        assert_eq!(Halving::steps(0.1, 30), 3);
        assert_eq!(Halving::steps(0.001, 10), 1);
        assert_eq!(Halving::steps(1.0, 10), 10);
    }
}
