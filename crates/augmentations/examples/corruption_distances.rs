//! Prints how far each corruption of images takes a picture from itself, for comparison with
//! `bench/peers/corruptions.py`: mean absolute difference of the bytes at severities 1 to 5, over ten
//! keys.
//!
//!     cargo run --release --example corruption_distances -- PICTURE

use isthmus_augmentations as _;
use isthmus_core::augmentation::{ImagePixels, SampleKind, SampleMut};
use isthmus_core::corruption::Severity;
use isthmus_core::random::Key;
use isthmus_core::registry::{Kind, build_corruption, plugins};
use isthmus_core::spec::PluginSpec;

const KEYS: u64 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of a picture")?;
    let picture = image::open(path)?.into_rgb8();
    let [width, height] = [picture.width(), picture.height()].map(|side| side as usize);
    let picture = ImagePixels { channels: 3, height, width, pixels: picture.into_raw() };
    for plugin in plugins(Kind::Corruption) {
        let name = plugin.about.name;
        let spec = PluginSpec { name: name.to_owned(), config: serde_json::json!({}) };
        let (corruption, samples) = build_corruption(&spec)?;
        if !samples.contains(&SampleKind::Image) {
            continue;
        }
        let mean = |severity: Severity| {
            let distances = (0..KEYS).map(|key| {
                let mut changed = picture.clone();
                corruption.apply(SampleMut::Image(&mut changed), severity, &Key::new(key));
                let pairs = changed.pixels.iter().zip(&picture.pixels);
                pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>()
            });
            distances.sum::<f64>() / (KEYS as f64 * picture.pixels.len() as f64)
        };
        let values = Severity::ALL.map(|severity| format!("{:6.2}", mean(severity)));
        println!("{name:<18} {}", values.join(" "));
    }
    Ok(())
}
