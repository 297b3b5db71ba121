//! What the engine needs of any network, whatever its type: an object-safe view of a burn module.
//!
//! burn modules are generic and cannot be chosen at run time; plugins must be. [`Network`] is
//! implemented for every module, so a plugin author derives `Module` and writes `forward`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::error::NetworkError;
use crate::named_tensor::NamedTensor;
use crate::parameter::Parameter;
use crate::snapshot::Snapshot;

/// How an optimizer changes one parameter, given its gradient.
///
/// Parameters reach the rule as flat values: optimizers work element by element.
pub trait UpdateRule {
    /// Whether the rule changes this parameter at all; gradients of others are left where they are.
    fn includes(&self, parameter: &Parameter<'_>) -> bool {
        let _ = parameter;
        true
    }

    /// Changes `value` in place, on the host.
    fn update_host(&mut self, parameter: &Parameter<'_>, value: &mut [f32], gradient: &[f32]);

    /// Returns the changed value; for devices whose memory the host cannot see.
    fn update_device(
        &mut self,
        parameter: &Parameter<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
    ) -> Tensor<1>;
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

    /// The tensors as they are now, to go back to; nothing is copied.
    fn snapshot(&self) -> Snapshot;

    /// Goes back to the tensors of a snapshot of this network; nothing is copied.
    ///
    /// # Errors
    /// If the snapshot is of another network; this one is then unchanged.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), NetworkError>;

    /// Visits the gradient, flat, of every parameter that has one.
    fn visit_gradients(
        &self,
        gradients: &Gradients,
        visit: &mut dyn FnMut(&Parameter<'_>, Tensor<1>),
    );

    /// Visits every matrix of parameters, on the tape and in a fixed order: for losses on weights.
    fn visit_matrices(&self, visit: &mut dyn FnMut(&Parameter<'_>, Tensor<2>));

    /// The sum of squares of all gradients of this network.
    fn gradient_square_sum(&self, gradients: &Gradients) -> f64 {
        let mut sum = 0.0;
        self.visit_gradients(gradients, &mut |_, gradient| {
            sum += gradient.square().sum().into_scalar::<f64>();
        });
        sum
    }

    /// Applies `rule` to every parameter that it includes and that has a gradient, and takes those
    /// gradients out. A parameter with a load mapper ([`Param::load_mapper`]) is brought back by it
    /// afterwards: so a layer states which values a parameter may have.
    fn update(&mut self, gradients: &mut Gradients, rule: &mut dyn UpdateRule);

    /// Moves every tensor towards the one of the same path in `leader`:
    /// `keep * own + (1 - keep) * leader`. Running statistics move alike.
    ///
    /// # Errors
    /// If `leader` has no such tensor, or one of another shape.
    fn follow(&mut self, leader: &dyn Network, keep: f64) -> Result<(), NetworkError>;
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

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(self)
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), NetworkError> {
        snapshot.restore(self)
    }

    fn visit_gradients(
        &self,
        gradients: &Gradients,
        visit: &mut dyn FnMut(&Parameter<'_>, Tensor<1>),
    ) {
        self.visit(&mut GradientVisitor { place: Place::default(), gradients, visit });
    }

    fn visit_matrices(&self, visit: &mut dyn FnMut(&Parameter<'_>, Tensor<2>)) {
        self.visit(&mut MatrixVisitor { place: Place::default(), visit });
    }

    fn update(&mut self, gradients: &mut Gradients, rule: &mut dyn UpdateRule) {
        // The module is moved through the mapper instead of cloned, so that each parameter is the
        // only owner of its memory and the rule can change it in place.
        replace_with::replace_with_or_abort(self, |module| {
            module.map(&mut Updating { place: Place::default(), gradients, rule })
        });
    }

    fn follow(&mut self, leader: &dyn Network, keep: f64) -> Result<(), NetworkError> {
        let mut tensors: BTreeMap<String, TensorData> = BTreeMap::new();
        let mut leaders: BTreeMap<String, TensorData> =
            leader.tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        for own in self.tensors() {
            let Some(leading) = leaders.remove(&own.path) else {
                let present = leaders.into_keys().collect();
                return Err(NetworkError::MissingTensor { path: own.path, present });
            };
            let shape = own.data.shape().clone();
            let values = own
                .data
                .iter::<f32>()
                .zip(leading.iter::<f32>())
                .map(|(own, leading)| {
                    (keep * f64::from(own) + (1.0 - keep) * f64::from(leading)) as f32
                })
                .collect();
            tensors.insert(own.path, TensorData::new::<f32, _>(values, shape));
        }
        self.load_tensors(&tensors)
    }
}

/// A copy whose parameters are new leaves: gradients and updates of the copy and of the original
/// no longer concern each other (ADDA's target encoder, a mean teacher).
pub fn independent_copy<M: Module>(module: &M) -> M {
    struct Fresh;
    impl ModuleMapper for Fresh {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let requires_gradient = param.is_require_grad();
            let (_, value, mapper) = param.consume();
            let value = Tensor::from_data(value.to_data(), &value.device());
            Param::from_mapped_value(
                burn::module::ParamId::new(),
                value.set_require_grad(requires_gradient),
                mapper,
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

/// Where a visitor is in a network.
#[derive(Default)]
struct Place {
    path: Vec<String>,
    /// Types of the modules around the parameter, outermost first.
    containers: Vec<String>,
}

impl Place {
    fn enter(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container_type.to_owned());
    }

    fn exit(&mut self) {
        self.path.pop();
        self.containers.pop();
    }

    fn in_norm(&self) -> bool {
        self.containers.last().is_some_and(|name| name.ends_with("Norm"))
    }
}

struct GradientVisitor<'a> {
    place: Place,
    gradients: &'a Gradients,
    visit: &'a mut dyn FnMut(&Parameter<'_>, Tensor<1>),
}

impl ModuleVisitor for GradientVisitor<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            let path = self.place.path.join(".");
            let size = gradient.shape().num_elements();
            let parameter = Parameter { path: &path, in_norm: self.place.in_norm() };
            (self.visit)(&parameter, gradient.reshape([size]));
        }
    }
}

struct MatrixVisitor<'a> {
    place: Place,
    visit: &'a mut dyn FnMut(&Parameter<'_>, Tensor<2>),
}

impl ModuleVisitor for MatrixVisitor<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if let [rows, columns] = value.dims()[..] {
            let path = self.place.path.join(".");
            let parameter = Parameter { path: &path, in_norm: self.place.in_norm() };
            (self.visit)(&parameter, value.reshape([rows, columns]));
        }
    }
}

struct Updating<'a> {
    place: Place,
    gradients: &'a mut Gradients,
    rule: &'a mut dyn UpdateRule,
}

impl ModuleMapper for Updating<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.place.path.join(".");
        let parameter = Parameter { path: &path, in_norm: self.place.in_norm() };
        if !self.rule.includes(&parameter) {
            return param;
        }
        let Some(gradient) = param.val().grad_remove(self.gradients) else {
            return param;
        };
        let (id, value, mapper) = param.consume();
        let value = value.inner();
        let device = value.device();
        let changed = if crate::optimizer::is_host(&device) {
            let gradient = gradient.into_data();
            let mut data = value.into_data();
            let gradient = gradient
                .as_slice::<f32>()
                .expect("networks compute in f32, and so are their gradients");
            self.rule.update_host(
                &parameter,
                data.as_mut_slice::<f32>().expect("networks compute in f32"),
                gradient,
            );
            Tensor::from_data(data, &device)
        } else {
            let dims = value.dims();
            let size = dims.iter().product::<usize>();
            self.rule
                .update_device(&parameter, value.reshape([size]), gradient.reshape([size]))
                .reshape(dims)
        };
        let changed = Tensor::from_inner(mapper.on_load(changed)).require_grad();
        Param::from_mapped_value(id, changed, mapper)
    }
}
