//! The experiment that suits a pair of domains: network, transforms, methods.

use std::fmt::Write as _;

use isthmus_nn::weights;

use super::budget::Plan;
use super::pair::{Pair, Samples};
use crate::args::AdaptArguments;

/// Trained on the source alone: what every method has to beat.
pub(super) const BASELINE: &str = "source-only";

/// The validators that score every method, none of which sees a target label; the first one says which
/// methods go on when time is short.
const VALIDATORS: [&str; 5] = ["silhouette", "mixval", "bnm", "class-ami", "snd"];

/// The one that predicts mixtures of samples, which texts and series of different lengths have none of.
const OF_MIXTURES: &str = "mixval";

/// One method of a portfolio.
pub(super) struct Candidate {
    /// Its label.
    pub label: &'static str,
    /// What stands below `[methods.LABEL]`.
    text: &'static str,
}

const fn candidate(label: &'static str, text: &'static str) -> Candidate {
    Candidate { label, text }
}

const SOURCE_ONLY: Candidate = candidate(BASELINE, "align = [{ name = \"source-only\" }]");
const ADABN: Candidate = candidate(
    "adabn",
    "stages = [{ align = [{ name = \"source-only\" }] }, { align = [{ name = \"adabn\" }] }]",
);
const DANN: Candidate =
    candidate("dann", "align = [{ name = \"dann\" }]\ntraining = { normalization = \"separate\" }");
const JAN: Candidate =
    candidate("jan", "align = [{ name = \"jan\" }]\ntraining = { normalization = \"separate\" }");
const MCC: Candidate =
    candidate("mcc", "align = [{ name = \"mcc\" }]\ntraining = { normalization = \"separate\" }");
const BNM: Candidate =
    candidate("bnm", "align = [{ name = \"bnm\" }]\ntraining = { normalization = \"separate\" }");
const DAN_ATDOC: Candidate = candidate(
    "dan + atdoc",
    "align = [{ name = \"dan\" }, { name = \"atdoc\" }]\ntraining = { normalization = \"separate\" }",
);
const SHOT: Candidate = candidate(
    "shot",
    "stages = [{ align = [{ name = \"source-only\" }] }, { align = [{ name = \"shot\" }] }]",
);

/// A network and the methods that compete on it.
pub(super) struct Portfolio {
    /// `[data]` beyond data set and task, `[extractor]`, `[bottleneck]`, `[classifier]`.
    network: String,
    /// `[training]` beyond the number of steps.
    training: &'static str,
    /// The largest number of steps that is of use.
    pub most_steps: usize,
    /// The methods, the baseline first.
    pub candidates: Vec<Candidate>,
    /// The validators that can score them; the first one says which go on when time is short.
    pub validators: Vec<&'static str>,
    why: &'static str,
}

const SGD: &str = "batch_size = 32\n\n[training.optimizer]\nname = \"sgd\"\nlr = 0.01\n\
    momentum = 0.9\nnesterov = true\nweight_decay = 1e-3\n\n[training.schedule]\n\
    name = \"inverse-decay\"\ngamma = 1e-3\npower = 0.75\n";
const ADAM: &str = "batch_size = 32\n\n[training.optimizer]\nname = \"adam\"\nlr = 0.001\n";

/// The extractor of texts that has published weights.
const MINILM: &str = "minilm";
/// Samples a second from which sound has more than the band of a telephone.
const WIDE_BAND: u32 = 16000;

impl Portfolio {
    /// What suits the pair.
    pub fn of(pair: &Pair) -> Self {
        let validators = VALIDATORS.to_vec();
        let without_mixtures: Vec<&str> =
            VALIDATORS.into_iter().filter(|name| *name != OF_MIXTURES).collect();
        let of_series = if pair.has_lengths { &without_mixtures } else { &validators }.clone();
        const LINEAR: &str = "[classifier]\nname = \"linear\"\n";
        const BOTTLENECK: &str = "[bottleneck]\nname = \"linear\"\nsize = 256\n\n";
        let with_norm_layers = || vec![SOURCE_ONLY, ADABN, DANN, JAN, MCC, BNM, DAN_ATDOC, SHOT];
        match pair.samples {
            Samples::Features { counts } => {
                let transforms = if counts {
                    "{ name = \"log-one-plus\" }, { name = \"unit-length\" }"
                } else {
                    "{ name = \"z-score\" }"
                };
                Self {
                    network: format!(
                        "feature_transforms = [{transforms}]\n\n[extractor]\nname = \
                         \"identity\"\n\n{BOTTLENECK}{LINEAR}"
                    ),
                    training: SGD,
                    most_steps: 1000,
                    candidates: with_norm_layers(),
                    validators,
                    why: if counts {
                        "counts: log(1 + x) of unit length, one hidden layer of 256"
                    } else {
                        "features: each domain scaled to mean 0 and deviation 1, one hidden layer \
                         of 256"
                    },
                }
            }
            Samples::Series => Self {
                network: format!(
                    "feature_transforms = [{{ name = \"z-score\" }}]\n\n[extractor]\nname = \
                     \"cnn1d\"\n\n{LINEAR}"
                ),
                training: ADAM,
                most_steps: 1000,
                candidates: with_norm_layers(),
                validators: of_series,
                why: "series: each channel scaled by domain, three convolutions over time",
            },
            Samples::Sound { rate } => Self {
                network: format!(
                    "transform = {{ log_mel = {{ bands = {}, subtract_mean = true }} \
                     }}\n\n[extractor]\nname = \"cnn1d\"\nchannels = 32\nfeatures = \
                     128\n\n{LINEAR}",
                    if rate < WIDE_BAND { 24 } else { 40 }
                ),
                training: ADAM,
                most_steps: 1000,
                candidates: with_norm_layers(),
                validators: of_series,
                why: "sound: log-mel spectra, three convolutions over time",
            },
            // The weights are looked for as the extractor does it.
            Samples::Texts if weights::published(MINILM, &weights::folders()).is_ok() => Self {
                network: format!(
                    "\n[extractor]\nname = \"{MINILM}\"\nfrozen = true\n\n{BOTTLENECK}{LINEAR}"
                ),
                training: SGD,
                most_steps: 1000,
                candidates: with_norm_layers(),
                validators,
                why: "texts: features of MiniLM, extracted once, one hidden layer of 256",
            },
            Samples::Texts => Self {
                network: format!(
                    "\n[extractor]\nname = \"deep-averaging\"\n\n{BOTTLENECK}{LINEAR}"
                ),
                training: ADAM,
                most_steps: 1000,
                candidates: with_norm_layers(),
                validators: without_mixtures,
                why: "texts: means of word vectors that are trained from the start, one hidden layer \
                      of 256 (with the weights of MiniLM, `isthmus weights minilm`, its features \
                      are taken)",
            },
            Samples::SmallImages { channels } => Self {
                network: format!(
                    "transform = {{ resize = 28, channels = {channels}, mean = [0.5], std = [0.5] \
                     }}\n\n[extractor]\nname = \"lenet\"\n\n{LINEAR}"
                ),
                training: SGD,
                most_steps: 2000,
                // LeNet has no norm layers to adapt.
                candidates: vec![SOURCE_ONLY, DANN, JAN, MCC, BNM, DAN_ATDOC, SHOT],
                validators,
                why: "small images: LeNet at 28 x 28, trained from the start",
            },
            Samples::Images => Self {
                network: format!(
                    "\n[extractor]\nname = \"efficientnet-lite0\"\nfrozen = \
                     true\n\n{BOTTLENECK}{LINEAR}"
                ),
                training: SGD,
                most_steps: 1000,
                candidates: with_norm_layers(),
                validators,
                why: "images: features of EfficientNet-lite0, extracted once, one hidden layer of \
                      256",
            },
        }
    }

    /// What was taken, in a sentence.
    pub fn told(&self) -> String {
        let labels: Vec<&str> = self.candidates.iter().map(|it| it.label).collect();
        format!("{}; methods: {}", self.why, labels.join(", "))
    }

    /// The experiment file of a plan.
    pub fn experiment(
        &self,
        name: &str,
        pair: &Pair,
        arguments: &AdaptArguments,
        plan: &Plan,
    ) -> String {
        let mut text = format!(
            "# Written by `isthmus adapt`: change it, and `isthmus run` runs it again.\nname = \
             \"{name}\"\n"
        );
        let seeds: Vec<String> =
            (0..plan.seeds).map(|seed| (arguments.seed + seed as u64).to_string()).collect();
        let toml = |text: &str| toml_edit::Value::from(text).to_string();
        let _ = write!(
            text,
            "seeds = [{seeds}]\ndevice = {device}\n\n[data]\ndataset = {dataset}\ntasks = \
             [{task}]\nprotocol = \"transductive\"\ntarget_labels = false\n{network}\n[training]\n\
             iterations = {steps}\nevaluate_every = {every}\n{training}",
            seeds = seeds.join(", "),
            device = toml(&arguments.device),
            dataset = toml(&pair.dataset),
            task = toml(&format!("{} -> {}", pair.source, pair.target)),
            network = self.network,
            steps = plan.steps,
            every = plan.steps.div_ceil(4),
            training = self.training,
        );
        let validators: Vec<String> =
            self.validators.iter().map(|name| format!("{{ name = \"{name}\" }}")).collect();
        let _ = write!(
            text,
            "\n[selection]\nvalidation_share = 0.1\nvalidators = [{}]\n",
            validators.join(", ")
        );
        if plan.halving {
            let _ = write!(
                text,
                "\n[sweep.halving]\nvalidator = \"{}\"\ncompete = \"methods\"\nalways = \
                 [\"{BASELINE}\"]\nrounds = [0.25, 1.0]\nkeep = 0.5\n",
                self.validators[0]
            );
        }
        for candidate in &self.candidates {
            if plan.left_out.iter().any(|label| label == candidate.label) {
                continue;
            }
            let label = toml(candidate.label);
            let _ = write!(text, "\n[methods.{label}]\n{}\n", candidate.text);
        }
        text
    }
}
