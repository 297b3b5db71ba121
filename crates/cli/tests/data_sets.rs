//! `isthmus data init` and `isthmus data show`.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::npz::{Array, write_npz};

/// The command in a folder, with no data but what is there.
fn isthmus(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isthmus"))
        .current_dir(folder)
        .env("ISTHMUS_DATA", folder.join("data"))
        .env("ISTHMUS_CACHE", folder.join("cache"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What is said of input that is wrong, in one line.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines()
        .map(|line| line.trim_matches([' ', '\u{2502}', '\u{d7}']))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Writes a descriptor, and returns its text and what `show` says of it.
fn written(folder: &Path, paths: &[&str], name: &str) -> (String, String) {
    let mut arguments = vec!["data", "init", "--name", name];
    arguments.extend(paths);
    let answer = said(&isthmus(folder, &arguments));
    assert!(answer.contains(&format!("{name}.toml is written")), "{answer}");
    let text = std::fs::read_to_string(folder.join(format!("datasets/{name}.toml"))).unwrap();
    let shown = said(&isthmus(folder, &["data", "show", name]));
    (text, shown)
}

fn image(path: &Path, grey: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_pixel(9, 7, image::Luma([grey])).save(path).unwrap();
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn image_trees_are_domains_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (domain, inside) in [("photos", ""), ("drawings", "images/")] {
        for (class, count) in [("cat", 3), ("dog", 1)] {
            for number in 0..count {
                let name = format!("pets/{domain}/{inside}{class}/{number}.png");
                image(&root.join(name), 50 * number as u8);
            }
        }
    }
    write(&root.join("pets/ages.csv"), "age\n3\n");
    let (text, shown) = written(root, &["pets"], "mine");
    assert!(text.contains("left out: ages.csv"), "{text}");
    assert!(text.contains("path = \"drawings/images\""), "{text}");
    assert!(text.contains("# the folders of") && text.contains("were taken for domains"), "{text}");
    for line in ["grey images of 9 x 7 pixels", "`cat` has most samples (3), `dog` fewest (1)"] {
        assert!(shown.contains(line), "{shown}");
    }
    // The sheet has a row a class.
    let arguments = ["data", "show", "mine", "--output", "sheet.png", "--samples", "2"];
    let shown = said(&isthmus(root, &arguments));
    assert!(shown.contains("sheet.png is drawn"), "{shown}");
    let sheet = image::open(root.join("sheet.png")).unwrap().into_rgb8();
    assert!(sheet.height() > 2 * 64 && sheet.width() > 4 * 64, "{:?}", sheet.dimensions());
    assert!(sheet.pixels().any(|pixel| pixel.0 == [50; 3]));
    // What is there stays.
    let again = refused(&isthmus(root, &["data", "init", "pets", "--name", "mine"]));
    assert!(again.contains("is there already") && again.contains("--force"), "{again}");
    said(&isthmus(root, &["data", "init", "pets", "--name", "mine", "--force", "--quiet"]));
}

#[test]
fn training_and_test_folders_are_the_sets_of_a_domain() {
    let folder = tempfile::tempdir().unwrap();
    for (place, grey) in
        [("a/train/x", 1), ("a/train/y", 2), ("a/test/x", 3), ("b/x", 4), ("b/y", 5)]
    {
        image(&folder.path().join("d").join(place).join("1.png"), grey);
    }
    let (text, shown) = written(folder.path(), &["d"], "parts");
    assert!(text.contains("train = { name = \"image-folder\", path = \"a/train\" }"), "{text}");
    assert!(shown.contains("a (train)") && shown.contains("a (test)"), "{shown}");
    assert!(shown.contains("1 classes have none (y)"), "{shown}");
}

#[test]
fn archives_hold_domains() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let pixels = |grey: u8| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = image::GrayImage::from_pixel(4, 4, image::Luma([grey]));
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    std::fs::create_dir(root.join("packed")).unwrap();
    for name in ["one.tar.gz", "two.tar"] {
        let mut builder = tar::Builder::new(Vec::new());
        for (class, grey) in [("cat", 10), ("dog", 20)] {
            let mut header = tar::Header::new_gnu();
            let bytes = pixels(grey);
            header.set_size(bytes.len() as u64);
            let path = format!("./top/images/{class}/1.png");
            builder.append_data(&mut header, path, bytes.as_slice()).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        let bytes = if name.ends_with("gz") { gzip(&bytes) } else { bytes };
        std::fs::write(root.join("packed").join(name), bytes).unwrap();
    }
    let (text, shown) = written(root, &["packed"], "packed");
    assert!(text.contains("archive = \"one.tar.gz\", path = \"top/images\""), "{text}");
    assert!(text.contains("name = \"two\"") && shown.contains("4 x 4"), "{text}{shown}");
    // The classes may be the archive's own folders.
    let mut builder = tar::Builder::new(Vec::new());
    for class in ["cat", "dog"] {
        let mut header = tar::Header::new_gnu();
        let bytes = pixels(1);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, format!("{class}/1.png"), bytes.as_slice()).unwrap();
    }
    std::fs::create_dir(root.join("flat")).unwrap();
    std::fs::write(root.join("flat/all.tgz"), gzip(&builder.into_inner().unwrap())).unwrap();
    let (text, shown) = written(root, &["flat/all.tgz"], "flat");
    assert!(text.contains("archive = \"all.tgz\", path = \".\""), "{text}");
    assert!(shown.contains("all: 1 of each class"), "{shown}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lists_and_arrays_are_found_by_content_and_habit() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["img/a1.png", "img/a2.png", "img/b1.png"] {
        image(&root.join("lists").join(name), 9);
    }
    write(&root.join("lists/list/a.txt"), "img/a1.png 1\nimg/a2.png 2\n");
    write(&root.join("lists/list/b.txt"), "img/b1.png 1\nimg/a1.png 2\n");
    let (text, _) = written(root, &["lists/list", "lists/img"], "listed");
    assert!(text.contains("file = \"list/a.txt\"") && text.contains("first_label = 1"), "{text}");
    // Arrays by their names, in one file.
    let x = || Array::Floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let y = || Array::Bytes(&[1, 2]);
    std::fs::create_dir(root.join("arrays")).unwrap();
    write_npz(
        &root.join("arrays/all.npz"),
        &[
            ("amazon_x", &[2, 4], x()),
            ("amazon_y", &[2], y()),
            ("dslr_x", &[2, 4], x()),
            ("dslr_y", &[2], y()),
            ("notes", &[8], x()),
        ],
    );
    let (text, shown) = written(root, &["arrays"], "arrays");
    assert!(
        text.contains("features = \"amazon_x\"") && text.contains("labels = \"amazon_y\""),
        "{text}"
    );
    assert!(text.contains("first_label = 1") && text.contains("`notes` [8]"), "{text}");
    assert!(shown.contains("amazon") && shown.contains("1 of each class"), "{shown}");
    // Series with sets of their own, a file a domain; the sheet has curves.
    std::fs::create_dir(root.join("series")).unwrap();
    for name in ["p1.npz", "p2.npz"] {
        write_npz(
            &root.join("series").join(name),
            &[
                ("X_train", &[2, 1, 4], x()),
                ("y_train", &[2], Array::Bytes(&[0, 1])),
                ("X_test", &[2, 1, 4], x()),
                ("y_test", &[2], Array::Bytes(&[0, 1])),
            ],
        );
    }
    let (text, _) = written(root, &["series"], "moves");
    assert!(
        text.contains("train = { name = \"series\"") && text.contains("name = \"p2\""),
        "{text}"
    );
    said(&isthmus(root, &["data", "show", "moves", "--output", "curves.png"]));
    assert!(image::open(root.join("curves.png")).is_ok());
    // Names that tell nothing are said, with what to write.
    std::fs::create_dir(root.join("odd")).unwrap();
    write_npz(&root.join("odd/a.npz"), &[("alpha", &[2, 4], x()), ("beta", &[2], y())]);
    let told = refused(&isthmus(root, &["data", "init", "odd"]));
    assert!(told.contains("`alpha` [2, 4]") && told.contains("labels = \"ARRAY\""), "{told}");
}

#[test]
fn tables_are_divided_by_a_column_or_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let rows = "site;width;label;note\nnorth;1;a;x\nsouth;2;b;x\nnorth;3;b;y\nsouth;4;a;z\n";
    write(&root.join("one/all.csv"), rows);
    let (text, shown) = written(root, &["one"], "sites");
    assert!(
        text.contains("where = { site = \"north\" }") && text.contains("separator = \";\""),
        "{text}"
    );
    assert!(text.contains("without = [\"note\"]"), "{text}");
    assert!(shown.contains("features [1]"), "{shown}");
    for name in ["u.csv", "v.csv"] {
        write(&root.join("two").join(name), "a,b,class\n1,2,0\n3,4,1\n");
    }
    let (text, _) = written(root, &["two"], "two");
    assert!(text.contains("files = [\"u.csv\"]") && text.contains("name = \"v\""), "{text}");
    write(&root.join("three/t.csv"), "a,b,class\n1,2,0\n3,4,1\n3,5,1\n");
    let told = refused(&isthmus(root, &["data", "init", "three"]));
    assert!(told.contains("no column is called") && told.contains("`a` (2 values)"), "{told}");
    assert!(told.contains("where = { COLUMN = \"VALUE\" }"), "{told}");
    // Sparse text, a domain a file; the number of features is that of all.
    write(&root.join("sparse/p.dat"), "1 1:0.5 7:2\n2 2:1\n");
    write(&root.join("sparse/q.dat"), "2 1:1\n1 3:1 # last\n");
    let (text, _) = written(root, &["sparse"], "sparse");
    assert!(text.contains("features = 7") && text.contains("first_label = 1"), "{text}");
}

#[test]
fn what_is_nothing_known_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("odd/notes.md"), "hello");
    let told = refused(&isthmus(root, &["data", "init", "odd"]));
    assert!(told.contains("notes.md") && told.contains("DOMAIN/CLASS"), "{told}");
    let told = refused(&isthmus(root, &["data", "init", "absent"]));
    assert!(told.contains("absent"), "{told}");
    image(&root.join("flat/cat/1.png"), 1);
    image(&root.join("flat/dog/1.png"), 2);
    let answer = said(&isthmus(root, &["data", "init", "flat"]));
    assert!(
        answer.contains("were taken for classes") && answer.contains("needs a source"),
        "{answer}"
    );
    assert!(refused(&isthmus(root, &["data", "show", "flatt"])).contains("did you mean `flat`"));
}
