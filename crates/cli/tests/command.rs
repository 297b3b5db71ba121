//! The command as its users meet it: answers and exit codes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::{Sandbox, repository};

#[test]
fn the_list_of_everything() {
    let said = Sandbox::new().isthmus(&["list"]);
    assert_eq!((said.code, said.errors.as_str()), (0, ""));
    insta::assert_snapshot!(said.answer);
}

#[test]
fn one_kind_is_listed_by_either_number() {
    let sandbox = Sandbox::new();
    let one = sandbox.isthmus(&["list", "optimizer"]);
    assert_eq!(one.answer, sandbox.isthmus(&["list", "optimizers"]).answer);
    assert!(one.answer.starts_with("optimizers\n"), "{}", one.answer);
    assert!(!one.answer.contains("dann"));
    assert_eq!(sandbox.isthmus(&["list", "colours"]).code, 2);
}

#[test]
fn a_data_set_of_ones_own_is_listed() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "datasets/photos.toml",
        "name = \"photos\"\ntitle = \"Photos of mine\"\ndomains = [\n  { name = \"a\", reader = { \
         name = \"image-folder\", path = \"a\" } },\n  { name = \"b\", reader = { name = \
         \"image-folder\", path = \"b\" } },\n]\n",
    );
    sandbox.write("datasets/broken.toml", "name = 3\n");
    let said = sandbox.isthmus(&["list", "dataset"]);
    assert_eq!(said.code, 0);
    assert!(said.answer.contains("Photos of mine (a, b)"), "{}", said.answer);
    assert!(said.answer.contains("cannot be used:"), "{}", said.answer);
}

#[test]
fn methods_and_parts_are_explained() {
    let sandbox = Sandbox::new();
    for name in ["dann", "adabn", "inverse-decay", "features"] {
        let said = sandbox.isthmus(&["explain", name]);
        assert_eq!((said.code, said.errors.as_str()), (0, ""), "{name}");
        insta::assert_snapshot!(format!("explain-{name}"), said.answer);
    }
}

#[test]
fn a_name_that_several_plugins_have_is_explained_for_each() {
    let sandbox = Sandbox::new();
    let all = sandbox.isthmus(&["explain", "linear"]).answer;
    for kind in ["bottleneck", "classifier", "discriminator"] {
        assert!(all.contains(&format!("linear ({kind})")), "{all}");
    }
    let one = sandbox.isthmus(&["explain", "linear", "--kind", "classifier"]).answer;
    assert!(one.starts_with("linear (classifier)"));
    assert!(!one.contains("linear (bottleneck)"));
}

#[test]
fn the_version_says_what_was_built() {
    let said = Sandbox::new().isthmus(&["--version"]).answer;
    let version = format!("isthmus {} (", env!("CARGO_PKG_VERSION"));
    let (_, build) = said.trim().split_once(&version).expect("it begins so");
    let build = build.strip_suffix(')').expect("it ends so");
    let (commit, features) = match build.split_once(", ") {
        Some((commit, features)) => (Some(commit), features),
        None => (None, build),
    };
    let is_commit = |it: &str| it.len() >= 7 && it.chars().all(|c| c.is_ascii_hexdigit());
    assert!(commit.is_none_or(is_commit), "{said}");
    let wgpu = if cfg!(feature = "wgpu") { "wgpu" } else { "none" };
    assert_eq!(features, format!("features: {wgpu}"));
}

#[test]
fn an_unknown_name_is_not_explained() {
    let said = Sandbox::new().isthmus(&["explain", "danm"]);
    assert_eq!(said.code, 2);
    assert_eq!(
        said.errors,
        "error: no plugin is called `danm`\n  help: did you mean `dan` or `dann`?\n"
    );
}

#[test]
fn files_that_are_not_there_are_wrong_input() {
    let sandbox = Sandbox::new();
    for command in ["run", "check"] {
        let said = sandbox.isthmus(&[command, "nowhere.toml"]);
        assert_eq!(said.code, 2, "{command}");
        assert!(
            said.errors.starts_with("error: cannot read nowhere.toml: No such file"),
            "{said:?}"
        );
    }
}

#[test]
fn settings_that_cannot_be_applied_are_wrong_input() {
    let sandbox = Sandbox::new();
    let file = repository().join("experiments/quickstart.toml");
    let file = file.to_str().unwrap();
    let said = sandbox.isthmus(&["check", file, "--set", "seeds.9=4"]);
    assert_eq!(said.code, 2);
    assert_eq!(said.errors, "error: --set `seeds.9`: `9` is not a position of a list of 3\n");
    let said = sandbox.isthmus(&["run", file, "--device", "tpu"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.starts_with("error: --device tpu: it must be"), "{}", said.errors);
    let said = sandbox.isthmus(&["run", file, "--jobs", "0"]);
    assert_eq!(said.code, 2);
    let said = sandbox.isthmus(&["check", file, "--set", "seeds=[7]", "--quiet"]);
    assert_eq!((said.code, said.answer.as_str(), said.errors.as_str()), (0, "", ""));
}

#[test]
fn the_experiments_of_single_methods_are_right() {
    let folder = repository().join("experiments/methods");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let said = Sandbox::new().isthmus(&["check", file.to_str().unwrap(), "--quiet"]);
        assert_eq!((said.code, said.errors.as_str()), (0, ""), "{}", file.display());
        checked += 1;
    }
    assert!(checked >= 3, "{checked} files");
}

#[test]
fn wrong_usage_is_wrong_input_and_help_is_not() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.isthmus(&[]).code, 2);
    assert_eq!(sandbox.isthmus(&["fly"]).code, 2);
    assert_eq!(sandbox.isthmus(&["check"]).code, 2);
    let help = sandbox.isthmus(&["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "run",
        "check",
        "list",
        "explain",
        "schema",
        "compare",
        "report",
        "plot",
        "weights",
        "new-method",
    ] {
        assert!(help.answer.contains(command), "{command}");
    }
}

#[test]
fn comparing_nothing_is_wrong_input() {
    let sandbox = Sandbox::new();
    let said = sandbox.isthmus(&["compare", "nowhere"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("nowhere"), "{}", said.errors);
    assert_eq!(sandbox.isthmus(&["compare", "--rows", "colour"]).code, 2);
    let said = sandbox.isthmus(&["compare", "--rows", "task", "--columns", "task"]);
    assert_eq!(said.code, 2);
}

#[test]
fn published_weights_are_listed_and_others_refused() {
    let sandbox = Sandbox::new();
    let said = sandbox.isthmus(&["weights"]);
    assert_eq!(said.code, 0);
    assert!(said.answer.contains("efficientnet-lite0-57934424.pth (Apache-2.0)"));
    let said = sandbox.isthmus(&["weights", "lenet"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("there are no published weights of `lenet`"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["schema"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn shells_complete_every_command_and_each_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let commands = ["run", "check", "compare", "results", "validators", "report", "predict"];
    for shell in ["bash", "zsh", "fish"] {
        let said = sandbox.isthmus(&["completions", shell]);
        assert_eq!(said.code, 0, "{}", said.errors);
        assert!(commands.iter().all(|name| said.answer.contains(name)), "{shell}");
    }
    let said = sandbox.isthmus(&["man", "man1"]);
    assert_eq!((said.code, said.answer.as_str()), (0, ""), "{}", said.errors);
    for name in commands {
        let page = sandbox.read(&format!("man1/isthmus-{name}.1"));
        assert!(page.contains("SYNOPSIS"), "{page}");
    }
    let said = sandbox.isthmus(&["man", "man1/isthmus-run.1/below"]);
    assert!(
        said.code != 0 && said.errors.contains("cannot create man1/isthmus-run.1"),
        "{}",
        said.errors
    );
}
