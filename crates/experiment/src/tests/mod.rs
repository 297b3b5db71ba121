//! Whole files against the checker.

mod launcher;
mod plugins;
mod right;
mod streams;
mod sweep;
mod targets;
mod views;
mod weights_from;
mod wrong;

use super::{Checked, DatasetInfo, Datasets, Diagnostics, DomainInfo, parse};
use isthmus_core::augmentation::SampleKind;
use isthmus_core::targets::TargetKind;

/// A file without mistakes; tests replace parts of it.
const GOOD: &str = r#"
name = "test"
seeds = [1, 2]

[data]
dataset = "office"
tasks = ["amazon -> webcam", "dslr + webcam -> amazon"]

[extractor]
name = "small-net"
weights = "here"
frozen = true

[bottleneck]
name = "linear"

[classifier]
name = "linear"

[training]
iterations = 50
gradient_clipping = 10.0

[training.optimizer]
name = "sgd"
lr = 0.1

[training.schedule]
name = "inverse-decay"

[training.learning_rate_factors]
extractor = 0.1

[methods.zeta]
align = [{ name = "dann" }]

[methods."dann+dan"]
align = [{ name = "dann", trade_off = 0.5 }, { name = "dan", weight = 2 }]
"#;

fn datasets() -> Datasets {
    let domains = |names: &[&str]| {
        let domain =
            |name: &&str| DomainInfo { name: (*name).to_owned(), has_test_set: *name == "dslr" };
        let domains = names.iter().map(domain).collect();
        Ok(DatasetInfo { domains, samples: Some(SampleKind::Image), targets: None })
    };
    Datasets::from([
        ("office".to_owned(), domains(&["amazon", "dslr", "webcam"])),
        ("single".to_owned(), domains(&["only"])),
        (
            "prices".to_owned(),
            domains(&["amazon", "dslr", "webcam"])
                .map(|info: DatasetInfo| DatasetInfo { targets: Some(TargetKind::Values), ..info }),
        ),
        ("broken".to_owned(), Err("its file has a mistake".to_owned())),
    ])
}

/// The good file with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the good file has no `{from}`");
    GOOD.replace(from, to)
}

fn good(text: &str) -> Checked {
    match parse(text, &datasets()) {
        Ok(checked) => checked,
        Err(diagnostics) => panic!("{diagnostics:#?}\n{text}"),
    }
}

fn bad(text: &str) -> Diagnostics {
    match parse(text, &datasets()) {
        Ok(_) => panic!("no problem was found in\n{text}"),
        Err(diagnostics) => diagnostics,
    }
}
