//! The samples whose features records keep, before and after adaptation.

use std::collections::BTreeMap;
use std::path::Path;

use isthmus_results::Record;
use serde_json::Value;

use crate::error::ReportError;
use crate::results::Results;
use crate::runs::Run;

/// The method whose model is the state before adaptation of methods that train in one stage.
const SOURCE_ONLY: &str = "source-only";

/// Features and classes of some samples of a domain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Samples {
    pub features: Vec<Vec<f32>>,
    pub labels: Vec<u32>,
}

/// Samples of both domains.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Domains {
    pub source: Samples,
    pub target: Samples,
}

impl Domains {
    /// Number of values of a sample.
    pub fn width(&self) -> usize {
        self.source.features.first().map_or(0, Vec::len)
    }
}

/// Which model gave the features before adaptation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before {
    /// The one that the last of several stages started from.
    LastStage,
    /// That of the `source-only` run on the same data with the same seed.
    SourceOnly,
    /// The extractor alone, before the first step.
    Extractor,
}

/// The samples of a run before and after adaptation.
#[derive(Debug)]
pub(super) struct States {
    pub before: Option<(Before, Domains)>,
    pub after: Option<Domains>,
}

/// Whether a record holds features.
pub(crate) fn keeps_features(record: &Record) -> bool {
    record.digests().contains_key("outputs.safetensors")
}

/// Reads the samples of a run. One that adapts in its only stage has trained no model before: the
/// `source-only` run of the results is the one to compare with, where there is one.
pub(super) fn read(results: &Results, run: &Run) -> Result<States, ReportError> {
    let record = &run.record;
    let after = domains_after(record)?;
    let own = domains_before(record)?;
    if record.run.stages > 1 {
        return Ok(States { before: own.map(|own| (Before::LastStage, own)), after });
    }
    let source_only = match &after {
        Some(after) => source_only(results, run, after)?,
        None => None,
    };
    let before = source_only
        .map(|domains| (Before::SourceOnly, domains))
        .or_else(|| own.map(|own| (Before::Extractor, own)));
    Ok(States { before, after })
}

/// The samples that `after` has, by the model of a `source-only` run of the same network.
fn source_only(
    results: &Results,
    run: &Run,
    after: &Domains,
) -> Result<Option<Domains>, ReportError> {
    let job = run.record.job_value()?;
    if is_source_only(&job) {
        return Ok(None);
    }
    let mut similar = Vec::new();
    for other in &results.runs {
        if is_comparable(run, other) && keeps_features(&other.record) {
            let others = other.record.job_value()?;
            if is_source_only(&others) && same_network(&job, &others) {
                similar.push((other, others.pointer(TRAINING) == job.pointer(TRAINING)));
            }
        }
    }
    // Of several, say of a sweep, the one that was trained like this run.
    similar.sort_by_key(|(_, trained_alike)| !trained_alike);
    for (other, _) in similar {
        let found = domains_after(&other.record)?;
        let same = |found: &Domains| {
            found.source.labels == after.source.labels && found.target.labels == after.target.labels
        };
        if let Some(found) = found.filter(same) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

const TRAINING: &str = "/method/stages/0/training";

fn is_comparable(run: &Run, other: &Run) -> bool {
    let (run, other) = (&run.record.run, &other.record.run);
    other.id != run.id
        && other.stages == 1
        && other.experiment == run.experiment
        && other.dataset == run.dataset
        && other.task == run.task
        && other.seed == run.seed
        && other.data_fingerprint == run.data_fingerprint
}

fn is_source_only(job: &Value) -> bool {
    let stages = job.pointer("/method/stages").and_then(Value::as_array);
    let Some([stage]) = stages.map(Vec::as_slice) else { return false };
    let align = stage.get("align").and_then(Value::as_array);
    let Some([align]) = align.map(Vec::as_slice) else { return false };
    align.pointer("/plugin/name").and_then(Value::as_str) == Some(SOURCE_ONLY)
}

fn same_network(job: &Value, other: &Value) -> bool {
    ["data", "extractor", "bottleneck", "classifier"]
        .iter()
        .all(|part| job.get(part) == other.get(part))
}

/// Number of rows and values of a record's tensors, by name; no values where they are of a type
/// that features are not of.
type Tensors = BTreeMap<String, (usize, Option<Vec<f32>>)>;

fn domains_after(record: &Record) -> Result<Option<Domains>, ReportError> {
    kept(record, false)
}

fn domains_before(record: &Record) -> Result<Option<Domains>, ReportError> {
    kept(record, true)
}

fn kept(record: &Record, before: bool) -> Result<Option<Domains>, ReportError> {
    let found = if before { record.outputs_before()? } else { record.outputs()? };
    let Some(tensors) = found else { return Ok(None) };
    let read = tensors.into_iter().map(|(name, data)| {
        let rows = data.shape().first().copied().unwrap_or(0);
        (name, (rows, data.try_to_vec().ok()))
    });
    domains(&record.directory, &read.collect()).map(Some)
}

fn domains(record: &Path, tensors: &Tensors) -> Result<Domains, ReportError> {
    let (source, target) =
        (samples(record, "source", tensors)?, samples(record, "target", tensors)?);
    let width = |samples: &Samples| samples.features.first().map_or(0, Vec::len);
    if width(&source) != width(&target) {
        let problem = format!(
            "features of the source have {} values and those of the target {}",
            width(&source),
            width(&target)
        );
        return Err(ReportError::Outputs { record: record.to_owned(), problem });
    }
    Ok(Domains { source, target })
}

fn samples(record: &Path, domain: &str, tensors: &Tensors) -> Result<Samples, ReportError> {
    let fail = |problem: String| ReportError::Outputs { record: record.to_owned(), problem };
    let tensor = |name: &str| match tensors.get(name) {
        Some((rows, Some(values))) => Ok((*rows, values)),
        Some((_, None)) => Err(fail(format!("`{name}` does not hold numbers of 32 bits"))),
        None => Err(fail(format!("it has no `{name}`"))),
    };
    let (features, labels) = (format!("{domain}_features"), format!("{domain}_labels"));
    let (rows, values) = tensor(&features)?;
    let (_, classes) = tensor(&labels)?;
    if rows == 0 || rows != classes.len() {
        return Err(fail(format!(
            "`{features}` has {rows} rows and `{labels}` {}; both must have one a sample",
            classes.len()
        )));
    }
    let width = values.len() / rows;
    let features_of = |row: usize| &values[row * width..(row + 1) * width];
    if let Some(row) = (0..rows).find(|&row| features_of(row).iter().any(|it| !it.is_finite())) {
        return Err(fail(format!("row {row} of `{features}` is not finite: training diverged")));
    }
    Ok(Samples {
        features: (0..rows).map(|row| features_of(row).to_vec()).collect(),
        labels: classes.iter().map(|&class| class as u32).collect(),
    })
}
