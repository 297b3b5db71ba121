//! Methods by name and configuration, the way an experiment file names them.

use burn::tensor::Device;
use isthmus_core::input::InputShape;
use isthmus_core::method::{Driver, Fit, MethodContext, Term};
use isthmus_core::objective::Objective;
use isthmus_core::random::Key;
use isthmus_core::registry::{
    self, BuildMethod, BuiltKind, Kind, MethodBuilder, MethodKind, ObjectiveKind, Plugin,
};
use isthmus_core::spec::PluginSpec;
use isthmus_core::test_time::TestTimeMethod;
use isthmus_experiment::checked_again;
use serde_json::Value;

// The registry holds what is linked; naming the crate links it.
use isthmus_nn as _;
use isthmus_objectives as _;

/// The context of a method for `features` features, `classes` classes and `sources` sources.
pub fn context(features: usize, classes: usize, sources: usize) -> MethodContext {
    MethodContext {
        device: Device::flex().autodiff(),
        key: Key::new(1).named("method"),
        input_shape: InputShape::Features { size: features },
        feature_size: features,
        hidden_layers: 0,
        classes,
        outputs: classes,
        sources,
        total_steps: 100,
        trained: false,
        classifier: PluginSpec {
            name: "linear".to_owned(),
            config: resolve(Kind::Classifier, "linear", ""),
        },
    }
}

/// The plugin of a kind and name.
///
/// # Panics
/// If it is not linked.
pub fn plugin(kind: Kind, name: &str) -> &'static Plugin {
    registry::find(kind, name).unwrap_or_else(|| panic!("no {kind} `{name}` is linked"))
}

/// What builds the plugin of a kind and name.
///
/// # Panics
/// If it is not linked.
pub fn builder<K: BuiltKind>(name: &str) -> K::Builder {
    match registry::builder::<K>(name) {
        Ok(builder) => builder,
        Err(error) => panic!("{error}"),
    }
}

/// The term `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn term(name: &str, config: &str, context: &MethodContext) -> Box<dyn Term> {
    match builder::<MethodKind>(name) {
        MethodBuilder::Term(build) => method(build, name, config, context),
        _ => panic!("`{name}` is no loss term"),
    }
}

/// The driver `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn driver(name: &str, config: &str, context: &MethodContext) -> Box<dyn Driver> {
    match builder::<MethodKind>(name) {
        MethodBuilder::Driver(build) => method(build, name, config, context),
        _ => panic!("`{name}` drives no updates"),
    }
}

/// The method `name` that fits once, with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn fit(name: &str, config: &str, context: &MethodContext) -> Box<dyn Fit> {
    match builder::<MethodKind>(name) {
        MethodBuilder::Fit(build) => method(build, name, config, context),
        _ => panic!("`{name}` does not fit once"),
    }
}

/// The test-time method `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, its configuration is wrong, or it cannot be built.
pub fn test_time(name: &str, config: &str, context: &MethodContext) -> Box<dyn TestTimeMethod> {
    match builder::<MethodKind>(name) {
        MethodBuilder::TestTime(build) => method(build, name, config, context),
        _ => panic!("`{name}` does not adapt at test time"),
    }
}

fn method<M: ?Sized>(
    build: BuildMethod<M>,
    name: &str,
    config: &str,
    context: &MethodContext,
) -> Box<M> {
    match build(&resolve(Kind::Method, name, config), context) {
        Ok(method) => method,
        Err(error) => panic!("`{name}` cannot be built: {error}"),
    }
}

/// The objective `name` with the fields of `config`, which is TOML.
///
/// # Panics
/// If there is none, or its configuration is wrong.
pub fn objective(name: &str, config: &str) -> Box<dyn Objective> {
    builder::<ObjectiveKind>(name)(&resolve(Kind::Objective, name, config))
}

/// The message about a configuration of the method `name` that is wrong.
///
/// # Panics
/// If it is right.
pub fn config_error(name: &str, config: &str) -> String {
    match checked(Kind::Method, name, config) {
        Ok(value) => panic!("`{name}` takes {value}"),
        Err(message) => message,
    }
}

/// A configuration with its defaults filled in.
pub(crate) fn resolve(kind: Kind, name: &str, config: &str) -> Value {
    match checked(kind, name, config) {
        Ok(value) => value,
        Err(message) => panic!("`{name}`: {message}"),
    }
}

/// Checks a configuration as that of an experiment file is checked.
fn checked(kind: Kind, name: &str, config: &str) -> Result<Value, String> {
    let config = match toml::from_str::<Value>(config) {
        Ok(config) => config,
        Err(error) => panic!("`{config}` is not TOML: {error}"),
    };
    let spec = PluginSpec { name: name.to_owned(), config };
    checked_again(kind, &spec).map(|spec| spec.config).map_err(|diagnostics| {
        let messages = diagnostics.iter().map(|one| one.message.clone());
        messages.collect::<Vec<_>>().join("; ")
    })
}
