//! Contrastive adaptation network.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::activation::softmax;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_core::registry::TermPlugin;
use isthmus_core::stage::{SampleView, StageData};
use isthmus_core::targets::Targets;
use isthmus_losses::discrepancy::cdd;
use isthmus_losses::target::{class_directions, spherical_k_means};
use rand::Rng;
use rand::seq::index;

use crate::labels::PseudoLabels;
use crate::round_labels::RoundLabels;
use crate::rounds::Round;

inventory::submit! {
    Plugin::term::<Can>(About {
        name: "can",
        summary: "Brings each class together over the domains, and apart from the other classes",
        paper: "Kang, Jiang, Yang, Hauptmann: Contrastive adaptation network for unsupervised \
                domain adaptation, CVPR 2019",
    })
    .of_classes()
    .weight(0.3)
}

/// Contrastive domain discrepancy: the discrepancy between the rows of a class in both domains, less
/// that between rows of different classes, of the features and of the predicted probabilities.
///
/// Classes of target samples are clusters. At the start of each round all target training samples
/// are clustered by the directions of their features (spherical k-means), from the means of the
/// source's classes on, one cluster a class. A sample counts that is near its centre, and a class
/// that has enough such samples.
///
/// It is a term with a batch of its own: at each step it draws classes that count, rows of the same
/// classes of both domains, and passes them through the model. Nothing in it needs updates of its
/// own, so it is no driver: the loss on the source, other terms and drivers stand beside it, and the
/// weight, 0.3 in the paper, is the one in `align`.
///
/// The paper normalises each domain by itself: set `[training] normalization = "per-domain"`. It
/// begins with pretrained features; where they are not, give it a stage on the source before, since
/// clusters of untrained features are no classes.
///
/// The kernel is a sum of five Gaussians, whose widths follow the distances of the two classes that
/// are compared. The labels are part of checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Can {
    /// How often target samples are clustered anew, in equal parts of the stage's iterations.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// A target sample counts whose cosine distance `(1 - cos) / 2` to its centre is below this. The
    /// paper has 0.05 for Office-31 and 1 for VisDA.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub max_distance: f64,
    /// A class counts with at least as many target samples that count.
    #[schemars(range(min = 1))]
    pub min_rows: usize,
    /// Classes in a batch, drawn anew at each step; all where fewer count.
    #[schemars(range(min = 1))]
    pub classes_per_batch: usize,
    /// Rows of each class in a batch, of each domain; all where a class has fewer.
    #[schemars(range(min = 2))]
    pub rows_per_class: usize,
}

impl Default for Can {
    fn default() -> Self {
        Self {
            rounds: 50,
            max_distance: 0.05,
            min_rows: 3,
            classes_per_batch: 10,
            rows_per_class: 3,
        }
    }
}

impl PluginConfig for Can {}

impl TermPlugin for Can {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(Contrast {
            config: self.clone(),
            classes: context.outputs,
            source: Vec::new(),
            labels: RoundLabels::new("can", context.outputs),
        }))
    }
}

/// Passes of k-means after which clusters are taken as they are.
const PASSES: usize = 100;

/// The positions of rows by class.
type RowsByClass = BTreeMap<u32, Vec<usize>>;

/// The term.
struct Contrast {
    config: Can,
    classes: usize,
    /// The rows of each source, there once the stage has begun.
    source: Vec<RowsByClass>,
    /// The class of each target training row that counts.
    labels: RoundLabels,
}

impl Contrast {
    /// Clusters all target training rows.
    fn cluster(&self, stage: &Stage<'_>) -> Result<PseudoLabels, MethodError> {
        let targets = stage.data.source_targets();
        let centres =
            class_directions(&stage.source_outputs()?.features, classes(&targets)?, self.classes);
        let found = spherical_k_means(&stage.target_outputs()?.features, centres, PASSES);
        let mut sizes = vec![0_usize; self.classes];
        let near: Vec<bool> =
            found.distances.iter().map(|it| *it < self.config.max_distance).collect();
        for (label, _) in found.labels.iter().zip(&near).filter(|(_, near)| **near) {
            sizes[*label as usize] += 1;
        }
        let counts = |label: u32| sizes[label as usize] >= self.config.min_rows;
        let labels = found.labels.iter().zip(near);
        Ok(labels.map(|(label, near)| (near && counts(*label)).then_some(*label)).collect())
    }

    /// A batch of the same classes of both domains; none where too few rows count.
    fn draw(&self, labels: &PseudoLabels, key: Key) -> Option<ClassAware> {
        let mut rng = key.named("rows").rng();
        let target = labels.rows_by_class();
        let of_source = |class: &u32| self.source.iter().any(|source| source.contains_key(class));
        let common: Vec<u32> = target.keys().copied().filter(|class| of_source(class)).collect();
        let count = self.config.classes_per_batch.min(common.len());
        let chosen: Vec<u32> =
            index::sample(&mut rng, common.len(), count).iter().map(|at| common[at]).collect();
        let mut batch = ClassAware::default();
        for source in &self.source {
            let rows: Vec<usize> = chosen
                .iter()
                .flat_map(|class| some_of(source.get(class), self.config.rows_per_class, &mut rng))
                .collect();
            // Norm layers that keep domains apart need more than one row of each.
            if rows.len() > 1 {
                batch.source.extend(rows);
            }
        }
        for class in chosen {
            let rows = some_of(target.get(&class), self.config.rows_per_class, &mut rng);
            batch.target_labels.resize(batch.target_labels.len() + rows.len(), class);
            batch.target.extend(rows);
        }
        (!batch.source.is_empty() && batch.target.len() > 1).then_some(batch)
    }
}

/// The positions of the rows of a batch.
#[derive(Debug, Default)]
struct ClassAware {
    source: Vec<usize>,
    target: Vec<usize>,
    target_labels: Vec<u32>,
}

/// At most `amount` of these rows, none twice.
fn some_of(rows: Option<&Vec<usize>>, amount: usize, rng: &mut impl Rng) -> Vec<usize> {
    let rows = rows.map_or(&[][..], Vec::as_slice);
    index::sample(rng, rows.len(), amount.min(rows.len())).iter().map(|at| rows[at]).collect()
}

fn classes(targets: &Targets) -> Result<&[u32], MethodError> {
    targets.classes().ok_or_else(|| {
        MethodError::Unsuitable(format!(
            "`can` needs one class for each source sample, this data set has {}",
            targets.kind()
        ))
    })
}

impl Method for Contrast {
    fn state(&self) -> Vec<NamedTensor> {
        self.labels.state()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.labels.load_state(&state)
    }
}

impl Term for Contrast {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let targets = stage.data.source_targets();
        let classes = classes(&targets)?;
        let by_class = |range: Range<usize>| {
            let mut rows = RowsByClass::new();
            for row in range {
                rows.entry(classes[row]).or_default().push(row);
            }
            rows
        };
        self.source = stage.data.source_ranges().into_iter().map(by_class).collect();
        Ok(())
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let begins = Round::of(step, self.config.rounds).begins;
        if begins {
            let labels = self.cluster(&step.stage)?;
            self.labels.begin(labels);
        }
        let labels = self.labels.at(step)?;
        let key = step.key();
        let batch = self.draw(labels, key);
        let kept_share = labels.kept_share();
        if step.measure || begins {
            step.note("kept_share", kept_share);
        }
        let Some(ClassAware { source, target, target_labels }) = batch else {
            return Ok(Tensor::zeros([1], &step.stage.device));
        };
        let (data, device): (&dyn StageData, _) = (step.stage.data, step.stage.device.clone());
        let view = |name: &str| SampleView::Weak(key.named(name));
        let source = data.source_at(&source, view("source view"), &device)?;
        let target = data.target_at(&target, view("target view"), &device)?;
        let (source_rows, target_rows) = (source.targets.rows(), target_labels.len());
        let mut segments = source.segments;
        segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        let output = step.forward(source.input.concatenate(target.input), segments);
        let source_labels = classes(&source.targets)?;
        let discrepancy = |values: Tensor<2>| {
            let own = values.clone().narrow(0, 0, source_rows);
            let other = values.narrow(0, source_rows, target_rows);
            cdd(&own, &other, source_labels, &target_labels, self.classes)
        };
        let features = discrepancy(output.features);
        if step.measure {
            step.note("intra", features.intra.clone().into_scalar::<f64>());
            step.note("inter", features.inter.clone().into_scalar::<f64>());
        }
        Ok(features.loss() + discrepancy(softmax(output.logits, 1)).loss())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::{Grouping, NormPolicy};
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, ModelSpec, TwoDomains, Workbench, config_error, plugin, term};

    use super::*;

    /// A model trained on the source, with norm layers that keep the domains apart.
    fn trained(data: TwoDomains, steps: usize) -> Workbench {
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1);
        bench.norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
        bench.train_on_source(50);
        bench
    }

    fn contrast(bench: &mut Workbench, config: Can) -> Contrast {
        let classes = bench.data.classes;
        let mut method = Contrast {
            config,
            classes,
            source: Vec::new(),
            labels: RoundLabels::new("can", classes),
        };
        method.begin(&mut bench.stage()).unwrap();
        method
    }

    #[test]
    fn rows_far_from_centres_and_classes_with_few_rows_do_not_count() {
        let mut bench = trained(TwoDomains::shifted(40, 24, FAR), 10);
        let all = Can { max_distance: 1.0, min_rows: 1, ..Can::default() };
        let kept = |bench: &mut Workbench, config: Can| {
            let method = contrast(bench, config);
            method.cluster(&bench.stage()).unwrap()
        };
        assert_eq!(kept(&mut bench, all.clone()).kept_share(), 1.0);
        let near = kept(&mut bench, Can { max_distance: 0.005, ..all.clone() });
        assert!(near.kept_share() > 0.0 && near.kept_share() < 1.0, "{}", near.kept_share());
        let of_classes: Vec<usize> =
            kept(&mut bench, all.clone()).rows_by_class().values().map(Vec::len).collect();
        let most = of_classes.iter().max().copied().unwrap();
        let few = kept(&mut bench, Can { min_rows: most + 1, ..all });
        assert_eq!(few.kept_share(), 0.0);
    }

    #[test]
    fn batches_hold_the_same_classes_of_both_domains() {
        let mut bench = trained(TwoDomains::shifted(40, 24, 1.0), 10);
        let config = Can { max_distance: 1.0, classes_per_batch: 1, ..Can::default() };
        let method = contrast(&mut bench, config);
        let labels = method.cluster(&bench.stage()).unwrap();
        let mut seen = [false; 2];
        for number in 0..20 {
            let batch = method.draw(&labels, Key::new(number)).unwrap();
            let class = batch.target_labels[0];
            assert_eq!(batch.target_labels, [class; 3]);
            assert!(batch.source.iter().all(|row| bench.data.source_labels[*row] == class));
            assert_eq!((batch.source.len(), batch.target.len()), (3, 3));
            seen[class as usize] = true;
        }
        assert_eq!(seen, [true; 2]);
        assert!(method.draw(&[None; 24].into_iter().collect(), Key::new(1)).is_none());
        // A source with one row of the class is left out.
        let alone = RowsByClass::from([(0, vec![7])]);
        let method = Contrast { source: vec![alone], ..method };
        let labels: PseudoLabels = [Some(0); 24].into_iter().collect();
        assert!(method.draw(&labels, Key::new(1)).is_none());
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let data = || TwoDomains::shifted(40, 24, FAR).batches(20, 12);
        let mut alone = trained(data(), 100);
        alone.train_on_source(100);
        let mut bench = trained(data(), 100);
        let weight = plugin(Kind::Method, "can").weight;
        let mut can = term("can", "max_distance = 1.0\nrounds = 10", &bench.context());
        can.begin(&mut bench.stage()).unwrap();
        bench.train_weighted(can, weight, 100);
        let (before, after) = (alone.target_accuracy(), bench.target_accuracy());
        println!("target accuracy: {before:.3} without, {after:.3} with");
        assert!(after > before, "{before} to {after}");
        assert!(bench.source_accuracy() > 0.9);
    }

    #[test]
    fn where_nothing_counts_the_term_is_zero() {
        let mut bench = trained(TwoDomains::shifted(40, 24, FAR), 4);
        let mut can = term("can", "min_rows = 1000", &bench.context());
        can.begin(&mut bench.stage()).unwrap();
        for report in bench.train(can, 4) {
            assert_eq!((report["term/loss"], report["term/kept_share"]), (0.0, 0.0));
        }
    }

    #[test]
    fn labels_are_kept_within_a_round_and_are_part_of_a_checkpoint() {
        let mut bench = trained(TwoDomains::shifted(40, 24, FAR).batches(20, 12), 12);
        let mut can = term("can", "rounds = 3", &bench.context());
        can.begin(&mut bench.stage()).unwrap();
        assert!(can.state().is_empty());
        for number in 0..12 {
            let mut step = Step::new(bench.stage(), number, 0, false);
            can.loss(&mut step).unwrap();
            let noted = step.into_measurements();
            assert_eq!(noted.len(), usize::from(number % 4 == 0), "{noted:?}");
        }
        let state = can.state();
        can.load_state(state.clone()).unwrap();
        assert_eq!(can.state()[0].data, state[0].data);
        can.load_state(Vec::new()).unwrap();
        let mut step = Step::new(bench.stage(), 5, 0, false);
        let error = can.loss(&mut step).unwrap_err().to_string();
        assert!(error.contains("step 5 holds no pseudo-labels for `can`"), "{error}");
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "can");
        let defaults = (plugin.defaults)();
        assert_eq!((plugin.weight, defaults["max_distance"].clone()), (0.3, 0.05.into()));
        assert_eq!((&defaults["min_rows"], &defaults["rows_per_class"]), (&3.into(), &3.into()));
        assert!(config_error("can", "max_distance = 0.0").contains("max_distance"));
        assert!(config_error("can", "rows_per_class = 1").contains("rows_per_class"));
    }
}
