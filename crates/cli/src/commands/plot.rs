//! `isthmus plot`.

use std::path::Path;

use isthmus_report::{Figure, PlotOptions, plot};
use isthmus_results::{Destination, write_bytes};

use super::report::load;
use crate::args::OutputArguments;
use crate::args::PlotArguments;
use crate::failure::Failure;

/// Forms of image, by the ending of the file's name.
enum Form {
    Svg,
    Png,
}

/// Draws the figure into a file; what a reader must know of it goes to standard error.
pub fn execute(arguments: &PlotArguments, output: OutputArguments) -> Result<(), Failure> {
    // A wrong ending is found before the work is done.
    let form = form(&arguments.output)?;
    let results = load(&arguments.paths, arguments.rounds, output)?;
    let options = PlotOptions {
        metric: arguments.metric.clone(),
        validator: None,
        setting: arguments.setting.clone(),
        methods: arguments.methods.clone(),
        tasks: arguments.tasks.clone(),
        embedding: arguments.embedding,
    };
    let figure = plot(&results, arguments.kind, &options)
        .map_err(|error| Failure::input(error.to_string()))?;
    let bytes = match form {
        Form::Svg => figure.svg_file().into_bytes(),
        Form::Png => {
            figure.png(arguments.scale).map_err(|error| Failure::input(error.to_string()))?
        }
    };
    write_bytes(&Destination::File(arguments.output.clone()), &bytes)
        .map_err(|error| Failure::input(error.to_string()))?;
    if !output.quiet {
        tell(&figure, &arguments.output);
    }
    Ok(())
}

fn tell(figure: &Figure, file: &Path) {
    eprintln!("{} in {}", figure.title, file.display());
    for note in &figure.notes {
        eprintln!("note: {note}");
    }
}

fn form(file: &Path) -> Result<Form, Failure> {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => Ok(Form::Svg),
        Some("png") => Ok(Form::Png),
        _ => Err(Failure::input(format!(
            "--output {}: the name must end in .svg or .png",
            file.display()
        ))),
    }
}
