//! What the methods of this family share: read features, align them, fit a classifier behind.

use std::sync::Arc;

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::method::{Fit, Method, MethodContext};
use isthmus_core::metric::Measurement;
use isthmus_core::model::Model;
use isthmus_core::predictor::Predictor;
use isthmus_core::stage::Stage;
use isthmus_core::validation::Matrix;
use isthmus_linear::Rows;

use crate::fitted::{Classifier, Fitted, host};
use crate::mapping::Mapping;
use crate::predictor::FittedPredictor;

/// Features of both domains, finite, at least one row each.
pub(crate) struct Domains<'a> {
    /// Source features `[rows, features]`.
    pub(crate) source: Rows,
    /// Class of each source row.
    pub(crate) classes: Vec<u32>,
    /// Target features `[rows, features]`.
    pub(crate) target: Rows,
    /// The classifier that will be fitted, for methods that need pseudo-labels.
    pub(crate) classifier: &'a Classifier,
}

impl Domains<'_> {
    /// An error unless both domains have `rows` rows or more.
    pub(crate) fn need_rows(&self, method: &str, rows: usize) -> Result<(), MethodError> {
        for (domain, found) in [("source", self.source.count()), ("target", self.target.count())] {
            if found < rows {
                return Err(MethodError::Unsuitable(format!(
                    "`{method}` needs {rows} {domain} samples or more, there are {found}"
                )));
            }
        }
        Ok(())
    }
}

/// A way to align two domains in closed form.
pub(crate) trait Alignment: Send + 'static {
    /// The mappings of both domains, and what is measured of them.
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError>;
}

/// A way to find what predicts.
pub(crate) trait Adaptation: Send + 'static {
    /// The mapping with the classifier behind it, and what is measured of them.
    fn adapt(&self, domains: &Domains<'_>) -> Result<(Fitted, Vec<Measurement>), MethodError>;
}

/// Behind features that are aligned, a classifier is fitted to the source's.
impl<A: Alignment> Adaptation for A {
    fn adapt(&self, domains: &Domains<'_>) -> Result<(Fitted, Vec<Measurement>), MethodError> {
        let (mapping, measurements) = self.align(domains)?;
        // A record holds 32-bit numbers: what is predicted now is what a record predicts.
        let mapping = mapping.rounded();
        let mut classifier = domains.classifier.build()?;
        classifier.fit(&Matrix::from(&mapping.source(&domains.source)), &domains.classes)?;
        Ok((Fitted { mapping, classifier }, measurements))
    }
}

/// A method of this family.
pub(crate) struct ClosedForm<A> {
    adaptation: A,
    classifier: Classifier,
    /// Whether the bottleneck is trained.
    trained: bool,
    fitted: Option<Arc<Fitted>>,
}

impl<A: Adaptation> ClosedForm<A> {
    pub(crate) fn boxed(
        adaptation: A,
        choice: &Choice<ShallowClassifierKind>,
        context: &MethodContext,
    ) -> Result<Box<dyn Fit>, MethodError> {
        let classifier = Classifier { choice: choice.clone(), classes: context.outputs };
        classifier.build()?;
        Ok(Box::new(Self { adaptation, classifier, trained: context.trained, fitted: None }))
    }
}

impl<A: Adaptation> Method for ClosedForm<A> {
    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        Some(Box::new(FittedPredictor::new(
            model,
            grouping,
            self.trained,
            self.classifier.clone(),
            self.fitted.clone(),
        )))
    }
}

impl<A: Adaptation> Fit for ClosedForm<A> {
    fn fit(&mut self, stage: &mut Stage<'_>) -> Result<Vec<Measurement>, MethodError> {
        let classes = match stage.data.source_targets().classes() {
            Some(classes) => classes.to_vec(),
            None => {
                return Err(MethodError::Unsuitable(format!(
                    "a shallow classifier takes classes as targets, this data set has {}",
                    stage.data.source_targets().kind()
                )));
            }
        };
        let trained = self.trained;
        let forward = |model: &mut Model, input: Input, context: &Context| {
            host(model.known_features(trained, input, context))
        };
        let domains = Domains {
            source: joined(stage.source_pass(forward)?, "source")?,
            classes,
            target: joined(stage.target_pass(forward)?, "target")?,
            classifier: &self.classifier,
        };
        let (fitted, mut measurements) = self.adaptation.adapt(&domains)?;
        let mapped = Matrix::from(&fitted.mapping.source(&domains.source));
        let right = share_right(&fitted.classifier.logits(&mapped), &domains.classes);
        measurements.push(("source_fit_accuracy".to_owned(), right));
        self.fitted = Some(Arc::new(fitted));
        Ok(measurements)
    }
}

fn joined(parts: Vec<Rows>, domain: &str) -> Result<Rows, MethodError> {
    let columns = parts.first().map_or(0, Rows::columns);
    let values: Vec<f64> = parts.iter().flat_map(|part| part.values()).copied().collect();
    let rows = Rows::new(columns, values);
    rows.check_finite().map_err(|error| {
        MethodError::Unsuitable(format!("the features of the {domain}'s training samples: {error}"))
    })?;
    Ok(rows)
}

/// The largest score of each row, the first of equals.
pub(crate) fn predicted(logits: &Matrix) -> Vec<u32> {
    Rows::from(logits).largest().into_iter().map(|class| class as u32).collect()
}

fn share_right(logits: &Matrix, classes: &[u32]) -> f64 {
    let right = predicted(logits).iter().zip(classes).filter(|(a, b)| a == b).count();
    right as f64 / classes.len().max(1) as f64
}
