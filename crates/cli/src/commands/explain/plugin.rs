//! What is said of a plugin.

use isthmus_core::objective::OutputKind;
use isthmus_core::registry::{Kind, MethodBuilder, Plugin};
use isthmus_experiment::{Field, description, example, fields};

use crate::page::Page;

/// All of it, for a terminal.
pub fn explained(plugin: &Plugin, page: &Page) -> String {
    let name = page.bold(plugin.about.name);
    let mut text = format!("{name} ({})\n", role(plugin));
    text.push_str(&page.wrapped(plugin.about.summary, 2));
    let description = description(plugin);
    if !description.is_empty() {
        text.push_str(&format!("\n{}", page.wrapped(&description, 2)));
    }
    if !plugin.about.paper.is_empty() {
        text.push_str(&format!(
            "\n{}\n{}",
            page.bold("paper"),
            page.wrapped(plugin.about.paper, 2)
        ));
    }
    let fields = fields(plugin);
    text.push_str(&format!("\n{}\n", page.bold("fields")));
    if fields.is_empty() {
        text.push_str("  none\n");
    }
    for field in &fields {
        text.push_str(&page.wrapped(&format!("{}: {}", field.name, kind_of_value(field)), 2));
        text.push_str(&page.wrapped(&field.description, 6));
        for (name, meaning) in &field.parts {
            text.push_str(&page.wrapped(&format!("{name}: {meaning}"), 8));
        }
    }
    let place = if plugin.kind() == Kind::Reader { "a data set's file" } else { "an experiment" };
    text.push_str(&format!("\n{} to paste into {place}\n", page.bold("example")));
    for line in pasted(plugin) {
        text.push_str(format!("  {line}").trim_end());
        text.push('\n');
    }
    text
}

/// `a number >= 0, default 1.0`.
pub fn kind_of_value(field: &Field) -> String {
    let mut text = field.type_name.clone();
    if let Some(range) = &field.range {
        text.push_str(&format!(" {range}"));
    }
    match &field.default {
        Some(default) => text.push_str(&format!(", default {default}")),
        None => text.push_str(", optional"),
    }
    text
}

/// What the plugin is, with what methods need.
pub fn role(plugin: &Plugin) -> String {
    let role = match plugin.method() {
        Some(MethodBuilder::Term(_)) => "method: a loss term, adds up with others",
        Some(MethodBuilder::Driver(_)) if plugin.needs.alone => {
            "method: drives its own updates, alone in its stage"
        }
        Some(MethodBuilder::Driver(_)) => {
            "method: drives the updates of its stage; terms can be beside it"
        }
        Some(MethodBuilder::Fit(_)) => "method: fits once, without steps, alone in its stage",
        Some(MethodBuilder::TestTime(_)) => "method: adapts while it predicts, alone in its stage",
        None => plugin.kind().name(),
    };
    let mut text = role.to_owned();
    if plugin.needs.last {
        text.push_str(", the last");
    }
    if plugin.needs.trained_model {
        text.push_str("; needs a stage before it that trains a model");
    }
    if let Some(grouping) = plugin.needs.grouping {
        text.push_str(&format!("; needs `[training] normalization = \"{grouping}\"`"));
    }
    if plugin.needs.states {
        text.push_str("; needs an objective that reads outputs in time, such as `ctc`");
    }
    if plugin.needs.no_source {
        text.push_str("; reads no source sample");
    }
    if plugin.needs.target_labels {
        text.push_str("; uses target labels: an upper bound, not adaptation");
    }
    text
}

/// Lines that use the plugin, with every field at its default.
pub fn pasted(plugin: &Plugin) -> Vec<String> {
    let name = plugin.about.name;
    let mut table = example(plugin);
    let heading = |text: &str| vec![text.to_owned()];
    let mut lines = match plugin.kind() {
        Kind::Method if plugin.needs.trained_model => vec![
            format!("[[methods.{name}.stages]]"),
            "align = [{ name = \"source-only\" }]".to_owned(),
            String::new(),
            format!("[[methods.{name}.stages]]"),
            String::new(),
            format!("[[methods.{name}.stages.align]]"),
        ],
        Kind::Method => vec![format!("[[methods.{name}.align]]")],
        Kind::Extractor => heading("[extractor]"),
        Kind::Bottleneck => heading("[bottleneck]"),
        Kind::Classifier => heading("[classifier]"),
        Kind::Objective => heading("[objective]"),
        Kind::Optimizer => heading("[training.optimizer]"),
        Kind::Schedule => heading("[training.schedule]"),
        Kind::Validator => heading("[[selection.validators]]"),
        Kind::Augmentation => heading("[[data.views.strong]]"),
        Kind::FeatureTransform => heading("[[data.feature_transforms]]"),
        Kind::Corruption => {
            return vec![
                "# the samples of a domain at five severities, as the target `shifted`".to_owned(),
                "[[data.streams.shifted]]".to_owned(),
                "domain = \"first\"".to_owned(),
                format!("corruption = {{ {} }}", table.join(", ")),
            ];
        }
        Kind::Launcher => heading("[launcher]"),
        Kind::Tracker => heading("[[trackers]]"),
        Kind::Discriminator => {
            return vec![
                "# a field of a method that has a discriminator".to_owned(),
                format!("discriminator = {{ {} }}", table.join(", ")),
            ];
        }
        Kind::ShallowClassifier => {
            return vec![
                "# a field of a method that has a shallow classifier".to_owned(),
                format!("classifier = {{ {} }}", table.join(", ")),
            ];
        }
        Kind::Reader => return crate::datasets::reader_example(&table),
    };
    lines.append(&mut table);
    if let Some(grouping) = plugin.needs.grouping {
        let training = format!("[methods.{name}.training]");
        lines.extend([String::new(), training, format!("normalization = \"{grouping}\"")]);
    }
    let objective = match plugin.needs.outputs {
        OutputKind::OpenClasses => Some("open-set"),
        _ => plugin.needs.states.then_some("ctc"),
    };
    if let Some(name) = objective {
        lines.extend([String::new(), "[objective]".to_owned(), format!("name = \"{name}\"")]);
    }
    lines
}
