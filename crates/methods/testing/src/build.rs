//! Methods by name and configuration, the way an experiment file names them.

use burn::tensor::Device;
use isthmus_core::input::InputShape;
use isthmus_core::method::{MethodContext, Term, TrainingMethod};
use isthmus_core::random::Key;
use isthmus_core::registry::{Build, Kind, Plugin, find};
use isthmus_core::test_time::TestTimeMethod;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

// The registry holds what is linked; naming the crate links it.
use isthmus_nn as _;

/// The context of a method for `features` features, `classes` classes and `sources` sources.
pub fn context(features: usize, classes: usize, sources: usize) -> MethodContext {
    MethodContext {
        device: Device::flex().autodiff(),
        key: Key::new(1).named("method"),
        input_shape: InputShape::Features { size: features },
        feature_size: features,
        classes,
        sources,
        total_steps: 100,
    }
}

/// The plugin of a kind and name.
///
/// # Panics
/// If it is not linked.
pub fn plugin(kind: Kind, name: &str) -> &'static Plugin {
    find(kind, name).unwrap_or_else(|| panic!("no {} `{name}` is linked", kind.name()))
}

/// The term `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn term(name: &str, config: &str, context: &MethodContext) -> Box<dyn Term> {
    match plugin(Kind::Method, name).build {
        Build::Term(build) => match build(&resolve(Kind::Method, name, config), context) {
            Ok(term) => term,
            Err(error) => panic!("`{name}` cannot be built: {error}"),
        },
        _ => panic!("`{name}` drives its own updates"),
    }
}

/// The training method `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn training(name: &str, config: &str, context: &MethodContext) -> Box<dyn TrainingMethod> {
    match plugin(Kind::Method, name).build {
        Build::Training(build) => match build(&resolve(Kind::Method, name, config), context) {
            Ok(method) => method,
            Err(error) => panic!("`{name}` cannot be built: {error}"),
        },
        _ => panic!("`{name}` is a loss term"),
    }
}

/// The test-time method `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn test_time(name: &str, config: &str, context: &MethodContext) -> Box<dyn TestTimeMethod> {
    match plugin(Kind::Method, name).build {
        Build::TestTime(build) => match build(&resolve(Kind::Method, name, config), context) {
            Ok(method) => method,
            Err(error) => panic!("`{name}` cannot be built: {error}"),
        },
        _ => panic!("`{name}` does not adapt at test time"),
    }
}

/// What is said of a configuration of the method `name` that is wrong.
///
/// # Panics
/// If it is right.
pub fn config_error(name: &str, config: &str) -> String {
    match (plugin(Kind::Method, name).resolve)(table(config)) {
        Ok(value) => panic!("`{name}` takes {value}"),
        Err(problem) => problem.message,
    }
}

/// A configuration with its defaults filled in.
pub(crate) fn resolve(kind: Kind, name: &str, config: &str) -> serde_json::Value {
    match (plugin(kind, name).resolve)(table(config)) {
        Ok(value) => value,
        Err(problem) => panic!("`{name}`: {}", problem.message),
    }
}

fn table(config: &str) -> Spanned<DeValue<'_>> {
    match DeTable::parse(config) {
        Ok(table) => Spanned::new(table.span(), DeValue::Table(table.into_inner())),
        Err(error) => panic!("`{config}` is not TOML: {error}"),
    }
}
