//! One forward pass over a set of samples.

use burn::tensor::{Device, Tensor};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::predictor::Predictor;
use isthmus_core::stage::SampleView;
use isthmus_core::validation::{Matrix, Outputs, StateOutputs};

/// Rows of one forward pass; large enough to fill the matrix units, small enough for images.
const ROWS: usize = 256;

/// Features and logits of the given rows of `samples`, and outputs in time where there are some.
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
    // Batches that differ in size by one row at most have none of a single row, which would have no
    // statistics. Elsewhere full batches are faster, and sizes decide nothing.
    let sizes = match predictor.depends_on_batch() {
        true => Sizes::Even,
        false => Sizes::Full,
    };
    for input in inputs(samples, rows, sizes, device) {
        outputs.append(predict_input(predictor, input?, domain));
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
    for input in inputs(samples, rows, Sizes::Full, device) {
        let input = input?;
        let context = evaluating(domain, input.rows(), grouping);
        features.append(matrix(model.extractor.forward(input, &context)));
    }
    Ok(features)
}

/// Sizes of the batches that rows go through a network in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sizes {
    /// [`ROWS`], and what is left.
    Full,
    /// As many batches, of sizes that differ by one row at most.
    Even,
}

impl Sizes {
    fn batches(self, rows: &[usize]) -> Vec<&[usize]> {
        let count = rows.len().div_ceil(ROWS);
        match self {
            Self::Full => rows.chunks(ROWS).collect(),
            Self::Even => (0..count)
                .map(|batch| &rows[batch * rows.len() / count..(batch + 1) * rows.len() / count])
                .collect(),
        }
    }
}

/// The given rows of `samples`, as many at a time as go through a network together.
fn inputs(
    samples: &dyn SampleSource,
    rows: &[usize],
    sizes: Sizes,
    device: &Device,
) -> impl Iterator<Item = Result<Input, DataError>> {
    sizes.batches(rows).into_iter().map(move |rows| {
        let values = samples.values(rows, SampleView::Plain)?;
        Ok(Input::from_values(values, rows.len(), samples.shape(), device))
    })
}

/// Features and logits of a batch of inputs.
pub(crate) fn predict_input(
    predictor: &mut dyn Predictor,
    input: Input,
    domain: DomainRole,
) -> Outputs {
    let output = predictor.predict(input, domain);
    let states =
        output.states.map(|states| StateOutputs::new(matrix(states.valid()), &states.lengths));
    Outputs { states, ..Outputs::new(matrix(output.features), matrix(output.logits)) }
}

fn evaluating(domain: DomainRole, rows: usize, grouping: Grouping) -> Context {
    Context::evaluate(domain, rows).with_norm(NormPolicy::EVALUATE.grouped(grouping))
}

fn matrix(tensor: Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    let values = tensor.into_data().try_to_vec::<f32>().expect("networks compute in f32");
    Matrix::new(rows, columns, values)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::TensorData;
    use isthmus_core::error::NetworkError;
    use isthmus_core::input::InputShape;
    use isthmus_core::model::ModelOutput;
    use isthmus_core::named_tensor::NamedTensor;
    use isthmus_core::sample_values::SampleValues;

    use super::*;

    /// Notes the sizes of its batches and gives inputs back.
    struct Noting {
        by_batch: bool,
        sizes: Vec<usize>,
    }

    impl Predictor for Noting {
        fn predict(&mut self, input: Input, _domain: DomainRole) -> ModelOutput {
            self.sizes.push(input.rows());
            let features = input.flatten();
            ModelOutput::new(features.clone(), features)
        }

        fn tensors(&mut self) -> Vec<NamedTensor> {
            Vec::new()
        }

        fn load(&mut self, _tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
            Ok(())
        }

        fn depends_on_batch(&self) -> bool {
            self.by_batch
        }
    }

    struct Numbers;

    impl SampleSource for Numbers {
        fn rows(&self) -> usize {
            2 * ROWS + 1
        }

        fn shape(&self) -> InputShape {
            InputShape::Features { size: 1 }
        }

        fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
            Ok(indices.iter().map(|&row| row as f32).collect::<Vec<_>>().into())
        }
    }

    #[test]
    fn no_batch_of_a_single_row_is_normalised_by_its_own_statistics() {
        let rows: Vec<usize> = (0..Numbers.rows()).collect();
        for (by_batch, expected) in [(true, [171, 171, 171]), (false, [256, 256, 1])] {
            let mut predictor = Noting { by_batch, sizes: Vec::new() };
            let device = Device::flex();
            let outputs =
                predict(&mut predictor, &Numbers, &rows, DomainRole::Target, &device).unwrap();
            assert_eq!(predictor.sizes, expected);
            let values: Vec<f32> = rows.iter().map(|&row| row as f32).collect();
            assert_eq!(outputs.logits.values(), values);
        }
        assert!(Sizes::Even.batches(&[]).is_empty());
    }
}
