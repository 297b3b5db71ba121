//! The `[launcher]` table.

use serde_json::json;

use super::{GOOD, bad, good};
use crate::checked_again;
use isthmus_core::registry::Kind;
use isthmus_core::spec::PluginSpec;

fn with(launcher: &str) -> String {
    format!("{GOOD}\n[launcher]\n{launcher}")
}

#[test]
fn a_file_names_its_launcher_like_any_plugin() {
    assert_eq!(good(GOOD).experiment.launcher, None);
    let launcher = good(&with("name = 'cluster'\ncpus = 4\n")).experiment.launcher.unwrap();
    assert_eq!(launcher.name, "cluster");
    assert_eq!(launcher.config, json!({ "cpus": 4, "options": [] }));
}

#[test]
fn mistakes_are_told_where_they_are() {
    let only = |launcher: &str| {
        let text = with(launcher);
        let found = bad(&text);
        assert_eq!(found.len(), 1, "{found:#?}");
        let one = found.iter().next().unwrap();
        format!("{} @ {} ? {:?}", one.message, &text[one.span.clone()], one.help)
    };
    let message = only("name = 'clutser'\n");
    assert_eq!(
        message,
        "unknown launcher `clutser` @ 'clutser' ? Some(\"did you mean `cluster`?\")"
    );
    let message = only("cpus = 4\n");
    assert!(message.starts_with("this table must have a `name`: which launcher"), "{message}");
    let message = only("name = 'cluster'\noptions = ['-a', 'b']\n");
    assert!(message.contains("is not an option @ 'b'"), "{message}");
    let message = only("name = 'cluster'\ncpus = 0\n");
    assert!(message.starts_with("`cpus = 0` must be >= 1 @ 0"), "{message}");
    let message = only("name = 'local'\ncpus = 1\n");
    assert!(message.starts_with("`cpus` is not a field of `local`"), "{message}");
}

#[test]
fn what_was_written_down_earlier_is_checked_again() {
    let spec = |name: &str, config| PluginSpec { name: name.to_owned(), config };
    let read = checked_again(Kind::Launcher, &spec("cluster", json!({ "cpus": 2 }))).unwrap();
    assert_eq!(read, spec("cluster", json!({ "cpus": 2, "options": [] })));
    for (name, config) in [("cluster", json!({ "cores": 2 })), ("elsewhere", json!({}))] {
        assert!(checked_again(Kind::Launcher, &spec(name, config)).is_err(), "{name}");
    }
}
