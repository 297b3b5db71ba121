//! Every method goes on from a checkpoint as if it had never been interrupted.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use burn::tensor::Device;
use isthmus as _; // links the plugins
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::context::Grouping;
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::metric::Measurement;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::OutputKind;
use isthmus_core::random::Key;
use isthmus_core::registry::{Kind, MethodBuilder, Plugin, find, plugins};
use isthmus_core::spec::Job;
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::Matrix;
use isthmus_data::{FeatureSource, VariableSeriesSource};
use isthmus_engine::{EngineError, JobData, JobOutcome, Next, Observer, run_job, start_of};
use rand::RngExt;

#[path = "support/jobs.rs"]
mod jobs;

use jobs::{data_of, job_of};

const STEPS: usize = 12;

/// A target of three domains that differ.
const STREAM: &str = "streams.storm = [{ domain = 'uci', corruption = { name = 'gaussian-noise' }, \
                      severities = [5, 1] }, { domain = 'uci' }]";

/// A job whose last stage is run by `method`: the fields of an entry of `align`.
fn job(
    method: &str,
    optimizer: &str,
    trained_before: bool,
    target: &str,
    objective: &Plugin,
) -> Job {
    let objective_name = objective.about.name;
    let targets = (objective.targets)(&(objective.defaults)());
    let extractor = match targets {
        // Sequences are predicted from states in time.
        Some(TargetKind::Sequences) => "name = 'cnn1d'\nchannels = 4\nfeatures = 8",
        _ => "name = 'mlp'\nhidden = [24, 16]\ndropout = 0.2",
    };
    let name = method.split('\'').nth(1).unwrap();
    let of_images = find(Kind::Method, name).is_some_and(|plugin| plugin.needs.images);
    let (dataset, strong) = match of_images {
        true => ("quickstart-images", "cutout"),
        false => ("quickstart", "feature-dropout"),
    };
    let grouping = find(Kind::Method, name).and_then(|plugin| plugin.needs.grouping);
    let grouping = grouping.unwrap_or(Grouping::PerDomain);
    let before = if trained_before { "{ align = [{ name = 'source-only' }] }," } else { "" };
    let text = format!(
        "name = 'resume'\n[data]\ndataset = '{dataset}'\ntasks = ['fonts -> {target}']\n\
         protocol = {{ split = 0.3 }}\n{STREAM}\n\
         views = {{ weak = [{{ name = 'gaussian-noise', deviation = 0.02 }}], \
         strong = [{{ name = '{strong}' }}] }}\n[extractor]\n{extractor}\n\
         [objective]\nname = '{objective_name}'\n[bottleneck]\nname = 'linear'\nsize = 8\n[classifier]\nname = 'linear'\n\
         [training]\niterations = {STEPS}\nbatch_size = 16\nevaluate_every = 5\n\
         normalization = '{grouping}'\n[training.optimizer]\nname = '{optimizer}'\n\
         [training.schedule]\nname = 'cosine'\nwarm_up = 4\n\
         [methods.resume]\nstages = [{before} {{ align = [{{ {method} }}] }}]\n"
    );
    match job_of(&text, dataset, targets) {
        Ok(job) => job,
        Err(diagnostics) => panic!("{diagnostics:#?}\n{text}"),
    }
}

/// Stops a job after so many steps of all stages together, and keeps what was measured.
#[derive(Default)]
struct Stopping {
    after: usize,
    steps: usize,
    measured: Vec<(usize, usize, Vec<Measurement>)>,
    kept: Option<Checkpoint>,
    /// The model that each stage left.
    left: Vec<Vec<NamedTensor>>,
}

impl Observer for Stopping {
    fn step_done(
        &mut self,
        _stage: usize,
        _step: usize,
        _measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        self.steps += 1;
        Ok(())
    }

    fn evaluated(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
        _model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        self.measured.push((stage, step, measurements.to_vec()));
        Ok(())
    }

    fn stage_finished(
        &mut self,
        _stage: usize,
        model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        self.left.push(model());
        Ok(())
    }

    fn next(&mut self) -> Next {
        if self.steps == self.after { Next::Stop } else { Next::Continue }
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), EngineError> {
        self.kept = Some(checkpoint);
        Ok(())
    }
}

/// Every bit of an outcome.
fn bits(outcome: &JobOutcome) -> Vec<(String, Vec<u8>)> {
    let mut bits: Vec<_> = outcome
        .tensors
        .iter()
        .map(|tensor| (tensor.path.clone(), tensor.data.as_bytes().to_vec()))
        .collect();
    bits.push(("predictions".to_owned(), format!("{:?}", outcome.target).into_bytes()));
    bits
}

/// The objective of a name.
fn objective(name: &str) -> &'static Plugin {
    find(Kind::Objective, name).unwrap()
}

/// The objective that a method needs.
fn objective_for(method: &Plugin) -> &'static Plugin {
    match method.needs.outputs {
        _ if method.needs.states => objective("ctc"),
        OutputKind::OpenClasses => objective("open-set"),
        OutputKind::Classes | OutputKind::Other => objective("classes"),
    }
}

/// Two domains of random features with targets of a kind; series for sequences.
fn random_data(kind: TargetKind) -> JobData {
    const ROWS: usize = 160;
    const FEATURES: usize = 6;
    let domain = |name: &str| {
        let mut rng = Key::new(3).named(name).rng();
        let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.random()).collect() };
        let samples: Arc<dyn SampleSource> = match kind {
            TargetKind::Sequences => {
                let lengths: Vec<usize> = (0..ROWS).map(|row| 30 + row % 9).collect();
                let values = draw(2 * lengths.iter().sum::<usize>());
                Arc::new(VariableSeriesSource::new(2, lengths, values))
            }
            _ => Arc::new(FeatureSource::new(FEATURES, draw(ROWS * FEATURES))),
        };
        let numbers = draw(ROWS * 3);
        let targets = match kind {
            TargetKind::Classes => Targets::Classes((0..ROWS as u32).map(|row| row % 3).collect()),
            TargetKind::Labels => {
                let labels = numbers.iter().map(|it| f32::from(u8::from(*it > 0.5))).collect();
                Targets::Labels(Matrix::new(ROWS, 3, labels))
            }
            TargetKind::Values => Targets::Values(Matrix::new(ROWS, 3, numbers)),
            TargetKind::Sequences => {
                Targets::Sequences((0..ROWS as u32).map(|row| vec![row % 3, 1]).collect())
            }
        };
        let set = LabelledSource { samples, targets: RowTargets::all(targets) };
        Domain { name: name.to_owned(), train: set.clone(), validation: None, test: set }
    };
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    JobData {
        classes,
        target_classes: None,
        sources: vec![domain("fonts")],
        target: domain("uci"),
        shifts: Vec::new(),
    }
}

fn check(method: &str, optimizer: &str, trained_before: bool) {
    check_on("uci", method, optimizer, trained_before);
}

fn check_on(target: &str, method: &str, optimizer: &str, trained_before: bool) {
    let name = method.split('\'').nth(1).unwrap();
    let plugin = find(Kind::Method, name).unwrap();
    let job = job(method, optimizer, trained_before, target, objective_for(plugin));
    let data = match plugin.needs.states {
        true => random_data(TargetKind::Sequences),
        false => data_of(&job),
    };
    check_job(&job, &data, trained_before);
}

fn check_job(job: &Job, data: &JobData, trained_before: bool) {
    let align = &job.method.stages.last().unwrap().align[0];
    let (method, optimizer) = (&align.label, &job.objective.name);
    let device = Device::flex();
    let mut whole = Stopping { after: usize::MAX, ..Stopping::default() };
    let expected = run_job(job, data, &device, None, &mut whole).unwrap();
    let all_steps = whole.steps;
    let begun = if trained_before { STEPS } else { 0 };
    let compare = |outcome: &JobOutcome, what: &str| {
        let (found, expected) = (bits(outcome), bits(&expected));
        assert_eq!(found.len(), expected.len(), "{method}, {optimizer}, {what}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(*found == expected, "{method}, {optimizer}, {what}: {} differs", found.0);
        }
    };
    if all_steps == begun + 1 {
        // It fits once: where it is killed, it fits again, to the model that was there before.
        let mut second = Stopping { after: usize::MAX, ..Stopping::default() };
        let start = trained_before.then(|| start_of(1, whole.left.swap_remove(0)));
        let outcome = run_job(job, data, &device, start.as_ref(), &mut second).unwrap();
        compare(&outcome, "killed while it fits");
        assert_eq!(second.measured.last(), whole.measured.last());
        return;
    }
    for after in [begun + 1, begun + 5, begun + 7, all_steps - 1] {
        let mut first = Stopping { after, ..Stopping::default() };
        let error = run_job(job, data, &device, None, &mut first).unwrap_err();
        assert!(matches!(error, EngineError::Interrupted { .. }), "{error}");
        let mut second = Stopping { after: usize::MAX, ..Stopping::default() };
        let outcome = run_job(job, data, &device, first.kept.as_ref(), &mut second).unwrap();
        assert_eq!(first.steps + second.steps, all_steps);
        compare(&outcome, &format!("stopped after {after}"));
        let measured: Vec<_> = first.measured.into_iter().chain(second.measured).collect();
        assert_eq!(measured, whole.measured, "{method}, {optimizer}, {after}");
    }
}

#[test]
fn every_method_goes_on_bit_for_bit() {
    for plugin in plugins(Kind::Method) {
        println!("{}", plugin.about.name);
        let method = format!("name = '{}'", plugin.about.name);
        check(&method, "sgd", plugin.needs.trained_model);
        if matches!(plugin.method(), Some(MethodBuilder::Fit(_))) && !plugin.needs.trained_model {
            check(&method, "sgd", true);
        }
    }
}

#[test]
fn every_objective_goes_on_bit_for_bit() {
    for objective in plugins(Kind::Objective) {
        println!("{}", objective.about.name);
        let kind = (objective.targets)(&(objective.defaults)()).unwrap();
        let job = job("name = 'dann'", "sgd", false, "uci", objective);
        check_job(&job, &random_data(kind), false);
    }
}

#[test]
fn a_stream_that_is_reset_goes_on_bit_for_bit() {
    check("name = 'tent', reset = 'batch', steps = 2", "adam", true);
}

#[test]
fn a_stream_of_several_domains_goes_on_bit_for_bit() {
    for plugin in plugins(Kind::Method) {
        if matches!(plugin.method(), Some(MethodBuilder::TestTime(_))) {
            println!("{}", plugin.about.name);
            let method = format!("name = '{}'", plugin.about.name);
            check_on("storm", &method, "adam", true);
        }
    }
    for reset in ["never", "batch", "shift"] {
        check_on("storm", &format!("name = 'tent', reset = '{reset}', steps = 2"), "adam", true);
    }
    check_on("storm", "name = 'mcc'", "sgd", false);
}

#[test]
fn every_optimizer_goes_on_bit_for_bit() {
    for plugin in plugins(Kind::Optimizer) {
        println!("{}", plugin.about.name);
        check("name = 'dann'", plugin.about.name, false);
    }
}
