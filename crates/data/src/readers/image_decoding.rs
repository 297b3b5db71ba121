//! What readers of images say of values wider than a byte.

use isthmus_core::config::FieldProblem;
use isthmus_core::dataset::Brightness;

/// What a reader's `window` and `stretch` say.
pub(super) fn brightness(window: Option<[f64; 2]>, stretch: bool) -> Brightness {
    match window {
        Some(window) => Brightness::Window(window),
        None if stretch => Brightness::Own,
        None => Brightness::Stated,
    }
}

/// Whether they agree.
pub(super) fn check_window(window: Option<[f64; 2]>, stretch: bool) -> Result<(), FieldProblem> {
    let Some([black, white]) = window else { return Ok(()) };
    let problem = |message: String| Err(FieldProblem { field: "window".to_owned(), message });
    if !(black.is_finite() && white.is_finite() && black < white) {
        return problem(format!(
            "`window` is [{black}, {white}]; expected the value that becomes black and a larger one \
             that becomes white"
        ));
    }
    if stretch {
        return problem("`window` and `stretch` both say what becomes white; state one".to_owned());
    }
    Ok(())
}
