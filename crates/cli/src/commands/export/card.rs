//! The model card: what a model is, what it was trained on, how good it is.

use std::fmt::Write as _;

use isthmus_core::input::InputShape;
use isthmus_core::metric::{Direction, EFFECTIVE_CLASSES, TARGET_PREFIX};
use isthmus_core::spec::{Interpolation, LAST, LogMel, Transform};
use isthmus_data::Descriptor;
use isthmus_results::Record;
use isthmus_results::output::markdown_text;

use super::FEATURE_TRANSFORMS;
use super::description::Description;

/// Classes that the card names; `model.json` has all of them.
const NAMED_CLASSES: usize = 100;

/// What the card is written of.
pub(super) struct Card<'a> {
    pub description: &'a Description<'a>,
    pub record: &'a Record,
    /// The data set's, where it is found.
    pub descriptor: Option<&'a Descriptor>,
}

impl Card<'_> {
    /// The card in Markdown.
    pub(super) fn text(&self) -> String {
        let sections = [
            self.heading(),
            self.network(),
            self.inputs(),
            self.classes(),
            self.metrics(),
            self.data(),
        ];
        sections.join("\n")
    }

    fn heading(&self) -> String {
        let run = &self.record.run;
        let origin = self.description.model;
        let which = match origin.choice.as_str() {
            "last" => "the last model of the run".to_owned(),
            validator => format!("chosen by the validator `{validator}`, without target labels"),
        };
        let bound = if run.target_labels_used {
            "\n**It was trained on target labels: an upper bound, not an adapted model.**\n"
        } else {
            ""
        };
        format!(
            "# {method}: {task}\n\n\
             Trained by isthmus {version}, experiment {experiment}, run {id}, seed {seed}: {which}, \
             after {step} steps of stage {stage}.\n{bound}\n\
             `model.safetensors` has the weights, `model.json` what is needed to build the network.\n",
            method = markdown_text(&run.method),
            task = markdown_text(&run.task.to_string()),
            version = run.isthmus_version,
            experiment = markdown_text(&run.experiment),
            id = run.id,
            seed = run.seed,
            step = origin.step,
            stage = origin.stage,
        )
    }

    fn network(&self) -> String {
        let mut text = "## Network\n\n".to_owned();
        for (part, name) in self.description.parts() {
            let _ = writeln!(text, "- {part}: {}", markdown_text(&name));
        }
        if let Some(file) = self.description.weights_file() {
            let licence = file.licence.map_or(String::new(), |it| format!(", licence {it}"));
            let _ = writeln!(
                text,
                "\nThe extractor's weights are not in this folder: they are those of {} (SHA-256 \
                 {}{licence}).",
                markdown_text(&file.file),
                file.sha256,
            );
        }
        if let Some(from) = self.description.weights_from() {
            let of = match from.choice.as_str() {
                LAST => String::new(),
                validator => format!(", chosen by `{validator}`"),
            };
            let run = format!("run {} of {}{of}", from.run, markdown_text(&from.experiment));
            let _ = if self.description.is_without_extractor() {
                writeln!(
                    text,
                    "\nThe extractor's weights are not in this folder: they are those of {run}. \
                     `isthmus export` of that run's record writes them."
                )
            } else {
                writeln!(text, "\nThe extractor began with the weights of {run}.")
            };
        }
        text
    }

    fn inputs(&self) -> String {
        let shape = self.description.input;
        let mut text = format!("## Input\n\nThe exported weights take {shape}, 32-bit floats.\n");
        let frozen = self.description.is_without_extractor();
        let is_series =
            matches!(shape, InputShape::Series { .. } | InputShape::VariableSeries { .. });
        let transform = self.description.transform.filter(|it| !is_series || it.log_mel.is_some());
        match (transform, shape) {
            (Some(Transform { log_mel: Some(spec), .. }), _) if is_series => {
                text.push_str(&spectra(spec));
            }
            (Some(transform), _) => text.push_str(&steps(transform, frozen)),
            (None, InputShape::Image { .. }) => text.push_str("\nPixels are in [0, 1].\n"),
            (None, _) if self.description.feature_transforms.is_empty() => {
                text.push_str("\nValues are those of the data set, unchanged.\n");
            }
            (None, _) => {}
        }
        let transforms = self.description.feature_transforms.iter();
        let transforms: Vec<String> = transforms.map(|spec| format!("`{}`", spec.name)).collect();
        if !transforms.is_empty() {
            let _ = writeln!(
                text,
                "\nFeatures go through {} before, with the values fitted to the target that \
                 `{FEATURE_TRANSFORMS}` has.",
                transforms.join(", then ")
            );
        }
        text
    }

    fn classes(&self) -> String {
        let classes = self.description.classes;
        let shown: Vec<String> =
            classes.iter().take(NAMED_CLASSES).map(|name| markdown_text(name)).collect();
        let more = match classes.len().saturating_sub(NAMED_CLASSES) {
            0 => String::new(),
            more => format!(" and {more} more, in `model.json`"),
        };
        let names = shown.join(", ");
        format!("## Classes\n\n{}, in the order of the outputs: {names}{more}.\n", classes.len())
    }

    fn metrics(&self) -> String {
        let origin = self.description.model;
        let mut text = "## Metrics\n\nOf this model, as recorded.\n\n\
                        | metric | value | better |\n| --- | ---: | --- |\n"
            .to_owned();
        let rows = self.record.metrics.iter();
        for row in rows.filter(|row| row.stage + 1 == origin.stage && row.step == origin.step) {
            let measure = self.record.run.metrics.measure(&row.metric);
            let better = match measure.direction {
                Some(Direction::Higher) => "higher",
                Some(Direction::Lower) => "lower",
                None if row.metric.ends_with(EFFECTIVE_CLASSES) => "",
                // Losses and coefficients of training say nothing of the model.
                None => continue,
            };
            let of = if row.metric.starts_with(TARGET_PREFIX) { "target " } else { "" };
            let percent = if measure.unit.is_percent() { " %" } else { "" };
            let (title, value) = (markdown_text(&measure.title), measure.unit.text(row.value));
            let _ = writeln!(text, "| {of}{title} | {value}{percent} | {better} |");
        }
        text
    }

    fn data(&self) -> String {
        let run = &self.record.run;
        let name = markdown_text(&run.dataset);
        let fingerprint = &run.data_fingerprint;
        let mut text = format!("## Data\n\nThe data set {name}, fingerprint {fingerprint}.\n");
        let Some(descriptor) = self.descriptor else {
            text.push_str("\nIts descriptor was not found here: see there for its licence.\n");
            return text;
        };
        let licence = match descriptor.licence.trim() {
            "" => "none stated in the descriptor",
            licence => licence,
        };
        for (what, value) in [
            ("Title", &*descriptor.title),
            ("Licence", licence),
            ("Citation", &descriptor.citation),
        ] {
            if !value.trim().is_empty() {
                let _ = writeln!(text, "\n{what}: {}", markdown_text(value.trim()));
            }
        }
        text
    }
}

/// How sound becomes the input.
fn spectra(spec: &LogMel) -> String {
    let LogMel { bands, frame, step, subtract_mean, rate } = spec;
    let rate = rate.map(|rate| format!(" of {rate} samples a second")).unwrap_or_default();
    let mean = if *subtract_mean { ", less the mean of each band" } else { "" };
    format!(
        "\nSound{rate} becomes log-mel spectra: frames of {frame} s every {step} s, a Hann window, \
         {bands} bands, channels of the input{mean}.\n"
    )
}

/// How an image becomes the input, in order.
fn steps(transform: &Transform, frozen: bool) -> String {
    let mut steps = Vec::new();
    if let Some(size) = transform.pad {
        steps.push(format!("in the middle of a black image of {size} x {size} pixels"));
    }
    if let Some(size) = transform.resize {
        let how = match transform.interpolation {
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic (Catmull-Rom, a = -0.5)",
        };
        steps.push(format!("resized to {size} x {size} pixels, {how}, whatever its aspect ratio"));
    }
    if let Some(size) = transform.crop {
        steps.push(format!("the centred square of {size} x {size} pixels"));
    }
    match transform.channels {
        Some(1) => steps.push("turned to grey (ITU-R 601)".to_owned()),
        Some(channels) => steps.push(format!("{channels} channels, grey repeated")),
        None => {}
    }
    steps.push(format!(
        "pixels in [0, 1], less {:?}, divided by {:?} (one value, or one a channel)",
        transform.mean, transform.std
    ));
    let of = if frozen { "The frozen extractor takes images" } else { "Images are" };
    let mut text = format!("\n{of} transformed so:\n\n");
    for (index, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "{}. {step}", index + 1);
    }
    text
}
