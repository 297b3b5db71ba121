//! `text`: texts in files of several kinds.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RowLimit;
use super::text_files::{TextRow, in_folder, in_lines, in_table, in_tags, json_lines, unpacked};
use crate::labels::Labels;
use crate::text_labels::text_labels;

/// How texts are written in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    /// A JSON object a line, `{"text": "...", "label": 1}`.
    #[default]
    JsonLines,
    /// A column of a text file of columns whose first line names them.
    Table,
    /// What is between tags, `<text>...</text>`, whatever surrounds it. Nothing is unescaped.
    Tagged,
    /// A text a line.
    Lines,
    /// A folder with a folder a class, and a file `.txt` or `.txt.gz` a text.
    Folder,
}

/// A file of texts, or a folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TextFile {
    /// Where it is, relative to the data set's folder.
    pub file: String,
    /// The class of all of its texts. Absent: `label` says where each text's class is.
    pub class: Option<String>,
}

/// Texts in UTF-8 and their classes, in files that may be packed by gzip: JSON lines, a column of a
/// table, between tags, a line each, or a file each in a folder a class. Classes are whole numbers
/// from `first_label` on, or names. Space around a text is cut off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Text {
    /// The files, one after the other.
    #[schemars(length(min = 1))]
    pub files: Vec<TextFile>,
    /// How texts are written in them.
    pub format: TextFormat,
    /// The field, column or tag that holds the text.
    pub text: String,
    /// The field, column or tag that holds the class, where files have no `class`. An empty one, or
    /// `null`, is none.
    pub label: String,
    /// What separates the columns of a table: one character.
    pub separator: String,
    /// The number of the first class where classes are numbers.
    pub first_label: i64,
    /// Whether the classes are used. With `false` the samples have no labels, and `label` need not be
    /// there.
    pub labelled: bool,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            files: vec![TextFile { file: "texts.jsonl".to_owned(), class: None }],
            format: TextFormat::JsonLines,
            text: "text".to_owned(),
            label: "label".to_owned(),
            separator: ",".to_owned(),
            first_label: 0,
            labelled: true,
            rows: None,
        }
    }
}

impl PluginConfig for Text {
    fn check(&self) -> Result<(), FieldProblem> {
        let wrong =
            |field: &str, message: String| Err(FieldProblem { field: field.to_owned(), message });
        if self.separator.len() != 1 {
            return wrong(
                "separator",
                format!("`separator` is {:?}, must be one character", self.separator),
            );
        }
        if self.text.is_empty() {
            return wrong("text", "`text` is empty, must name a field, column or tag".to_owned());
        }
        if self.files.iter().any(|it| it.file.is_empty()) {
            return wrong("files", "one of `files` has no `file`".to_owned());
        }
        let unclassed = self.files.iter().find(|it| it.class.is_none());
        if let Some(file) = unclassed.filter(|_| self.labelled && self.format == TextFormat::Lines)
        {
            return wrong(
                "files",
                format!(
                    "a line of `{}` is a text and no more: state the `class` of the file, or \
                     `labelled = false`",
                    file.file
                ),
            );
        }
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for Text {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Text
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Text>(About {
        name: "text",
        summary: "texts in JSON lines, tables, between tags, a line each, or a file each",
        paper: "",
    })
}

impl Text {
    /// The texts of a file with what is written of their classes.
    fn rows_of(&self, path: &Path, needs_label: bool) -> Result<Vec<TextRow>, DataError> {
        let label = needs_label.then_some(self.label.as_str());
        match self.format {
            TextFormat::Folder => in_folder(path, needs_label),
            TextFormat::Table => in_table(path, self.separator.as_bytes()[0], &self.text, label),
            TextFormat::JsonLines => json_lines(path, &unpacked(path)?, &self.text, label),
            TextFormat::Tagged => in_tags(path, &unpacked(path)?, &self.text, label),
            TextFormat::Lines => Ok(in_lines(&unpacked(path)?)),
        }
    }
}

impl Reader for Text {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        self.files.iter().map(|it| vec![PathBuf::from(&it.file)]).collect()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let mut rows = Vec::new();
        for TextFile { file, class } in &self.files {
            let path = folder.join(file);
            let mut own = self.rows_of(&path, self.labelled && class.is_none())?;
            if own.is_empty() {
                return Err(crate::problem::file(&path, "holds no text"));
            }
            if let Some(class) = class {
                own.iter_mut().for_each(|row| row.label.clone_from(class));
            }
            rows.extend(own);
        }
        let (texts, labels): (Vec<String>, Vec<String>) =
            rows.into_iter().map(|row| (row.text, row.label)).unzip();
        let count = texts.len();
        let samples = Samples::Texts(texts);
        let samples = if self.labelled {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let Labels { classes, names } = text_labels(&labels, self.first_label);
            LabelledSamples {
                class_names: names,
                first_label: self.first_label,
                ..LabelledSamples::new(samples, RowTargets::of_classes(&classes))
            }
        } else {
            LabelledSamples::new(samples, RowTargets::none(count))
        };
        let first = folder.join(&self.files[0].file);
        RowLimit::apply(self.rows.as_ref(), &first.display().to_string(), samples)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(
        files: &[(&str, &[u8])],
        change: impl FnOnce(&mut Text),
    ) -> Result<LabelledSamples, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let mut reader = Text::default();
        change(&mut reader);
        reader.check().map_err(|problem| problem.message)?;
        reader.read(folder.path()).map_err(|error| error.to_string())
    }

    fn texts(found: &LabelledSamples) -> Vec<&str> {
        let Samples::Texts(texts) = &found.samples else { panic!("no texts") };
        texts.iter().map(String::as_str).collect()
    }

    fn names(found: &LabelledSamples) -> Vec<&str> {
        found.class_names.iter().flatten().map(String::as_str).collect()
    }

    fn of(file: &str, class: &str) -> TextFile {
        TextFile { file: file.to_owned(), class: Some(class.to_owned()) }
    }

    #[test]
    fn json_lines_with_numbers_or_names_as_classes() {
        let lines =
            "\u{feff}{\"text\": \" one \", \"label\": 1}\n\n{\"label\": 0, \"text\": \"\"}\n";
        let found = read(&[("texts.jsonl", lines.as_bytes())], |_| ()).unwrap();
        assert_eq!(
            (texts(&found), found.targets.classes()),
            (vec!["one", ""], vec![Some(1), Some(0)])
        );
        let lines =
            "{\"t\":\"a\",\"l\":\"pos\"}\n{\"t\":\"b\",\"l\":\"neg\"}\n{\"t\":\"c\",\"l\":null}";
        let found = read(&[("texts.jsonl", lines.as_bytes())], |reader| {
            (reader.text, reader.label) = ("t".to_owned(), "l".to_owned());
        })
        .unwrap();
        assert_eq!(names(&found), ["neg", "pos"]);
        assert_eq!(found.targets.classes(), [Some(1), Some(0), None]);
        let lines = "{\"text\": \"a\"}\n";
        let found = read(&[("texts.jsonl", lines.as_bytes())], |it| it.labelled = false).unwrap();
        assert_eq!((texts(&found), found.targets.known_rows()), (vec!["a"], 0));
    }

    #[test]
    fn a_column_of_a_table_packed_by_gzip() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all("id;review;stars\n1;\"a; b\";5\n2;c;1\n".as_bytes()).unwrap();
        let found = read(&[("r.csv.gz", &packed.finish().unwrap())], |reader| {
            reader.files = vec![TextFile { file: "r.csv.gz".to_owned(), class: None }];
            reader.format = TextFormat::Table;
            (reader.text, reader.label) = ("review".to_owned(), "stars".to_owned());
            (reader.separator, reader.first_label) = (";".to_owned(), 1);
        })
        .unwrap();
        assert_eq!(texts(&found), ["a; b", "c"]);
        assert_eq!(found.targets.classes(), [Some(4), Some(0)]);
    }

    #[test]
    fn texts_between_tags_of_files_with_their_classes() {
        let good =
            b"<reviews>\n<review>\tYes & <b>well</b>\n</review><review>Again</review></reviews>";
        let files: [(&str, &[u8]); 2] = [("p.parsed", good), ("n.parsed", b"<review>No</review>")];
        let found = read(&files, |reader| {
            reader.files = vec![of("p.parsed", "positive"), of("n.parsed", "negative")];
            (reader.format, reader.text) = (TextFormat::Tagged, "review".to_owned());
        })
        .unwrap();
        assert_eq!(texts(&found), ["Yes & <b>well</b>", "Again", "No"]);
        assert_eq!(names(&found), ["negative", "positive"]);
        assert_eq!(found.targets.classes(), [Some(1), Some(1), Some(0)]);
        let raw = b"<rating>5.0</rating><body>a</body><rating>2</rating><body>b</body>";
        let found = read(&[("raw.xml", raw)], |reader| {
            reader.files = vec![TextFile { file: "raw.xml".to_owned(), class: None }];
            reader.format = TextFormat::Tagged;
            (reader.text, reader.label) = ("body".to_owned(), "rating".to_owned());
        })
        .unwrap();
        assert_eq!(found.targets.classes(), [Some(5), Some(2)]);
    }

    #[test]
    fn a_folder_a_class_and_a_line_a_text() {
        let files: [(&str, &[u8]); 4] = [
            ("train/pos/2.txt", b"two\n"),
            ("train/pos/10.txt", b"ten"),
            ("train/neg/1.txt", b"one"),
            ("train/neg/notes.md", b"not read"),
        ];
        let folder = |reader: &mut Text| {
            reader.files = vec![TextFile { file: "train".to_owned(), class: None }];
            reader.format = TextFormat::Folder;
        };
        let found = read(&files, folder).unwrap();
        assert_eq!((texts(&found), names(&found)), (vec!["one", "ten", "two"], vec!["neg", "pos"]));
        assert_eq!(found.targets.classes(), [Some(0), Some(1), Some(1)]);
        let lines: [(&str, &[u8]); 1] = [("a.txt", b"one\r\n\n two\n")];
        let found = read(&lines, |reader| {
            (reader.files, reader.format) = (vec![of("a.txt", "x")], TextFormat::Lines);
            reader.rows = Some(RowLimit { limit: 2, choose: Default::default(), seed: 0 });
        });
        assert_eq!(texts(&found.unwrap()), ["one", "two"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let json = |text: &[u8]| read(&[("texts.jsonl", text)], |_| ()).unwrap_err();
        let first = "{\"text\": \"a\", \"label\": 1}\n";
        let second = |line: &str| json(format!("{first}{line}").as_bytes());
        assert!(second("{\"text\": 3}").contains("texts.jsonl, line 2: `text` is 3"));
        assert!(
            second("{\"txt\": \"a\"}")
                .contains("line 2: has no field `text` (did you mean `txt`?); it has `txt`")
        );
        assert!(second("{\"text\": \"a\"}").contains("line 2: has no field `label`"));
        assert!(second("{\"text\": \"a\", \"label\": []}").contains("line 2: `label` is []"));
        assert!(second("[1]").contains("line 2: is no JSON object"));
        assert!(second("{\"text\": ").contains("line 2: is no JSON"));
        assert!(json(b"{}\n\xff\n").contains("line 2: is not text in UTF-8"));
        assert!(json(b"\n").contains("holds no text"));
        let tagged = |text: &str| {
            read(&[("a", text.as_bytes())], |reader| {
                (reader.files, reader.format) = (vec![of("a", "x")], TextFormat::Tagged);
            })
            .unwrap_err()
        };
        assert!(tagged("\n<text>a").contains("a, line 2: `<text>` is not closed"));
        assert!(tagged("<text>a\n<text>b</text>").contains("line 1: `<text>` is not closed"));
        assert!(tagged("<t>a</t>").contains("holds no text"));
        let uneven = "<text>a</text><text>b</text>\n<label>1</label>";
        let error =
            read(&[("texts.jsonl", uneven.as_bytes())], |it| it.format = TextFormat::Tagged);
        assert!(error.unwrap_err().contains("2 of `<text>` and 1 of `<label>`"));
        let error = read(&[("a.csv", b"x,y\n1,2\n")], |reader| {
            (reader.files, reader.format) = (vec![of("a.csv", "x")], TextFormat::Table);
        });
        assert!(error.unwrap_err().contains("`text` names `text`, which is no column"));
        let error = read(&[], |it| it.format = TextFormat::Lines).unwrap_err();
        assert!(error.contains("state the `class` of the file"), "{error}");
        let error = read(&[("texts.jsonl/a.md", b"")], |it| it.format = TextFormat::Folder);
        assert!(error.unwrap_err().contains("has no folder with a file `.txt` in it"));
    }
}
