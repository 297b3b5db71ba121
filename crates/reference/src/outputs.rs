//! What a claim computes on one case.

use crate::ReferenceError;
use crate::format::{Array, Case};
use burn::tensor::{Device, Gradients, Int, Tensor};
use std::cell::RefCell;
use std::collections::BTreeMap;

type ReadGradient = Box<dyn Fn(&Gradients) -> Option<Array>>;

/// The inputs of a case as tensors that remember how to read their gradient.
pub struct Inputs<'a> {
    case: &'a Case,
    leaves: RefCell<Vec<(String, ReadGradient)>>,
}

impl<'a> Inputs<'a> {
    fn new(case: &'a Case) -> Self {
        Self { case, leaves: RefCell::new(Vec::new()) }
    }

    /// The case itself, for parameters and integers.
    pub fn case(&self) -> &'a Case {
        self.case
    }

    /// An input as a leaf of the graph, to be differentiated with respect to.
    ///
    /// # Errors
    /// If the case has no input of that name and rank.
    pub fn tensor<const D: usize>(&self, name: &str) -> Result<Tensor<D>, ReferenceError> {
        let array = self.case.input(name)?;
        let leaf = array.to_tensor::<D>(&Device::flex().autodiff())?.require_grad();
        let handle = leaf.clone();
        let read = move |gradients: &Gradients| {
            let gradient = handle.grad(gradients)?;
            Some(Array::from_tensor(&gradient))
        };
        self.leaves.borrow_mut().push((name.to_owned(), Box::new(read)));
        Ok(leaf)
    }

    /// An input that carries no gradient.
    ///
    /// # Errors
    /// If the case has no input of that name and rank.
    pub fn constant<const D: usize>(&self, name: &str) -> Result<Tensor<D>, ReferenceError> {
        self.case.input(name)?.to_tensor(&Device::flex())
    }

    /// The gradient with respect to each input used; zero where nothing depends on it.
    fn gradients(self, gradients: &Gradients) -> Result<BTreeMap<String, Array>, ReferenceError> {
        let mut all: BTreeMap<String, Array> = BTreeMap::new();
        for (name, read) in self.leaves.into_inner() {
            let array = self.case.input(&name)?;
            let gradient = read(gradients).unwrap_or_else(|| Array {
                shape: array.shape.clone(),
                data: vec![0.0; array.data.len()],
            });
            match all.get_mut(&name) {
                // An input used twice through two leaves: the gradients add up.
                Some(sum) => {
                    for (sum, part) in sum.data.iter_mut().zip(gradient.data) {
                        *sum += part;
                    }
                }
                None => {
                    all.insert(name, gradient);
                }
            }
        }
        Ok(all)
    }
}

/// Values and gradients that a claim computed.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    values: BTreeMap<String, Array>,
    /// By the key of the file: `input`, or `input@value`.
    gradients: BTreeMap<String, Array>,
}

/// The result whose gradients a file lists without naming it.
const MAIN: &str = "loss";

impl Outputs {
    /// No outputs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn array(&mut self, name: &str, value: Array) {
        self.values.insert(name.to_owned(), value);
    }

    /// Adds the entries of a tensor.
    pub fn tensor<const D: usize>(&mut self, name: &str, value: &Tensor<D>) {
        self.array(name, Array::from_tensor(value));
    }

    /// Adds the entries of a tensor of integers.
    pub fn integers<const D: usize>(&mut self, name: &str, value: &Tensor<D, Int>) {
        self.array(name, Array::from_integers(value));
    }

    /// Adds a scalar and its gradient with respect to every input that `compute` asks for.
    ///
    /// Gradients of the result called `loss` are those that a file lists by input alone.
    ///
    /// # Errors
    /// If `compute` fails, or a gradient is expected of what depends on no input.
    pub fn differentiate(
        &mut self,
        case: &Case,
        name: &str,
        compute: impl FnOnce(&Inputs<'_>) -> Result<Tensor<1>, ReferenceError>,
    ) -> Result<(), ReferenceError> {
        let inputs = Inputs::new(case);
        let value = compute(&inputs)?;
        self.tensor(name, &value);
        let key = move |input: &str| match name {
            MAIN => input.to_owned(),
            _ => format!("{input}@{name}"),
        };
        self.add_gradients(case, name, inputs, value, key)
    }

    /// Adds a tensor, and the gradient of the sum of `weights` times the tensor.
    ///
    /// For files whose definition says "grad: of sum(G*y)": `weights` is the input `G`. The file
    /// lists these gradients by input alone.
    ///
    /// # Errors
    /// If `compute` fails, or a gradient is expected of what depends on no input.
    pub fn differentiate_weighted<const D: usize>(
        &mut self,
        case: &Case,
        name: &str,
        weights: &str,
        compute: impl FnOnce(&Inputs<'_>) -> Result<Tensor<D>, ReferenceError>,
    ) -> Result<(), ReferenceError> {
        let inputs = Inputs::new(case);
        let value = compute(&inputs)?;
        self.tensor(name, &value);
        let sum = (value * inputs.constant::<D>(weights)?).sum();
        self.add_gradients(case, name, inputs, sum, str::to_owned)
    }

    fn add_gradients(
        &mut self,
        case: &Case,
        name: &str,
        inputs: Inputs<'_>,
        value: Tensor<1>,
        key: impl Fn(&str) -> String,
    ) -> Result<(), ReferenceError> {
        if !value.is_tracked() {
            let expected = case.inputs.keys().any(|input| case.grad.contains_key(&key(input)));
            return match expected {
                true => Err(ReferenceError::NotDifferentiable(name.to_owned())),
                false => Ok(()),
            };
        }
        let gradients = value.backward();
        for (input, gradient) in inputs.gradients(&gradients)? {
            self.gradients.insert(key(&input), gradient);
        }
        Ok(())
    }

    /// A value by name.
    pub fn value(&self, name: &str) -> Option<&Array> {
        self.values.get(name)
    }

    /// A gradient by the key of the file.
    pub fn gradient(&self, key: &str) -> Option<&Array> {
        self.gradients.get(key)
    }
}
