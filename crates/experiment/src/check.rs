//! The tables of an experiment file, and how they fit each other.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Diagnostics;
use crate::data;
use crate::datasets::Datasets;
use crate::document;
use crate::methods::Methods;
use crate::plugin::resolve;
use crate::plugin_lists::{self, TrainedOn};
use crate::raw::{extractor_extras, file_schema};
use crate::selection;
use crate::shape::Shape;
use crate::suggest::list;
use crate::table;
use crate::tree::{Node, child, whole};
use crate::views;
use isthmus_core::augmentation::SampleKind;
use isthmus_core::objective::OutputKind;
use isthmus_core::registry::{Kind, ObjectiveKind, builder, find, plugins};
use isthmus_core::spec::{
    DataSpec, Experiment, ExtractorSpec, LAST, PluginSpec, RecordSpec, Transform, ViewsSpec,
    WeightsFrom,
};

/// The extractor that passes features on as they are.
const IDENTITY: &str = "identity";

/// The objective where none is named.
const DEFAULT_OBJECTIVE: &str = "classes";

/// Reads and checks a file as if it had no `[sweep]`, for the variants of a sweep.
pub(crate) fn variant(text: &str, datasets: &Datasets) -> (Option<Experiment>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let experiment = document::tree(text, &mut diagnostics)
        .and_then(|root| experiment(&root, datasets, &mut diagnostics))
        .filter(|_| diagnostics.errors() == 0);
    (experiment, diagnostics)
}

/// Reads and checks all of a file but its `[sweep]`.
pub(crate) fn experiment(
    root: &Node<'_>,
    datasets: &Datasets,
    diagnostics: &mut Diagnostics,
) -> Option<Experiment> {
    let schema = file_schema();
    Shape::of_file(&schema).check_table(root, diagnostics);

    let name = child(root, "name").and_then(|node| name(node, diagnostics));
    let description = child(root, "description").and_then(|node| node.get_ref().as_str());
    let seeds = match child(root, "seeds") {
        Some(node) => seeds(node, diagnostics),
        None => Some(vec![1]),
    };
    let device = match child(root, "device") {
        Some(node) => device(node, diagnostics),
        None => Some("cpu".to_owned()),
    };
    let data = child(root, "data").and_then(|node| data::check(node, datasets, diagnostics));
    let holds_out =
        child(root, "data").and_then(|node| data::holds_out(node, data.as_ref(), datasets));
    let extractor = child(root, "extractor").and_then(|node| extractor(node, diagnostics));
    let bottleneck = child(root, "bottleneck");
    let has_bottleneck = bottleneck.is_some();
    let bottleneck =
        bottleneck.and_then(|node| resolve(Kind::Bottleneck, node, None, None, diagnostics));
    let classifier = child(root, "classifier")
        .and_then(|node| resolve(Kind::Classifier, node, None, None, diagnostics));
    let empty = Spanned::new(root.span(), DeValue::Table(DeTable::new()));
    let named = child(root, "objective");
    let objective = resolve(
        Kind::Objective,
        named.unwrap_or(&empty),
        Some(DEFAULT_OBJECTIVE),
        None,
        diagnostics,
    );
    let outputs = objective.as_ref().and_then(|spec| find(Kind::Objective, &spec.name));
    let outputs = outputs.map(|plugin| plugin.outputs);
    let reads_states = objective.as_ref().is_some_and(reads_states);
    if let (true, Some(true)) = (reads_states, extractor.as_ref().map(|it| it.frozen)) {
        let node = child(root, "extractor").and_then(|node| child(node, "frozen"));
        diagnostics.error_with(
            node.unwrap_or(root).span(),
            format!(
                "a frozen extractor gives one row a sample, and `{}` reads outputs in time",
                name_of(&objective)
            ),
            "remove `frozen`: `learning_rate_factors.extractor = 0` in `[training]` keeps an extractor \
             as it is",
        );
    }
    if let (Some(objective), Some(data)) = (&objective, &data) {
        let node = named.or_else(|| child(root, "data")).unwrap_or(root);
        check_targets(objective, data, datasets, node, diagnostics);
    }
    let target_labels = data.as_ref().is_none_or(|data| data.target_labels);
    let named = child(root, "data").and_then(|node| child(node, "views"));
    let trained_on = trained_on(data.as_ref(), extractor.as_ref(), datasets);
    let views = named.and_then(|node| views::check(node, trained_on, diagnostics));
    let views_fit = named.is_none() || views.is_some();
    let listed = child(root, "data").and_then(|node| child(node, "feature_transforms"));
    let feature_transforms = match listed {
        None => Some(Vec::new()),
        Some(node) => plugin_lists::check(Kind::FeatureTransform, node, trained_on, diagnostics),
    };
    let data = data.filter(|_| views_fit);
    if let (Some(listed), true) = (listed, changes_sound(data.as_ref(), views.as_ref())) {
        diagnostics.error_with(
            listed.span(),
            "feature transforms of spectra cannot stand beside views: these change the sound first",
            "leave out `[data.views]`, or scale with `log_mel`'s own fields",
        );
    }
    let data = data.zip(feature_transforms).map(|(data, feature_transforms)| DataSpec {
        feature_transforms,
        views,
        ..data
    });
    let strong_views = data.as_ref().map(|data| has_strong_views(data, trained_on));
    let norm_layers =
        norm_layers(extractor.as_ref(), has_bottleneck, bottleneck.as_ref(), classifier.as_ref());
    let methods = Methods {
        training: child(root, "training"),
        holds_out,
        norm_layers,
        target_labels,
        strong_views,
        trained_on,
        outputs,
        reads_states,
    };
    let methods = child(root, "methods").and_then(|node| methods.check(node, diagnostics));

    let written = child(root, "selection");
    let selection = written.and_then(|node| selection::check(node, diagnostics));

    if let (Some(node), Some(OutputKind::Other)) = (written, outputs) {
        diagnostics.error_with(
            node.span(),
            format!("validators score classes, and `{}` predicts none", name_of(&objective)),
            "remove `[selection]`: tables show the last iterate",
        );
    }

    let record =
        child(root, "record").and_then(|node| table::read::<RecordSpec>(node, diagnostics));
    if let (Some(RecordSpec { theory: true, .. }), Some(OutputKind::Other)) = (&record, outputs) {
        let node = child(root, "record").and_then(|node| child(node, "theory")).unwrap_or(root);
        let message = format!(
            "the bound is of errors of classes, and `{}` predicts none",
            name_of(&objective)
        );
        diagnostics.error(node.span(), message);
    }
    let named = child(root, "launcher");
    let launcher = named.and_then(|node| resolve(Kind::Launcher, node, None, None, diagnostics));

    let listed = child(root, "trackers");
    let trackers = match listed {
        None => Some(Vec::new()),
        Some(node) => plugin_lists::check(Kind::Tracker, node, None, diagnostics),
    };

    let incomplete = (has_bottleneck && bottleneck.is_none())
        || (written.is_some() && selection.is_none())
        || (named.is_some() && launcher.is_none());
    if incomplete {
        return None;
    }
    Some(Experiment {
        name: name?,
        description: description.unwrap_or_default().to_owned(),
        data: data?,
        extractor: extractor?,
        bottleneck,
        classifier: classifier?,
        objective: objective?,
        selection,
        record,
        methods: methods?,
        seeds: seeds?,
        device: device?,
        launcher,
        trackers: trackers?,
    })
}

fn name_of(objective: &Option<PluginSpec>) -> &str {
    objective.as_ref().map_or(DEFAULT_OBJECTIVE, |spec| spec.name.as_str())
}

/// Whether an objective reads outputs in time.
fn reads_states(objective: &PluginSpec) -> bool {
    builder::<ObjectiveKind>(&objective.name)
        .is_ok_and(|build| build(&objective.config).reads_states())
}

/// Refuses an objective that does not take the targets of the data set.
fn check_targets(
    objective: &PluginSpec,
    data: &DataSpec,
    datasets: &Datasets,
    node: &Node<'_>,
    diagnostics: &mut Diagnostics,
) {
    let info = datasets.get(&data.dataset).and_then(|info| info.as_ref().ok());
    let found = info.and_then(|info| info.targets);
    let plugin = find(Kind::Objective, &objective.name);
    let taken = plugin.and_then(|plugin| (plugin.targets)(&objective.config));
    let (Some(found), Some(taken)) = (found, taken) else { return };
    if found == taken {
        return;
    }
    let fitting = plugins(Kind::Objective)
        .into_iter()
        .filter(|plugin| (plugin.targets)(&(plugin.defaults)()) == Some(found));
    let fitting: Vec<&str> = fitting.map(|plugin| plugin.about.name).collect();
    diagnostics.error_with(
        node.span(),
        format!(
            "the data set `{}` has {found} as targets, the objective `{}` takes {taken}",
            data.dataset, objective.name
        ),
        format!(
            "objectives for {found}: {}; for example `[objective]` and below it `name = \"{}\"`",
            list(&fitting),
            fitting.first().unwrap_or(&"none")
        ),
    );
}

/// What the model is trained on, where that is known.
fn trained_on(
    data: Option<&DataSpec>,
    extractor: Option<&ExtractorSpec>,
    datasets: &Datasets,
) -> Option<TrainedOn> {
    let extracted = extractor?.frozen;
    if extracted {
        return Some(TrainedOn { kind: SampleKind::Features, extracted });
    }
    let kind = datasets.get(&data?.dataset)?.as_ref().ok()?.samples?;
    Some(TrainedOn { kind, extracted })
}

/// Whether views change sound of which spectra are made.
fn changes_sound(data: Option<&DataSpec>, views: Option<&ViewsSpec>) -> bool {
    let transform = data.and_then(|data| data.transform.as_ref());
    transform.is_some_and(|transform| transform.log_mel.is_some())
        && views.is_some_and(|views| !views.weak.is_empty() || !views.strong.is_empty())
}

/// Whether what is trained has norm layers, where all of its parts are right and say so.
fn norm_layers(
    extractor: Option<&ExtractorSpec>,
    has_bottleneck: bool,
    bottleneck: Option<&PluginSpec>,
    classifier: Option<&PluginSpec>,
) -> Option<bool> {
    let says = |kind: Kind, spec: Option<&PluginSpec>| {
        let spec = spec?;
        (find(kind, &spec.name)?.norm_layers)(&spec.config)
    };
    let extractor = match extractor {
        Some(extractor) if extractor.frozen => Some(false),
        extractor => says(Kind::Extractor, extractor.map(|it| &it.plugin)),
    };
    let bottleneck = if has_bottleneck { says(Kind::Bottleneck, bottleneck) } else { Some(false) };
    let parts = [extractor, bottleneck, says(Kind::Classifier, classifier)];
    if parts.contains(&Some(true)) {
        return Some(true);
    }
    parts.into_iter().all(|part| part == Some(false)).then_some(false)
}

/// Whether a strong view is more than the sample as it is.
fn has_strong_views(data: &DataSpec, trained_on: Option<TrainedOn>) -> bool {
    let is_image = trained_on.is_none_or(|samples| samples.kind == SampleKind::Image);
    let random = |transform: &Transform| transform.random_crop.is_some() || transform.random_flip;
    data.views.as_ref().is_some_and(|views| !views.strong.is_empty())
        || (is_image && data.transform.as_ref().is_some_and(random))
}

/// Longest name in bytes: file systems take 255, and rounds and temporary files add to it.
const LONGEST_NAME: usize = 200;

/// The name is that of a folder.
fn name(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let name = node.get_ref().as_str()?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        diagnostics.error(
            node.span(),
            format!(
                "`name = \"{name}\"` must be letters, digits, `-`, `_` and `.`: it names a folder"
            ),
        );
        return None;
    }
    if name.len() > LONGEST_NAME {
        diagnostics.error(
            node.span(),
            format!(
                "`name` has {} letters, must have at most {LONGEST_NAME}: it names a folder",
                name.len()
            ),
        );
        return None;
    }
    Some(name.to_owned())
}

fn seeds(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<u64>> {
    let DeValue::Array(list) = node.get_ref() else { return None };
    let mut seeds = Vec::new();
    for element in list.iter() {
        let DeValue::Integer(number) = element.get_ref() else { return None };
        let seed = whole(number).and_then(|seed| u64::try_from(seed).ok())?;
        if seeds.contains(&seed) {
            diagnostics.error(element.span(), format!("the seed {seed} is there twice"));
        }
        seeds.push(seed);
    }
    Some(seeds)
}

fn device(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let device = node.get_ref().as_str()?;
    if !is_device(device) {
        diagnostics.error(
            node.span(),
            format!("`device = \"{device}\"` must be `cpu`, `gpu` or `gpu:N` (such as `gpu:1`)"),
        );
        return None;
    }
    Some(device.to_owned())
}

/// Whether a text names a device: `cpu`, `gpu` or `gpu:N`.
pub fn is_device(text: &str) -> bool {
    let numbered = |number: &str| !number.is_empty() && number.parse::<u16>().is_ok();
    matches!(text, "cpu" | "gpu") || text.strip_prefix("gpu:").is_some_and(numbered)
}

fn extractor(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<ExtractorSpec> {
    let extras = extractor_extras();
    let plugin = resolve(Kind::Extractor, node, None, Some(&extras), diagnostics)?;
    let weights_from = weights_from(&plugin, node, diagnostics);
    let written = child(node, "frozen");
    let frozen = written.and_then(|node| node.get_ref().as_bool()).unwrap_or_default();
    if let (true, Some(written)) = (frozen, written) {
        check_frozen(&plugin, weights_from.is_some(), written, diagnostics);
    }
    Some(ExtractorSpec { plugin, frozen, weights_from })
}

/// The record that weights are taken from. Whether it is there and fits shows when it is read.
fn weights_from(
    plugin: &PluginSpec,
    node: &Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<WeightsFrom> {
    let chosen = child(node, "weights_choice");
    let Some(written) = child(node, "weights_from") else {
        if let Some(chosen) = chosen {
            diagnostics.error_with(
                chosen.span(),
                "`weights_choice` says which model of a record is taken, and no record is named",
                "add `weights_from = \"results/NAME\"`, or remove it",
            );
        }
        return None;
    };
    let record = written.get_ref().as_str()?;
    if plugin.name == IDENTITY {
        diagnostics.error_with(
            written.span(),
            format!("`{IDENTITY}` has no weights to take: features are used as they are"),
            "remove `weights_from`, or name the extractor of that record's run",
        );
    }
    if record.trim().is_empty() {
        diagnostics.error_with(
            written.span(),
            "`weights_from` names no folder",
            "it is the folder of a finished run, such as `\"results/NAME/RUN\"`",
        );
    }
    let choice = chosen.and_then(|node| node.get_ref().as_str()).unwrap_or(LAST);
    Some(WeightsFrom::new(record, choice))
}

/// The field of extractors that have pretrained weights, and its value for none.
const WEIGHTS: (&str, &str) = ("weights", "random");

fn check_frozen(
    plugin: &PluginSpec,
    has_record: bool,
    written: &Node<'_>,
    diagnostics: &mut Diagnostics,
) {
    let (field, random) = WEIGHTS;
    let weights = plugin.config.get(field).filter(|weights| !weights.is_null());
    if plugin.name == IDENTITY {
        diagnostics.error_with(
            written.span(),
            format!("`{IDENTITY}` has no weights to freeze: features are used as they are"),
            "remove `frozen`",
        );
    } else if !has_record && weights.is_none_or(|weights| weights.as_str() == Some(random)) {
        diagnostics.warn(
            written.span(),
            format!("`{}` has random weights here: frozen, it stays as it is made", plugin.name),
            "remove `frozen`, or name pretrained weights where the extractor has a field for them, or \
             another run's record as `weights_from`",
        );
    }
}
