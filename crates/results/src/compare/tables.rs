//! Builds the tables from one value a choice.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use isthmus_core::spec::Task;
use serde_json::{Map, Value};

use super::runs::{Chosen, count};
use super::{
    CompareOptions, Comparison, Dimension, Label, Row, Selection, Spread, Summary, Table, baseline,
    ranks,
};
use crate::error::CompareError;
use crate::record::RunInfo;
use crate::statistics::mean;

/// Values of one cell: by seed, then by the task's place.
type Cell = BTreeMap<u64, BTreeMap<usize, f64>>;

/// One value a seed.
type SeedValues = BTreeMap<u64, f64>;

/// What rows and columns are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub rows: Dimension,
    pub columns: Dimension,
}

/// Tables, and what is to be said of them.
#[derive(Default)]
pub(super) struct Built {
    tables: Vec<Table>,
    seeds: BTreeSet<usize>,
    incomplete: BTreeSet<String>,
}

impl Built {
    /// Adds a table a data set.
    pub fn add(
        &mut self,
        chosen: &[Chosen<'_>],
        selection: Option<&Selection>,
        shape: Shape,
        options: &CompareOptions,
    ) -> Result<(), CompareError> {
        refuse_mixed_methods(chosen, shape)?;
        let one_table = [shape.rows, shape.columns].contains(&Dimension::Dataset);
        let mut datasets: BTreeMap<Option<&str>, Vec<&Chosen<'_>>> = BTreeMap::new();
        for choice in chosen {
            let dataset = (!one_table).then_some(choice.run.dataset.as_str());
            datasets.entry(dataset).or_default().push(choice);
        }
        let several = datasets.len() > 1;
        for (dataset, choices) in datasets {
            let mut builder = Builder::new(&choices, shape);
            let mut table = builder.build(options);
            table.dataset = dataset.map(str::to_owned);
            table.selection = selection.cloned();
            let place = |text: String| match (dataset, selection) {
                (Some(dataset), _) if several => format!("{text} on {dataset}"),
                (_, Some(selection)) if *selection != Selection::Last => {
                    format!("{text} by {selection}")
                }
                _ => text,
            };
            self.incomplete.extend(builder.incomplete.into_iter().map(place));
            self.seeds.extend(builder.seeds);
            self.tables.push(table);
        }
        Ok(())
    }

    /// Whether a table has the baseline's row.
    pub fn has_baseline(&self) -> bool {
        self.tables.iter().any(|table| table.baseline.is_some())
    }

    /// The names of all rows.
    pub fn row_names(&self) -> Vec<String> {
        let names: BTreeSet<&String> =
            self.tables.iter().flat_map(|table| &table.rows).map(|row| &row.label.text).collect();
        names.into_iter().cloned().collect()
    }

    /// The tables, those of one data set together, and the notes that explain them.
    pub fn finish(self, options: &CompareOptions) -> (Vec<Table>, Vec<String>) {
        let Self { mut tables, seeds, incomplete } = self;
        // The sort is stable: selections keep their order.
        tables.sort_by(|a, b| a.dataset.cmp(&b.dataset));
        let mut notes = vec![explanation(&tables, &seeds, options)];
        if !incomplete.is_empty() {
            let list = incomplete.into_iter().collect::<Vec<_>>().join("; ");
            notes.push(format!("Seeds that lack a task are left out of averages: {list}."));
        }
        (tables, notes)
    }
}

/// An average over methods compares nothing; it is only possible where there is one method.
fn refuse_mixed_methods(chosen: &[Chosen<'_>], shape: Shape) -> Result<(), CompareError> {
    if [shape.rows, shape.columns].contains(&Dimension::Method) {
        return Ok(());
    }
    let methods: BTreeSet<&str> = chosen.iter().map(|choice| choice.method).collect();
    if methods.len() <= 1 {
        return Ok(());
    }
    Err(CompareError::MixedMethods { methods: methods.into_iter().map(str::to_owned).collect() })
}

fn explanation(tables: &[Table], seeds: &BTreeSet<usize>, options: &CompareOptions) -> String {
    let spread = match options.spread {
        Spread::StandardDeviation => "standard deviation (n - 1)",
        Spread::Interval95 => "half the 95 % interval of the mean (Student's t)",
    };
    let mut text = match (seeds.first(), seeds.last()) {
        (Some(1), Some(1)) => "One seed.".to_owned(),
        (Some(fewest), Some(most)) if fewest == most => {
            format!("Mean ± {spread} over {most} seeds.")
        }
        _ => format!("Mean ± {spread} over seeds, their number in brackets."),
    };
    if tables.iter().any(|table| table.has_average) {
        text.push_str(&format!(
            " Average: the mean over the {}s of each seed, then mean and deviation over seeds.",
            options.columns
        ));
    }
    if tables.iter().any(|table| table.has_rank) {
        text.push_str(&format!(" Rank: the mean rank over the {}s, 1 is best.", options.columns));
    }
    if tables.iter().any(|table| table.column_dimension == Dimension::Selection) {
        text.push_str(
            " Selection: the last checkpoint, the choice of each validator without target labels, \
             and the oracle's with them; the mean over the tasks of each seed, then over seeds.",
        );
    }
    if let Some(baseline) = &options.baseline {
        text.push_str(&format!(
            " Difference: to {}, the mean over pairs of task and seed; p: {}, two-sided, corrected \
             after Holm.",
            baseline.method,
            baseline.test.name()
        ));
    }
    text
}

/// What a choice is filed under; borrowed, since there may be many choices.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Task(&'a Task),
    Sources(&'a [String]),
}

fn key<'a>(dimension: Dimension, choice: &'a Chosen<'_>) -> Key<'a> {
    match dimension {
        Dimension::Method => Key::Text(choice.method),
        Dimension::Task => Key::Task(&choice.run.task),
        Dimension::Source => Key::Sources(&choice.run.task.sources),
        Dimension::Target => Key::Text(&choice.run.task.target),
        Dimension::Experiment => Key::Text(&choice.run.experiment),
        Dimension::Dataset => Key::Text(&choice.run.dataset),
        Dimension::Selection => Key::Text(choice.selection.name()),
    }
}

/// Labels in order, and for each choice the place of its label.
struct Axis {
    labels: Vec<Label>,
    places: Vec<usize>,
}

struct Entry<'a> {
    first: &'a Chosen<'a>,
    position: usize,
    upper_bound: bool,
}

impl Axis {
    /// In the order of the experiment files and of a sweep's values, upper bounds last.
    fn new(choices: &[&Chosen<'_>], dimension: Dimension) -> Self {
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let mut places = Vec::with_capacity(choices.len());
        for choice in choices {
            let position = position(dimension, choice);
            let upper_bound = dimension == Dimension::Method && choice.run.target_labels_used;
            let place = *known.entry(key(dimension, choice)).or_insert_with(|| {
                entries.push(Entry { first: choice, position, upper_bound });
                entries.len() - 1
            });
            let entry = &mut entries[place];
            entry.position = entry.position.min(position);
            entry.upper_bound &= upper_bound;
            places.push(place);
        }
        let text = |entry: &Entry<'_>| {
            let Chosen { run, method, selection, .. } = entry.first;
            dimension.value(run, method, selection.name())
        };
        let mut order: Vec<(usize, String)> =
            entries.iter().enumerate().map(|(place, entry)| (place, text(entry))).collect();
        order.sort_by(|(a, a_text), (b, b_text)| {
            let (a, b) = (&entries[*a], &entries[*b]);
            let settings = || match dimension {
                Dimension::Method => by_settings(&a.first.run.settings, &b.first.run.settings),
                _ => Ordering::Equal,
            };
            (a.upper_bound, a.position)
                .cmp(&(b.upper_bound, b.position))
                .then_with(settings)
                .then_with(|| a_text.cmp(b_text))
        });
        let mut sorted = vec![0; entries.len()];
        let labels = order
            .into_iter()
            .enumerate()
            .map(|(place, (entry, text))| {
                sorted[entry] = place;
                let Entry { first, upper_bound, .. } = &entries[entry];
                let task = (dimension == Dimension::Task).then(|| first.run.task.clone());
                Label { text, task, upper_bound: *upper_bound }
            })
            .collect();
        let places = places.into_iter().map(|place| sorted[place]).collect();
        Self { labels, places }
    }
}

/// Place among the rows or columns; equal places are ordered by name.
fn position(dimension: Dimension, choice: &Chosen<'_>) -> usize {
    let RunInfo { position, .. } = choice.run;
    match dimension {
        Dimension::Method => position.method,
        Dimension::Task | Dimension::Source | Dimension::Target => position.task,
        Dimension::Experiment | Dimension::Dataset => 0,
        Dimension::Selection => match choice.selection {
            Selection::Last => 0,
            Selection::Validator(_) => 1,
            Selection::Oracle => 2,
        },
    }
}

/// Settings by their values, numbers as numbers.
fn by_settings(first: &Map<String, Value>, second: &Map<String, Value>) -> Ordering {
    let sorted = |map: &Map<String, Value>| {
        map.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    for ((key, value), (other_key, other)) in sorted(first).iter().zip(&sorted(second)) {
        let order = key.cmp(other_key).then_with(|| match (value.as_f64(), other.as_f64()) {
            (Some(value), Some(other)) => value.total_cmp(&other),
            _ => value.to_string().cmp(&other.to_string()),
        });
        if order != Ordering::Equal {
            return order;
        }
    }
    first.len().cmp(&second.len())
}

struct Builder<'a> {
    choices: &'a [&'a Chosen<'a>],
    shape: Shape,
    rows: Axis,
    columns: Axis,
    /// Cells and averages that had to leave out seeds.
    incomplete: Vec<String>,
    /// Numbers of seeds that occur.
    seeds: BTreeSet<usize>,
}

impl<'a> Builder<'a> {
    fn new(choices: &'a [&'a Chosen<'a>], shape: Shape) -> Self {
        let (rows, columns) = (Axis::new(choices, shape.rows), Axis::new(choices, shape.columns));
        Self { choices, shape, rows, columns, incomplete: Vec::new(), seeds: BTreeSet::new() }
    }

    fn build(&mut self, options: &CompareOptions) -> Table {
        let (height, width) = (self.rows.labels.len(), self.columns.labels.len());
        let mut cells: Vec<Vec<Cell>> = vec![vec![Cell::new(); width]; height];
        let mut collapsed = vec![vec![0; width]; height];
        let mut tasks: HashMap<&Task, usize> = HashMap::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let (row, column) = (self.rows.places[index], self.columns.places[index]);
            let number = tasks.len();
            let task = *tasks.entry(&choice.run.task).or_insert(number);
            cells[row][column].entry(choice.run.seed).or_default().insert(task, choice.value);
            collapsed[row][column] += usize::from(choice.collapsed);
        }
        let Shape { rows, columns } = self.shape;
        let has_average = columns.is_averaged() && width > 1;
        let labels = std::mem::take(&mut self.rows.labels);
        let required = required_tasks(&cells, self.shape);
        let mut table_rows: Vec<Row> = labels
            .into_iter()
            .zip(cells.iter().zip(&required))
            .zip(&collapsed)
            .map(|((label, (cells, required)), collapsed)| {
                self.row(label, cells, required, collapsed, has_average)
            })
            .collect();
        let main = rows == Dimension::Method && columns != Dimension::Selection;
        let has_rank = main && has_average && ranks::rank(&mut table_rows, &options.metric);
        let baseline = options.baseline.as_ref().filter(|baseline| {
            main && {
                let values: Vec<BTreeMap<baseline::Pair, f64>> =
                    cells.iter().map(|row| pairs(row)).collect();
                baseline::compare_rows(&mut table_rows, &values, baseline)
            }
        });
        Table {
            dataset: None,
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
fn required_tasks(cells: &[Vec<Cell>], shape: Shape) -> Vec<Vec<BTreeSet<usize>>> {
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

impl Comparison {
    /// Whether a cell of any table stands for a choice whose predictions fall into few classes.
    pub fn has_collapsed(&self) -> bool {
        self.tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| row.cells.iter().chain([&row.average]))
            .flatten()
            .any(|cell| cell.collapsed > 0)
    }
}
