//! Claims about the methods of `isthmus-closed-form`.

use super::Claim;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;
use isthmus_closed_form::{
    aligned_subspaces, class_transfer_components, discrepancy_weights, recolouring,
    transfer_components,
};
use isthmus_linear::{LinearError, Rows};

type Result<T> = std::result::Result<T, ReferenceError>;

const FAMILY: &str = "validators";

pub(super) const CLAIMS: &[Claim] = &[
    Claim { family: FAMILY, name: "coral_shallow", run: coral },
    Claim { family: FAMILY, name: "jda", run: jda },
    Claim { family: FAMILY, name: "subspace_alignment", run: subspaces },
    Claim { family: FAMILY, name: "tca", run: tca },
];

fn rows(case: &Case, name: &str) -> Result<Rows> {
    let array = case.input(name)?;
    match array.shape.as_slice() {
        [_, columns] => Ok(Rows::new(*columns, array.data.clone())),
        shape => Err(ReferenceError::Rank { shape: shape.to_vec(), rank: 2 }),
    }
}

fn labels(case: &Case, name: &str) -> Result<Vec<u32>> {
    Ok(case.input(name)?.data.iter().map(|label| *label as u32).collect())
}

fn array(rows: &Rows) -> Array {
    Array { shape: vec![rows.count(), rows.columns()], data: rows.values().to_vec() }
}

fn failed(error: LinearError) -> ReferenceError {
    ReferenceError::Computation(error.to_string())
}

/// Columns with the signs of the file, which are arbitrary: a column is turned where it lies
/// against the one that is expected. Nothing but signs is taken from there.
fn signed(found: &Rows, case: &Case, name: &str) -> Rows {
    let Some(expected) = case.expected.get(name) else { return found.clone() };
    let columns = found.columns();
    let mut along = vec![0.0; columns];
    for (at, (a, b)) in found.values().iter().zip(&expected.data).enumerate() {
        along[at % columns] += a * b;
    }
    let sign = |at: usize| if along[at % columns] < 0.0 { -1.0 } else { 1.0 };
    let values = found.values().iter().enumerate().map(|(at, value)| sign(at) * value);
    Rows::new(columns, values.collect())
}

fn tca(case: &Case) -> Result<Outputs> {
    let (source, target) = (rows(case, "source")?, rows(case, "target")?);
    let found = transfer_components(&source, &target, case.number("mu")?, case.count("dim")?)
        .map_err(failed)?;
    let z = source.above(&target).times(&found.projection);
    let unit = z.transposed().unit_length().transposed();
    let mut outputs = Outputs::new();
    outputs.array("eigenvalues", Array::vector(found.eigenvalues));
    outputs.array("Z", array(&signed(&z, case, "Z")));
    outputs.array("Z_unit", array(&signed(&unit, case, "Z_unit")));
    Ok(outputs)
}

fn coral(case: &Case) -> Result<Outputs> {
    let (source, target) = (rows(case, "source")?, rows(case, "target")?);
    let matrix = recolouring(&source, &target, case.number("reg")?).map_err(failed)?;
    let mut outputs = Outputs::new();
    outputs.array("source_new", array(&source.times(&matrix)));
    outputs.array("A", array(&matrix));
    Ok(outputs)
}

fn subspaces(case: &Case) -> Result<Outputs> {
    let (source, target) = (rows(case, "source")?, rows(case, "target")?);
    let [of_source, of_target] =
        aligned_subspaces(&source, &target, case.count("dim")?).map_err(failed)?;
    let z_source = source.minus(&source.mean()).times(&of_source);
    let z_target = target.minus(&target.mean()).times(&of_target);
    let mut outputs = Outputs::new();
    outputs.array("cross_gram", array(&z_source.times_transposed(&z_target)));
    outputs.array("gram_source", array(&z_source.times_transposed(&z_source)));
    outputs.array("Z_source", array(&signed(&z_source, case, "Z_source")));
    outputs.array("Z_target", array(&signed(&z_target, case, "Z_target")));
    Ok(outputs)
}

fn jda(case: &Case) -> Result<Outputs> {
    let source = rows(case, "source")?.unit_length();
    let target = rows(case, "target")?.unit_length();
    let weights = discrepancy_weights(
        &labels(case, "source_labels")?,
        &labels(case, "target_pseudo_labels")?,
        target.count(),
        case.count("classes")?,
    );
    let (lambda, dimensions) = (case.number("lambda")?, case.count("dim")?);
    let found = class_transfer_components(&source, &target, &weights, lambda, dimensions)
        .map_err(failed)?;
    let mut outputs = Outputs::new();
    outputs.array("M", array(&weights.transposed_times(&weights)));
    outputs.array("eigenvalues", Array::vector(found.eigenvalues));
    outputs.array("A_unit", array(&signed(&found.projection, case, "A_unit")));
    Ok(outputs)
}
