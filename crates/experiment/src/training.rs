//! A `[training]` table: how a stage is trained.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Diagnostics;
use crate::plugin::resolve;
use crate::raw::{RawGroup, RawTraining};
use crate::table::read;
use crate::tree::{Node, child, merged};
use isthmus_core::registry::Kind;
use isthmus_core::spec::{GroupSpec, TrainingSpec};
use isthmus_core::updater::GroupSelector;

/// The optimizer where none is named.
const DEFAULT_OPTIMIZER: &str = "sgd";
/// The schedule where none is named.
const DEFAULT_SCHEDULE: &str = "constant";
const DEFAULT_ITERATIONS: usize = 1000;
const DEFAULT_BATCH_SIZE: usize = 32;
/// Without `evaluate_every`, a stage is evaluated so many times.
const EVALUATIONS: usize = 10;

/// Reads the training of a stage, or of the experiment.
pub(crate) fn check_training(
    node: &Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<TrainingSpec> {
    let empty = Spanned::new(node.span(), DeValue::Table(DeTable::new()));
    let optimizer = child(node, "optimizer").unwrap_or(&empty);
    let optimizer = resolve(Kind::Optimizer, optimizer, Some(DEFAULT_OPTIMIZER), None, diagnostics);
    let schedule = child(node, "schedule").unwrap_or(&empty);
    let schedule = resolve(Kind::Schedule, schedule, Some(DEFAULT_SCHEDULE), None, diagnostics);

    let groups = match child(node, "groups").map(Node::get_ref) {
        Some(DeValue::Array(list)) => {
            list.iter().map(|group| self::group(node, group, diagnostics)).collect()
        }
        _ => Some(Vec::new()),
    };

    let training: RawTraining = read(node, diagnostics)?;
    let iterations = training.iterations.unwrap_or(DEFAULT_ITERATIONS);
    Some(TrainingSpec {
        iterations,
        batch_size: training.batch_size.unwrap_or(DEFAULT_BATCH_SIZE),
        optimizer: optimizer?,
        schedule: schedule?,
        learning_rate_factors: training.learning_rate_factors.unwrap_or_default(),
        gradient_clipping: training.gradient_clipping.filter(|limit| *limit > 0.0),
        accumulate: training.accumulate.unwrap_or(1),
        groups: groups?,
        normalization: training.normalization.unwrap_or_default(),
        evaluate_every: training.evaluate_every.unwrap_or((iterations / EVALUATIONS).max(1)),
        stop_after: None,
    })
}

/// A group of parameters; what it does not say is that of the whole training.
fn group(
    training: &Node<'_>,
    group: &Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<GroupSpec> {
    let empty = Spanned::new(group.span(), DeValue::Table(DeTable::new()));
    let laid_upon = |kind: Kind, key: &str, default: &str, diagnostics: &mut Diagnostics| {
        let node = merged(child(training, key), child(group, key));
        resolve(kind, node.as_ref().unwrap_or(&empty), Some(default), None, diagnostics)
    };
    let optimizer = laid_upon(Kind::Optimizer, "optimizer", DEFAULT_OPTIMIZER, diagnostics);
    let schedule = laid_upon(Kind::Schedule, "schedule", DEFAULT_SCHEDULE, diagnostics);
    let raw: RawGroup = read(group, diagnostics)?;
    let mut optimizer = optimizer?;
    if let Some(decay) = raw.weight_decay {
        match optimizer.config.get_mut("weight_decay") {
            Some(own) => *own = decay.into(),
            None => {
                let span = child(group, "weight_decay").map_or(group.span(), Node::span);
                let message = format!("`{}` has no `weight_decay`", optimizer.name);
                diagnostics.error(span, message);
                return None;
            }
        }
    }
    let selector = GroupSelector {
        roles: raw.roles.unwrap_or_default(),
        parameters: raw.parameters.unwrap_or_default(),
    };
    Some(GroupSpec { selector, optimizer, schedule: schedule? })
}
