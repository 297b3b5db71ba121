//! What plugins say of their norm layers is so.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::Device;
use isthmus_core::input::InputShape;
use isthmus_core::network::Network;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::registry::{Builder, ExtractorBuilder, Kind, plugins};
use isthmus_nn as _;
use serde_json::{Value, json};

const SHAPES: [InputShape; 4] = [
    InputShape::Features { size: 6 },
    InputShape::Image { channels: 3, height: 32, width: 32 },
    InputShape::Series { channels: 2, length: 40 },
    InputShape::Text,
];

/// The default configuration, and those with each switch of norm layers.
fn configurations(defaults: Value) -> Vec<Value> {
    let mut plain = defaults;
    if plain.get("weights").is_some() {
        plain["weights"] = json!("random");
    }
    if plain.get("batch_norm").is_none() {
        return vec![plain];
    }
    let with = |batch_norm: bool| {
        let mut config = plain.clone();
        config["batch_norm"] = json!(batch_norm);
        config
    };
    vec![with(true), with(false)]
}

fn has_statistics(network: &dyn Network) -> bool {
    network.tensors().iter().any(|tensor| tensor.path.ends_with("population_rows"))
}

#[test]
fn norm_layers_are_there_where_a_part_says_so_and_nowhere_else() {
    let context = BuildContext { device: Device::flex().autodiff(), key: Key::new(1), sources: 1 };
    let mut checked = 0;
    for kind in [Kind::Extractor, Kind::Bottleneck, Kind::Classifier] {
        for plugin in plugins(kind) {
            for config in configurations((plugin.defaults)()) {
                let found = match plugin.builder {
                    Builder::Extractor(ExtractorBuilder { build, .. })
                    | Builder::Bottleneck(build) => {
                        let build = |shape: &InputShape| build(&config, *shape, &context).ok();
                        let network = SHAPES.iter().find_map(build).unwrap();
                        has_statistics(&*network)
                    }
                    Builder::Classifier(build) => {
                        has_statistics(&*build(&config, 4, 3, &context).unwrap())
                    }
                    _ => continue,
                };
                let name = plugin.about.name;
                assert_eq!((plugin.norm_layers)(&config), Some(found), "{name} {config}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 14, "{checked}");
}
