//! A network's tensors at one moment, to go back to.

use std::any::Any;
use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::error::NetworkError;
use crate::named_tensor::NamedTensor;

/// The tensors of a network as they were when it was taken.
///
/// It shares their memory with the network: taking it and going back to it copy nothing. A tensor is
/// copied when it is changed, so that what never changes costs nothing.
#[derive(Default)]
pub struct Snapshot(BTreeMap<String, Kept>);

struct Kept {
    /// A `Tensor<D>` off the tape.
    tensor: Box<dyn Any + Send>,
    data: fn(&dyn Any) -> TensorData,
}

impl Snapshot {
    /// The tensors of `module`.
    pub fn of(module: &impl Module) -> Self {
        let mut taking = Taking::default();
        module.visit(&mut taking);
        Self(taking.kept)
    }

    /// Puts the tensors back into the module that they were taken of.
    ///
    /// # Errors
    /// If one is missing or has another number of dimensions; the module is then unchanged.
    pub fn restore<M: Module>(&self, module: &mut M) -> Result<(), NetworkError> {
        let mut missing = Missing { path: Vec::new(), kept: &self.0, found: None };
        module.visit(&mut missing);
        if let Some(path) = missing.found {
            return Err(NetworkError::MissingTensor {
                path,
                present: self.0.keys().cloned().collect(),
            });
        }
        replace_with::replace_with_or_abort(module, |module| {
            module.map(&mut Restoring { path: Vec::new(), kept: &self.0 })
        });
        Ok(())
    }

    /// The names of the tensors, without a look at their values.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The tensors with their values.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let named = |(path, kept): (&String, &Kept)| NamedTensor {
            path: path.clone(),
            data: (kept.data)(&*kept.tensor),
        };
        self.0.iter().map(named).collect()
    }
}

#[derive(Default)]
struct Taking {
    path: Vec<String>,
    kept: BTreeMap<String, Kept>,
}

impl ModuleVisitor for Taking {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let value = if value.device().is_autodiff() { value.inner() } else { value };
        let data = |tensor: &dyn Any| {
            let tensor = tensor.downcast_ref::<Tensor<D>>();
            tensor.expect("it was kept with this function").to_data()
        };
        self.kept.insert(self.path.join("."), Kept { tensor: Box::new(value), data });
    }
}

/// Looks for a tensor that was not kept.
struct Missing<'a> {
    path: Vec<String>,
    kept: &'a BTreeMap<String, Kept>,
    found: Option<String>,
}

impl ModuleVisitor for Missing<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        if self.kept.get(&path).is_none_or(|kept| !kept.tensor.is::<Tensor<D>>()) {
            self.found.get_or_insert(path);
        }
    }
}

struct Restoring<'a> {
    path: Vec<String>,
    kept: &'a BTreeMap<String, Kept>,
}

impl ModuleMapper for Restoring<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let kept = self.kept[&self.path.join(".")].tensor.downcast_ref::<Tensor<D>>();
        let kept = kept.expect("every tensor was found just now").clone();
        let requires_gradient = param.is_require_grad();
        param.map(|old| {
            let tracked = old.device().is_autodiff();
            let value = if tracked { Tensor::from_inner(kept) } else { kept };
            value.set_require_grad(requires_gradient)
        })
    }
}
