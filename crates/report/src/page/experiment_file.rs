//! The experiment files that runs can be repeated with, from the jobs that their records hold.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::toml::{key, value};

/// One configuration that was run: a method with its resolved job.
pub(super) struct Configuration {
    /// The method's label, no other configuration of the file has it.
    pub label: String,
    /// The resolved job of one of its runs.
    pub job: Value,
    /// The tasks it was run on, as experiment files write them.
    pub tasks: Vec<String>,
    /// The seeds it was run with.
    pub seeds: BTreeSet<u64>,
}

/// Parts of a job that all methods of a file share.
const SHARED: [&str; 6] =
    ["extractor", "bottleneck", "classifier", "selection", "record", "device"];

/// One file for the configurations that differ in their methods alone: as text, with the labels
/// that are in it. Each has all tasks and seeds of its configurations.
pub(super) fn files(name: &str, configurations: &[Configuration]) -> Vec<(Vec<String>, String)> {
    let mut groups: Vec<(Value, Vec<&Configuration>)> = Vec::new();
    for configuration in configurations {
        let shared = shared(&configuration.job);
        match groups.iter_mut().find(|(known, _)| *known == shared) {
            Some((_, members)) => members.push(configuration),
            None => groups.push((shared, vec![configuration])),
        }
    }
    groups
        .into_iter()
        .map(|(_, members)| {
            let labels = members.iter().map(|member| member.label.clone()).collect();
            (labels, text(name, &members))
        })
        .collect()
}

fn shared(job: &Value) -> Value {
    let mut shared: Map<String, Value> =
        SHARED.iter().map(|part| ((*part).to_owned(), job[*part].clone())).collect();
    for part in ["dataset", "protocol", "transform", "feature_transforms", "views"] {
        shared.insert(format!("data.{part}"), job["data"][part].clone());
    }
    Value::Object(shared)
}

fn text(name: &str, members: &[&Configuration]) -> String {
    let mut text = String::new();
    let Some(first) = members.first() else { return text };
    let job = &first.job;
    let seeds: BTreeSet<u64> = members.iter().flat_map(|it| it.seeds.iter().copied()).collect();
    let mut tasks: Vec<&String> = Vec::new();
    for task in members.iter().flat_map(|member| &member.tasks) {
        if !tasks.contains(&task) {
            tasks.push(task);
        }
    }
    let mut root = Map::new();
    root.insert("name".to_owned(), name.into());
    root.insert("seeds".to_owned(), seeds.into_iter().collect());
    root.insert("device".to_owned(), job["device"].clone());
    table(&mut text, None, &Value::Object(root));

    let mut data = Map::new();
    data.insert("dataset".to_owned(), job["data"]["dataset"].clone());
    data.insert("tasks".to_owned(), tasks.into_iter().cloned().collect());
    data.insert("protocol".to_owned(), protocol(&job["data"]["protocol"]));
    data.insert("transform".to_owned(), job["data"]["transform"].clone());
    let transforms = plugins(&job["data"]["feature_transforms"]);
    data.insert("feature_transforms".to_owned(), transforms);
    data.insert("views".to_owned(), views(&job["data"]["views"]));
    table(&mut text, Some("data"), &Value::Object(data));

    let mut extractor = plugin(&job["extractor"]["plugin"]);
    extractor.insert("frozen".to_owned(), job["extractor"]["frozen"].clone());
    if let Some(from) = job["extractor"]["weights_from"].as_object() {
        extractor.insert("weights_from".to_owned(), from["record"].clone());
        extractor.insert("weights_choice".to_owned(), from["choice"].clone());
    }
    table(&mut text, Some("extractor"), &Value::Object(extractor));
    for part in ["bottleneck", "classifier"] {
        if !job[part].is_null() {
            table(&mut text, Some(part), &Value::Object(plugin(&job[part])));
        }
    }
    let common = job.pointer("/method/stages/0/training").cloned().unwrap_or_default();
    table(&mut text, Some("training"), &training(&common));
    if let Some(selection) = job["selection"].as_object() {
        let mut selection = selection.clone();
        let validators = selection.get("validators").and_then(Value::as_array).cloned();
        let validators = validators.unwrap_or_default();
        let tables = validators.iter().map(|it| Value::Object(plugin(it))).collect();
        selection.insert("validators".to_owned(), tables);
        table(&mut text, Some("selection"), &Value::Object(selection));
    }
    if !job["record"].is_null() {
        table(&mut text, Some("record"), &job["record"]);
    }
    for member in members {
        method(&mut text, member, &common);
    }
    text
}

fn method(text: &mut String, member: &Configuration, common: &Value) {
    let head = format!("methods.{}", key(&member.label));
    writeln!(text, "\n[{head}]\nstages = [").expect("writing to a string succeeds");
    let stages = member.job.pointer("/method/stages").and_then(Value::as_array);
    for stage in stages.into_iter().flatten() {
        let aligned = stage["align"].as_array().cloned().unwrap_or_default();
        let align: Value = aligned
            .iter()
            .map(|align| {
                let mut table = plugin(&align["plugin"]);
                // Methods that drive their own updates take no weight, and have this one.
                if align["weight"].as_f64() != Some(1.0) {
                    table.insert("weight".to_owned(), align["weight"].clone());
                }
                Value::Object(table)
            })
            .collect();
        let mut table = Map::new();
        table.insert("align".to_owned(), align);
        if stage["training"] != *common {
            table.insert("training".to_owned(), training(&stage["training"]));
        }
        writeln!(text, "    {},", value(&Value::Object(table)))
            .expect("writing to a string succeeds");
    }
    text.push_str("]\n");
}

/// The views as experiment files write them; null where there are none.
/// Plugins as experiment files list them; nothing where there are none.
fn plugins(list: &Value) -> Value {
    match list.as_array() {
        None => Value::Null,
        Some(list) => list.iter().map(|it| Value::Object(plugin(it))).collect(),
    }
}

fn views(views: &Value) -> Value {
    match views.as_object() {
        None => Value::Null,
        Some(views) => views.iter().map(|(view, all)| (view.clone(), plugins(all))).collect(),
    }
}

/// A plugin as experiment files write it: its name beside its fields.
fn plugin(spec: &Value) -> Map<String, Value> {
    let mut table = Map::new();
    table.insert("name".to_owned(), spec["name"].clone());
    table.extend(spec["config"].as_object().cloned().unwrap_or_default());
    table
}

fn training(spec: &Value) -> Value {
    let mut table = spec.as_object().cloned().unwrap_or_default();
    for part in ["optimizer", "schedule"] {
        if let Some(spec) = table.get(part).cloned() {
            table.insert(part.to_owned(), Value::Object(plugin(&spec)));
        }
    }
    // Rounds of successive halving end early; no file asks for a single round.
    table.remove("stop_after");
    Value::Object(table)
}

/// Files write the share alone.
fn protocol(spec: &Value) -> Value {
    match spec.pointer("/split/test_share") {
        Some(share) => serde_json::json!({ "split": share }),
        None => spec.clone(),
    }
}

/// A table with a line a key; what is absent in the job is left out.
fn table(text: &mut String, head: Option<&str>, table: &Value) {
    if let Some(head) = head {
        writeln!(text, "\n[{head}]").expect("writing to a string succeeds");
    }
    for (name, content) in table.as_object().into_iter().flatten() {
        if !content.is_null() {
            writeln!(text, "{} = {}", key(name), value(content))
                .expect("writing to a string succeeds");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn configuration(label: &str, iterations: u64, size: u64) -> Configuration {
        let plugin = |name: &str, config: Value| json!({ "name": name, "config": config });
        let training = json!({
            "iterations": iterations, "optimizer": plugin("sgd", json!({ "lr": 0.01 })),
            "schedule": plugin("constant", json!({})), "gradient_clipping": null,
            "stop_after": 3,
        });
        let job = json!({
            "data": {
                "dataset": "d", "tasks": [], "protocol": { "split": { "test_share": 0.3 } },
                "transform": null,
                "feature_transforms": [plugin("z-score", json!({ "fitted_on": "sources" }))],
                "views": { "weak": [], "strong": [plugin("blur", json!({ "size": 2 }))] },
            },
            "extractor": { "plugin": plugin("mlp", json!({ "hidden": [size] })), "frozen": false },
            "bottleneck": null,
            "classifier": plugin("linear", json!({})),
            "selection": { "validators": [plugin("snd", json!({}))], "validation_share": 0.1 },
            "method": { "label": label, "stages": [{
                "align": [{ "plugin": plugin("mcc", json!({ "t": 2.5 })), "weight": 0.5 }],
                "training": training,
            }] },
            "seed": 1, "device": "cpu",
        });
        let label = label.to_owned();
        Configuration { label, job, tasks: vec!["a -> b".to_owned()], seeds: [2, 1].into() }
    }

    #[test]
    fn methods_of_the_same_network_share_a_file() {
        let configurations =
            [configuration("mcc", 5, 8), configuration("m c", 6, 8), configuration("mcc", 5, 9)];
        let files = files("x", &configurations);
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].0, ["mcc", "m c"]);
        assert_eq!(
            files[0].1,
            r#"name = "x"
seeds = [1, 2]
device = "cpu"

[data]
dataset = "d"
tasks = ["a -> b"]
protocol = { split = 0.3 }
feature_transforms = [{ name = "z-score", fitted_on = "sources" }]
views = { weak = [], strong = [{ name = "blur", size = 2 }] }

[extractor]
name = "mlp"
hidden = [8]
frozen = false

[classifier]
name = "linear"

[training]
iterations = 5
optimizer = { name = "sgd", lr = 0.01 }
schedule = { name = "constant" }

[selection]
validators = [{ name = "snd" }]
validation_share = 0.1

[methods.mcc]
stages = [
    { align = [{ name = "mcc", t = 2.5, weight = 0.5 }] },
]

[methods."m c"]
stages = [
    { align = [{ name = "mcc", t = 2.5, weight = 0.5 }], training = { iterations = 6, optimizer = { name = "sgd", lr = 0.01 }, schedule = { name = "constant" } } },
]
"#
        );
    }
}
