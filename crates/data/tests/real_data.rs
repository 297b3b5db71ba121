//! The readers on the real data sets, where they are present.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::{Interpolation, Transform};
use isthmus_core::stage::SampleView;
use isthmus_core::targets::Targets;
use isthmus_data::readers::{Audio, Features, Idx, Usps, UspsSet};
use isthmus_data::{Dataset, Descriptor, DomainSets, Roots, Views};

/// `$ISTHMUS_DATA`, or its default beside the repository; `None` where it has no such folder.
fn data(folder: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = std::env::var_os("ISTHMUS_DATA")
        .map_or_else(|| repository.join("../shared/data"), PathBuf::from);
    let found = root.join(folder);
    if found.is_dir() {
        return Some(found);
    }
    println!("skipped: there is no {}", found.display());
    None
}

fn roots(folder: &Path) -> Roots {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    Roots {
        descriptors: vec![datasets],
        data: folder.parent().unwrap().to_owned(),
        cache: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    }
}

fn load(folder: &Path, dataset: &str, transform: &Transform) -> Dataset {
    let roots = roots(folder);
    let descriptor = Descriptor::find(dataset, &roots).unwrap();
    let names: Vec<&str> = descriptor.domains.iter().map(|domain| domain.name.as_str()).collect();
    Dataset::load_named(&descriptor, &names, Some(transform), &Views::default(), &roots).unwrap()
}

fn class_counts(labels: &[u32]) -> Vec<usize> {
    let mut counts = vec![0; labels.iter().max().map_or(0, |&last| last as usize + 1)];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts
}

fn pixels(samples: &LabelledSamples) -> &[u8] {
    match &samples.samples {
        Samples::Images { pixels, .. } => pixels,
        other => panic!("expected images, found {} rows of another kind", other.rows()),
    }
}

#[test]
fn uci_har_has_its_persons_and_movements() {
    let Some(folder) = data("uci_har") else { return };
    let dataset = load(&folder, "uci-har", &Transform::default());
    assert_eq!(dataset.classes.len(), 6);
    let mut windows = 0;
    for domain in &dataset.domains {
        for set in domain.sets() {
            let shape = set.source.samples.shape();
            assert_eq!(shape, InputShape::Series { channels: 9, length: 128 });
            let labels = &set.source.targets.strata();
            assert!(class_counts(labels).iter().all(|&count| count > 0), "{}", domain.name);
            windows += labels.len();
            // Total acceleration along the body is about one g where the person stands.
            let standing: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == 4).collect();
            let values = set.source.samples.values(&standing, SampleView::Plain).unwrap();
            let values = values.into_dense().unwrap();
            let along = values.chunks(9 * 128).flat_map(|series| &series[6 * 128..7 * 128]);
            let mean = along.sum::<f32>() / (128 * standing.len()) as f32;
            assert!((0.9..1.1).contains(&mean), "{}: {mean}", domain.name);
        }
    }
    assert_eq!(windows, 1939);
}

#[test]
fn amazon_reviews_are_texts_and_counts_of_two_opinions() {
    let Some(folder) = data("amazon_reviews") else { return };
    let texts = load(&folder, "amazon-reviews-text", &Transform::default());
    assert_eq!(texts.classes, ["negative", "positive"]);
    for domain in &texts.domains {
        let DomainSets::All(set) = &domain.sets else { panic!("one set") };
        assert_eq!(set.source.samples.shape(), InputShape::Text);
        assert_eq!(class_counts(&set.source.targets.strata()), [1000, 1000]);
        let rows: Vec<usize> = (0..2000).collect();
        let values = set.source.samples.values(&rows, SampleView::Plain).unwrap();
        let SampleValues::Texts(all) = values else { panic!("no texts") };
        assert!(all.iter().all(|text| !text.is_empty() && !text.contains("review>")));
        let words = all.iter().map(|text| text.split_whitespace().count()).sum::<usize>();
        println!("{}: {} words a review", domain.name, words / 2000);
    }
    let DomainSets::All(books) = &texts.domains[0].sets else { panic!("one set") };
    let first = books.source.samples.values(&[0], SampleView::Plain).unwrap();
    let SampleValues::Texts(first) = first else { panic!("no texts") };
    assert!(first[0].starts_with("Horrible book, horrible."), "{}", first[0]);

    let counts = load(&folder, "amazon-reviews", &Transform::default());
    for (domain, rows) in counts.domains.iter().zip([4465, 3586, 5681, 5945]) {
        let DomainSets::Given { train, test } = &domain.sets else { panic!("two sets") };
        assert_eq!(class_counts(&train.source.targets.strata()), [1000, 1000]);
        assert_eq!(test.source.samples.rows(), rows, "{}", domain.name);
        assert_eq!(test.source.samples.shape(), InputShape::Features { size: 5000 });
    }
}

#[test]
fn office31_has_its_images_and_classes_and_they_match_the_features() {
    let Some(folder) = data("office31") else { return };
    let transform = Transform {
        resize: Some(256),
        crop: Some(224),
        interpolation: Interpolation::Bicubic,
        ..Transform::default()
    };
    let images = load(&folder, "office31", &transform);
    let features = load(&folder, "office31-features", &transform);
    assert_eq!(images.classes.len(), 31);
    assert_eq!(images.classes, features.classes);
    for (index, count) in [2817, 498, 795].into_iter().enumerate() {
        let (DomainSets::All(images), DomainSets::All(features)) =
            (&images.domains[index].sets, &features.domains[index].sets)
        else {
            panic!("one set a domain")
        };
        assert_eq!(images.source.targets.rows(), count);
        assert_eq!(images.source.targets.strata(), features.source.targets.strata());
        assert_eq!(features.source.samples.shape().len(), 1280);
    }

    let DomainSets::All(amazon) = &images.domains[0].sets else { panic!("one set") };
    let rows: Vec<usize> = (0..512).collect();
    let start = Instant::now();
    let values = amazon.source.samples.values(&rows, SampleView::Plain).unwrap();
    let values = values.into_dense().unwrap();
    let rate = rows.len() as f64 / start.elapsed().as_secs_f64();
    println!("decode 256x256, crop 224: {rate:.0} images/s on {} threads", threads());
    assert_eq!(values.len(), 512 * 3 * 224 * 224);
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));

    let resized = Transform { resize: Some(224), crop: None, ..transform };
    let images = load(&folder, "office31", &resized);
    let DomainSets::All(amazon) = &images.domains[0].sets else { panic!("one set") };
    let start = Instant::now();
    amazon.source.samples.values(&rows, SampleView::Plain).unwrap();
    let rate = rows.len() as f64 / start.elapsed().as_secs_f64();
    println!("decode 256x256, bicubic to 224: {rate:.0} images/s on {} threads", threads());
}

/// The sequences of a set.
fn sequences(domain: &DomainSets) -> [Vec<Vec<u32>>; 2] {
    let DomainSets::Given { train, test } = domain else { panic!("one set") };
    [train, test].map(|set| match set.source.targets.targets() {
        Targets::Sequences(sequences) => sequences.clone(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn spoken_digits_make_strings_of_their_own_speakers() {
    let Some(folder) = data("fsdd") else { return };
    let dataset = load(&folder, "spoken-digit-strings", &Transform::default());
    assert_eq!(dataset.classes.len(), 10);
    assert_eq!(dataset.domains.len(), 2);
    for domain in &dataset.domains {
        let [train, test] = sequences(&domain.sets);
        assert_eq!((train.len(), test.len()), (1000, 300));
        for all in [train, test] {
            assert!(all.iter().all(|digits| (2..=4).contains(&digits.len())));
            let digits: Vec<u32> = all.concat();
            assert!(class_counts(&digits).iter().all(|count| *count > 0));
        }
    }
}

#[test]
fn spoken_digits_are_told_by_their_names() {
    let Some(folder) = data("fsdd") else { return };
    let reader = |chosen: &str| -> Audio {
        let text = format!(
            "path = \"fsdd_900.tar.gz\"\nfiles = \"{{class}}_{{speaker}}_{{index}}.wav\"\n\
             rate = 8000\nwhere = {{ {chosen} }}"
        );
        toml::from_str(&text).unwrap()
    };
    let read = |chosen: &str| reader(chosen).read(&folder).unwrap();
    let all = read("");
    let Samples::VariableSeries { channels: 1, lengths, .. } = &all.samples else {
        panic!("no sound")
    };
    // A recording lasts 0.44 s on average.
    let seconds = lengths.iter().sum::<usize>() as f64 / 8000.0 / 900.0;
    assert!(lengths.len() == 900 && (0.40..0.48).contains(&seconds), "{seconds}");
    assert_eq!(all.class_names.unwrap(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(class_counts(&all.targets.strata()), [90; 10]);
    assert_eq!(all.warnings, [""; 0]);
    let test = read("speaker = [\"theo\", \"lucas\"], index = \"0..5\"");
    assert_eq!(class_counts(&test.targets.strata()), [10; 10]);
    let train = read("speaker = \"theo\", index = \"5..\"");
    assert_eq!(class_counts(&train.targets.strata()), [10; 10]);
}

#[test]
fn spoken_words_are_told_by_their_folders() {
    let Some(folder) = data("speech_commands") else { return };
    let reader: Audio = toml::from_str(
        "path = \"speech_commands_v0.02_test_240.tar.gz\"\n\
         files = \"{class}/{speaker}_nohash_{take}.wav\"\nseconds = 1",
    )
    .unwrap();
    let read = reader.read(&folder).unwrap();
    let Samples::Series { channels: 1, length: 16000, .. } = &read.samples else {
        panic!("not one second")
    };
    let names = read.class_names.unwrap();
    let words = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"];
    assert_eq!(names, words);
    assert_eq!(class_counts(&read.targets.strata()), [24; 10]);
}

#[test]
fn pairs_of_digits_have_one_or_two_labels() {
    let (Some(folder), Some(_)) = (data("mnist"), data("usps")) else { return };
    let transform = Transform { resize: Some(32), ..Transform::default() };
    let dataset = load(&folder, "digit-pairs", &transform);
    for domain in &dataset.domains {
        let DomainSets::Given { train, test } = &domain.sets else { panic!("one set") };
        for (set, rows) in [(train, 6000), (test, 2000)] {
            let Targets::Labels(labels) = set.source.targets.targets() else {
                panic!("no sets of classes")
            };
            assert_eq!((labels.rows(), labels.columns()), (rows, 10));
            let counts: Vec<f32> = labels.iter_rows().map(|row| row.iter().sum()).collect();
            // Two digits, the same one with a chance of a tenth.
            assert!(counts.iter().all(|count| *count == 1.0 || *count == 2.0));
            let same = counts.iter().filter(|count| **count == 1.0).count() as f64 / rows as f64;
            assert!((same - 0.1).abs() < 0.03, "{same}");
        }
    }
}

/// The files are those of the scikit-learn package: `datasets/diabetes.toml` says how to get them.
#[test]
fn diabetes_is_divided_by_age() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/diabetes");
    let folder = if repository.is_dir() { Some(repository) } else { data("diabetes") };
    let Some(folder) = folder else { return };
    let dataset = load(&folder, "diabetes", &Transform::default());
    assert_eq!(dataset.classes, ["progression"]);
    let mut values = Vec::new();
    for domain in &dataset.domains {
        let DomainSets::All(set) = &domain.sets else { panic!("two sets") };
        let Targets::Values(own) = set.source.targets.targets() else { panic!("no numbers") };
        assert_eq!(set.source.samples.shape(), InputShape::Features { size: 9 });
        assert!(own.rows() > 150, "{}", own.rows());
        values.extend_from_slice(own.values());
    }
    // As scikit-learn's description has them.
    assert_eq!(values.len(), 442);
    let range = values
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    assert_eq!(range, (25.0, 346.0));
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[test]
fn a_damaged_zip_of_office31_names_the_entry() {
    let Some(folder) = data("office31") else { return };
    let copy = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(folder.join("dslr.zip")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0);
    let own = copy.path().join("office31");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("dslr.zip"), bytes).unwrap();
    let roots = roots(&own);
    let descriptor = Descriptor::find("office31", &roots).unwrap();
    let dataset = Dataset::load_named(&descriptor, &["dslr"], None, &Views::default(), &roots);
    let error = dataset.err().unwrap().to_string();
    assert!(error.contains("dslr.zip, dslr/images/"), "{error}");
}

#[test]
fn mnist_is_the_well_known_one() {
    let Some(folder) = data("mnist") else { return };
    let expected = [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 60000, MNIST_TRAIN),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10000, MNIST_TEST),
    ];
    for (images, labels, rows, sums) in expected {
        let reader = Idx { images: images.to_owned(), labels: labels.to_owned(), ..Idx::default() };
        let read = reader.read(&folder).unwrap();
        assert_eq!((read.samples.rows(), read.targets.rows()), (rows, rows));
        let mut file = vec![0, 0, 8, 3];
        for size in [rows as u32, 28, 28] {
            file.extend(size.to_be_bytes());
        }
        file.extend(pixels(&read));
        assert_eq!(md5(&file), sums[0], "{images}");
        let mut file = vec![0, 0, 8, 1];
        file.extend((rows as u32).to_be_bytes());
        file.extend(read.targets.strata().iter().map(|&label| label as u8));
        assert_eq!(md5(&file), sums[1], "{labels}");
    }
}

/// MD5 of the unpacked images and labels.
const MNIST_TRAIN: [&str; 2] =
    ["6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"];
const MNIST_TEST: [&str; 2] =
    ["2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"];

#[test]
fn usps_as_text_equals_usps_as_hdf5() {
    let Some(folder) = data("usps") else { return };
    let hdf5 = tempfile::tempdir().unwrap();
    std::fs::copy(folder.join("usps.h5"), hdf5.path().join("usps.h5")).unwrap();
    for (set, counts) in [(UspsSet::Train, USPS_TRAIN), (UspsSet::Test, USPS_TEST)] {
        let reader = Usps { set, rows: None };
        let text = reader.read(&folder).unwrap();
        let binary = reader.read(hdf5.path()).unwrap();
        assert_eq!(class_counts(&text.targets.strata()), counts);
        assert_eq!(text.targets.strata(), binary.targets.strata());
        let pairs = pixels(&text).iter().zip(pixels(&binary));
        assert_eq!(pairs.clone().map(|(a, b)| a.abs_diff(*b)).max(), Some(0));
    }
}

const USPS_TRAIN: [usize; 10] = [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644];
const USPS_TEST: [usize; 10] = [359, 264, 198, 166, 200, 160, 170, 147, 166, 177];

#[test]
fn damaged_usps_files_say_so() {
    let Some(folder) = data("usps") else { return };
    let copy = tempfile::tempdir().unwrap();
    for name in ["usps.h5", "zip.train.gz"] {
        let mut whole = Vec::new();
        std::fs::File::open(folder.join(name)).unwrap().read_to_end(&mut whole).unwrap();
        let path = copy.path().join(name);
        for part in [whole.len() / 3, whole.len() - 100, 9] {
            std::fs::write(&path, &whole[..part]).unwrap();
            let error = Usps::default().read(copy.path()).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains("fetch it again"), "{error}");
        }
        // Damage inside the training set's data: refused, or noticed by a value out of range.
        let middle = whole.len() / 2;
        whole[middle..middle + 256].fill(0xa5);
        std::fs::write(&path, &whole).unwrap();
        let error = Usps::default().read(copy.path()).err().unwrap().to_string();
        assert!(error.contains(name), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn damaged_features_say_so() {
    let Some(folder) = data("office31") else { return };
    let copy = tempfile::tempdir().unwrap();
    let name = "efficientnet_lite0_features.npz";
    let whole = std::fs::read(folder.join(name)).unwrap();
    let reader = Features {
        file: name.to_owned(),
        features: "amazon_x".to_owned(),
        labels: "amazon_y".to_owned(),
        ..Features::default()
    };
    let path = copy.path().join(name);
    let mut damaged = whole.clone();
    damaged[whole.len() * 3 / 4] ^= 0xff;
    for bytes in [&whole[..whole.len() / 2], &damaged] {
        std::fs::write(&path, bytes).unwrap();
        let error = reader.read(copy.path()).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("fetch it again"), "{error}");
    }
}

#[test]
fn digits_load_under_both_protocols() {
    let Some(folder) = data("mnist") else { return };
    if data("usps").is_none() || data("mnist_m").is_none() {
        return;
    }
    let transform = Transform { resize: Some(28), channels: Some(1), ..Transform::default() };
    let digits = load(&folder, "digits", &transform);
    assert_eq!(digits.classes.len(), 10);
    let sizes: Vec<Vec<usize>> = digits
        .domains
        .iter()
        .map(|domain| domain.sets().iter().map(|set| set.source.targets.rows()).collect())
        .collect();
    assert_eq!(sizes, [vec![60000, 10000], vec![7291, 2007], vec![3000]]);
    // MNIST-M's images are MNIST's test images, in order.
    let (DomainSets::Given { test, .. }, DomainSets::All(coloured)) =
        (&digits.domains[0].sets, &digits.domains[2].sets)
    else {
        panic!("MNIST has a test set, MNIST-M one set")
    };
    assert_eq!(test.source.targets.strata()[..3000], coloured.source.targets.strata()[..]);

    let small = load(&folder, "digits-2000-1800", &transform);
    let [mnist, usps] = small.domains.as_slice() else { panic!("two domains") };
    let labels = |domain: &isthmus_data::LoadedDomain| domain.sets()[0].source.targets.strata();
    assert_eq!([labels(mnist).len(), labels(usps).len()], [2000, 1800]);
    assert_eq!(class_counts(&labels(usps)).iter().min(), Some(&134));
}

#[test]
fn office_caltech10_has_the_classes_of_both_and_its_features_are_those_published() {
    let Some(folder) = data("office_caltech10") else { return };
    for (name, counts) in [
        ("office-caltech10-googlenet", vec![958, 295, 157]),
        ("office-caltech10-decaf6", vec![295, 157]),
        ("office-caltech10-images", vec![1123, 958, 295, 157]),
    ] {
        if name.ends_with("images") && data("office31").is_none() {
            continue;
        }
        let transform = Transform { resize: Some(8), ..Transform::default() };
        let loaded = load(&folder, name, &transform);
        let rows = |domain: &isthmus_data::LoadedDomain| domain.sets()[0].source.targets.rows();
        assert_eq!(loaded.domains.iter().map(rows).collect::<Vec<_>>(), counts, "{name}");
        assert_eq!(loaded.classes.len(), 10, "{name}");
        // The domains of the three forms hold the same images: as many of each class.
        let labels = loaded.domains.last().unwrap().sets()[0].source.targets.strata();
        assert_eq!(class_counts(&labels), [12, 21, 12, 13, 10, 24, 22, 12, 8, 23], "{name}");
    }
}

#[test]
fn recordings_and_texts_are_surveyed() {
    let domains = |folder: &str| -> Option<Vec<String>> {
        let found = isthmus_data::survey(&[data(folder)?]).unwrap();
        let text = found.descriptor("found", folder);
        Descriptor::parse("found", &text, "found.toml").unwrap();
        Some(found.domains().map(str::to_owned).collect())
    };
    let check = |folder: &str, want: &[&str]| {
        if let Some(found) = domains(folder) {
            assert_eq!(found, want, "{folder}");
        }
    };
    check("fsdd", &["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]);
    check("speech_commands", &["speech_commands_v0.02_test_240"]);
    check("amazon_reviews", &["books", "dvd", "electronics", "kitchen"]);
}

/// MD5 (RFC 1321), which the published checksums of MNIST are.
fn md5(bytes: &[u8]) -> String {
    const SHIFTS: [[u32; 4]; 4] =
        [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((bytes.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            let sine = ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(words[word]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[step / 16][step % 4]));
        }
        for (state, word) in state.iter_mut().zip([a, b, c, d]) {
            *state = state.wrapping_add(word);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}
