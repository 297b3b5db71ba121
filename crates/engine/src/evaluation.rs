//! One forward pass over a set of samples.

use burn::tensor::{Device, Tensor};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::predictor::Predictor;
use isthmus_core::stage::SampleView;
use isthmus_core::validation::{Matrix, Outputs};

/// Rows of one forward pass; large enough to fill the matrix units, small enough for images.
const ROWS: usize = 256;

/// Features and logits of the given rows of `samples`.
///
/// # Errors
/// If a sample cannot be read.
pub fn predict(
    predictor: &mut dyn Predictor,
    samples: &dyn SampleSource,
    rows: &[usize],
    domain: DomainRole,
    device: &Device,
) -> Result<Outputs, DataError> {
    let mut outputs = Outputs::default();
    for input in inputs(samples, rows, device) {
        let chunk = predict_input(predictor, input?, domain);
        outputs.features.append(chunk.features);
        outputs.logits.append(chunk.logits);
    }
    Ok(outputs)
}

/// What the extractor of `model`, an evaluation copy, makes of the given rows of `samples`: the
/// features before the bottleneck.
///
/// # Errors
/// If a sample cannot be read.
pub fn extract(
    model: &mut Model,
    samples: &dyn SampleSource,
    rows: &[usize],
    domain: DomainRole,
    grouping: Grouping,
    device: &Device,
) -> Result<Matrix, DataError> {
    let mut features = Matrix::default();
    for input in inputs(samples, rows, device) {
        let input = input?;
        let context = evaluating(domain, input.rows(), grouping);
        features.append(matrix(model.extractor.forward(input, &context)));
    }
    Ok(features)
}

/// The given rows of `samples`, as many at a time as go through a network together.
fn inputs(
    samples: &dyn SampleSource,
    rows: &[usize],
    device: &Device,
) -> impl Iterator<Item = Result<Input, DataError>> {
    rows.chunks(ROWS).map(move |chunk| {
        let values = samples.values(chunk, SampleView::Plain)?;
        Ok(Input::from_values(values, chunk.len(), samples.shape(), device))
    })
}

/// Features and logits of a batch of inputs.
pub(crate) fn predict_input(
    predictor: &mut dyn Predictor,
    input: Input,
    domain: DomainRole,
) -> Outputs {
    let output = predictor.predict(input, domain);
    Outputs { features: matrix(output.features), logits: matrix(output.logits) }
}

fn evaluating(domain: DomainRole, rows: usize, grouping: Grouping) -> Context {
    Context::evaluate(domain, rows).with_norm(NormPolicy::EVALUATE.grouped(grouping))
}

fn matrix(tensor: Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    let values = tensor.into_data().try_to_vec::<f32>().expect("networks compute in f32");
    Matrix::new(rows, columns, values)
}
