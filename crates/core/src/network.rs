//! What the engine needs of any network, whatever its type: an object-safe view of a burn module.
//!
//! burn modules are generic and cannot be chosen at run time; plugins must be. [`Network`] is
//! implemented for every module, so a plugin author derives `Module` and writes `forward`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::error::NetworkError;

/// One tensor of a network's state.
#[derive(Clone, Debug)]
pub struct NamedTensor {
    /// Where it lives in the network, e.g. `layers.0.weight`.
    pub path: String,
    /// Its values, `f32`, row-major.
    pub data: TensorData,
}

/// Which parameters of a network an update changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selected {
    /// All of them.
    #[default]
    All,
    /// Those of normalisation layers: of every module whose type's name ends in `Norm`.
    Normalization,
}

impl Selected {
    /// Whether parameters of a layer of this type, as burn names containers, are among them.
    fn includes(self, container_type: Option<&String>) -> bool {
        match self {
            Self::All => true,
            Self::Normalization => container_type.is_some_and(|name| name.ends_with("Norm")),
        }
    }
}

/// How an optimizer changes one parameter, given its gradient.
///
/// Parameters reach the rule as flat values: optimizers work element by element.
pub trait UpdateRule {
    /// Changes `value` in place, on the host.
    fn update_host(&mut self, path: &str, value: &mut [f32], gradient: &[f32]);

    /// Returns the changed value; for devices whose memory the host cannot see.
    fn update_device(&mut self, path: &str, value: Tensor<1>, gradient: Tensor<1>) -> Tensor<1>;
}

/// An object-safe view of a burn module.
pub trait Network: Send {
    /// Number of trainable values.
    fn parameter_count(&self) -> usize;

    /// Every float tensor of the network, running statistics included, in a fixed order.
    fn tensors(&self) -> Vec<NamedTensor>;

    /// Replaces every tensor of the network by the one of the same path.
    ///
    /// # Errors
    /// If one is missing or has another shape; the network is then unchanged.
    fn load_tensors(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError>;

    /// The sum of squares of this network's gradients.
    fn gradient_square_sum(&self, gradients: &Gradients) -> f64 {
        self.selected_square_sum(gradients, Selected::All)
    }

    /// The sum of squares of the selected parameters' gradients, for clipping by the global norm.
    fn selected_square_sum(&self, gradients: &Gradients, selected: Selected) -> f64;

    /// Applies `rule` to every selected parameter that has a gradient, and takes those gradients
    /// out.
    fn update(&mut self, gradients: &mut Gradients, selected: Selected, rule: &mut dyn UpdateRule);
}

impl<M: Module + 'static> Network for M {
    fn parameter_count(&self) -> usize {
        let mut counter = Counter(0);
        self.visit(&mut counter);
        counter.0
    }

    fn tensors(&self) -> Vec<NamedTensor> {
        let mut collector = Collector::default();
        self.visit(&mut collector);
        collector.tensors
    }

    fn load_tensors(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        for own in self.tensors() {
            match tensors.get(&own.path) {
                None => {
                    return Err(NetworkError::MissingTensor {
                        path: own.path,
                        present: tensors.keys().cloned().collect(),
                    });
                }
                Some(found) if found.shape() != own.data.shape() => {
                    return Err(NetworkError::Shape {
                        path: own.path,
                        expected: own.data.shape().to_vec(),
                        found: found.shape().to_vec(),
                    });
                }
                Some(_) => {}
            }
        }
        replace_with::replace_with_or_abort(self, |module| {
            module.map(&mut Loader { path: Vec::new(), tensors })
        });
        Ok(())
    }

    fn selected_square_sum(&self, gradients: &Gradients, selected: Selected) -> f64 {
        let mut norm = SquareSum { containers: Vec::new(), gradients, selected, sum: 0.0 };
        self.visit(&mut norm);
        norm.sum
    }

    fn update(&mut self, gradients: &mut Gradients, selected: Selected, rule: &mut dyn UpdateRule) {
        // The module is moved through the mapper instead of cloned, so that each parameter is the
        // only owner of its memory and the rule can change it in place.
        replace_with::replace_with_or_abort(self, |module| {
            module.map(&mut Updating {
                path: Vec::new(),
                containers: Vec::new(),
                gradients,
                selected,
                rule,
            })
        });
    }
}

/// A copy whose parameters are new leaves: gradients and updates of the copy and of the original
/// no longer concern each other (ADDA's target encoder, a mean teacher).
pub fn independent_copy<M: Module>(module: &M) -> M {
    struct Fresh;
    impl ModuleMapper for Fresh {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let requires_gradient = param.is_require_grad();
            let value = Tensor::from_data(param.val().to_data(), &param.val().device());
            Param::initialized(
                burn::module::ParamId::new(),
                value.set_require_grad(requires_gradient),
            )
        }
    }
    module.clone().map(&mut Fresh)
}

struct Counter(usize);

impl ModuleVisitor for Counter {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.0 += param.shape().num_elements();
        }
    }
}

#[derive(Default)]
struct Collector {
    path: Vec<String>,
    tensors: Vec<NamedTensor>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.push(NamedTensor { path: self.path.join("."), data: param.val().to_data() });
    }
}

struct Loader<'a> {
    path: Vec<String>,
    tensors: &'a BTreeMap<String, TensorData>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let requires_gradient = param.is_require_grad();
        let data = self.tensors[&self.path.join(".")].clone();
        param.map(|old| Tensor::from_data(data, &old.device()).set_require_grad(requires_gradient))
    }
}

struct SquareSum<'a> {
    /// Types of the modules around the parameter, outermost first.
    containers: Vec<String>,
    gradients: &'a Gradients,
    selected: Selected,
    sum: f64,
}

impl ModuleVisitor for SquareSum<'_> {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.selected.includes(self.containers.last()) {
            return;
        }
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.sum += gradient.square().sum().into_scalar::<f64>();
        }
    }
}

struct Updating<'a> {
    path: Vec<String>,
    /// Types of the modules around the parameter, outermost first.
    containers: Vec<String>,
    gradients: &'a mut Gradients,
    selected: Selected,
    rule: &'a mut dyn UpdateRule,
}

impl ModuleMapper for Updating<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.selected.includes(self.containers.last()) {
            return param;
        }
        let Some(gradient) = param.val().grad_remove(self.gradients) else {
            return param;
        };
        let path = self.path.join(".");
        param.map(|value| {
            let value = value.inner();
            let device = value.device();
            let changed = if crate::optimizer::is_host(&device) {
                let gradient = gradient.into_data();
                let mut data = value.into_data();
                let gradient = gradient
                    .as_slice::<f32>()
                    .expect("networks compute in f32, and so are their gradients");
                self.rule.update_host(
                    &path,
                    data.as_mut_slice::<f32>().expect("networks compute in f32"),
                    gradient,
                );
                Tensor::from_data(data, &device)
            } else {
                let dims = value.dims();
                let size = dims.iter().product::<usize>();
                self.rule
                    .update_device(&path, value.reshape([size]), gradient.reshape([size]))
                    .reshape(dims)
            };
            Tensor::from_inner(changed).require_grad()
        })
    }
}
