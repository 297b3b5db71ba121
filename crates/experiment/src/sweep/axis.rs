//! The values of one setting of a sweep: listed, or drawn.

use std::ops::Range;

use rand::RngExt;
use serde::Deserialize;
use serde_json::Value;
use toml::de::{DeValue, ValueDeserializer};
use toml_edit::Key as TomlKey;

use crate::Diagnostics;
use crate::tree::{Node, child, in_order, real, whole};
use isthmus_core::random::Key;

/// Tables whose settings are the same in all variants, and why.
const FIXED: [(&str, &str); 9] = [
    ("name", "it names the experiment, whose runs share one folder"),
    ("description", "it is for people"),
    ("seeds", "list more seeds in `seeds`: every setting is run with each of them"),
    ("device", "all runs of a sweep are computed on the same kind of device"),
    ("data", SAME_SAMPLES),
    ("selection", SAME_SAMPLES),
    ("sweep", "a sweep does not sweep itself"),
    ("launcher", "no run's numbers depend on it"),
    ("methods", "a sweep sets values below `methods.LABEL`"),
];
const SAME_SAMPLES: &str = "all runs of a sweep use the same samples, else their scores could not \
                            be compared; write an experiment file for each";

/// The keys of tables that values are drawn from.
const FORMS: [&str; 4] = ["uniform", "log_uniform", "integer", "choice"];

/// One value of a setting.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub toml: toml_edit::Value,
    pub json: Value,
    /// Where it was written, or the range that it was drawn from.
    pub span: Range<usize>,
}

/// What values are drawn from.
#[derive(Clone, Debug)]
pub(super) enum Random {
    Uniform(f64, f64),
    LogUniform(f64, f64),
    Integer(i64, i64),
    Choice(Vec<Choice>),
}

#[derive(Clone, Debug)]
pub(super) enum Choices {
    Listed(Vec<Choice>),
    Random(Random),
}

/// A setting and its values.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// The key in its plainest form: quotes only where they are needed.
    pub key: String,
    pub path: Vec<String>,
    pub key_span: Range<usize>,
    pub span: Range<usize>,
    pub choices: Choices,
}

impl Axis {
    /// The method that it concerns; absent where it concerns all.
    pub fn label(&self) -> Option<&str> {
        match self.path.as_slice() {
            [methods, label, ..] if methods == "methods" => Some(label.trim()),
            _ => None,
        }
    }

    pub fn is_random(&self) -> bool {
        matches!(self.choices, Choices::Random(_))
    }

    /// The value of a draw: of the seed, the key and the draw's number alone.
    pub fn draw(&self, seed: u64, number: usize) -> Option<Choice> {
        let Choices::Random(random) = &self.choices else { return None };
        let mut rng = Key::new(seed).named("sweep").named(&self.key).at(number as u64).rng();
        let of_number = |number: f64| Choice {
            toml: toml_edit::Value::from(number),
            json: Value::from(number),
            span: self.span.clone(),
        };
        Some(match random {
            Random::Uniform(least, most) => {
                of_number(rounded(rng.random_range(*least..=*most), *least, *most))
            }
            Random::LogUniform(least, most) => {
                let value = rng.random_range(least.ln()..=most.ln()).exp();
                of_number(rounded(value, *least, *most))
            }
            Random::Integer(least, most) => {
                let value = rng.random_range(*least..=*most);
                Choice {
                    toml: toml_edit::Value::from(value),
                    json: Value::from(value),
                    span: self.span.clone(),
                }
            }
            Random::Choice(choices) => choices[rng.random_range(0..choices.len())].clone(),
        })
    }
}

/// To four significant digits: what is drawn is read by people, and more digits decide nothing.
fn rounded(value: f64, least: f64, most: f64) -> f64 {
    let short = format!("{value:.3e}").parse().unwrap_or(value);
    f64::clamp(short, least, most)
}

/// Reads all of `[sweep.values]`.
pub(super) fn read_all(values: &Node<'_>, diagnostics: &mut Diagnostics) -> Vec<Axis> {
    let DeValue::Table(table) = values.get_ref() else { return Vec::new() };
    let mut axes = Vec::new();
    for (key, node) in in_order(table) {
        // A key in quotes is a whole path: `"training.optimizer.lr"`.
        match TomlKey::parse(key.get_ref()) {
            Ok(path) => {
                let path = path.iter().map(|part| part.get().to_owned()).collect();
                read_below(path, key.span(), node, &mut axes, diagnostics);
            }
            Err(_) => diagnostics.error_with(
                key.span(),
                format!("`{}` is not a dotted key", key.get_ref()),
                "for example `training.optimizer.lr` or `methods.dann.align.0.weight`",
            ),
        }
    }
    axes
}

fn read_below(
    path: Vec<String>,
    key_span: Range<usize>,
    node: &Node<'_>,
    axes: &mut Vec<Axis>,
    diagnostics: &mut Diagnostics,
) {
    match node.get_ref() {
        DeValue::Table(table) if !FORMS.iter().any(|form| table.get(*form).is_some()) => {
            for (key, below) in in_order(table) {
                let mut path = path.clone();
                path.push(key.get_ref().to_string());
                read_below(path, key.span(), below, axes, diagnostics);
            }
        }
        _ => axes.extend(read(path, key_span, node, diagnostics)),
    }
}

fn read(
    path: Vec<String>,
    key_span: Range<usize>,
    node: &Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Axis> {
    let plain: Vec<String> = path.iter().map(|part| TomlKey::new(part).to_string()).collect();
    let key = plain.join(".");
    // How samples are changed and the order of a stream leave it which samples are tested on.
    const SAME_SAMPLES: [&str; 3] = ["feature_transforms", "views", "stream_order"];
    let same_samples = path.len() > 1 && path[0] == "data" && SAME_SAMPLES.contains(&&*path[1]);
    let fixed = FIXED.iter().find(|(table, _)| path[0] == *table && !same_samples);
    if let Some((_, reason)) = fixed
        && (path[0] != "methods" || path.len() == 1)
    {
        diagnostics.error_with(key_span, format!("`{key}` cannot be swept"), *reason);
        return None;
    }
    let choices = match node.get_ref() {
        DeValue::Array(_) => Choices::Listed(listed(&key, node, diagnostics)?),
        DeValue::Table(table) => {
            let (form, range) = table.iter().next()?;
            Choices::Random(random(&key, form.get_ref(), range, diagnostics)?)
        }
        _ => return None,
    };
    Some(Axis { key, path, key_span, span: node.span(), choices })
}

fn listed(key: &str, node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<Choice>> {
    let DeValue::Array(list) = node.get_ref() else { return None };
    let mut choices: Vec<Choice> = Vec::new();
    for element in list.iter() {
        let choice = choice(key, element, diagnostics)?;
        if choices.iter().any(|earlier| earlier.json == choice.json) {
            let message = format!("the value {} of `{key}` is there twice", choice.json);
            diagnostics.error(element.span(), message);
            return None;
        }
        choices.push(choice);
    }
    (!choices.is_empty()).then_some(choices)
}

fn choice(key: &str, node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<Choice> {
    let json = Value::deserialize(ValueDeserializer::from(node.clone()));
    match (json.ok(), toml_value(node)) {
        (Some(json), Some(toml)) => Some(Choice { toml, json, span: node.span() }),
        _ => {
            let message = format!("this value cannot be one of `{key}`");
            diagnostics.error(node.span(), message);
            None
        }
    }
}

/// The value as it is set in the file; absent for dates, which no setting is.
fn toml_value(node: &Node<'_>) -> Option<toml_edit::Value> {
    Some(match node.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => whole(number)?.into(),
        DeValue::Float(number) => real(number)?.into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(_) => return None,
        DeValue::Array(list) => {
            let values: Option<toml_edit::Array> = list.iter().map(toml_value).collect();
            values?.into()
        }
        DeValue::Table(table) => {
            let mut inline = toml_edit::InlineTable::new();
            for (key, value) in in_order(table) {
                inline.insert(key.get_ref().as_ref(), toml_value(value)?);
            }
            inline.into()
        }
    })
}

fn random(
    key: &str,
    form: &str,
    range: &Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Random> {
    if form == "choice" {
        return listed(key, range, diagnostics).map(Random::Choice);
    }
    let (least, most) = (child(range, "0")?, child(range, "1")?);
    let random = if form == "integer" {
        let number = |node: &Node<'_>| match node.get_ref() {
            DeValue::Integer(number) => whole(number),
            _ => None,
        };
        let (least, most) = (number(least)?, number(most)?);
        (least <= most).then_some(Random::Integer(least, most))
    } else {
        let number = |node: &Node<'_>| match node.get_ref() {
            DeValue::Integer(number) => whole(number).map(|number| number as f64),
            DeValue::Float(number) => real(number).filter(|number| number.is_finite()),
            _ => None,
        };
        let (least, most) = (number(least)?, number(most)?);
        match form {
            "uniform" => (least <= most).then_some(Random::Uniform(least, most)),
            "log_uniform" if least <= 0.0 => {
                diagnostics.error_with(
                    range.span(),
                    format!("the `log_uniform` range of `{key}` must be of numbers > 0"),
                    "only these have a logarithm; `uniform` takes others",
                );
                return None;
            }
            "log_uniform" => (least <= most).then_some(Random::LogUniform(least, most)),
            _ => return None,
        }
    };
    if random.is_none() {
        let message = format!("the range of `{key}` must name its least value first");
        diagnostics.error(range.span(), message);
    }
    random
}
