//! Every launcher builds from its default configuration.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use isthmus_core::launcher::LOCAL;
use isthmus_core::registry::{Kind, LauncherKind, builder, plugins};
use isthmus_experiment::default_config;
use isthmus_launchers as _;

#[test]
fn every_default_builds() {
    let mut names = Vec::new();
    for plugin in plugins(Kind::Launcher) {
        let config = default_config(plugin).unwrap();
        let build = builder::<LauncherKind>(plugin.about.name).unwrap();
        assert!(!build(&config).title().is_empty());
        names.push(plugin.about.name);
    }
    assert_eq!(names, [LOCAL, "slurm"]);
}
