//! Problems for the tests of this family.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::context::{DomainRole, Grouping};
use isthmus_core::error::MethodError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::metric::Measurement;
use isthmus_core::predictor::Predictor;
use isthmus_core::random::Key;
use isthmus_linear::Rows;
use isthmus_testing::{ModelSpec, SMALL_SOURCE, SMALL_TARGET, TwoDomains, Workbench, fit};
use rand::RngExt as _;
use rand_distr::StandardNormal;

/// Standard normal numbers.
pub(crate) fn normal(count: usize, columns: usize, seed: u64) -> Rows {
    let mut rng = Key::new(seed).rng();
    let values = (0..count * columns).map(|_| rng.sample::<f64, _>(StandardNormal)).collect();
    Rows::new(columns, values)
}

/// The largest absolute difference of two matrices of one shape.
pub(crate) fn distance(a: &Rows, b: &Rows) -> f64 {
    assert_eq!((a.count(), a.columns()), (b.count(), b.columns()));
    a.values().iter().zip(b.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The small source and target on which peers' results are known.
pub(crate) fn small() -> (Rows, Rows) {
    (Rows::new(3, SMALL_SOURCE.concat()), Rows::new(3, SMALL_TARGET.concat()))
}

/// Asserts that the values are the peers', to `tolerance`.
pub(crate) fn assert_peers(found: &[f64], peers: &[f64], tolerance: f64) {
    assert_eq!(found.len(), peers.len());
    let near = found.iter().zip(peers).all(|(a, b)| (a - b).abs() < tolerance);
    assert!(near, "{found:?}, peers {peers:?}");
}

/// Features as they are, which nothing has trained.
const UNTRAINED: ModelSpec =
    ModelSpec { extractor: ("identity", ""), bottleneck: None, classifier: ("linear", "") };

/// Data of these rows; classes as given.
pub(crate) fn problem(
    classes: usize,
    source: (&Rows, &[u32]),
    target: (&Rows, &[u32]),
) -> TwoDomains {
    let flat = |rows: &Rows| rows.values().iter().map(|value| *value as f32).collect();
    TwoDomains {
        classes,
        features: source.0.columns(),
        source: flat(source.0),
        source_labels: source.1.to_vec(),
        target: flat(target.0),
        target_labels: target.1.to_vec(),
        source_batch: source.1.len(),
        target_batch: target.1.len(),
        ..TwoDomains::default()
    }
}

/// Two classes of 60 rows a domain, at -1.5 and 1.5 in the first of three features; in the target
/// all features are multiplied by `scale` and then moved by `shift`.
pub(crate) fn moved(scale: [f64; 3], shift: [f64; 3]) -> TwoDomains {
    let labels: Vec<u32> = (0..60).map(|row| row % 2).collect();
    let rows = |seed| {
        let noise = normal(60, 3, seed);
        let values = noise.iter().zip(&labels).flat_map(|(row, label)| {
            let centre = if *label == 0 { -1.5 } else { 1.5 };
            [centre + 0.3 * row[0], 0.3 * row[1], 0.3 * row[2]]
        });
        Rows::new(3, values.collect())
    };
    let target = rows(2);
    let values = target.values().iter().enumerate();
    let target = values.map(|(at, value)| scale[at % 3] * value + shift[at % 3]).collect();
    problem(2, (&rows(1), &labels), (&Rows::new(3, target), &labels))
}

/// Two classes of 60 rows a domain, apart in one direction and with some variance in another; the
/// target is turned by 53 degrees in the plane of the first two features, and moved.
pub(crate) fn turned() -> TwoDomains {
    let labels: Vec<u32> = (0..60).map(|row| row % 2).collect();
    let rows = |seed, turn: &Rows| {
        let noise = normal(60, 3, seed);
        let values = noise.iter().zip(&labels).flat_map(|(row, label)| {
            let sign = if *label == 0 { -1.0 } else { 1.0 };
            [3.0 * sign + 0.4 * row[0], 0.4 * row[1], 1.5 * row[2]]
        });
        Rows::new(3, values.collect()).times(turn)
    };
    let unit = Rows::new(3, vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let turn = Rows::new(3, vec![0.6, 0.8, 0.0, -0.8, 0.6, 0.0, 0.0, 0.0, 1.0]);
    let target = rows(2, &turn).minus(&[-5.0, 0.0, 0.0]);
    problem(2, (&rows(1, &unit), &labels), (&target, &labels))
}

/// A method fitted to data.
pub(crate) struct Run {
    pub(crate) data: TwoDomains,
    pub(crate) measurements: BTreeMap<String, f64>,
    pub(crate) predictor: Box<dyn Predictor>,
}

impl Run {
    /// Fits the method `name` as a first stage.
    pub(crate) fn new(name: &str, config: &str, data: &TwoDomains) -> Result<Self, MethodError> {
        Self::on(&mut Workbench::new(UNTRAINED, data.clone(), 1, 0.1), false, name, config)
    }

    /// Fits the method to the model and the data of a workbench.
    pub(crate) fn on(
        bench: &mut Workbench,
        trained: bool,
        name: &str,
        config: &str,
    ) -> Result<Self, MethodError> {
        let context = isthmus_core::method::MethodContext { trained, ..bench.context() };
        let mut method = fit(name, config, &context);
        let measurements: Vec<Measurement> = method.fit(&mut bench.stage())?;
        let predictor = method.predictor(&bench.model, Grouping::Shared).unwrap();
        let measurements = measurements.into_iter().collect();
        Ok(Self { data: bench.data.clone(), measurements, predictor })
    }

    /// Features and logits of the target's rows.
    pub(crate) fn target(&mut self) -> (Vec<f32>, Vec<f32>) {
        outputs(&mut *self.predictor, &self.data, DomainRole::Target)
    }

    /// The share of right classes in the target.
    pub(crate) fn target_accuracy(&mut self) -> f64 {
        let (_, logits) = self.target();
        accuracy(&logits, &self.data.target_labels)
    }

    /// The share of right classes in the source.
    pub(crate) fn source_accuracy(&mut self) -> f64 {
        let (_, logits) = outputs(&mut *self.predictor, &self.data, DomainRole::SOURCE);
        accuracy(&logits, &self.data.source_labels)
    }

    /// Asserts that what is predicted is finite in both domains, and the same by a new predictor
    /// that has loaded the record.
    pub(crate) fn check(&mut self, name: &str, config: &str) {
        let tensors: BTreeMap<String, TensorData> =
            self.predictor.tensors().into_iter().map(|one| (one.path, one.data)).collect();
        let bench = Workbench::new(UNTRAINED, self.data.clone(), 1, 0.1);
        let context = isthmus_core::method::MethodContext { trained: false, ..bench.context() };
        let mut other = fit(name, config, &context);
        let mut other = other.predictor(&bench.model, Grouping::Shared).unwrap();
        other.load(&tensors).unwrap();
        for role in [DomainRole::SOURCE, DomainRole::Target] {
            let own = outputs(&mut *self.predictor, &self.data, role);
            assert!(own.0.iter().chain(&own.1).all(|value| value.is_finite()), "{name}: {own:?}");
            assert!(own == outputs(&mut *other, &self.data, role), "{name} {role:?}");
        }
        assert!(self.measurements.values().all(|value| value.is_finite()));
    }
}

fn outputs(
    predictor: &mut dyn Predictor,
    data: &TwoDomains,
    role: DomainRole,
) -> (Vec<f32>, Vec<f32>) {
    let values = match role {
        DomainRole::Target => &data.target,
        DomainRole::Source(_) => &data.source,
    };
    let rows = values.len() / data.features;
    let shape = InputShape::Features { size: data.features };
    let device = burn::tensor::Device::flex();
    let input = Input::from_values(values.clone(), rows, shape, &device);
    let output = predictor.predict(input, role);
    let flat = |tensor: burn::tensor::Tensor<2>| tensor.into_data().iter::<f32>().collect();
    (flat(output.features), flat(output.logits))
}

fn accuracy(logits: &[f32], labels: &[u32]) -> f64 {
    let classes = logits.len() / labels.len();
    let rows = Rows::new(classes, logits.iter().map(|value| f64::from(*value)).collect());
    let right = rows.largest().iter().zip(labels).filter(|(a, b)| **a == **b as usize).count();
    right as f64 / labels.len() as f64
}

/// What is wrong with data, in every way that a method of this family has to survive.
pub(crate) fn degenerate() -> Vec<(&'static str, TwoDomains)> {
    let rows = |count, columns, seed| normal(count, columns, seed);
    let alternate = |count: usize| (0..count as u32).map(|row| row % 2).collect::<Vec<_>>();
    let constant = |count: usize| {
        let values = rows(count, 1, 3).values().iter().flat_map(|v| [*v, 5.0, 5.0]).collect();
        Rows::new(3, values)
    };
    let zeros = |count: usize| Rows::new(3, vec![0.0; 3 * count]);
    let mut single = alternate(9);
    single[1..].fill(0);
    vec![
        (
            "one row of a class",
            problem(
                3,
                (&rows(9, 3, 1), &{
                    let mut labels = single.clone();
                    labels[0] = 2;
                    labels
                }),
                (&rows(8, 3, 2), &alternate(8)),
            ),
        ),
        ("one class", problem(2, (&rows(9, 3, 1), &[1; 9]), (&rows(8, 3, 2), &alternate(8)))),
        (
            "constant features",
            problem(2, (&constant(9), &alternate(9)), (&constant(8), &alternate(8))),
        ),
        ("nothing varies", problem(2, (&zeros(9), &alternate(9)), (&zeros(8), &alternate(8)))),
        (
            "fewer rows than features",
            problem(2, (&rows(4, 20, 1), &alternate(4)), (&rows(3, 20, 2), &alternate(3))),
        ),
        ("a single row", problem(2, (&rows(1, 3, 1), &[1]), (&rows(1, 3, 2), &[1]))),
        (
            "equal rows",
            problem(
                2,
                (&rows(1, 3, 1).select(&[0; 9]), &alternate(9)),
                (&rows(1, 3, 2).select(&[0; 8]), &alternate(8)),
            ),
        ),
        (
            "features of very different size",
            problem(
                2,
                (
                    &Rows::new(
                        2,
                        rows(9, 1, 1).values().iter().flat_map(|v| [1e12 * v, 1e-12 * v]).collect(),
                    ),
                    &alternate(9),
                ),
                (
                    &Rows::new(
                        2,
                        rows(8, 1, 2).values().iter().flat_map(|v| [1e12 * v, 1e-12 * v]).collect(),
                    ),
                    &alternate(8),
                ),
            ),
        ),
    ]
}

/// Fits the method to all of these, with every classifier: it gives a finite answer, or an error.
pub(crate) fn survives(name: &str, config: &str) {
    for classifier in ["nearest-neighbour", "logistic-regression", "linear-svm"] {
        let config = format!("{config}\nclassifier = {{ name = \"{classifier}\" }}");
        survives_alone(name, &config);
    }
}

/// The same of a method that has a classifier of its own.
pub(crate) fn survives_alone(name: &str, config: &str) {
    for (what, data) in degenerate() {
        match Run::new(name, config, &data) {
            Ok(mut run) => run.check(name, config),
            Err(error) => {
                let text = error.to_string();
                println!("{name}, {config}, {what}: {text}");
                assert!(text.len() > 20, "{text}");
            }
        }
    }
}
