//! Adaptive batch normalisation.

use isthmus_core::context::{DomainRole, NormPolicy, Segment, Statistics, StatisticsUpdate};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::model::Model;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_core::stage::SampleView;

use crate::statistics::{ModelStatistics, require_norm_layers};

/// A change that no evaluation can tell, in units of a layer's own spread.
const TOLERANCE: f64 = 1e-4;

inventory::submit! {
    Plugin::fit::<AdaBn>(
        About {
            name: "adabn",
            summary: "Replaces the statistics of every norm layer by those of the target",
            paper: "Li, Wang, Shi, Liu, Hou: Revisiting batch normalization for practical domain \
                    adaptation, ICLR workshops 2017",
        },
        Needs::TRAINED,
    )
    .of_norm_layers()
}

/// How statistics are found when the target does not fit into one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Exactly: every layer gets the mean and variance of its inputs over the whole target, the
    /// layers before it having theirs. Passes are repeated until nothing changes, at most one
    /// more than there are layers.
    #[default]
    Population,
    /// In one pass: each batch goes through the network normalised by its own statistics, and
    /// these are pooled over the batches. Close to the population's for large batches.
    Batches,
}

/// Gives every normalisation layer the mean and variance of the whole target in place of the
/// source's; no weight changes and no label is used. It needs a trained model with batch norm, and
/// acts once: `iterations` of its stage do not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdaBn {
    /// How statistics are found when the target has more samples than `batch_rows`: `population`
    /// exactly, in repeated passes; `batches` in one pass, from batches normalised by their own
    /// statistics. With fewer samples both are one exact pass.
    pub statistics: Pooling,
    /// Target samples that go through the network at once; more need more memory and fewer
    /// passes.
    #[schemars(range(min = 1))]
    pub batch_rows: usize,
    /// Most passes over the target; deep networks that need more end with the last one's
    /// statistics, and the recorded `change` says how far from settled they were.
    #[schemars(range(min = 1))]
    pub max_passes: usize,
}

impl Default for AdaBn {
    fn default() -> Self {
        Self { statistics: Pooling::Population, batch_rows: 512, max_passes: 16 }
    }
}

impl PluginConfig for AdaBn {}

impl FitPlugin for AdaBn {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

/// What was found on the target.
struct Found {
    statistics: ModelStatistics,
    passes: usize,
    /// The last pass's largest change.
    change: f64,
}

impl AdaBn {
    fn find(&self, stage: &Stage<'_>) -> Result<Found, MethodError> {
        // The copy is off the tape: a pass over the whole target keeps no graph.
        let mut model = stage.model.evaluation_copy();
        require_norm_layers(&mut model, "`adabn` replaces the statistics of")?;
        let before = ModelStatistics::of(&mut model);
        let batches = even_batches(stage.data.target_rows(), self.batch_rows);
        if batches.is_empty() {
            return Err(MethodError::Unsuitable(
                "`adabn` needs target samples, there are none".to_owned(),
            ));
        }

        // Each layer normalises by what it has just seen, so that the layers after it see inputs
        // normalised by the target. With one batch these are the final statistics of all layers.
        before.restarted().write(&mut model)?;
        for batch in &batches {
            forward(stage, &mut model, batch, Statistics::Batch)?;
        }
        let mut statistics = ModelStatistics::of(&mut model);
        let (mut passes, mut change) = (1, 0.0);
        if batches.len() > 1 {
            change = statistics.distance(&before);
        }

        // With several batches a layer's inputs depend on the statistics of the layers before it,
        // which are known after the pass: each further pass makes one more layer exact.
        let repeated = batches.len() > 1 && self.statistics == Pooling::Population;
        while repeated && change > TOLERANCE && passes < self.max_passes {
            let fixed = statistics.restarted();
            let mut merged = fixed.clone();
            for batch in &batches {
                fixed.write(&mut model)?;
                forward(stage, &mut model, batch, Statistics::Running)?;
                merged.merge(&ModelStatistics::of(&mut model));
            }
            change = merged.distance(&statistics);
            statistics = merged;
            passes += 1;
        }
        Ok(Found { statistics, passes, change })
    }
}

impl Method for AdaBn {}

impl Fit for AdaBn {
    fn fit(&mut self, stage: &mut Stage<'_>) -> Result<Vec<Measurement>, MethodError> {
        let found = self.find(stage)?;
        if !found.statistics.is_finite() {
            return Err(MethodError::Unsuitable(
                "`adabn` found a mean or variance of the target that is not a finite number"
                    .to_owned(),
            ));
        }
        found.statistics.write(stage.model)?;
        Ok(vec![("passes".to_owned(), found.passes as f64), ("change".to_owned(), found.change)])
    }
}

/// One pass of some target rows, from which every norm layer takes its statistics.
fn forward(
    stage: &Stage<'_>,
    model: &mut Model,
    rows: &[usize],
    statistics: Statistics,
) -> Result<(), MethodError> {
    let device = stage.device.clone().inner();
    let batch = stage.data.target_at(rows, SampleView::Plain, &device)?;
    let segment = Segment { domain: DomainRole::Target, rows: rows.len() };
    let context = stage.evaluation_context(vec![segment]).with_norm(NormPolicy {
        statistics,
        update: StatisticsUpdate::Population,
        grouping: stage.norm.grouping,
    });
    model.forward(batch.input, &context);
    Ok(())
}

/// The positions of all rows in batches of at most `most` rows that differ in size by one row.
fn even_batches(rows: usize, most: usize) -> Vec<Vec<usize>> {
    let count = rows.div_ceil(most.max(1));
    (0..count).map(|batch| (batch * rows / count..(batch + 1) * rows / count).collect()).collect()
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::Grouping;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, fit, plugin};

    use super::*;

    /// A model trained on the source, and the target moved away from it.
    fn trained(grouping: Grouping) -> Workbench {
        let data = TwoDomains::shifted(40, 50, 4.0);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 60, 0.2);
        bench.norm = NormPolicy::TRAIN.grouped(grouping);
        bench.train_on_source(60);
        bench
    }

    fn adapt(bench: &mut Workbench, config: &str) -> Vec<Measurement> {
        let mut method = fit("adabn", config, &bench.context());
        method.fit(&mut bench.stage()).unwrap()
    }

    /// The population's statistics of each layer's inputs, under the model as it is.
    fn population(bench: &mut Workbench) -> ModelStatistics {
        let mut model = bench.model.evaluation_copy();
        ModelStatistics::of(&mut model).restarted().write(&mut model).unwrap();
        let rows: Vec<usize> = (0..50).collect();
        forward(&bench.stage(), &mut model, &rows, Statistics::Running).unwrap();
        ModelStatistics::of(&mut model)
    }

    #[test]
    fn every_layer_has_the_statistics_of_its_inputs_over_the_whole_target() {
        for config in ["", "batch_rows = 50", "batch_rows = 7", "batch_rows = 1"] {
            let mut bench = trained(Grouping::Shared);
            let before = ModelStatistics::of(&mut bench.model);
            assert!(before.distance(&population(&mut bench)) > 1.0, "no shift: no test");
            let reports = adapt(&mut bench, config);
            let after = ModelStatistics::of(&mut bench.model);
            let distance = after.distance(&population(&mut bench));
            assert!(distance < 1e-3, "`{config}`: {distance}");
            // Two norm layers: at most three passes and one that finds nothing to change.
            let passes = reports[0].1;
            assert!(passes <= 4.0, "`{config}`: {passes} passes");
            assert_eq!(passes == 1.0, !config.contains('7') && !config.contains(" 1"));
        }
    }

    #[test]
    fn nothing_of_the_source_statistics_is_left() {
        let mut bench = trained(Grouping::Shared);
        let mut other = trained(Grouping::Shared);
        let mut wrong = ModelStatistics::of(&mut other.model);
        let mut elsewhere = trained(Grouping::Shared);
        elsewhere.data = TwoDomains::shifted(40, 50, -9.0);
        adapt(&mut elsewhere, "");
        wrong.merge(&ModelStatistics::of(&mut elsewhere.model));
        wrong.write(&mut other.model).unwrap();
        for config in ["", "batch_rows = 7"] {
            adapt(&mut bench, config);
            adapt(&mut other, config);
            let (own, others) =
                (ModelStatistics::of(&mut bench.model), ModelStatistics::of(&mut other.model));
            assert!(own.distance(&others) < 1e-6);
        }
    }

    const STATISTICS: [&str; 4] = ["mean", "variance", "population_rows", "seen"];

    #[test]
    fn weights_are_untouched() {
        let mut bench = trained(Grouping::Shared);
        let before = bench.values();
        adapt(&mut bench, "");
        let begun = bench.values();
        let is_statistic = |name: &str| {
            let field = name.rsplit('.').next();
            field.is_some_and(|field| STATISTICS.contains(&field))
        };
        assert_ne!(before, begun);
        for (name, values) in &before {
            assert!(is_statistic(name) || begun[name] == *values, "{name} has changed");
        }
        assert!(before.keys().filter(|name| !is_statistic(name)).count() >= 8);
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let mut bench = trained(Grouping::Shared);
        let before = bench.target_accuracy();
        adapt(&mut bench, "");
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        assert!(after > before && after > 0.9, "{before} to {after}");
    }

    #[test]
    fn statistics_by_domain_change_the_targets_alone() {
        let mut bench = trained(Grouping::PerDomain);
        let source = bench.source_accuracy();
        let before = bench.values();
        adapt(&mut bench, "");
        let changed: Vec<String> = bench
            .values()
            .into_iter()
            .filter(|(name, values)| before[name] != *values && name.ends_with(".mean"))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(changed.len(), 2, "{changed:?}");
        assert!(changed.iter().all(|name| name.contains("domains.0")), "{changed:?}");
        assert_eq!(bench.source_accuracy(), source);
        assert!(bench.target_accuracy() > 0.9, "{}", bench.target_accuracy());
    }

    #[test]
    fn one_pass_of_batches_is_close_to_the_population() {
        let mut bench = trained(Grouping::Shared);
        let reports = adapt(&mut bench, "statistics = \"batches\"\nbatch_rows = 25");
        assert_eq!(reports[0], ("passes".to_owned(), 1.0));
        let after = ModelStatistics::of(&mut bench.model);
        let distance = after.distance(&population(&mut bench));
        assert!(distance > 1e-4 && distance < 0.5, "{distance}");
    }

    #[test]
    fn a_model_without_norm_layers_is_refused() {
        let spec = ModelSpec { extractor: ("identity", ""), ..ModelSpec::NORMALISED };
        let mut bench = Workbench::new(spec, TwoDomains::shifted(8, 8, 1.0), 1, 0.1);
        let mut method = fit("adabn", "", &bench.context());
        let error = method.fit(&mut bench.stage()).unwrap_err().to_string();
        assert!(error.contains("this model has none"), "{error}");
    }

    #[test]
    fn batches_are_even_and_complete() {
        for (rows, most, sizes) in [(10, 4, vec![3, 3, 4]), (4, 4, vec![4]), (0, 4, vec![])] {
            let batches = even_batches(rows, most);
            assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            assert_eq!(batches.concat(), (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn needs_a_trained_model() {
        let plugin = plugin(Kind::Method, "adabn");
        assert_eq!(plugin.needs, Needs::TRAINED.with_norm_layers().alone());
        assert!(config_error("adabn", "statistics = \"ema\"").contains("ema"));
    }
}
