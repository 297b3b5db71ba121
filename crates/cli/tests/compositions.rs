//! Random compositions of parts and methods, drawn from the registry: they train, every loss is
//! finite, and every network that should learn does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use burn::tensor::{Device, TensorData};
use isthmus as _; // links the plugins
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::metric::Measurement;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::OutputKind;
use isthmus_core::random::Key;
use isthmus_core::registry::{Kind, MethodBuilder, Plugin, plugins};
use isthmus_core::spec::Job;
use isthmus_engine::{EngineError, Next, Observer, run_job};
use rand::RngExt;
use rand::seq::IndexedRandom;

#[path = "support/jobs.rs"]
mod jobs;

use jobs::{data_of, job_of};

const COMPOSITIONS: u64 = 30;
const STEPS: usize = 20;

/// What is measured, and the checkpoints after the first step and before the last.
#[derive(Default)]
struct Watching {
    measured: Vec<Measurement>,
    steps: usize,
    kept: Vec<Checkpoint>,
}

impl Observer for Watching {
    fn step_done(
        &mut self,
        _stage: usize,
        _step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        self.steps += 1;
        self.measured.extend_from_slice(measurements);
        Ok(())
    }

    fn evaluated(
        &mut self,
        _stage: usize,
        _step: usize,
        measurements: &[Measurement],
        _model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        self.measured.extend_from_slice(measurements);
        Ok(())
    }

    fn next(&mut self) -> Next {
        if [1, STEPS - 1].contains(&self.steps) { Next::Save } else { Next::Continue }
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), EngineError> {
        self.kept.push(checkpoint);
        Ok(())
    }
}

/// Methods that can be drawn: loss terms, or drivers that others can stand beside.
fn drawn(driver: bool) -> Vec<&'static Plugin> {
    let fits = |plugin: &&Plugin| {
        let needs = plugin.needs;
        let is_kind = match plugin.method() {
            Some(MethodBuilder::Term(_)) => !driver,
            Some(MethodBuilder::Driver(_)) => driver,
            _ => false,
        };
        is_kind
            && !(needs.trained_model || needs.alone || needs.last)
            && !(needs.target_labels || needs.images)
            && needs.outputs != OutputKind::OpenClasses
    };
    plugins(Kind::Method).into_iter().filter(fits).collect()
}

/// An entry of `align`, with a discriminator of its own where it takes one.
fn entry(plugin: &Plugin, key: &Key) -> String {
    let mut rng = key.rng();
    let name = plugin.about.name;
    match (plugin.defaults)().get("discriminator") {
        None => format!("{{ name = '{name}' }}"),
        Some(_) => {
            let sizes = ["'linear'", "'mlp', hidden = [16]", "'mlp', hidden = [16, 8]"];
            let discriminator = sizes.choose(&mut rng).unwrap();
            format!("{{ name = '{name}', discriminator = {{ name = {discriminator} }} }}")
        }
    }
}

/// An experiment of parts and methods that `key` draws.
fn composition(key: &Key) -> String {
    let mut rng = key.rng();
    let mut of = |list: &[&str]| -> String { (*list.choose(&mut rng).unwrap()).to_owned() };
    let extractor = of(&["'mlp'\nhidden = [24, 16]", "'identity'", "'mlp'\nhidden = [16]"]);
    let classifier = of(&["'linear'", "'mlp'\nhidden = [12]"]);
    let normalization = of(&["shared", "separate", "per-domain"]);
    let mut rng = key.named("methods").rng();
    let count = rng.random_range(1..=3);
    let terms = drawn(false);
    let mut methods: Vec<&Plugin> = terms.sample(&mut rng, count).copied().collect();
    if rng.random_bool(0.5) {
        methods.extend(drawn(true).choose(&mut rng).copied());
    }
    let entries: Vec<String> =
        methods.iter().map(|plugin| entry(plugin, &key.named(plugin.about.name))).collect();
    format!(
        "name = 'composition'\n[data]\ndataset = 'quickstart'\ntasks = ['fonts -> uci']\n\
         protocol = {{ split = 0.3 }}\n\
         views = {{ weak = [{{ name = 'gaussian-noise', deviation = 0.02 }}], \
         strong = [{{ name = 'feature-dropout' }}] }}\n[extractor]\nname = {extractor}\n\
         [bottleneck]\nname = 'linear'\nsize = 8\n[classifier]\nname = {classifier}\n\
         [training]\niterations = {STEPS}\nbatch_size = 16\nevaluate_every = {STEPS}\n\
         normalization = '{normalization}'\n[training.optimizer]\nname = 'sgd'\nlr = 0.01\n\
         [training.schedule]\nname = 'constant'\n\
         [methods.drawn]\nalign = [{}]\n",
        entries.join(", ")
    )
}

/// The networks of a checkpoint with their tensors: the model's parts, and each of the methods'.
fn networks(checkpoint: &Checkpoint) -> BTreeMap<String, Vec<&TensorData>> {
    let mut networks: BTreeMap<String, Vec<&TensorData>> = BTreeMap::new();
    for tensor in &checkpoint.tensors {
        let depth = match tensor.path.split('.').next() {
            Some("networks/terms") => 3,
            Some("networks/driver") => 2,
            Some(part) if part.starts_with("model/") => 1,
            _ => continue,
        };
        let name: Vec<&str> = tensor.path.split('.').take(depth).collect();
        networks.entry(name.join(".")).or_default().push(&tensor.data);
    }
    networks
}

fn check(text: &str, job: &Job) {
    let data = data_of(job);
    let mut watching = Watching::default();
    if let Err(error) = run_job(job, &data, &Device::flex(), None, &mut watching) {
        panic!("{error}\n{text}");
    }
    for (name, value) in &watching.measured {
        assert!(value.is_finite(), "{name} is {value}\n{text}");
    }
    let [first, last] = watching.kept.try_into().unwrap();
    let last = networks(&last);
    for (name, before) in networks(&first) {
        let moved = before.iter().zip(&last[&name]).any(|(before, after)| before != after);
        assert!(moved, "`{name}` does not learn\n{text}");
    }
}

#[test]
fn random_compositions_train_and_all_their_networks_learn() {
    let mut key = Key::new(2026);
    let mut seen = BTreeMap::<String, usize>::new();
    for number in 0..COMPOSITIONS {
        // Some methods cannot stand beside each other, or not on such a model: the checker says so.
        let (text, job) = loop {
            key = key.at(number);
            let text = composition(&key);
            if let Ok(job) = job_of(&text, "quickstart", None) {
                break (text, job);
            }
        };
        for align in &job.method.stages[0].align {
            *seen.entry(align.plugin.name.clone()).or_default() += 1;
        }
        check(&text, &job);
    }
    assert!(seen.len() > 20, "few methods were drawn: {seen:?}");
}
