//! Time and memory by method.

use std::collections::BTreeSet;

use isthmus_results::Record;
use isthmus_results::compare::Summary;
use maud::{Markup, html};

use super::parts;
use crate::error::ReportError;
use crate::figure::DataTable;
use crate::results::{Results, grouped};
use crate::runs::Run;

/// What a run cost.
#[derive(Debug)]
struct Cost {
    /// `None` where the record does not say when it was complete.
    seconds: Option<f64>,
    /// Bytes.
    peak_memory: Option<u64>,
    device: String,
}

pub(super) fn body(results: &Results) -> Markup {
    match table(results) {
        Ok(table) => parts::table(&table),
        Err(error) => html! { p.warning { (error.to_string()) } },
    }
}

fn table(results: &Results) -> Result<DataTable, ReportError> {
    let mut table = DataTable::new(
        "Wall time from the beginning to the end of a record, and the most memory that its process \
         held",
        &["method", "runs", "seconds a run", "seconds in all", "peak memory (MiB)", "device"],
    );
    let runs: Vec<&Run> = results.runs.iter().collect();
    let mut without_memory = false;
    for (_, runs) in grouped(&runs, |run| run.series) {
        let Some(first) = runs.first() else { continue };
        let costs: Vec<Cost> =
            runs.iter().map(|run| cost(&run.record)).collect::<Result<_, ReportError>>()?;
        let seconds: Vec<f64> = costs.iter().filter_map(|cost| cost.seconds).collect();
        let memory = costs.iter().filter_map(|cost| cost.peak_memory).max();
        without_memory |= memory.is_none();
        let devices: BTreeSet<&str> = costs.iter().map(|cost| cost.device.as_str()).collect();
        table.rows.push(vec![
            results.method(first).name(),
            runs.len().to_string(),
            Summary::of(&seconds).map_or_else(|| "–".to_owned(), |summary| text(&summary)),
            format!("{:.1}", seconds.iter().sum::<f64>()),
            memory.map_or_else(|| "–".to_owned(), |bytes| (bytes / (1024 * 1024)).to_string()),
            devices.into_iter().collect::<Vec<_>>().join("; "),
        ]);
    }
    table.notes.push(
        "Runs side by side share processors and, in one process, memory: compare methods that ran \
         in the same way."
            .to_owned(),
    );
    if without_memory {
        table.notes.push(
            "Peak memory is missing where the record was written on a system that does not tell, \
             or by an earlier version."
                .to_owned(),
        );
    }
    Ok(table)
}

fn text(summary: &Summary) -> String {
    match summary.standard_deviation {
        Some(deviation) => format!("{:.1} ± {deviation:.1}", summary.mean),
        None => format!("{:.1}", summary.mean),
    }
}

fn cost(record: &Record) -> Result<Cost, ReportError> {
    let file = record.environment()?;
    let seconds = file.finished.map(|finished| {
        (finished.as_millisecond() - file.started.as_millisecond()) as f64 / 1000.0
    });
    Ok(Cost {
        seconds,
        peak_memory: file.peak_memory_bytes,
        device: format!("{}, {}", file.environment.device, threads(file.environment.threads)),
    })
}

fn threads(number: usize) -> String {
    crate::figures::count(number, "thread")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, loaded, made};

    #[test]
    fn seconds_and_memory_by_method() {
        let folder = tempfile::tempdir().unwrap();
        for seed in [1, 3] {
            let run = Made { seed, ..Made::default() };
            made(folder.path(), &run, "0,5,target_accuracy,0.5\n", None);
        }
        let results = loaded(folder.path());
        // The made records take 10 + seed seconds.
        let table = table(&results).unwrap();
        assert_eq!(table.rows, [["dann", "2", "12.0 ± 1.4", "24.0", "512", "cpu, 2 threads"]]);
        assert_eq!(table.notes.len(), 1);
    }
}
