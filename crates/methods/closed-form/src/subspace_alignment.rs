//! Subspace alignment.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::{LinearError, Rows, principal_components};

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<SubspaceAlignment>(
        About {
            name: "subspace-alignment",
            summary: "Turns the source's principal components to those of the target",
            paper: "Fernando, Habrard, Sebban, Tuytelaars: Unsupervised visual domain adaptation \
                    using subspace alignment, ICCV 2013",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Describes each domain by its principal components, brings those of the source as close to the
/// target's as a linear map can, and fits a shallow classifier to them. Each domain is centred by
/// its own mean. Acts once, in the last stage: in a first stage on the extractor's features, after
/// a stage that trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubspaceAlignment {
    /// Number of principal components; fewer where a domain has no more that vary.
    #[schemars(range(min = 1))]
    pub dimensions: usize,
    /// What classifies the components.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for SubspaceAlignment {
    fn default() -> Self {
        Self { dimensions: 30, classifier: Choice::named("nearest-neighbour") }
    }
}

impl PluginConfig for SubspaceAlignment {}

impl FitPlugin for SubspaceAlignment {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for SubspaceAlignment {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        domains.need_rows("subspace-alignment", 2)?;
        let (source, target) = (&domains.source, &domains.target);
        let [of_source, of_target] = aligned_subspaces(source, target, self.dimensions)?;
        let dimensions = of_target.columns() as f64;
        let mapping = Mapping::of_each(
            Map::centred(&source.mean(), of_source),
            Map::centred(&target.mean(), of_target),
        );
        Ok((mapping, vec![("dimensions".to_owned(), dimensions)]))
    }
}

/// The maps `[features, components]` of centred rows: `P_s P_s' P_t` for the source and `P_t` for
/// the target, with `P` the leading principal components of a domain. Signs of columns are
/// arbitrary, and the same for both.
///
/// # Errors
/// If a value is not finite.
///
/// # Panics
/// If the domains have features of different number.
pub fn aligned_subspaces(
    source: &Rows,
    target: &Rows,
    dimensions: usize,
) -> Result<[Rows; 2], LinearError> {
    assert_eq!(source.columns(), target.columns(), "features of one number");
    let of_source = principal_components(source, dimensions)?;
    let of_target = principal_components(target, dimensions)?;
    let count = of_source.count().min(of_target.count());
    let first: Vec<usize> = (0..count).collect();
    let (of_source, of_target) = (of_source.select(&first), of_target.select(&first));
    let turn = of_source.times_transposed(&of_target);
    Ok([of_source.transposed_times(&turn), of_target.transposed()])
}

#[cfg(test)]
mod tests {
    use crate::testing::{Run, survives, turned};

    #[test]
    fn a_target_that_is_moved_is_classified_better() {
        let data = turned();
        let config = "dimensions = 1";
        let mut run = Run::new("subspace-alignment", config, &data).unwrap();
        assert!(run.target_accuracy() > 0.95, "{}", run.target_accuracy());
        run.check("subspace-alignment", config);
        let mut without = Run::new("shallow-source-only", "", &data).unwrap();
        assert!(without.target_accuracy() < 0.8, "{}", without.target_accuracy());
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("subspace-alignment", "");
        survives("subspace-alignment", "dimensions = 2");
    }
}
