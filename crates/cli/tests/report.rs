//! The report page and single figures, from real records, the page in a real browser.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{GenericImageView, RgbaImage};
use support::Sandbox;

/// The quickstart's data with small parts and few steps.
const EXPERIMENT: &str = r#"
name = "small"
seeds = [1, 2]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci", "uci -> fonts"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [32]

[classifier]
name = "linear"

[training]
iterations = 12
batch_size = 16
evaluate_every = 3

[training.optimizer]
name = "sgd"

[methods.source-only]
align = [{ name = "source-only" }]

[methods.mcc]
align = [{ name = "mcc" }]
"#;

const SECTIONS: [&str; 10] = [
    "comparison",
    "selection",
    "curves",
    "validators",
    "matrix",
    "confusion",
    "features",
    "theory",
    "cost",
    "jobs",
];

fn with_results() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", EXPERIMENT);
    let said = sandbox.isthmus(&["run", "small.toml"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    sandbox
}

/// The browser that `CHROME` names, or a Chromium of the system.
fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROME") {
        return Some(PathBuf::from(named));
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// Opens the page; returns what the browser wrote to standard output.
fn open(browser: &Path, sandbox: &Sandbox, arguments: &[&str]) -> String {
    let profile = sandbox.path().join("profile");
    let page = format!("file://{}", sandbox.path().join("report.html").display());
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg("--window-size=1200,2400")
        .args(arguments)
        .arg(&page)
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", browser.display()));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", browser.display());
    String::from_utf8(output.stdout).unwrap()
}

fn screenshot(browser: &Path, sandbox: &Sandbox, name: &str, setting: &str) -> RgbaImage {
    let file = sandbox.path().join(name);
    let shot = format!("--screenshot={}", file.display());
    open(browser, sandbox, &[setting, &shot]);
    image::open(&file).unwrap().to_rgba8()
}

/// The most frequent colour, and how many colours there are.
fn colours(picture: &RgbaImage) -> ([u8; 3], usize) {
    let mut counts = std::collections::BTreeMap::new();
    for pixel in picture.pixels() {
        *counts.entry([pixel[0], pixel[1], pixel[2]]).or_insert(0_usize) += 1;
    }
    let (most, _) = counts.iter().max_by_key(|(_, count)| **count).unwrap();
    (*most, counts.len())
}

fn holds(picture: &RgbaImage, colour: [u8; 3]) -> bool {
    picture.pixels().any(|pixel| pixel.0[..3] == colour)
}

#[test]
fn the_page_opens_in_a_browser_light_and_dark() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no browser; set CHROME to a Chromium to open the page");
        return;
    };
    let sandbox = with_results();
    let said = sandbox.isthmus(&["report"]);
    assert_eq!((said.code, said.errors.as_str()), (0, "8 runs in report.html\n"));

    let document = open(&browser, &sandbox, &["--dump-dom"]);
    for id in SECTIONS {
        assert!(document.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    for text in ["Results of small", "source-only", "fonts → uci", "Numbers"] {
        assert!(document.contains(text), "{text}");
    }
    // Two curves, one matrix, two confusion matrices: each a drawing with a description.
    assert_eq!(document.matches("<svg role=\"img\" aria-label=").count(), 5);

    // The paper and the colour of the first series, which the style sheet has for either.
    let cases = [
        ("light.png", "--blink-settings=preferredColorScheme=1", [255, 255, 255], [0, 0x72, 0xb2]),
        ("dark.png", "--blink-settings=preferredColorScheme=0", [21, 24, 28], [0x56, 0xb4, 0xe9]),
    ];
    for (name, setting, paper, series) in cases {
        let picture = screenshot(&browser, &sandbox, name, setting);
        assert_eq!(picture.dimensions(), (1200, 2400), "{name}");
        let (most, number) = colours(&picture);
        assert_eq!(most, paper, "{name}");
        assert!(number > 100, "{name}: {number} colours");
        assert!(holds(&picture, series), "{name}: the first series is not drawn");
        // Something is drawn in every quarter of the height.
        for quarter in 0..3 {
            let part = picture.view(0, quarter * 600, 1200, 600).to_image();
            let (_, number) = colours(&part);
            assert!(number > 20, "{name}: {number} colours in quarter {quarter}");
        }
    }
}

#[test]
fn the_experiment_file_of_the_page_runs_again_as_the_same_jobs() {
    let sandbox = with_results();
    assert_eq!(sandbox.isthmus(&["report"]).code, 0);
    let page = sandbox.read("report.html");
    let start = page.find("aria-label=\"Experiment file\"><code>").unwrap();
    let text = &page[start + "aria-label=\"Experiment file\"><code>".len()..];
    let text = &text[..text.find("</code>").unwrap()];
    let entities = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    let text = entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    sandbox.write("again.toml", &text);
    let said = sandbox.isthmus(&["run", "again.toml"]);
    assert_eq!(said.code, 0, "{text}\n{}", said.errors);
    // Every setting is the same: the records that there are stand for its runs.
    assert!(said.errors.contains("8 of 8 runs are finished already"), "{}", said.errors);
}

#[test]
fn figures_are_written_as_svg_and_png() {
    let sandbox = with_results();
    for kind in ["curves", "matrix", "confusion"] {
        let (svg, png) = (format!("{kind}.svg"), format!("{kind}.png"));
        let said = sandbox.isthmus(&["plot", kind, "-o", &svg]);
        assert_eq!(said.code, 0, "{}", said.errors);
        let text = std::fs::read_to_string(sandbox.path().join(&svg)).unwrap();
        assert!(text.starts_with("<svg ") && text.contains("<title>"), "{kind}");

        let said = sandbox.isthmus(&["plot", kind, "-o", &png, "--scale", "1"]);
        assert_eq!(said.code, 0, "{}", said.errors);
        let picture = image::open(sandbox.path().join(&png)).unwrap();
        let size = format!("width=\"{}\" height=\"{}\"", picture.width(), picture.height());
        assert!(text.contains(&size), "{kind}: {size}");
        let colours: BTreeSet<[u8; 4]> = picture.pixels().map(|(_, _, pixel)| pixel.0).collect();
        assert!(colours.len() > 20, "{kind}: {} colours", colours.len());
    }
}

#[test]
fn figures_show_what_was_asked_for() {
    let sandbox = with_results();
    let arguments =
        ["plot", "curves", "-o", "one.svg", "--method", "mcc", "--task", "uci->fonts", "-q"];
    let said = sandbox.isthmus(&arguments);
    assert_eq!((said.code, said.errors.as_str()), (0, ""));
    let text = std::fs::read_to_string(sandbox.path().join("one.svg")).unwrap();
    assert!(text.contains("uci → fonts") && !text.contains("fonts → uci"));
    assert!(text.contains("mcc") && !text.contains("source-only"));
}

#[test]
fn what_cannot_be_drawn_is_wrong_input() {
    let sandbox = with_results();
    let cases: [(&[&str], &str); 7] = [
        (&["plot", "curves", "-o", "x.gif"], "--output x.gif: the name must end in .svg or .png"),
        (&["plot", "curves", "-o", "x.svg", "--method", "dann"], "no run has the method `dann`"),
        (&["plot", "curves", "-o", "x.svg", "--metric", "loss"], "no run has the metric `loss`"),
        (&["plot", "features", "-o", "x.svg"], "set `outputs = 500` under `[record]`"),
        (&["plot", "validators", "-o", "x.svg"], "list validators under `[selection]`"),
        (&["report", "nowhere"], "nowhere"),
        (&["report", "--metric", "loss"], "no run has the metric `loss`"),
    ];
    for (arguments, message) in cases {
        let said = sandbox.isthmus(arguments);
        assert_eq!(said.code, 2, "{arguments:?}");
        assert!(said.errors.contains(message), "{arguments:?}: {}", said.errors);
    }
    assert_eq!(sandbox.isthmus(&["plot", "pie", "-o", "x.svg"]).code, 2);
    assert!(!sandbox.path().join("x.svg").exists() && !sandbox.path().join("report.html").exists());
}
