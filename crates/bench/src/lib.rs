//! Jobs on random data for the benchmarks.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::sync::Arc;

use burn::tensor::Device;
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::{
    Align, DataSpec, ExtractorSpec, Job, MethodSpec, PluginSpec, Protocol, StageSpec, Task,
    TrainingSpec,
};
use isthmus_core::stage::SampleView;
use isthmus_engine::{JobData, Silent, run_job};
use rand::RngExt;
// Linked for their plugins.
use isthmus_adversarial as _;
use isthmus_baseline as _;
use isthmus_discrepancy as _;
use isthmus_nn as _;
use isthmus_objectives as _;
use isthmus_target_structure as _;

/// Samples of a domain.
const ROWS: usize = 256;

/// Random samples of one shape, drawn once.
struct Random {
    shape: InputShape,
    rows: usize,
    values: Vec<f32>,
}

impl SampleSource for Random {
    fn rows(&self) -> usize {
        self.rows
    }

    fn shape(&self) -> InputShape {
        self.shape
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        let size = self.shape.len();
        let rows = indices.iter().flat_map(|&row| &self.values[row * size..(row + 1) * size]);
        Ok(rows.copied().collect::<Vec<_>>().into())
    }
}

fn domain(name: &str, shape: InputShape, rows: usize, classes: u32) -> Domain {
    let mut rng = Key::new(0).named(name).rng();
    let values = (0..rows * shape.len()).map(|_| rng.random_range(-1.0..1.0)).collect();
    let labels: Vec<u32> = (0..rows).map(|_| rng.random_range(0..classes)).collect();
    let set = |rows: usize, values: Vec<f32>| LabelledSource {
        samples: Arc::new(Random { shape, rows, values }),
        targets: labels.clone().into(),
    };
    let values: Vec<f32> = values;
    let test = set(1, values[..shape.len()].to_vec());
    Domain { name: name.to_owned(), train: set(rows, values), validation: None, test }
}

fn plugin(name: &str, config: serde_json::Value) -> PluginSpec {
    PluginSpec { name: name.to_owned(), config }
}

/// A job of some steps of one method on random data.
pub struct Steps {
    job: Job,
    data: JobData,
    threads: rayon::ThreadPool,
}

impl Steps {
    /// `steps` steps of `method` on 1280-d features with a bottleneck of 256, 31 classes, batch
    /// 32 + 32.
    pub fn on_features(method: &str, steps: usize, threads: usize) -> Self {
        let bottleneck = plugin("linear", serde_json::json!({ "size": 256 }));
        let shape = InputShape::Features { size: 1280 };
        Self::new(method, "identity", Some(bottleneck), shape, 31, 32, steps, threads)
    }

    /// `steps` source steps of LeNet at batch 128.
    pub fn on_digits(steps: usize, threads: usize) -> Self {
        let shape = InputShape::Image { channels: 1, height: 28, width: 28 };
        Self::new("source-only", "lenet", None, shape, 10, 128, steps, threads)
    }

    /// `steps` steps of DANN that train the whole network on colour images of 224 x 224 pixels, as many
    /// of each domain as `batch_size` says.
    pub fn on_images(extractor: &str, batch_size: usize, steps: usize, threads: usize) -> Self {
        let shape = InputShape::Image { channels: 3, height: 224, width: 224 };
        Self::new("dann", extractor, None, shape, 31, batch_size, steps, threads)
    }

    /// `steps` source steps of a network of series: 9 channels of 128 time steps, batch 32.
    pub fn on_series(extractor: &str, steps: usize, threads: usize) -> Self {
        let shape = InputShape::Series { channels: 9, length: 128 };
        Self::new("source-only", extractor, None, shape, 6, 32, steps, threads)
    }

    #[expect(clippy::too_many_arguments, reason = "one call each, above")]
    fn new(
        method: &str,
        extractor: &str,
        bottleneck: Option<PluginSpec>,
        shape: InputShape,
        classes: u32,
        batch_size: usize,
        steps: usize,
        threads: usize,
    ) -> Self {
        let task = Task::new(["source"], "target");
        let empty = || serde_json::json!({});
        let of_extractor = match extractor {
            "resnet18" | "resnet50" | "efficientnet-lite0" => {
                serde_json::json!({ "weights": "random" })
            }
            _ => empty(),
        };
        let training = TrainingSpec {
            iterations: steps,
            batch_size,
            optimizer: plugin("sgd", empty()),
            schedule: plugin("inverse-decay", empty()),
            learning_rate_factors: Default::default(),
            gradient_clipping: None,
            accumulate: 1,
            groups: Vec::new(),
            normalization: Default::default(),
            evaluate_every: steps,
            stop_after: None,
        };
        let job = Job {
            data: DataSpec::new("random", vec![task], Protocol::Transductive),
            extractor: ExtractorSpec {
                plugin: plugin(extractor, of_extractor),
                frozen: false,
                weights_from: None,
            },
            bottleneck,
            selection: None,
            record: None,
            classifier: plugin("linear", empty()),
            objective: plugin("classes", empty()),
            method: MethodSpec {
                label: method.to_owned(),
                stages: vec![StageSpec {
                    align: vec![Align {
                        plugin: plugin(method, empty()),
                        label: method.to_owned(),
                        weight: 1.0,
                    }],
                    training,
                }],
            },
            seed: 1,
            device: "cpu".to_owned(),
        };
        let data = JobData {
            classes: (0..classes).map(|class| class.to_string()).collect(),
            target_classes: None,
            sources: vec![domain("source", shape, ROWS, classes)],
            target: domain("target", shape, ROWS, classes),
            shifts: Vec::new(),
        };
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("the machine can start a few threads");
        Self { job, data, threads }
    }

    /// Runs the job.
    ///
    /// # Panics
    /// If the job fails; it holds nothing that could.
    pub fn run(&self) {
        self.threads.install(|| {
            run_job(&self.job, &self.data, &Device::flex(), None, &mut Silent)
                .expect("a job on random data succeeds");
        });
    }
}
