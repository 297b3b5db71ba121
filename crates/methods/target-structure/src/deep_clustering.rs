//! Deep clustering of the target, held to the source's classes.

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::targets::class_tensor;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::classification::cross_entropy;
use isthmus_losses::target::{clustering_divergence, log_assignments};

inventory::submit! {
    Plugin::term::<DeepClustering>(About {
        name: "deep-clustering",
        summary: "Clusters the target around class centres that the source holds in place",
        paper: "Tang, Chen, Jia: Unsupervised domain adaptation via structurally regularized deep \
                clustering, CVPR 2020; after Xie, Girshick, Farhadi, ICML 2016",
    }).of_classes()
}

/// Two clusterings of each target batch, whose assignments `p` are to meet their own target `q`,
/// `q_ik ~ p_ik^2 / sum_j p_jk`, sharper and more even: `mean_i KL(q_i || p_i)`, with `q` constant.
///
/// The clusters of the first are the classes that the classifier predicts: the boundary between
/// classes moves to where samples are few.
///
/// Those of the second are centres of features, one for each class, with `p_ik ~ 1 / (1 + |f_i -
/// c_k|^2)`: samples of a class come together. The centres are learned; they begin as the means of
/// the source's classes, and `mean_i -log p_iy` on the source rows keeps them there.
///
/// The loss is the first divergence plus `features` times the second one and the source's. The paper
/// also weighs source rows by how near they are to the target's centres, which is left out, and takes
/// `q_ik ~ p_ik / (sum_j p_jk)^0.5`, which is even but not sharper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepClustering {
    /// Factor of the clustering of features; 0 leaves it out.
    #[schemars(range(min = 0.0))]
    pub features: f64,
}

impl Default for DeepClustering {
    fn default() -> Self {
        Self { features: 1.0 }
    }
}

impl PluginConfig for DeepClustering {}

impl TermPlugin for DeepClustering {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let shape = [context.outputs, context.feature_size];
        let centres = Centres::new(Tensor::zeros(shape, &context.device));
        Ok(Box::new(Clustering { config: self.clone(), centres }))
    }
}

/// One centre for each class.
#[derive(Module, Debug)]
struct Centres {
    /// `[classes, features]`.
    centres: Param<Tensor<2>>,
}

impl Centres {
    fn new(centres: Tensor<2>) -> Self {
        Self { centres: Param::from_tensor(centres) }
    }
}

/// The term.
struct Clustering {
    config: DeepClustering,
    centres: Centres,
}

impl Method for Clustering {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("centres", Role::Auxiliary, &mut self.centres)]
    }
}

impl Term for Clustering {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let targets = stage.data.source_targets();
        let Some(labels) = targets.classes() else {
            return Err(MethodError::Unsuitable(format!(
                "`deep-clustering` has a centre for each class, this data set has {}",
                targets.kind()
            )));
        };
        let features = stage.source_outputs()?.features;
        let classes = self.centres.centres.dims()[0];
        let own = class_tensor(labels, &features.device()).one_hot::<2>(classes).float();
        let counts = own.clone().sum_dim(0).transpose();
        // A class without samples begins in the middle.
        let mean = features.clone().mean_dim(0);
        let means = (own.transpose().matmul(features) + mean) / counts.add_scalar(1.0);
        self.centres = Centres::new(Tensor::from_data(means.into_data(), &stage.device));
        Ok(())
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let predictions = clustering_divergence(log_softmax(joint.target_logits(), 1));
        let assigned = |features| log_assignments(features, self.centres.centres.val());
        let features = clustering_divergence(assigned(joint.target_features()));
        // The logarithms are normalised: their softmax are the assignments.
        let source = cross_entropy(assigned(joint.source_features()), joint.source_classes()?);
        if step.measure {
            step.note("of_predictions", predictions.clone().into_scalar::<f64>());
            step.note("of_features", features.clone().into_scalar::<f64>());
            step.note("of_source", source.clone().into_scalar::<f64>());
        }
        Ok(predictions + (features + source).mul_scalar(self.config.features))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use isthmus_testing::{FAR, Joint, assert_term_gains, config_error, context, moved, term};

    #[test]
    fn the_centres_begin_as_the_sources_class_means() {
        let mut bench = moved(1.0, 10);
        bench.train_on_source(20);
        let mut method = term("deep-clustering", "", &bench.context());
        method.begin(&mut bench.stage()).unwrap();
        let found: Vec<f64> = method.networks()[0].network.tensors()[0].data.iter().collect();
        let features = bench.stage().source_outputs().unwrap().features;
        let size = features.dims()[1];
        let values: Vec<f64> = features.to_data().iter::<f64>().collect();
        for class in 0..2 {
            for column in 0..size {
                // Rows take the classes in turn; the mean of all counts as one row more.
                let of = |row: &usize| values[row * size + column];
                let all: f64 = (0..40).map(|row| of(&row)).sum::<f64>() / 40.0;
                let own: f64 = (class..40).step_by(2).map(|row| of(&row)).sum();
                let want = (own + all) / 21.0;
                assert!((found[class * size + column] - want).abs() < 1e-5, "{found:?}");
            }
        }
    }

    #[test]
    fn predictions_become_certain_and_features_and_centres_learn() {
        let mut method = term("deep-clustering", "features = 0.0", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 9, 4, 3);
        let entropy = |joint: &Joint| {
            let logits = joint.batch().target_logits();
            isthmus_losses::target::entropy(logits).into_scalar::<f64>()
        };
        let before = entropy(&joint);
        joint.descend(&mut *method, 300, 5.0);
        assert!(entropy(&joint) < 0.3 * before, "{before} to {}", entropy(&joint));

        let mut method = term("deep-clustering", "", &context(4, 3, 1));
        let data: std::collections::BTreeMap<String, TensorData> = [(
            "centres".to_owned(),
            TensorData::new((0..12).map(|at| at as f32 * 0.1).collect::<Vec<_>>(), [3, 4]),
        )]
        .into();
        method.networks()[0].network.load_tensors(&data).unwrap();
        let gradients = joint.loss(&mut *method, 0, 1).backward();
        assert!(method.networks()[0].network.gradient_square_sum(&gradients) > 1e-6);
        let features = joint.gradients(&mut *method, 0, 1).0.unwrap();
        assert!(features.iter().any(|slope| slope.abs() > 1e-4));
    }

    #[test]
    fn one_row_and_extreme_values_are_finite() {
        for (rows, features, logits) in [(1, 1.0, 1.0), (6, 0.0, 0.0), (6, 1e4, 1e4)] {
            let joint = Joint::new(&[2], rows, 4, 3).scaled(features, logits);
            let mut method = term("deep-clustering", "", &context(4, 3, 1));
            let loss = joint.loss(&mut *method, 0, 1).into_scalar::<f64>();
            assert!(loss.is_finite(), "{loss}");
            let (features, logits) = joint.gradients(&mut *method, 0, 1);
            let all = features.into_iter().chain(logits).flatten();
            assert!(all.into_iter().all(|slope| slope.is_finite()));
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("deep-clustering", "", FAR, 200);
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert!(config_error("deep-clustering", "features = -1.0").contains("features"));
    }
}
