//! Files that are right, and what becomes of them.

use isthmus_core::objective::OutputKind;
use serde_json::json;

use super::{GOOD, changed, good};
use crate::{Severity, example, fields, json_schema};
use isthmus_core::context::Grouping;
use isthmus_core::parameter::ParameterSet;
use isthmus_core::registry::{Kind, find, plugins};
use isthmus_core::spec::{Experiment, Protocol};

fn experiment(text: &str) -> Experiment {
    good(text).experiment
}

#[test]
fn a_file_is_read_with_every_default_filled_in() {
    let checked = good(GOOD);
    assert!(checked.warnings.is_empty());
    let found = checked.experiment;
    assert_eq!(found.name, "test");
    assert_eq!(found.device, "cpu");
    assert_eq!(found.data.protocol, Protocol::Transductive);
    let tasks: Vec<String> = found.data.tasks.iter().map(ToString::to_string).collect();
    assert_eq!(tasks, ["amazon -> webcam", "dslr + webcam -> amazon"]);
    assert!(found.extractor.frozen);
    assert_eq!(found.extractor.plugin.config, json!({ "width": 8, "weights": "here" }));
    assert_eq!(found.jobs().len(), 2 * 2 * 2);

    // The order of the file, not of the alphabet.
    let labels: Vec<&str> = found.methods.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["zeta", "dann+dan"]);

    let stage = &found.methods[1].stages[0];
    assert_eq!((stage.align[0].weight, stage.align[1].weight), (1.0, 2.0));
    assert_eq!(
        stage.align[0].plugin.config,
        json!({
            "trade_off": 0.5,
            "discriminator": { "name": "mlp", "hidden": [1024, 1024], "dropout": null },
        })
    );
    let training = &stage.training;
    assert_eq!((training.iterations, training.batch_size), (50, 32));
    assert_eq!(training.evaluate_every, 5);
    assert_eq!(training.gradient_clipping, Some(10.0));
    assert_eq!(training.normalization, Grouping::Shared);
    assert_eq!(
        training.optimizer.config,
        json!({ "lr": 0.1, "momentum": 0.9, "nesterov": true, "weight_decay": 0.0005 })
    );
    assert_eq!(training.schedule.name, "inverse-decay");
    assert_eq!(training.learning_rate_factors.extractor, 0.1);
    assert_eq!(training.learning_rate_factors.classifier, 1.0);
}

#[test]
fn a_driver_takes_terms_beside_it_and_labels_tell_two_of_a_kind_apart() {
    let text = changed(
        "[{ name = \"dann\" }]",
        "[{ name = \"mcd\" }, { name = \"dan\" }, { name = \"dan\", label = \"wide\" }]",
    );
    let align = &good(&text).experiment.methods[0].stages[0].align;
    let labels: Vec<&str> = align.iter().map(|entry| entry.label.as_str()).collect();
    assert_eq!(labels, ["mcd", "dan", "wide"]);
}

#[test]
fn groups_are_laid_upon_the_training() {
    let groups = "[[training.groups]]\nroles = [\"discriminator\"]\noptimizer = { name = \"adam\" }\n\
                  [[training.groups]]\nparameters = [\"norms\", \"biases\"]\nweight_decay = 0.0\n";
    let text = changed("[methods.zeta]", &format!("{groups}[methods.zeta]"));
    let training = &good(&text).experiment.methods[0].stages[0].training;
    let [discriminator, plain] = training.groups.as_slice() else { panic!("two groups") };
    assert_eq!(discriminator.optimizer.name, "adam");
    assert_eq!(discriminator.schedule.name, "inverse-decay");
    assert_eq!(plain.optimizer.name, "sgd");
    assert_eq!(plain.optimizer.config["lr"], 0.1);
    assert_eq!(plain.optimizer.config["weight_decay"], 0.0);
    assert_eq!(plain.selector.parameters, [ParameterSet::Norms, ParameterSet::Biases]);
}

#[test]
fn training_tables_are_laid_upon_each_other() {
    let text = GOOD.to_owned()
        + "[methods.chain]\ntraining = { iterations = 7, optimizer = { lr = 0.5 } }\n\
           stages = [\n\
             { align = [{ name = 'source-only' }], training = { gradient_clipping = 0 } },\n\
             { align = [{ name = 'adabn' }], \
               training = { iterations = 1, optimizer = { name = 'adam' } } },\n\
           ]\n";
    let found = experiment(&text);
    let stages = &found.methods[2].stages;
    let first = &stages[0].training;
    assert_eq!((first.iterations, first.evaluate_every), (7, 1));
    assert_eq!(first.gradient_clipping, None);
    assert_eq!(first.optimizer.config["lr"], 0.5);
    assert_eq!(first.optimizer.config["momentum"], 0.9);
    let second = &stages[1].training;
    assert_eq!(second.iterations, 1);
    assert_eq!(second.gradient_clipping, Some(10.0));
    // Another optimizer starts from its own defaults.
    assert_eq!(second.optimizer.config, json!({ "lr": 0.001, "betas": [0.9, 0.999] }));
    assert_eq!(second.learning_rate_factors.extractor, 0.1);
}

#[test]
fn all_tasks_are_the_ordered_pairs() {
    let text = changed("[\"amazon -> webcam\", \"dslr + webcam -> amazon\"]", "\"all\"");
    let tasks: Vec<String> = experiment(&text).data.tasks.iter().map(ToString::to_string).collect();
    assert_eq!(
        tasks,
        [
            "amazon -> dslr",
            "amazon -> webcam",
            "dslr -> amazon",
            "dslr -> webcam",
            "webcam -> amazon",
            "webcam -> dslr"
        ]
    );
}

#[test]
fn a_share_of_the_target_can_be_held_out() {
    let text = changed("dataset = \"office\"", "dataset = \"office\"\nprotocol = { split = 0.3 }")
        .replace("{ name = \"dann\" }]", "{ name = \"target-only\" }]");
    assert_eq!(experiment(&text).data.protocol, Protocol::Split { test_share: 0.3 });
}

#[test]
fn choices_are_completed_wherever_they_are_made() {
    let text = changed(
        "{ name = \"dann\" }",
        "{ name = \"dann\", discriminator = { name = \"mlp\", dropout = 0.5 } }",
    );
    let found = experiment(&text);
    assert_eq!(
        found.methods[0].stages[0].align[0].plugin.config["discriminator"],
        json!({ "name": "mlp", "hidden": [1024, 1024], "dropout": 0.5 })
    );
}

#[test]
fn a_frozen_random_extractor_is_a_warning() {
    let warnings = good(&changed("weights = \"here\"\n", "")).warnings;
    let all: Vec<_> = warnings.iter().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].severity, Severity::Warning);
    assert!(all[0].message.contains("has random weights here"), "{}", all[0].message);
}

#[test]
fn examples_of_every_plugin_parse() {
    for plugin in Kind::ALL.iter().copied().flat_map(plugins) {
        let table = example(plugin).join("\n");
        if plugin.needs.outputs == OutputKind::OpenClasses || plugin.needs.states {
            // No objective of these tests has an output for unknown classes, or outputs in time.
            continue;
        }
        let text = match plugin.kind() {
            Kind::Method => {
                let before = "align = [{ name = 'source-only' }]\n";
                let grouping = plugin.needs.grouping.unwrap_or_default();
                let target = if plugin.needs.target_labels { "{ split = 0.5 }" } else { "'given'" };
                changed("dataset =", &format!("protocol = {target}\ndataset ="))
                    .replace("'given'", "'transductive'")
                    .replace("frozen = true", &format!("frozen = {}", !plugin.needs.images))
                    + &format!(
                        "[[methods.example.stages]]\n{before}\n[[methods.example.stages]]\n\
                         [[methods.example.stages.align]]\n{table}\n\
                         [methods.example.training]\nnormalization = '{grouping}'\n"
                    )
            }
            Kind::Optimizer => changed("name = \"sgd\"\nlr = 0.1", &table),
            Kind::Schedule => changed("name = \"inverse-decay\"", &table),
            Kind::Extractor => {
                changed("name = \"small-net\"\nweights = \"here\"\nfrozen = true", &table)
            }
            Kind::Validator => changed("", "") + &format!("[[selection.validators]]\n{table}\n"),
            _ => continue,
        };
        good(&text);
    }
}

#[test]
fn fields_are_described_in_words() {
    let all = fields(find(Kind::Method, "dann").unwrap());
    assert_eq!(all[0].name, "weight");
    assert_eq!(all[0].type_name, "a number");
    assert_eq!(all[0].range.as_deref(), Some(">= 0"));
    assert_eq!(all[0].default.as_deref(), Some("1.0"));
    assert_eq!(all[0].description, "Factor of the term in the loss.");
    assert_eq!(all[1].name, "trade_off");
    assert_eq!(all[2].names, Some(Kind::Discriminator));
    let all = fields(find(Kind::Method, "dan").unwrap());
    assert_eq!(all[1].type_name, "`quadratic` or `linear`");
    assert_eq!(all[1].parts[1], ("linear".to_owned(), "Over neighbours.".to_owned()));
    assert_eq!(all[2].type_name, "a list of numbers");
    assert_eq!(fields(find(Kind::Discriminator, "mlp").unwrap())[1].default, None);
}

#[test]
fn the_schema_describes_every_plugin_and_refers_to_what_is_there() {
    let schema = json_schema();
    let text = schema.to_string();
    assert!(!text.contains("x-plugin"), "a plugin table is left undescribed");
    let references: Vec<&str> =
        text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(references.len() > 10);
    for reference in references {
        assert!(schema.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    let dann = &schema["$defs"]["method-dann-part"];
    assert_eq!(dann["properties"]["name"]["const"], "dann");
    assert_eq!(dann["properties"]["weight"]["minimum"], 0.0);
    assert_eq!(dann["required"], json!(["name"]));
    assert_eq!(
        dann["properties"]["discriminator"]["oneOf"][0]["$ref"],
        "#/$defs/discriminator-mlp"
    );
    let sgd = &schema["$defs"]["optimizer-sgd-settings"];
    assert_eq!(sgd.get("required"), None);
    assert_eq!(
        schema["properties"]["extractor"]["oneOf"][0]["$ref"],
        "#/$defs/extractor-identity-part"
    );
}
