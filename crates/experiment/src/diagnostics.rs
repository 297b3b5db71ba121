//! What is wrong with an experiment file, and where.
//!
//! Nothing here is formatted for a terminal: a diagnostic is a place in the text and what to say
//! of it. The binary shows it with the file's name and the line.

use std::ops::Range;

use thiserror::Error;

/// Whether an experiment can be run in spite of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, and probably does not do what was meant.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Bytes of the text at fault; empty at 0 where something is absent from the whole file.
    pub span: Range<usize>,
    /// What was found and what was expected: a fragment in lower case.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All findings of one file, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Error)]
#[error("{}", self.summary())]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.found.iter()
    }

    /// Number of findings.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Number of errors among the findings.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|one| one.severity == Severity::Error).count()
    }

    /// Adds an error.
    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.push(Severity::Error, span, message.into(), None);
    }

    /// Adds an error with advice.
    pub(crate) fn error_with(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Severity::Error, span, message.into(), Some(help.into()));
    }

    /// Adds a warning with advice.
    pub(crate) fn warn(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Severity::Warning, span, message.into(), Some(help.into()));
    }

    /// Takes over findings.
    pub(crate) fn extend(&mut self, others: Self) {
        for other in others.found {
            self.push(other.severity, other.span, other.message, other.help);
        }
    }

    /// Takes over findings whose places belong to another text; they are all put at `span`.
    pub(crate) fn adopt(&mut self, others: Self, span: &Range<usize>) {
        for other in others.found {
            self.push(other.severity, span.clone(), other.message, other.help);
        }
    }

    /// Whether an error was found that overlaps `span`.
    pub(crate) fn has_error_within(&self, span: &Range<usize>) -> bool {
        self.found.iter().any(|one| {
            one.severity == Severity::Error
                && one.span.start <= span.end
                && span.start <= one.span.end
        })
    }

    /// The findings in the order of their places.
    pub(crate) fn sorted(mut self) -> Self {
        self.found.sort_by_key(|one| (one.span.start, one.span.end));
        self
    }

    /// Adds a finding unless it is known: tables that several methods share are checked once for
    /// each of them.
    fn push(
        &mut self,
        severity: Severity,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let one = Diagnostic { severity, span, message, help };
        if !self.found.contains(&one) {
            self.found.push(one);
        }
    }

    fn summary(&self) -> String {
        match self.found.as_slice() {
            [] => "no problems".to_owned(),
            [one] => one.message.clone(),
            [first, rest @ ..] => format!("{} (and {} more problems)", first.message, rest.len()),
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self { found: vec![one] }
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
