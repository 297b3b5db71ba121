//! Descriptors: what they say, and how what is wrong with one is said.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use isthmus_core::error::DataError;
use isthmus_data::{Descriptor, Roots, SetReaders};

fn parse(text: &str) -> Result<Descriptor, DataError> {
    Descriptor::parse("mine", text, "datasets/mine.toml")
}

fn problem_of(text: &str) -> String {
    parse(text).err().unwrap().to_string()
}

const SIX_LINES: &str = r#"name = "mine"
folder = "/pictures"
domains = [
  { name = "photos", reader = { name = "image-folder", path = "photos" } },
  { name = "drawings", reader = { name = "image-folder", path = "drawings" } },
]
"#;

#[test]
fn an_image_folder_of_one_s_own_takes_six_lines() {
    assert_eq!(SIX_LINES.lines().count(), 6);
    let descriptor = parse(SIX_LINES).unwrap();
    assert_eq!(descriptor.title, "mine");
    assert_eq!(descriptor.folder, Path::new("/pictures"));
    assert_eq!(descriptor.layout, "  photos: photos\n  drawings: drawings");
    let SetReaders::All(reader) = &descriptor.domains[1].readers else { panic!("one set") };
    assert_eq!(reader.name, "image-folder");
    assert_eq!(reader.config["path"], "drawings");
}

#[test]
fn errors_name_the_file_and_the_line() {
    let unknown = problem_of(&SIX_LINES.replace("folder =", "foldre ="));
    assert!(unknown.starts_with("datasets/mine.toml:2: unknown field `foldre`"), "{unknown}");
    assert!(unknown.ends_with("  2 | foldre = \"/pictures\""), "{unknown}");
    let field = problem_of(&SIX_LINES.replace("path = \"drawings\"", "paht = \"drawings\""));
    assert!(field.starts_with("datasets/mine.toml:5: reader `image-folder`"), "{field}");
    assert!(field.contains("unknown field `paht`"), "{field}");
    let reader = problem_of(
        &SIX_LINES.replace("\"image-folder\", path = \"d", "\"image-foldr\", path = \"d"),
    );
    assert!(
        reader.starts_with("datasets/mine.toml:5: there is no reader `image-foldr`"),
        "{reader}"
    );
    assert!(reader.contains("did you mean `image-folder`?"), "{reader}");
    let broken = problem_of(&SIX_LINES.replace("]\n", ""));
    assert!(broken.starts_with("datasets/mine.toml:"), "{broken}");
}

#[test]
fn a_domain_has_one_reader_or_two() {
    let none = problem_of("name = \"mine\"\n[[domains]]\nname = \"a\"\n");
    assert!(none.starts_with("datasets/mine.toml:2: domain `a` needs either `reader`"), "{none}");
    let half = "name = \"mine\"\n[[domains]]\nname = \"a\"\ntrain = { name = \"usps\" }\n";
    assert!(problem_of(half).contains("needs either `reader`"));
    let both = format!("{half}test = {{ name = \"usps\", set = \"test\" }}\n");
    let descriptor = parse(&both).unwrap();
    assert!(matches!(descriptor.domains[0].readers, SetReaders::Given { .. }));
    let nameless = half.replace("{ name = \"usps\" }", "{ set = \"train\" }\ntest = 3");
    assert!(problem_of(&nameless).contains("a reader has no `name`"));
    assert!(problem_of(&both.replace("\"test\" }", "\"tset\" }")).contains(":5: reader `usps`"));
}

#[test]
fn names_and_checksums_are_checked() {
    let twice = problem_of(&SIX_LINES.replace("\"drawings\", reader", "\"photos\", reader"));
    assert!(twice.contains(":5: there are two domains `photos`"), "{twice}");
    let name = problem_of(&SIX_LINES.replace("\"mine\"", "\"yours\""));
    assert!(name.contains(":1: `name` is `yours`, the file's name says `mine`"), "{name}");
    let sum = problem_of(&format!("{SIX_LINES}checksums = {{ \"a\" = \"12\" }}\n"));
    assert!(sum.contains(":7: a checksum is SHA-256"), "{sum}");
    assert!(problem_of("name = \"mine\"\ndomains = []\n").contains("`domains` is empty"));
    // A task could not name these.
    for name in ["a + b", "a -> b", " a", "", "a\\nb"] {
        let error =
            problem_of(&SIX_LINES.replace("name = \"photos\"", &format!("name = \"{name}\"")));
        assert!(error.starts_with("datasets/mine.toml:4: the domain `"), "{error}");
        assert!(!error.contains("a\nb"), "{error}");
    }
}

#[test]
fn unknown_data_sets_and_domains_are_suggested() {
    let roots = Roots {
        descriptors: vec!["nowhere".into()],
        data: "nowhere".into(),
        cache: "nowhere".into(),
    };
    let error = Descriptor::find("ofice31", &roots).err().unwrap().to_string();
    assert!(error.contains("did you mean `office31`?"), "{error}");
    let office = Descriptor::find("office31", &roots).unwrap();
    let error = office.domain("webcma").err().unwrap().to_string();
    assert!(error.contains("did you mean `webcam`?"), "{error}");
    assert!(error.contains("amazon, dslr, webcam"), "{error}");
}

#[test]
fn every_embedded_descriptor_is_whole() {
    let roots = Roots { descriptors: Vec::new(), data: "nowhere".into(), cache: "nowhere".into() };
    for name in Descriptor::names(&roots).unwrap() {
        let descriptor = Descriptor::find(&name, &roots).unwrap();
        for text in [&descriptor.licence, &descriptor.citation, &descriptor.how_to_get] {
            assert_ne!(text, "not stated", "{name}");
        }
        assert_ne!(descriptor.title, name);
    }
}

#[test]
fn a_descriptor_on_disk_is_preferred_to_the_embedded_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = SIX_LINES.replace("\"mine\"", "\"office31\"");
    std::fs::write(folder.path().join("office31.toml"), text).unwrap();
    let roots = Roots {
        descriptors: vec![folder.path().into()],
        data: "nowhere".into(),
        cache: "nowhere".into(),
    };
    let found = Descriptor::find("office31", &roots).unwrap();
    assert_eq!(found.domains[0].name, "photos");
    assert_eq!(
        Descriptor::names(&roots).unwrap(),
        [
            "diabetes",
            "digit-pairs",
            "digits",
            "digits-2000-1800",
            "digits-5000-1000",
            "fsdd",
            "office31",
            "office31-features",
            "quickstart",
            "quickstart-images",
            "speech-commands",
            "spoken-digit-strings",
            "uci-har"
        ]
    );
}
