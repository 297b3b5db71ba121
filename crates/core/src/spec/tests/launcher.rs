//! The `[launcher]` table.

use super::super::{Launcher, LauncherSpec};
use super::{GOOD, bad, good};

fn with(launcher: &str) -> String {
    format!("{GOOD}\n[launcher]\n{launcher}")
}

#[test]
fn runs_are_started_here_unless_the_file_says_otherwise() {
    assert_eq!(good(GOOD).experiment.launcher, LauncherSpec::default());
    let text = "name = 'slurm'\npartition = 'gpu'\ntime = '02:00:00'\ncpus = 4\nmemory = '8G'\n\
                tasks = 10\noptions = ['--account=me']\n";
    let launcher = good(&with(text)).experiment.launcher;
    assert_eq!((launcher.name, launcher.cpus, launcher.tasks), (Launcher::Slurm, Some(4), 10));
    assert_eq!(launcher.partition.as_deref(), Some("gpu"));
    assert_eq!(launcher.options, ["--account=me"]);
}

#[test]
fn mistakes_are_told_where_they_are() {
    let only = |launcher: &str| {
        let text = with(launcher);
        let found = bad(&text);
        assert_eq!(found.len(), 1, "{found:#?}");
        let one = found.iter().next().unwrap();
        format!("{} @ {}", one.message, &text[one.span.clone()])
    };
    let message = only("name = 'slum'\n");
    assert!(
        message.starts_with("`launcher.name = \"slum\"` must be `local` or `slurm`"),
        "{message}"
    );
    let message = only("name = 'slurm'\npartition = 'a b'\n");
    assert!(message.contains("must be one word, without spaces or quotes @ 'a b'"), "{message}");
    let message = only("name = 'slurm'\noptions = ['account=me']\n");
    assert!(message.contains("is not an option of sbatch @ 'account=me'"), "{message}");
    let message = only("name = 'slurm'\ncpus = 0\n");
    assert_eq!(message, "`launcher.cpus = 0` must be >= 1 @ 0");
}
