//! What a run's jobs have measured so far, and how it is drawn.

use std::collections::BTreeMap;

use isthmus_core::method::Measurement;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};

/// Colours of curves; legible on dark and light terminals.
const COLOURS: [Color; 6] =
    [Color::Blue, Color::Magenta, Color::Green, Color::Red, Color::Cyan, Color::Yellow];
/// Rows of the list of finished jobs.
const FINISHED_ROWS: u16 = 8;

/// One job that runs.
#[derive(Clone, Debug, Default)]
struct Running {
    name: String,
    steps: usize,
    step: usize,
    text: String,
    curves: BTreeMap<String, Vec<(f64, f64)>>,
}

/// What is shown while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Live {
    running: BTreeMap<usize, Running>,
    finished: Vec<String>,
    ended: usize,
    all: usize,
    /// The metric whose curves are shown, counted through those that there are.
    metric: usize,
}

impl Live {
    /// Nothing yet, of so many jobs.
    pub fn new(all: usize) -> Self {
        Self { all, ..Self::default() }
    }

    /// A job of so many steps begins.
    pub fn began(&mut self, job: usize, name: String, steps: usize) {
        self.running.insert(job, Running { name, steps, ..Running::default() });
    }

    /// So many steps of a job are done.
    pub fn step(&mut self, job: usize, step: usize, text: &str) {
        if let Some(running) = self.running.get_mut(&job) {
            running.step = step;
            if !text.is_empty() {
                text.clone_into(&mut running.text);
            }
        }
    }

    /// A job's model was evaluated.
    pub fn evaluated(&mut self, job: usize, step: usize, metrics: &[Measurement]) {
        let Some(running) = self.running.get_mut(&job) else { return };
        for (name, value) in metrics {
            running.curves.entry(name.clone()).or_default().push((step as f64, *value));
        }
    }

    /// A job ended; `text` says how.
    pub fn ended(&mut self, job: usize, text: String) {
        self.running.remove(&job);
        self.ended += 1;
        self.finished.push(text);
    }

    /// Shows the curves of the next metric.
    pub fn next_metric(&mut self) {
        self.metric = self.metric.wrapping_add(1);
    }

    /// Names of the metrics that the running jobs have measured.
    fn metrics(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .running
            .values()
            .flat_map(|running| running.curves.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Draws everything.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let bars = self.running.len() as u16 * 2;
        let [overall, jobs, chart, finished, help] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(bars),
            Constraint::Min(8),
            Constraint::Length(FINISHED_ROWS),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let gauge = |done: usize, all: usize, label: String| {
            Gauge::default()
                .gauge_style(Style::default().fg(Color::Blue))
                .ratio((done as f64 / all.max(1) as f64).clamp(0.0, 1.0))
                .label(label)
        };
        let label = format!("{} of {} runs", self.ended, self.all);
        frame.render_widget(gauge(self.ended, self.all, label), overall);
        let rows = Layout::vertical(self.running.iter().map(|_| Constraint::Length(2))).split(jobs);
        for (running, area) in self.running.values().zip(rows.iter()) {
            let [bar, below] =
                Layout::vertical([Constraint::Length(1), Constraint::Length(1)]).areas(*area);
            let label = format!("{}: {}/{} steps", running.name, running.step, running.steps);
            frame.render_widget(gauge(running.step, running.steps, label), bar);
            let text = Line::from(running.text.as_str()).style(Modifier::DIM);
            frame.render_widget(Paragraph::new(text), below);
        }
        self.draw_chart(frame, chart);
        let from = self.finished.len().saturating_sub(usize::from(FINISHED_ROWS) - 1);
        let lines: Vec<Line<'_>> =
            self.finished[from..].iter().map(|text| Line::from(text.as_str())).collect();
        frame
            .render_widget(Paragraph::new(lines).block(Block::bordered().title("ended")), finished);
        frame.render_widget(Paragraph::new("Tab: next metric   q: stop with checkpoints"), help);
    }

    fn draw_chart(&self, frame: &mut Frame<'_>, area: Rect) {
        let metrics = self.metrics();
        let Some(metric) = metrics.get(self.metric % metrics.len().max(1)).copied() else {
            let text = "curves are drawn from the first evaluation on";
            frame.render_widget(Paragraph::new(text).block(Block::bordered()), area);
            return;
        };
        let curves: Vec<(&str, &[(f64, f64)])> = self
            .running
            .values()
            .filter_map(|running| {
                Some((running.name.as_str(), running.curves.get(metric)?.as_slice()))
            })
            .collect();
        let points = || curves.iter().flat_map(|(_, points)| points.iter());
        let last = points().map(|point| point.0).fold(1.0, f64::max);
        let lowest = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let highest = points().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
        let margin = ((highest - lowest) * 0.05).max(1e-6);
        let bounds = [lowest - margin, highest + margin];
        let datasets = curves
            .iter()
            .zip(COLOURS.iter().cycle())
            .map(|((name, points), colour)| {
                Dataset::default()
                    .name(*name)
                    .marker(Marker::Braille)
                    .graph_type(GraphType::Line)
                    .style(Style::default().fg(*colour))
                    .data(points)
            })
            .collect();
        let number = |value: f64| format!("{value:.3}");
        let title = format!("{metric} ({} of {})", self.metric % metrics.len() + 1, metrics.len());
        let chart = Chart::new(datasets)
            .block(Block::bordered().title(title))
            .x_axis(Axis::default().bounds([0.0, last]).labels(["0".to_owned(), last.to_string()]))
            .y_axis(Axis::default().bounds(bounds).labels([number(lowest), number(highest)]));
        frame.render_widget(chart, area);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn drawn(live: &Live) -> String {
        let mut terminal = Terminal::new(TestBackend::new(80, 30)).unwrap();
        terminal.draw(|frame| live.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn jobs_their_curves_and_their_ends_are_shown() {
        let mut live = Live::new(3);
        live.began(0, "dann, a -> b, seed 1".to_owned(), 100);
        live.step(0, 40, "class_loss 0.500");
        let empty = drawn(&live);
        assert!(empty.contains("curves are drawn from the first evaluation on"), "{empty}");
        live.evaluated(0, 20, &[("source_accuracy".into(), 0.5), ("validator/snd".into(), 1.0)]);
        live.evaluated(0, 40, &[("source_accuracy".into(), 0.7), ("validator/snd".into(), 2.0)]);
        live.ended(7, "mcc: done".to_owned());
        let text = drawn(&live);
        for part in ["1 of 3 runs", "40/100 steps", "class_loss 0.500", "mcc: done"] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(text.contains("source_accuracy (1 of 2)"), "{text}");
        assert!(text.contains("0.700"), "{text}");
        live.next_metric();
        assert!(drawn(&live).contains("validator/snd (2 of 2)"));
    }
}
