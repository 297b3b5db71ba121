//! Features of some samples before and after adaptation, for the record.

use burn::tensor::{Device, TensorData};
use isthmus_core::context::{DomainRole, Grouping};
use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::DataError;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::predictor::ModelPredictor;
use isthmus_core::spec::Job;
use isthmus_core::validation::Matrix;
use isthmus_engine::{JobData, JobOutcome, extract, predict};

/// Features, logits and labels of at most `rows` test samples of the first source and of the
/// target, spread evenly over each. Those of the target are what the method predicted, on its way
/// where it adapts meanwhile.
///
/// # Errors
/// If a sample cannot be read.
pub fn after(
    outcome: &mut JobOutcome,
    data: &JobData,
    rows: usize,
    device: &Device,
) -> Result<Vec<NamedTensor>, DataError> {
    of_domains(data, rows, |set, chosen, role| {
        let outputs = match role {
            DomainRole::Target => outcome.outputs.select(chosen),
            DomainRole::Source(_) => {
                predict(&mut *outcome.predictor, &*set.samples, chosen, role, device)?
            }
        };
        Ok(vec![("features", outputs.features), ("logits", outputs.logits)])
    })
}

/// Features and labels of the same samples by the model that the last stage starts from. Where it
/// is the first stage, nothing has trained the bottleneck: the features are those of the extractor.
///
/// # Errors
/// If a sample cannot be read.
pub fn before(
    model: &mut Model,
    job: &Job,
    data: &JobData,
    rows: usize,
    device: &Device,
) -> Result<Vec<NamedTensor>, DataError> {
    let last = job.method.stages.len() - 1;
    of_domains(data, rows, |set, chosen, role| {
        let samples = &*set.samples;
        let features = if last == 0 {
            extract(model, samples, chosen, role, grouping_of(job, 0), device)?
        } else {
            // As the stage that trained the model normalises: the last one may do it differently.
            let mut predictor = ModelPredictor::new(model, grouping_of(job, last - 1));
            predict(&mut predictor, samples, chosen, role, device)?.features
        };
        Ok(vec![("features", features)])
    })
}

fn grouping_of(job: &Job, stage: usize) -> Grouping {
    job.method.stages[stage].training.normalization
}

/// Names `source_WHAT` and `target_WHAT` what `compute` makes of each domain's chosen rows, and
/// adds their labels.
fn of_domains(
    data: &JobData,
    rows: usize,
    mut compute: impl FnMut(
        &LabelledSource,
        &[usize],
        DomainRole,
    ) -> Result<Vec<(&'static str, Matrix)>, DataError>,
) -> Result<Vec<NamedTensor>, DataError> {
    let domains = [
        ("source", &data.sources[0].test, DomainRole::Source(0)),
        ("target", &data.target.test, DomainRole::Target),
    ];
    let mut tensors = Vec::new();
    for (name, set, role) in domains {
        let all = set.samples.rows();
        let count = rows.min(all);
        let chosen: Vec<usize> = (0..count).map(|row| row * all / count).collect();
        let mut matrices = compute(set, &chosen, role)?;
        // -1 stands for a class that is not known.
        let classes = set.targets.classes();
        let labels =
            chosen.iter().map(|&row| classes[row].map_or(-1.0, |class| class as f32)).collect();
        matrices.push(("labels", Matrix::new(count, 1, labels)));
        tensors.extend(matrices.into_iter().map(|(what, matrix)| {
            let shape = [matrix.rows(), matrix.columns()];
            let data = TensorData::new(matrix.values().to_vec(), shape);
            NamedTensor { path: format!("{name}_{what}"), data }
        }));
    }
    Ok(tensors)
}
