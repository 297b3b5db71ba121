//! Draws what a run's jobs have measured so far, on terminals of any size.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap};

use super::live::{Live, Running};
use crate::page::colours_are_wanted;

/// Colours of jobs and their curves; legible on dark and light terminals.
const COLOURS: [Color; 6] =
    [Color::Blue, Color::Magenta, Color::Green, Color::Red, Color::Cyan, Color::Yellow];
/// Rows of a chart that can be read.
const CHART: u16 = 8;
/// Rows of the list of lines, its frame with them: at least, and at most.
const LINES: (u16, u16) = (4, 8);
/// Rows that the measurements of a job get at most.
const TEXT: u16 = 3;

/// Rows of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rows {
    /// Jobs that are shown.
    jobs: u16,
    /// Rows of measurements below the bar of each.
    text: u16,
    chart: u16,
    lines: u16,
}

impl Rows {
    /// Shares out what `height` leaves beside the bar of all runs and the keys, for jobs whose
    /// measurements fill `wanted` rows: every job's bar comes first, then the chart, then lines,
    /// then measurements.
    fn of(height: u16, jobs: u16, wanted: u16) -> Self {
        let rest = height.saturating_sub(2);
        let fits = |text: u16| jobs.saturating_mul(1 + text) + CHART + LINES.0 <= rest;
        let text = (0..=wanted.min(TEXT)).rev().find(|&text| fits(text)).unwrap_or(0);
        let shown = if jobs <= rest { jobs } else { rest.saturating_sub(1) };
        let more = u16::from(shown < jobs);
        let rest = rest.saturating_sub(shown * (1 + text) + more);
        let (chart, lines) = if rest >= CHART + LINES.0 {
            let lines = (rest / 3).clamp(LINES.0, LINES.1);
            (rest - lines, lines)
        } else if rest >= CHART {
            (rest, 0)
        } else {
            (0, if rest >= LINES.0 { rest } else { 0 })
        };
        Self { jobs: shown, text, chart, lines }
    }
}

/// Draws everything that there is room for.
pub fn draw(live: &Live, frame: &mut Frame<'_>) {
    let area = frame.area();
    let jobs = u16::try_from(live.running.len()).unwrap_or(u16::MAX);
    let wanted =
        live.running.values().map(|running| rows_of(&running.text, area.width)).max().unwrap_or(0);
    let rows = Rows::of(area.height, jobs, wanted);
    let more = u16::from(rows.jobs < jobs && area.height > 2);
    let [overall, bars, rest, chart, lines, _, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(rows.jobs * (1 + rows.text)),
        Constraint::Length(more),
        Constraint::Length(rows.chart),
        Constraint::Length(rows.lines),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    let label = format!("{} of {} runs", live.ended, live.all);
    frame.render_widget(gauge(live.ended, live.all, label, Color::White), overall);
    let each = vec![Constraint::Length(1 + rows.text); usize::from(rows.jobs)];
    for (running, area) in live.running.values().zip(Layout::vertical(each).split(bars).iter()) {
        draw_job(running, frame, *area);
    }
    if more > 0 {
        let text = format!("and {} more", jobs - rows.jobs);
        frame.render_widget(Paragraph::new(text).style(Modifier::DIM), rest);
    }
    if chart.height > 0 {
        draw_chart(live, frame, chart);
    }
    if lines.height > 0 {
        draw_lines(live, frame, lines);
    }
    if area.height > 1 {
        let text = if live.stopping {
            "Stopping: runs end at their next step with a checkpoint.  Ctrl-C: end at once"
        } else {
            "q: stop with checkpoints  Tab: next metric"
        };
        frame.render_widget(Paragraph::new(shortened(text, keys.width)), keys);
    }
}

/// A style in a colour, where colours are wanted.
fn coloured(colour: Color) -> Style {
    if colours_are_wanted() { Style::default().fg(colour) } else { Style::default() }
}

fn gauge(done: usize, all: usize, label: String, colour: Color) -> Gauge<'static> {
    Gauge::default()
        .gauge_style(coloured(colour))
        .ratio((done as f64 / all.max(1) as f64).clamp(0.0, 1.0))
        .label(label)
}

fn colour(running: &Running) -> Color {
    COLOURS[running.colour % COLOURS.len()]
}

fn draw_job(running: &Running, frame: &mut Frame<'_>, area: Rect) {
    let [bar, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    // However long the name is, the steps are seen.
    let steps = format!("{}/{} steps", running.step, running.steps);
    let room = area.width.saturating_sub(width(&steps) + 2);
    let label =
        if room < 8 { steps } else { format!("{}: {steps}", shortened(&running.name, room)) };
    frame.render_widget(gauge(running.step, running.steps, label, colour(running)), bar);
    if below.height > 0 {
        let text = Line::from(running.text.as_str()).style(Modifier::DIM);
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), below);
    }
}

fn draw_chart(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let metrics = live.metrics();
    let place = live.place(&metrics);
    let Some(metric) = metrics.get(place).copied() else {
        let text = "Curves are drawn from the first evaluation on.";
        frame.render_widget(Paragraph::new(text).block(Block::bordered()), area);
        return;
    };
    let curves: Vec<(Color, &[(f64, f64)])> = live
        .running
        .values()
        .filter_map(|running| Some((colour(running), running.curves.get(metric)?.as_slice())))
        .collect();
    let points = || curves.iter().flat_map(|(_, points)| points.iter());
    let last = points().map(|point| point.0).fold(1.0, f64::max);
    let lowest = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let highest = points().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let margin = ((highest - lowest) * 0.05).max(highest.abs() * 0.01).max(1e-6);
    let bounds = [lowest - margin, highest + margin];
    // The colours are those of the jobs' bars: a legend would hide the curves.
    let datasets = curves
        .iter()
        .map(|(colour, points)| {
            Dataset::default()
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(coloured(*colour))
                .data(points)
        })
        .collect();
    let title = format!("{metric} by step ({} of {})", place + 1, metrics.len());
    let chart = Chart::new(datasets)
        .legend_position(None)
        .block(Block::bordered().title(title))
        .x_axis(Axis::default().bounds([0.0, last]).labels(["0".to_owned(), last.to_string()]))
        .y_axis(Axis::default().bounds(bounds).labels(bounds.map(number)));
    frame.render_widget(chart, area);
}

fn number(value: f64) -> String {
    if value == 0.0 || (0.01..100_000.0).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}

fn draw_lines(live: &Live, frame: &mut Frame<'_>, area: Rect) {
    let shown = usize::from(area.height.saturating_sub(2));
    let from = live.lines.len().saturating_sub(shown);
    let lines: Vec<Line<'_>> = live
        .lines
        .range(from..)
        .map(|text| Line::from(shortened(text, area.width.saturating_sub(2))))
        .collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("ended")), area);
}

/// About how many rows a text fills.
fn rows_of(text: &str, columns: u16) -> u16 {
    width(text).div_ceil(columns.max(1))
}

fn width(text: &str) -> u16 {
    u16::try_from(Line::from(text).width()).unwrap_or(u16::MAX)
}

/// The text, cut where it is wider than so many columns.
fn shortened(text: &str, columns: u16) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if width(&kept) >= columns {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn drawn(live: &Live, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(live, frame)).unwrap();
        terminal.backend().to_string()
    }

    fn running(jobs: usize) -> Live {
        let mut live = Live::new(20);
        for job in 0..jobs {
            let name = format!("dann + mcc, amazon -> webcam, seed {job}, training.lr = 0.01");
            live.began(job, name, 1500);
            live.step(job, 40, "class_loss 0.500, dann/lambda 0.100");
            live.evaluated(job, 20, &[("a".into(), 0.5), ("validator/snd".into(), 1.0)]);
            live.evaluated(job, 40, &[("a".into(), 0.7), ("validator/snd".into(), 2.0)]);
        }
        live.ended(99, "mcc: done".to_owned());
        live
    }

    #[test]
    fn jobs_their_curves_and_their_ends_are_shown() {
        let mut live = running(1);
        live.open_on("a".to_owned());
        let text = drawn(&live, 80, 24);
        for part in ["1 of 20 runs", "40/1500 steps", "dann/lambda 0.100", "mcc: done", "q: stop"] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(text.contains("a by step (1 of 2)") && text.contains("0.710"), "{text}");
        live.next_metric(1);
        live.set_stopping(true);
        let text = drawn(&live, 80, 24);
        assert!(text.contains("validator/snd by step (2 of 2)"), "{text}");
        assert!(text.contains("Stopping") && text.contains("Ctrl-C: end at once"), "{text}");
        let empty = drawn(&Live::new(3), 80, 24);
        assert!(empty.contains("Curves are drawn from the first evaluation on."), "{empty}");
    }

    #[test]
    fn long_names_leave_the_steps() {
        let text = drawn(&running(1), 40, 24);
        assert!(text.contains("dann + mcc, amazon -> we…: 40/1500 steps"), "{text}");
    }

    #[test]
    fn the_most_important_stays_where_there_is_little_room() {
        let at = |height, jobs| Rows::of(height, jobs, 2);
        let rows = |jobs, text, chart, lines| Rows { jobs, text, chart, lines };
        assert_eq!(at(40, 2), rows(2, 2, 24, 8));
        assert_eq!(at(24, 2), rows(2, 2, 11, 5));
        assert_eq!(at(24, 8), rows(8, 0, 10, 4));
        assert_eq!(at(15, 4), rows(4, 0, 9, 0));
        assert_eq!(at(10, 16), rows(7, 0, 0, 0));
        assert_eq!(at(1, 1), rows(0, 0, 0, 0));
        let text = drawn(&running(16), 60, 10);
        assert!(text.contains("seed 6") && text.contains("and 9 more"), "{text}");
    }

    #[test]
    fn every_size_can_be_drawn() {
        let live = running(5);
        for columns in [1, 2, 5, 9, 20, 79, 200] {
            for rows in [1, 2, 3, 4, 7, 11, 13, 24, 60] {
                let text = drawn(&live, columns, rows);
                assert_eq!(text.lines().count(), usize::from(rows), "{columns}x{rows}:\n{text}");
            }
        }
    }

    #[test]
    fn numbers_beside_axes_are_short() {
        assert_eq!(
            [0.0, 0.5, -0.25, 0.0001, 1e7].map(number).join(" "),
            "0.000 0.500 -0.250 1.0e-4 1.0e7"
        );
        assert_eq!(shortened("ab\u{4e16}\u{754c}", 5), "ab\u{4e16}…");
    }
}
