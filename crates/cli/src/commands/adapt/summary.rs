//! What `isthmus adapt` says at the end.

use std::fmt::Write as _;
use std::path::Path;

use super::budget::Plan;
use super::choice::{Choice, Judged, Look};
use super::pair::Pair;
use super::portfolio::{BASELINE, Portfolio};

/// All that was done.
pub(super) struct Done<'a> {
    pub pair: &'a Pair,
    pub portfolio: &'a Portfolio,
    pub plan: &'a Plan,
    pub choice: &'a Choice,
    pub look: &'a Look,
    /// The experiment file.
    pub file: &'a Path,
    /// The folder of everything.
    pub folder: &'a Path,
}

/// The page, in Markdown.
pub(super) fn text(done: &Done<'_>) -> String {
    let Done { pair, portfolio, plan, choice, look, file, folder } = done;
    let mut text = format!("# {}: {} -> {}\n\n", pair.dataset, pair.source, pair.target);
    let _ = writeln!(text, "Data: {}.\n", pair.told());
    let _ = writeln!(text, "Experiment: {}. {}.\n", portfolio.told(), plan.told());
    let _ = writeln!(text, "**Chosen: {}.** {}\n", choice.label(), sureness(choice));
    text.push_str(&scores(choice));
    let _ = writeln!(
        text,
        "\nScores are of the last checkpoint, higher is better, and see no target label. The choice \
         is by {}, {} least of twelve validators on Office-31.\n",
        match choice.deciding().as_slice() {
            [one] => format!("the ranks of {one}"),
            several => format!("the mean of the ranks of {}", several.join(" and ")),
        },
        if choice.deciding().len() == 1 { "one of those that lost" } else { "which lost" }
    );
    text.push_str(&of_look(choice, look));
    let shown = |name: &str| folder.join(name).display().to_string();
    let _ = writeln!(
        text,
        "Files: predictions of every target sample in `{}`, the model in `{}` (`isthmus predict {} \
         DATA` applies it to other samples), all runs in `{}`, curves and tables in `{}`. `isthmus \
         run {} --results {}` runs it again.",
        shown("predictions.csv"),
        shown("model"),
        shown("model"),
        shown("results"),
        shown("report.html"),
        file.display(),
        shown("results"),
    );
    text
}

/// How sure the choice is, in words.
fn sureness(choice: &Choice) -> String {
    let Some((preferring, all)) = choice.agreement() else {
        return "No method scores better than training on the source alone: the model is not \
                adapted."
            .to_owned();
    };
    let word = match (preferring, all) {
        (a, b) if a == b => "all agree that it beats",
        (a, b) if 2 * a > b => "most prefer it to",
        _ => "most do not prefer it to",
    };
    let gap = choice.judged.get(1).map_or(0.0, |second| second.rank - choice.judged[0].rank);
    let second = match choice.judged.get(1) {
        Some(second) if gap < 1.0 => format!("; {} is as good a choice by them", second.label),
        Some(second) => format!("; {} comes second", second.label),
        None => String::new(),
    };
    format!(
        "Of {all} validators {word} training on the source alone ({preferring} of {all}){second}."
    )
}

/// A table of the methods' scores.
fn scores(choice: &Choice) -> String {
    let mut text = format!("| method | {} | mean rank |\n", choice.validators.join(" | "));
    let _ = writeln!(text, "| --- |{} ---: |", " ---: |".repeat(choice.validators.len()));
    for Judged { label, scores, rank } in &choice.judged {
        let cells: Vec<String> = choice
            .validators
            .iter()
            .map(|name| scores.get(*name).map_or("-".to_owned(), |score| format!("{score:.3}")))
            .collect();
        let _ = writeln!(text, "| {label} | {} | {rank:.1} |", cells.join(" | "));
    }
    text
}

fn of_look(choice: &Choice, look: &Look) -> String {
    match look {
        Look::NotAsked => String::new(),
        Look::NoLabels => "A last look was asked for, and the target has no labels.\n\n".to_owned(),
        Look::Accuracies(all) => {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let of = |label: &str| all.iter().find(|(name, _)| name == label).map(|(_, it)| *it);
            let own = of(choice.label()).unwrap_or(f64::NAN);
            let mut text = format!(
                "A last look at the target's labels, after everything was chosen: {} has {}",
                choice.label(),
                percent(own)
            );
            if let Some((best, share)) = all.first() {
                let _ = write!(
                    text,
                    ", the best of those trained to the end, {best}, {} ({:.1} points off)",
                    percent(*share),
                    100.0 * (share - own)
                );
            }
            if let Some(baseline) = of(BASELINE) {
                let _ = write!(text, ", training on the source alone {}", percent(baseline));
            }
            text.push_str(".\n\n");
            text
        }
    }
}
