//! Plugins by kind and name.

use thiserror::Error;

use super::builder::{BuiltKind, MethodBuilder};
use super::kind::{
    AugmentationKind, ClassifierKind, CorruptionKind, DiscriminatorKind, Kind,
    ShallowClassifierKind,
};
use super::plugin::Plugin;
use crate::augmentation::{Augmentation, SampleKind};
use crate::config::Choice;
use crate::corruption::Corruption;
use crate::error::MethodError;
use crate::parts::{BuildContext, Classifier, Discriminator};
use crate::shallow::ShallowClassifier;
use crate::spec::PluginSpec;

/// This program has no such plugin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no {kind} `{name}` in this program")]
pub struct UnknownPlugin {
    /// The kind that was looked for.
    pub kind: Kind,
    /// The name.
    pub name: String,
}

impl From<UnknownPlugin> for MethodError {
    fn from(unknown: UnknownPlugin) -> Self {
        Self::Unsuitable(unknown.to_string())
    }
}

/// All plugins of a kind, by name.
pub fn plugins(kind: Kind) -> Vec<&'static Plugin> {
    let all = inventory::iter::<Plugin>.into_iter();
    let mut found: Vec<_> = all.filter(|plugin| plugin.kind() == kind).collect();
    found.sort_by_key(|plugin| plugin.about.name);
    found
}

/// The plugin of a kind and name.
pub fn find(kind: Kind, name: &str) -> Option<&'static Plugin> {
    inventory::iter::<Plugin>
        .into_iter()
        .find(|plugin| plugin.kind() == kind && plugin.about.name == name)
}

/// What builds the plugin of a kind and name.
///
/// # Errors
/// If there is none.
pub fn builder<K: BuiltKind>(name: &str) -> Result<K::Builder, UnknownPlugin> {
    named::<K>(name).map(|(_, builder)| builder)
}

fn named<K: BuiltKind>(name: &str) -> Result<(&'static Plugin, K::Builder), UnknownPlugin> {
    find(K::KIND, name)
        .and_then(|plugin| Some((plugin, K::of(plugin.builder)?)))
        .ok_or_else(|| UnknownPlugin { kind: K::KIND, name: name.to_owned() })
}

impl Plugin {
    /// How a method acts; `None` for plugins of other kinds.
    pub fn method(&self) -> Option<MethodBuilder> {
        super::kind::MethodKind::of(self.builder)
    }

    /// Whether this is a loss term, which adds up with others.
    pub fn is_term(&self) -> bool {
        matches!(self.method(), Some(MethodBuilder::Term(_)))
    }
}

/// Builds the augmentation that a specification names; says which samples it can change.
///
/// # Errors
/// If there is none.
pub fn build_augmentation(
    spec: &PluginSpec,
) -> Result<(Box<dyn Augmentation>, &'static [SampleKind]), UnknownPlugin> {
    let (plugin, build) = named::<AugmentationKind>(&spec.name)?;
    Ok((build(&spec.config), (plugin.samples)(&spec.config)))
}

/// Builds the corruption that a specification names; says which samples it can change.
///
/// # Errors
/// If there is none.
pub fn build_corruption(
    spec: &PluginSpec,
) -> Result<(Box<dyn Corruption>, &'static [SampleKind]), UnknownPlugin> {
    let (plugin, build) = named::<CorruptionKind>(&spec.name)?;
    Ok((build(&spec.config), (plugin.samples)(&spec.config)))
}

/// Builds the discriminator that a method's configuration names.
///
/// # Errors
/// If there is no such plugin or it cannot be built for these sizes.
pub fn build_discriminator(
    choice: &Choice<DiscriminatorKind>,
    features: usize,
    domains: usize,
    context: &BuildContext,
) -> Result<Box<dyn Discriminator>, MethodError> {
    let build = builder::<DiscriminatorKind>(&choice.name)?;
    Ok(build(&choice.config, features, domains, context)?)
}

/// Builds the shallow classifier that a method's configuration names, for a number of classes.
///
/// # Errors
/// If there is no such plugin.
pub fn build_shallow_classifier(
    choice: &Choice<ShallowClassifierKind>,
    classes: usize,
) -> Result<Box<dyn ShallowClassifier>, MethodError> {
    let build = builder::<ShallowClassifierKind>(&choice.name)?;
    Ok(build(&choice.config, classes))
}

/// Builds a classifier for a number of features and outputs.
///
/// # Errors
/// If there is no such plugin or it cannot be built for these sizes.
pub fn build_classifier(
    spec: &PluginSpec,
    features: usize,
    outputs: usize,
    context: &BuildContext,
) -> Result<Box<dyn Classifier>, MethodError> {
    let build = builder::<ClassifierKind>(&spec.name)?;
    Ok(build(&spec.config, features, outputs, context)?)
}
