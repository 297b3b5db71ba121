//! `isthmus explain`.

pub mod plugin;

use isthmus_core::registry::{Kind, Plugin, plugins};
use isthmus_experiment::did_you_mean;

use self::plugin::explained;
use super::reference;
use crate::args::{ExplainArguments, ListKind};
use crate::failure::Failure;
use crate::page::Page;

/// The explanation of a plugin, of all with its name, or of every plugin.
pub fn text(arguments: &ExplainArguments, page: &Page) -> Result<String, Failure> {
    let kinds: Vec<Kind> = match arguments.kind {
        None => Kind::ALL.to_vec(),
        Some(ListKind::Plugins(kind)) => vec![kind],
        Some(ListKind::Datasets) => {
            return Err(Failure::input_with(
                "a data set is a file, not a plugin",
                "read its file in `datasets/`; `isthmus explain --kind reader NAME` explains the \
                 reader that it names",
            ));
        }
    };
    let all: Vec<&Plugin> = kinds.into_iter().flat_map(plugins).collect();
    let Some(name) = &arguments.name else {
        return Ok(if arguments.markdown {
            reference::page(&all)
        } else {
            joined(&all, |plugin| explained(plugin, page))
        });
    };
    let found: Vec<&Plugin> =
        all.iter().copied().filter(|plugin| plugin.about.name == name).collect();
    if found.is_empty() {
        let help = did_you_mean(name, all.iter().map(|plugin| plugin.about.name))
            .unwrap_or_else(|| "`isthmus list` shows all names".to_owned());
        return Err(Failure::input_with(format!("no plugin is called `{name}`"), help));
    }
    Ok(if arguments.markdown {
        joined(&found, reference::entry)
    } else {
        joined(&found, |plugin| explained(plugin, page))
    })
}

fn joined(plugins: &[&Plugin], explain: impl Fn(&Plugin) -> String) -> String {
    plugins.iter().map(|plugin| explain(plugin)).collect::<Vec<_>>().join("\n")
}
