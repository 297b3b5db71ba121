//! `isthmus data show`.

use std::path::Path;

use isthmus_core::error::DataError;
use isthmus_data::{Descriptor, Overview, Roots, SamplePicture, SetOverview, overview};
use isthmus_report::{PICTURE, Picture, Sheet, SheetRow};
use isthmus_results::{Destination, write_bytes};

use super::table;
use crate::args::{OutputArguments, ShowArguments};
use crate::commands::answer;
use crate::commands::check::shown;
use crate::failure::Failure;
use crate::page::Page;

/// Rows of a sheet: of more classes, the first ones are drawn.
const MOST_ROWS: usize = 40;

/// Prints what a data set holds, and draws samples of it.
pub fn execute(arguments: &ShowArguments, output: OutputArguments) -> Result<(), Failure> {
    let input = |error: DataError| Failure::input(error.to_string());
    let (descriptor, roots) = found(&arguments.name)?;
    let read = overview(&descriptor, &roots).map_err(input)?;
    if !output.quiet {
        for warning in &read.warnings {
            eprintln!("warning: {warning}");
        }
    }
    let page = Page::of_answers();
    let mut text = page.wrapped(&format!("{}: {}", descriptor.name, descriptor.title), 0);
    for (what, stated) in [("licence", &descriptor.licence), ("citation", &descriptor.citation)] {
        text.push_str(&page.wrapped(&format!("{what}: {stated}"), 0));
    }
    text.push('\n');
    text.push_str(&table::text(&read, &page));
    if let Some(path) = &arguments.output {
        let (sheet, left_out) = sheet(&read, arguments.samples).map_err(input)?;
        let png = sheet.png().map_err(|error| Failure::input(error.to_string()))?;
        write_bytes(&Destination::File(path.clone()), &png)
            .map_err(|error| Failure::input(error.to_string()))?;
        text.push_str(&format!("\n{} is drawn.", path.display()));
        if left_out > 0 {
            text.push_str(&format!(" It shows the first {MOST_ROWS} classes, {left_out} not."));
        }
        text.push('\n');
    }
    answer(&text)
}

/// The descriptor of a name or of a file.
fn found(name: &str) -> Result<(Descriptor, Roots), Failure> {
    let input = |error: DataError| Failure::input(error.to_string());
    let path = Path::new(name);
    if path.extension().is_none_or(|ending| ending != "toml") {
        let roots = Roots::discover(None);
        return Ok((Descriptor::find(name, &roots).map_err(input)?, roots));
    }
    let text = std::fs::read_to_string(path).map_err(|source| Failure::File {
        action: "cannot read",
        file: path.to_owned(),
        source,
    })?;
    let mut roots = Roots::discover(Some(path));
    let beside = path.parent().unwrap_or(Path::new("")).to_owned();
    if !roots.descriptors.contains(&beside) {
        roots.descriptors.insert(0, beside);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let descriptor = Descriptor::parse(&stem, &text, name).map_err(input)?;
    Ok((descriptor, roots))
}

/// The sheet of samples, and how many classes are not on it.
fn sheet(read: &Overview, samples: usize) -> Result<(Sheet, usize), DataError> {
    let has_classes = read.sets.iter().any(|set| !set.counts.is_empty());
    let classes = if has_classes { read.classes.len() } else { 0 };
    let cell = |set: &SetOverview, class: Option<usize>| -> Result<Vec<Picture>, DataError> {
        let pictures = set.pictures(class, samples, PICTURE as usize)?;
        Ok(pictures.into_iter().map(picture).collect())
    };
    let row = |name: String, class: Option<usize>| -> Result<SheetRow, DataError> {
        let cells = read.sets.iter().map(|set| cell(set, class)).collect::<Result<_, _>>()?;
        Ok(SheetRow { name, cells })
    };
    let rows = if has_classes {
        let drawn = read.classes.iter().enumerate().take(MOST_ROWS);
        drawn.map(|(class, name)| row(shown(name), Some(class))).collect::<Result<_, _>>()?
    } else {
        vec![row("samples".to_owned(), None)?]
    };
    let columns = read.sets.iter().map(table::heading).collect();
    Ok((Sheet { columns, most: samples, rows }, classes.saturating_sub(MOST_ROWS)))
}

fn picture(sample: SamplePicture) -> Picture {
    match sample {
        SamplePicture::Image(image) => {
            let rgb = match image.channels {
                1 => image.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
                _ => image.pixels,
            };
            Picture::Image { width: image.width, height: image.height, rgb }
        }
        SamplePicture::Curves(curves) => Picture::Curves(curves),
    }
}
