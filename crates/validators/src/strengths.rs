//! Strengths of regularisation that domain classifiers are tried with.

use isthmus_core::config::FieldProblem;

/// The strengths of regularisation that are tried where none are stated.
pub(crate) fn default_regularization() -> Vec<f64> {
    vec![1e-3, 1e-2, 1e-1, 1.0]
}

/// Whether the strengths of regularisation can be used, else why not.
pub(crate) fn check_regularization(strengths: &[f64]) -> Result<(), FieldProblem> {
    let problem =
        |message: String| Err(FieldProblem { field: "regularization".to_owned(), message });
    if strengths.is_empty() {
        return problem("the list is empty, expected at least one strength".to_owned());
    }
    match strengths.iter().find(|strength| !(**strength > 0.0 && strength.is_finite())) {
        None => Ok(()),
        Some(found) => problem(format!("{found} in the list, expected numbers above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_are_checked() {
        assert!(check_regularization(&[0.1]).is_ok());
        for wrong in [&[][..], &[0.1, 0.0], &[f64::NAN], &[-1.0], &[f64::INFINITY]] {
            assert_eq!(check_regularization(wrong).unwrap_err().field, "regularization");
        }
    }
}
