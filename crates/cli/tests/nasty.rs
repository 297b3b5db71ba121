//! Labels that mean something to a shell, to TOML, or to a form of output, through the real binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::Sandbox;

/// Labels that an experiment file may have: any but slashes and ends of lines.
const LABELS: [&str; 12] = [
    "a,b \"c\"",
    "a.b=c",
    "a|b `c` *d* _e_",
    "<script>alert(1)",
    "$x^2$ {frac} 100% & #1 ~",
    "^_^ >|<",
    "日本語 é → ±",
    "'; DROP TABLE runs; --",
    "=1+1",
    "[x](y) ![z]",
    "\u{202e}turned",
    "👩\u{200d}👧",
];

fn quoted(label: &str) -> String {
    format!("\"{}\"", label.replace('\\', "\\\\").replace('"', "\\\""))
}

fn experiment() -> String {
    let mut text = r#"
name = "nasty"
seeds = [1, 2]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [8]

[classifier]
name = "linear"

[training]
iterations = 2
batch_size = 16

[training.optimizer]
name = "sgd"
"#
    .to_owned();
    for label in LABELS {
        text.push_str(&format!(
            "\n[methods.{}]\nalign = [{{ name = \"source-only\" }}]\n",
            quoted(label)
        ));
    }
    text
}

#[test]
fn labels_survive_runs_settings_tables_pages_and_figures() {
    let sandbox = Sandbox::new();
    sandbox.write("nasty.toml", &experiment());
    // Each label can be named in a setting; the runs then have different numbers of steps.
    let settings: Vec<String> = LABELS
        .iter()
        .enumerate()
        .map(|(place, label)| {
            format!("methods.{}.training.iterations={}", quoted(label), place + 2)
        })
        .collect();
    let mut arguments = vec!["run", "nasty.toml"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
    let said = sandbox.isthmus(&arguments);
    assert_eq!(said.code, 0, "{}", said.errors);
    let jobs = LABELS.len() * 2;
    let status = sandbox.isthmus(&[&["status", "nasty.toml"], &arguments[2..]].concat());
    assert!(status.answer.contains(&format!("{jobs} runs: {jobs} finished")), "{}", status.answer);

    // One method by its label, as a filter and to run again.
    for label in LABELS {
        let mut again = arguments.clone();
        again.extend(["--methods", label]);
        let said = sandbox.isthmus(&again);
        assert!(
            said.errors.contains("2 of 2 runs are finished already"),
            "{label}: {}",
            said.errors
        );
        let filter = format!("method={label}");
        let said = sandbox.isthmus(&["compare", "--filter", &filter, "--csv", "-"]);
        assert_eq!(said.code, 0, "{label}: {}", said.errors);
        let field = if label.contains([',', '"']) {
            format!("\"{}\"", label.replace('"', "\"\""))
        } else {
            label.to_owned()
        };
        assert!(said.answer.contains(&format!(",target_accuracy,{field},")), "{}", said.answer);
    }
    for form in ["--csv", "--markdown", "--latex", "--runs-csv"] {
        assert_eq!(sandbox.isthmus(&["compare", form, "-"]).code, 0, "{form}");
    }

    // The page says every label and holds no markup of theirs; its file runs again as it is.
    assert_eq!(sandbox.isthmus(&["report"]).code, 0);
    let page = sandbox.read("report.html");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    assert!(page.contains("日本語 é → ±") && page.contains("=1+1"));
    let start = page.find("aria-label=\"Experiment file\"><code>").unwrap();
    let text = &page[start + "aria-label=\"Experiment file\"><code>".len()..];
    let text = &text[..text.find("</code>").unwrap()];
    let entities = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    let text = entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    sandbox.write("again.toml", &text);
    let said = sandbox.isthmus(&["run", "again.toml"]);
    assert!(said.errors.contains(&format!("{jobs} of {jobs} runs are finished already")), "{text}");

    for label in LABELS {
        let said = sandbox.isthmus(&["plot", "curves", "-o", "x.svg", "--method", label, "-q"]);
        assert_eq!(said.code, 0, "{label}: {}", said.errors);
        let svg = sandbox.read("x.svg");
        let markup: Vec<&str> = svg.split('<').skip(1).collect();
        assert!(markup.iter().all(|tag| !tag.starts_with("script")), "{label}");
    }
    // Names of files are taken as they are.
    for name in ["a b.svg", "é'\"$.png", "-x.svg"] {
        let path = format!("./{name}");
        assert_eq!(sandbox.isthmus(&["plot", "curves", "-o", &path, "-q"]).code, 0, "{name}");
        assert!(sandbox.path().join(name).is_file(), "{name}");
    }
}
