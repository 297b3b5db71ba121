//! The reference page: everything that an experiment file can say.

use isthmus_core::registry::{Kind, Plugin};
use isthmus_experiment::{Field, description, fields, file_tables};

use super::explain::plugin::{pasted, role};

/// The page of all plugins.
pub fn page(plugins: &[&Plugin]) -> String {
    let mut text = "# Reference\n\nEverything that an experiment file can say. Written by \
                    `isthmus explain --all --markdown`; do not edit.\n\n## Experiment files\n"
        .to_owned();
    for table in file_tables() {
        text.push_str(&format!("\n### {}\n\n", code_heading(&table.heading)));
        if !table.description.is_empty() {
            text.push_str(&format!("{}\n\n", table.description));
        }
        text.push_str(&field_list(&table.keys));
    }
    for &kind in Kind::ALL {
        let group: Vec<_> = plugins.iter().filter(|plugin| plugin.kind() == kind).collect();
        if group.is_empty() {
            continue;
        }
        let mut title = format!("{kind}s");
        title[..1].make_ascii_uppercase();
        text.push_str(&format!("\n## {title}\n"));
        for plugin in group {
            text.push('\n');
            text.push_str(&entry(plugin));
        }
    }
    text
}

/// One plugin.
pub fn entry(plugin: &Plugin) -> String {
    let mut text = format!("### `{}`\n\n{}.", plugin.about.name, plugin.about.summary);
    if plugin.kind() == Kind::Method {
        text.push_str(&format!(" ({})", role(plugin)));
    }
    text.push_str("\n\n");
    let description = description(plugin);
    if !description.is_empty() {
        text.push_str(&format!("{description}\n\n"));
    }
    if !plugin.about.paper.is_empty() {
        text.push_str(&format!("Paper: {}.\n\n", plugin.about.paper.trim_end_matches('.')));
    }
    text.push_str(&field_list(&fields(plugin)));
    text.push_str(&format!("\n```toml\n{}\n```\n", pasted(plugin).join("\n")));
    text
}

fn field_list(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "No fields.\n".to_owned();
    }
    let mut text = String::new();
    for field in fields {
        text.push_str(&format!("- `{}`: {}", field.name, field.type_name));
        if let Some(range) = &field.range {
            text.push_str(&format!(" {range}"));
        }
        if let Some(default) = &field.default {
            text.push_str(&format!(", default `{default}`"));
        }
        text.push_str(&format!(". {}\n", field.description.replace("\n\n", " ")));
        for (name, meaning) in &field.parts {
            text.push_str(&format!("  - `{name}`: {meaning}\n"));
        }
    }
    text
}

fn code_heading(heading: &str) -> String {
    if heading.starts_with('[') { format!("`{heading}`") } else { heading.to_owned() }
}
