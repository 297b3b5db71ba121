//! Files in the repository that the command writes: they are what it would write now.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use support::{Sandbox, repository};

/// Compares a file of the repository with what the command writes.
fn is_up_to_date(file: &str, arguments: &[&str]) {
    let said = Sandbox::new().isthmus(arguments);
    assert_eq!(said.code, 0, "{}", said.errors);
    let there = fs::read_to_string(repository().join(file)).unwrap_or_default();
    assert!(
        there == said.answer,
        "{file} is not up to date: `isthmus {}` writes it anew",
        arguments.join(" ")
    );
}

#[test]
fn the_schema_is_up_to_date() {
    is_up_to_date("experiments/schema.json", &["schema"]);
}

#[test]
fn the_reference_page_is_up_to_date() {
    is_up_to_date("docs/reference.md", &["explain", "--all", "--markdown"]);
}

#[test]
fn the_schema_goes_into_a_file_too() {
    let sandbox = Sandbox::new();
    let said = sandbox.isthmus(&["schema", "--output", "schema.json"]);
    assert_eq!((said.code, said.answer.as_str()), (0, ""));
    let written = fs::read_to_string(sandbox.path().join("schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(schema["type"], "object");
    let said = sandbox.isthmus(&["schema", "--output", "no/folder/schema.json"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.starts_with("error: cannot write no/folder/schema.json"), "{said:?}");
}

fn experiments() -> Vec<std::path::PathBuf> {
    let folder = repository().join("experiments");
    let mut files: Vec<_> = [folder.clone(), folder.join("methods")]
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_experiment_is_right_and_names_the_schema() {
    let sandbox = Sandbox::new();
    let files = experiments();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let said = sandbox.isthmus(&["check", file.to_str().unwrap()]);
        assert_eq!(said.code, 0, "{}: {}", file.display(), said.errors);
        if file.ends_with("digits_generative.toml") {
            // There are no other images of MNIST-M, and a split of MNIST would train on its digits.
            assert!(
                said.errors.contains("`mnist-m` has no test set of its own"),
                "{}",
                said.errors
            );
        } else {
            assert_eq!(said.errors, "", "{}", file.display());
        }
        let text = fs::read_to_string(&file).unwrap();
        let schema = if file.parent().unwrap().ends_with("methods") { ".." } else { "." };
        let first = format!("#:schema {schema}/schema.json\n");
        assert!(text.starts_with(&first), "{}", file.display());
    }
}

/// The checker and the schema come from one source; that the schema says the same in the words of
/// JSON Schema is held here by a small reading of it.
#[test]
fn every_experiment_fits_the_schema() {
    let text = fs::read_to_string(repository().join("experiments/schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    for file in experiments() {
        let text = fs::read_to_string(&file).unwrap();
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        if let Err(problem) = fits(&schema, &schema, &value, "") {
            panic!("{}: {problem}", file.display());
        }
    }
    let text = fs::read_to_string(repository().join("experiments/quickstart.toml")).unwrap();
    for (from, to) in [
        ("name = \"adam\"", "name = \"adan\""),
        ("lr = 1e-3", "learning_rate = 1e-3"),
        ("lr = 1e-3", "lr = -1e-3"),
        ("iterations = 1500", "iterations = \"1500\""),
        ("{ name = \"mlp\", hidden", "{ name = \"mpl\", hidden"),
        ("{ name = \"mcc\" }", "{ name = \"mcc\", weigth = 1 }"),
        ("{ split = 0.3 }", "{ split = 1.0 }"),
    ] {
        assert!(text.contains(from));
        let value: serde_json::Value = toml::from_str(&text.replace(from, to)).unwrap();
        assert!(fits(&schema, &schema, &value, "").is_err(), "{to} fits the schema");
    }
}

/// Whether a value fits a schema, of the keywords that the schema uses.
fn fits(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    value: &serde_json::Value,
    place: &str,
) -> Result<(), String> {
    use serde_json::Value;
    let fail = |what: &str| Err(format!("{place}: {what}: {value}"));
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.strip_prefix('#').unwrap());
        fits(root, target.unwrap(), value, place)?;
    }
    for (keyword, exactly) in [("oneOf", true), ("anyOf", false)] {
        if let Some(variants) = schema.get(keyword).and_then(Value::as_array) {
            let outcomes: Vec<_> =
                variants.iter().map(|one| fits(root, one, value, place)).collect();
            let fitting = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            if fitting == 0 || exactly && fitting > 1 {
                return Err(format!("{place}: {fitting} of {keyword} fit: {outcomes:?}"));
            }
        }
    }
    if let Some(types) = schema.get("type") {
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "null" => value.is_null(),
            other => panic!("type {other}"),
        };
        let fits = match types {
            Value::String(name) => is(name),
            Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
            other => panic!("type {other}"),
        };
        if !fits {
            return fail("type");
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return fail("const");
    }
    if let Some(all) = schema.get("enum").and_then(Value::as_array)
        && !all.contains(value)
    {
        return fail("enum");
    }
    if let Some(number) = value.as_f64() {
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        if limit("minimum").is_some_and(|limit| number < limit)
            || limit("maximum").is_some_and(|limit| number > limit)
            || limit("exclusiveMinimum").is_some_and(|limit| number <= limit)
            || limit("exclusiveMaximum").is_some_and(|limit| number >= limit)
        {
            return fail("range");
        }
    }
    if let Some(fields) = value.as_object() {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, field) in fields {
            let place = format!("{place}.{name}");
            match (properties.and_then(|all| all.get(name)), schema.get("additionalProperties")) {
                (Some(property), _) => fits(root, property, field, &place)?,
                (None, Some(Value::Bool(false))) => return Err(format!("{place} is unknown")),
                (None, Some(other)) => fits(root, other, field, &place)?,
                (None, None) => {}
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                return fail(&format!("{name} is missing"));
            }
        }
    }
    if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
        for (position, element) in elements.iter().enumerate() {
            fits(root, items, element, &format!("{place}[{position}]"))?;
        }
    }
    Ok(())
}

/// The lines to paste of each plugin.
fn example(sandbox: &Sandbox, kind: &str, name: &str) -> String {
    let said = sandbox.isthmus(&["explain", name, "--kind", kind, "--markdown"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let (_, rest) = said.answer.split_once("```toml\n").expect("it has an example");
    rest.split_once("```").expect("it ends").0.to_owned()
}

fn names(sandbox: &Sandbox, kind: &str) -> Vec<String> {
    let said = sandbox.isthmus(&["list", kind]);
    said.answer
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn every_example_can_be_pasted() {
    let sandbox = Sandbox::new();
    let base = |kind: &str, lines: &str| {
        let part = |own: &str, default: &str| {
            if kind == own { lines.to_owned() } else { default.to_owned() }
        };
        format!(
            "name = \"x\"\n[data]\ndataset = \"quickstart-images\"\ntasks = \"all\"\n\
             protocol = {{ split = 0.5 }}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            part("extractor", "[extractor]\nname = \"mlp\""),
            part("bottleneck", "[bottleneck]\nname = \"linear\""),
            part("classifier", "[classifier]\nname = \"linear\""),
            part("optimizer", ""),
            part("schedule", ""),
            part("launcher", ""),
            match kind {
                "method" => lines.to_owned(),
                "discriminator" => {
                    format!("[[methods.dann.align]]\nname = \"dann\"\n{lines}")
                }
                "shallow-classifier" => {
                    format!("[[methods.tca.align]]\nname = \"tca\"\n{lines}")
                }
                _ => "[methods.a]\nalign = [{ name = \"source-only\" }]".to_owned(),
            }
        )
    };
    let mut tried = 0;
    for kind in [
        "method",
        "extractor",
        "bottleneck",
        "classifier",
        "discriminator",
        "shallow-classifier",
        "optimizer",
        "schedule",
        "launcher",
    ] {
        let names = names(&sandbox, kind);
        assert!(!names.is_empty(), "{kind}");
        for name in names {
            let lines = example(&sandbox, kind, &name);
            let mut text = base(kind, &lines);
            if lines.contains("name = \"ctc\"") {
                text = text
                    .replace("\"quickstart-images\"", "\"spoken-digit-strings\"")
                    .replace("{ split = 0.5 }", "\"given\"")
                    .replace("name = \"mlp\"", "name = \"cnn1d\"");
            }
            sandbox.write("x.toml", &text);
            let said = sandbox.isthmus(&["check", "x.toml"]);
            assert_eq!(said.code, 0, "{kind} {name}\n{}\n{text}", said.errors);
            tried += 1;
        }
    }
    let domain = |name: &str| {
        format!(
            "{{ name = \"{name}\", reader = {{ name = \"text\", files = [{{ file = \"{name}\" }}] }} }}"
        )
    };
    let domains = [domain("a"), domain("b")].join(", ");
    sandbox.write("datasets/texts.toml", &format!("name = \"texts\"\ndomains = [{domains}]\n"));
    for name in names(&sandbox, "augmentation") {
        let lines = example(&sandbox, "augmentation", &name);
        // One data set of each kind of samples.
        let right =
            ["quickstart", "quickstart-images", "uci-har", "texts"].into_iter().any(|dataset| {
                let text = base("augmentation", "")
                    .replace("\"quickstart-images\"", &format!("\"{dataset}\""));
                sandbox.write("x.toml", &format!("{text}{lines}"));
                sandbox.isthmus(&["check", "x.toml"]).code == 0
            });
        assert!(right, "{name}\n{lines}");
        tried += 1;
    }
    for name in names(&sandbox, "reader") {
        let lines = example(&sandbox, "reader", &name);
        sandbox.write("datasets/mine.toml", &lines);
        let said = sandbox.isthmus(&["list", "dataset"]);
        assert!(said.answer.contains("mine (first)"), "{name}\n{}\n{lines}", said.answer);
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn no_plugin_has_a_field_that_experiment_files_use_themselves() {
    let schema = fs::read_to_string(repository().join("experiments/schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let own = |table: &str| schema["$defs"][table]["properties"].as_object().unwrap().len();
    // A field called `weight` or `frozen` would hide the key of the same name.
    let said = Sandbox::new().isthmus(&["explain", "--all"]);
    for field in ["frozen", "name", "weights_choice", "weights_from"] {
        assert!(!said.answer.contains(&format!("\n  {field}: ")), "{field}");
    }
    // The engine gives every loss term its weight, and so nothing else has one.
    let terms = said.answer.matches("(method: a loss term, adds up with others").count();
    assert_eq!(said.answer.matches("\n  weight: ").count(), terms);
    assert!(own("method-dann-part") > 2);
}
