//! The cells of a table: the values behind each, and their means.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use isthmus_core::metric::Measure;
use isthmus_core::spec::{Shift, Task};

use super::axis::Axis;
use super::runs::Chosen;
use super::shape::Shape;
use super::{CompareOptions, Dimension, Label, Row, Summary, Table, baseline, ranks};
use crate::statistics::mean;
use crate::words::count;

/// Values of one cell: by seed, then by the place of the task, or of the domain of its stream.
type Cell = BTreeMap<u64, BTreeMap<usize, f64>>;

/// One value a seed.
type SeedValues = BTreeMap<u64, f64>;

/// Fills the cells of a table.
pub(super) struct Builder<'a> {
    choices: &'a [&'a Chosen<'a>],
    shape: Shape,
    rows: Axis,
    columns: Axis,
    /// Cells and averages that had to leave out seeds.
    pub incomplete: Vec<String>,
    /// Numbers of seeds that occur.
    pub seeds: BTreeSet<usize>,
}

impl<'a> Builder<'a> {
    pub fn new(choices: &'a [&'a Chosen<'a>], shape: Shape) -> Self {
        let rows = Axis::new(choices, &shape.rows);
        let columns = Axis::new(choices, &shape.columns);
        Self { choices, shape, rows, columns, incomplete: Vec::new(), seeds: BTreeSet::new() }
    }

    pub fn build(&mut self, options: &CompareOptions, measure: &Measure) -> Table {
        let (height, width) = (self.rows.labels.len(), self.columns.labels.len());
        let mut cells: Vec<Vec<Cell>> = vec![vec![Cell::new(); width]; height];
        let mut collapsed = vec![vec![0; width]; height];
        let mut tasks: HashMap<(&Task, Option<&Shift>), usize> = HashMap::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let (row, column) = (self.rows.places[index], self.columns.places[index]);
            let number = tasks.len();
            let task = *tasks.entry((&choice.run.task, choice.shift)).or_insert(number);
            cells[row][column].entry(choice.run.seed).or_default().insert(task, choice.value);
            collapsed[row][column] += usize::from(choice.collapsed);
        }
        let Shape { rows, columns } = self.shape.clone();
        let has_average = columns.is_averaged() && width > 1;
        let labels = std::mem::take(&mut self.rows.labels);
        let required = required_tasks(&cells, &self.shape);
        let mut table_rows: Vec<Row> = labels
            .into_iter()
            .zip(cells.iter().zip(&required))
            .zip(&collapsed)
            .map(|((label, (cells, required)), collapsed)| {
                self.row(label, cells, required, collapsed, has_average)
            })
            .collect();
        let main = rows == Dimension::Method && columns != Dimension::Selection;
        let has_rank = main && has_average && ranks::rank(&mut table_rows, measure.direction);
        let baseline = options.baseline.as_ref().filter(|baseline| {
            main && {
                let values: Vec<BTreeMap<baseline::Pair, f64>> =
                    cells.iter().map(|row| pairs(row)).collect();
                baseline::compare_rows(&mut table_rows, &values, baseline)
            }
        });
        Table {
            measure: measure.clone(),
            dataset: None,
            method: None,
            selection: None,
            row_dimension: rows,
            column_dimension: columns,
            columns: std::mem::take(&mut self.columns.labels),
            rows: table_rows,
            has_average,
            has_rank,
            baseline: baseline.map(|baseline| baseline.method.clone()),
        }
    }

    fn row(
        &mut self,
        label: Label,
        cells: &[Cell],
        required: &[BTreeSet<usize>],
        collapsed: &[usize],
        has_average: bool,
    ) -> Row {
        let mut values: Vec<Option<SeedValues>> = Vec::with_capacity(cells.len());
        for (column, (cell, required)) in cells.iter().zip(required).enumerate() {
            let complete = (!cell.is_empty()).then(|| {
                let column = self.columns.labels[column].text.clone();
                self.by_seed(cell, required, &label.text, &column)
            });
            values.push(complete);
        }
        let summary = |(values, &collapsed): (&Option<SeedValues>, &usize)| {
            let values: Vec<f64> = values.as_ref()?.values().copied().collect();
            Some(Summary { collapsed, ..Summary::of(&values)? })
        };
        let cells: Vec<Option<Summary>> = values.iter().zip(collapsed).map(summary).collect();
        let average = if has_average { self.average(&label.text, &values) } else { None };
        let average =
            average.map(|average| Summary { collapsed: collapsed.iter().sum(), ..average });
        self.seeds.extend(cells.iter().chain([&average]).flatten().map(|cell| cell.seeds));
        Row { label, cells, average, rank: None, difference: None }
    }

    /// The mean over a cell's tasks, for each seed that has all of them.
    fn by_seed(
        &mut self,
        cell: &Cell,
        required: &BTreeSet<usize>,
        row: &str,
        column: &str,
    ) -> SeedValues {
        let complete: SeedValues = cell
            .iter()
            .filter(|(_, values)| values.len() == required.len())
            .filter_map(|(&seed, values)| {
                Some((seed, mean(&values.values().copied().collect::<Vec<_>>())?))
            })
            .collect();
        if complete.len() < cell.len() {
            let kept = count(complete.len(), "seed");
            self.incomplete.push(format!("{row}, {column}: {kept} of {} kept", cell.len()));
        }
        complete
    }

    /// Mean and deviation over the seeds that every column has.
    fn average(&mut self, row: &str, values: &[Option<SeedValues>]) -> Option<Summary> {
        let columns: Vec<&SeedValues> = values.iter().map(Option::as_ref).collect::<Option<_>>()?;
        let all: BTreeSet<u64> = columns.iter().flat_map(|values| values.keys().copied()).collect();
        let averages: Vec<f64> = all
            .iter()
            .filter_map(|seed| {
                let values: Option<Vec<f64>> =
                    columns.iter().map(|values| values.get(seed).copied()).collect();
                mean(&values?)
            })
            .collect();
        if averages.len() < all.len() {
            let kept = count(averages.len(), "seed");
            self.incomplete.push(format!("{row}, average: {kept} of {} kept", all.len()));
        }
        Summary::of(&averages)
    }
}

/// The tasks that a seed must have for its mean to count: those of the cell, or, where choices
/// stand side by side, those of all choices, which would else be means over different tasks.
fn required_tasks(cells: &[Vec<Cell>], shape: &Shape) -> Vec<Vec<BTreeSet<usize>>> {
    let own = |cell: &Cell| -> BTreeSet<usize> {
        cell.values().flat_map(|tasks| tasks.keys().copied()).collect()
    };
    let mut required: Vec<Vec<BTreeSet<usize>>> =
        cells.iter().map(|row| row.iter().map(own).collect()).collect();
    if shape.columns == Dimension::Selection {
        for row in &mut required {
            let all: BTreeSet<usize> = row.iter().flatten().copied().collect();
            row.iter_mut().for_each(|cell| cell.clone_from(&all));
        }
    } else if shape.rows == Dimension::Selection {
        let width = required.first().map_or(0, Vec::len);
        for column in 0..width {
            let all: BTreeSet<usize> =
                required.iter().flat_map(|row| &row[column]).copied().collect();
            required.iter_mut().for_each(|row| row[column].clone_from(&all));
        }
    }
    required
}

/// A row's values by column, task and seed.
fn pairs(cells: &[Cell]) -> BTreeMap<baseline::Pair, f64> {
    let mut pairs = BTreeMap::new();
    for (column, cell) in cells.iter().enumerate() {
        for (&seed, tasks) in cell {
            pairs.extend(tasks.iter().map(|(&task, &value)| ((column, task, seed), value)));
        }
    }
    pairs
}
