//! Shows what is wrong with an experiment file: the file's name, the line, the line itself.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use isthmus_experiment::{Diagnostic, Diagnostics, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::page::Page;

/// One finding in the form that miette shows.
#[derive(Debug)]
struct Shown<'a> {
    found: &'a Diagnostic,
    source: NamedSource<Arc<str>>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.found.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.found.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = LabeledSpan::new_primary_with_span(None, self.found.span.clone());
        Some(Box::new(std::iter::once(span)))
    }
}

/// How a file is called: a text that `--set` changed is no longer what the file holds.
pub fn source_name(file: &Path, changed: bool) -> String {
    if changed {
        format!("{} (changed by --set)", file.display())
    } else {
        file.display().to_string()
    }
}

/// All findings, one after the other.
pub fn diagnostics(name: &str, text: &str, diagnostics: &Diagnostics, page: &Page) -> String {
    let theme =
        if page.styled { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(page.width)
        .with_context_lines(1)
        .without_syntax_highlighting();
    let text: Arc<str> = text.into();
    let mut all = String::new();
    for (position, found) in diagnostics.iter().enumerate() {
        if position > 0 {
            all.push('\n');
        }
        let shown = Shown { found, source: NamedSource::new(name, Arc::clone(&text)) };
        if handler.render_report(&mut all, &shown).is_err() {
            // The text has no such place, which the checker rules out; the message still counts.
            all.push_str(&format!("{name}: {}\n", found.message));
        }
    }
    if diagnostics.errors() > 1 {
        all.push_str(&format!("\n{} errors in {name}\n", diagnostics.errors()));
    }
    all
}
