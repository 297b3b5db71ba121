//! Which of two models each validator prefers, on a small problem with a known answer.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::registry::{Kind, ValidatorKind, builder, find, plugins};
use isthmus_core::validation::{
    LabelledOutputs, Matrix, MixedPredictions, Outputs, ValidationError, ValidationView,
};
use isthmus_validators as _;
use rand_distr::{Distribution, StandardNormal};

const CLASSES: usize = 3;
/// One input for each class, and one that differs between the domains.
const INPUTS: usize = CLASSES + 1;
/// How far classes and domains lie apart, in standard deviations.
const APART: f64 = 6.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Domain {
    Source,
    Target,
}

/// The models that are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    /// Sees the classes and not the domains, and is right and sure in both.
    Good,
    /// Right on the source as the good model is; gives every target sample the first class, sure of
    /// it, and keeps the domains apart.
    Collapsed,
    /// Sees noise, in which it tells neither classes nor domains apart; sure of some samples.
    Untrained,
    /// Right on the source as the good model is; on the target, where its features keep the domains
    /// apart, it is not sure, and right about one class of three.
    NotAdapted,
}

struct Sample {
    domain: Domain,
    inputs: [f64; INPUTS],
}

impl Model {
    fn features(self, sample: &Sample) -> [f64; INPUTS] {
        let [a, b, c, domain] = sample.inputs;
        match self {
            // The input of the domain is turned off, noise is left of it.
            Self::Good => [a, b, c, 0.0],
            Self::Collapsed => [a, b, c, domain],
            // Digits of the inputs far behind the point: neither class nor domain is in them.
            Self::Untrained => sample.inputs.map(|x| (x * 1e4).rem_euclid(2.0) - 1.0),
            // Classes are blurred on the target.
            Self::NotAdapted if sample.domain == Domain::Target => {
                [a, b, c, 0.0].map(|x| 0.1 * x + (x * 1e4).rem_euclid(1.0)).map(|x| x + domain)
            }
            Self::NotAdapted => [a, b, c, domain],
        }
    }

    fn logits(self, sample: &Sample) -> [f64; CLASSES] {
        let [a, b, c, _] = self.features(sample);
        match self {
            Self::Collapsed if sample.domain == Domain::Target => [30.0, 0.0, 0.0],
            Self::Untrained => [6.0 * a, 6.0 * b, 6.0 * c],
            Self::NotAdapted if sample.domain == Domain::Target => {
                // The second and third class are exchanged.
                [a, c, b]
            }
            _ => [3.0 * a, 3.0 * b, 3.0 * c],
        }
    }

    fn outputs(self, samples: &[Sample]) -> Outputs {
        let matrix = |columns, values: Vec<f64>| {
            Matrix::new(samples.len(), columns, values.into_iter().map(|x| x as f32).collect())
        };
        Outputs::new(
            matrix(INPUTS, samples.iter().flat_map(|s| self.features(s)).collect()),
            matrix(CLASSES, samples.iter().flat_map(|s| self.logits(s)).collect()),
        )
    }
}

fn samples(domain: Domain, each: usize, key: &Key) -> (Vec<Sample>, Vec<u32>) {
    let mut rng = key.rng();
    let mut samples = Vec::new();
    let mut labels = Vec::new();
    for row in 0..each * CLASSES {
        let mut inputs = [0.0; INPUTS];
        inputs.fill_with(|| StandardNormal.sample(&mut rng));
        inputs[row % CLASSES] += APART;
        if domain == Domain::Target {
            inputs[CLASSES] += APART;
        }
        samples.push(Sample { domain, inputs });
        labels.push(u32::try_from(row % CLASSES).unwrap());
    }
    (samples, labels)
}

struct Mixtures<'a> {
    model: Model,
    target: &'a [Sample],
}

impl MixedPredictions for Mixtures<'_> {
    fn mixed_logits(&self, pairs: &[(usize, usize)], weight: f32) -> Result<Matrix, DataError> {
        let weight = f64::from(weight);
        let mixed: Vec<Sample> = pairs
            .iter()
            .map(|&(i, j)| {
                let mut inputs = self.target[i].inputs;
                for (x, other) in inputs.iter_mut().zip(self.target[j].inputs) {
                    *x = weight * *x + (1.0 - weight) * other;
                }
                Sample { domain: Domain::Target, inputs }
            })
            .collect();
        Ok(self.model.outputs(&mixed).logits)
    }
}

/// The score of a model by a validator with its defaults.
fn score(validator: &str, model: Model) -> Result<f64, ValidationError> {
    let plugin = find(Kind::Validator, validator).unwrap();
    let build = builder::<ValidatorKind>(validator).unwrap();
    let labelled = |seed| {
        let (samples, labels) = samples(Domain::Source, 40, &Key::new(seed));
        LabelledOutputs { outputs: model.outputs(&samples), labels }
    };
    let target = samples(Domain::Target, 60, &Key::new(3)).0;
    let validator = build(&(plugin.defaults)());
    let unused = LabelledOutputs::default();
    let training = labelled(2);
    validator.score(&ValidationView {
        classes: CLASSES,
        source: &labelled(1),
        source_training: if validator.needs_source_training() { &training } else { &unused },
        target: &model.outputs(&target),
        mixed: &Mixtures { model, target: &target },
        key: Key::new(4),
    })
}

/// What a validator says of the good model beside another.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// The good one scores more.
    Better,
    /// Both score the same, up to chance.
    Same,
    /// The good one scores less.
    Worse,
    /// The other one has no score.
    Refused,
}

fn verdict(validator: &str, chance: f64, other: Model) -> Verdict {
    let good = score(validator, Model::Good).unwrap();
    match score(validator, other) {
        Err(ValidationError::Undefined(_)) => Verdict::Refused,
        Err(error) => panic!("{validator}, {other:?}: {error}"),
        Ok(other) if (good - other).abs() <= chance => Verdict::Same,
        Ok(other) if good > other => Verdict::Better,
        Ok(_) => Verdict::Worse,
    }
}

use Verdict::{Better, Refused, Same, Worse};

/// Differences up to this are rounding.
const EXACT: f64 = 1e-9;

/// By validator: differences that are chance, and the good model beside the collapsed, the
/// untrained and the one not adapted.
///
/// Where it is not better: `entropy` and `snd` reward a collapse, `snd` predictions that are unsure
/// of all samples too; `proxy-a-distance` asks nothing about classes; `source-accuracy` and
/// `source-risk` nothing about the target; the weights of `iwv` and `dev` are 0 where the domains
/// do not overlap.
const VERDICTS: &[(&str, f64, [Verdict; 3])] = &[
    ("bnm", EXACT, [Better, Better, Better]),
    ("class-ami", EXACT, [Refused, Better, Better]),
    ("dev", EXACT, [Worse, Better, Worse]),
    ("diversity", EXACT, [Better, Better, Better]),
    ("entropy", EXACT, [Worse, Better, Better]),
    ("infomax", EXACT, [Better, Better, Better]),
    ("iwv", EXACT, [Worse, Better, Worse]),
    ("mixval", EXACT, [Refused, Better, Better]),
    ("proxy-a-distance", 0.3, [Better, Same, Better]),
    ("reverse", EXACT, [Better, Better, Better]),
    ("silhouette", EXACT, [Refused, Better, Better]),
    ("snd", EXACT, [Worse, Better, Worse]),
    ("softmax-correlation", EXACT, [Better, Better, Better]),
    ("source-accuracy", EXACT, [Same, Better, Same]),
    ("source-risk", EXACT, [Same, Better, Same]),
];

#[test]
fn every_validator_prefers_as_the_table_says() {
    let listed: Vec<&str> = VERDICTS.iter().map(|(name, ..)| *name).collect();
    let there: Vec<&str> =
        plugins(Kind::Validator).into_iter().map(|plugin| plugin.about.name).collect();
    assert_eq!(listed, there);
    let mut wrong = Vec::new();
    for (validator, chance, expected) in VERDICTS {
        let others = [Model::Collapsed, Model::Untrained, Model::NotAdapted];
        for (other, expected) in others.into_iter().zip(expected) {
            let found = verdict(validator, *chance, other);
            if found != *expected {
                let scores = (score(validator, Model::Good), score(validator, other));
                wrong.push(format!("{validator}, {other:?}: {found:?}, {scores:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_validator_gives_the_same_score_twice() {
    for (validator, ..) in VERDICTS {
        let scores = || score(validator, Model::NotAdapted).unwrap().to_bits();
        assert_eq!(scores(), scores(), "{validator}");
    }
}

#[test]
fn every_validator_refuses_a_model_without_outputs() {
    for plugin in plugins(Kind::Validator) {
        let build = builder::<ValidatorKind>(plugin.about.name).unwrap();
        let (labelled, target) = (LabelledOutputs::default(), Outputs::default());
        let error = build(&(plugin.defaults)()).score(&ValidationView {
            classes: CLASSES,
            source: &labelled,
            source_training: &labelled,
            target: &target,
            mixed: &Mixtures { model: Model::Good, target: &[] },
            key: Key::new(1),
        });
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("there are no "), "{}: {error}", plugin.about.name);
    }
}

#[test]
fn every_default_is_taken_and_fields_that_cannot_be_are_named() {
    use toml::Spanned;
    use toml::de::{DeTable, DeValue};
    let resolve = |name: &str, text: &str| {
        let table = DeTable::parse(text).unwrap().into_inner();
        let value = Spanned::new(0..text.len(), DeValue::Table(table));
        (find(Kind::Validator, name).unwrap().resolve)(value)
    };
    for plugin in plugins(Kind::Validator) {
        assert_eq!(resolve(plugin.about.name, "").unwrap(), (plugin.defaults)());
    }
    for (name, text, field) in [
        ("mixval", "mixing_weight = 0.5", "mixing_weight"),
        ("dev", "regularization = []", "regularization"),
        ("iwv", "regularization = [0.1, -1.0]", "regularization"),
        ("proxy-a-distance", "regularization = [0.0]", "regularization"),
    ] {
        assert_eq!(resolve(name, text).unwrap_err().field.as_deref(), Some(field));
    }
}
