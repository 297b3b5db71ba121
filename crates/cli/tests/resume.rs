//! Every method goes on from a checkpoint as if it had never been interrupted.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::Device;
use isthmus as _; // links the plugins
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::method::Measurement;
use isthmus_core::network::NamedTensor;
use isthmus_core::random::Key;
use isthmus_core::registry::{Kind, plugins};
use isthmus_core::spec::{DatasetInfo, Datasets, DomainInfo, Job, parse};
use isthmus_data::{Dataset, DomainUse, Roots};
use isthmus_engine::{EngineError, JobData, JobOutcome, Next, Observer, run_job};

const STEPS: usize = 12;

/// A job whose last stage is run by `method`: the fields of an entry of `align`.
fn job(method: &str, optimizer: &str, trained_before: bool) -> Job {
    let before = if trained_before { "{ align = [{ name = 'source-only' }] }," } else { "" };
    let text = format!(
        "name = 'resume'\n[data]\ndataset = 'quickstart'\ntasks = ['fonts -> uci']\n\
         protocol = {{ split = 0.3 }}\n[extractor]\nname = 'mlp'\nhidden = [24, 16]\ndropout = 0.2\n\
         [bottleneck]\nname = 'linear'\nsize = 8\n[classifier]\nname = 'linear'\n\
         [training]\niterations = {STEPS}\nbatch_size = 16\nevaluate_every = 5\n\
         normalization = 'per-domain'\n[training.optimizer]\nname = '{optimizer}'\n\
         [training.schedule]\nname = 'cosine'\nwarm_up = 4\n\
         [methods.resume]\nstages = [{before} {{ align = [{{ {method} }}] }}]\n"
    );
    let domains = ["fonts", "uci"]
        .map(|name| DomainInfo { name: name.to_owned(), has_test_set: false })
        .to_vec();
    let datasets = Datasets::from([("quickstart".to_owned(), Ok(DatasetInfo { domains }))]);
    match parse(&text, &datasets) {
        Ok(checked) => checked.experiment.jobs().remove(0),
        Err(diagnostics) => panic!("{diagnostics:#?}\n{text}"),
    }
}

fn data(job: &Job) -> JobData {
    let dataset = Dataset::load(&job.data, &Roots::discover(None)).unwrap();
    let domains =
        |used_as| dataset.domains(job.data.protocol, used_as, &Key::new(job.seed)).unwrap();
    let mut sources = domains(DomainUse::Source);
    sources.pop();
    let target = domains(DomainUse::Target).pop().unwrap();
    JobData { classes: dataset.classes.clone(), sources, target }
}

/// Stops a job after so many steps of all stages together, and keeps what was measured.
#[derive(Default)]
struct Stopping {
    after: usize,
    steps: usize,
    measured: Vec<(usize, usize, Vec<Measurement>)>,
    kept: Option<Checkpoint>,
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

fn check(method: &str, optimizer: &str, trained_before: bool) {
    let job = job(method, optimizer, trained_before);
    let data = data(&job);
    let device = Device::flex();
    let mut whole = Stopping { after: usize::MAX, ..Stopping::default() };
    let expected = run_job(&job, &data, &device, None, &mut whole).unwrap();
    let all_steps = whole.steps;
    let begun = if trained_before { STEPS } else { 0 };
    for after in [begun + 1, begun + 5, begun + 7, all_steps - 1] {
        let mut first = Stopping { after, ..Stopping::default() };
        let error = run_job(&job, &data, &device, None, &mut first).unwrap_err();
        assert!(matches!(error, EngineError::Interrupted { .. }), "{error}");
        let mut second = Stopping { after: usize::MAX, ..Stopping::default() };
        let outcome = run_job(&job, &data, &device, first.kept.as_ref(), &mut second).unwrap();
        assert_eq!(first.steps + second.steps, all_steps);
        for (found, expected) in bits(&outcome).iter().zip(bits(&expected)) {
            assert!(*found == expected, "{method}, {optimizer}, {after}: {} differs", found.0);
        }
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
    }
}

#[test]
fn a_stream_that_is_reset_goes_on_bit_for_bit() {
    check("name = 'tent', reset = 'batch', steps = 2", "adam", true);
}

#[test]
fn every_optimizer_goes_on_bit_for_bit() {
    for plugin in plugins(Kind::Optimizer) {
        println!("{}", plugin.about.name);
        check("name = 'dann'", plugin.about.name, false);
    }
}
