//! How values of a metric are shown.

/// The unit of a metric: accuracies are shown in percent, other metrics as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub percent: bool,
}

impl Unit {
    pub fn of(metric: &str) -> Self {
        Self { percent: metric.contains("accuracy") }
    }

    /// The number that is drawn.
    pub fn shown(self, value: f64) -> f64 {
        if self.percent { value * 100.0 } else { value }
    }

    /// The number as text.
    pub fn text(self, value: f64) -> String {
        if value.is_nan() {
            "–".to_owned()
        } else if self.percent {
            format!("{:.1}", value * 100.0)
        } else {
            format!("{value:.4}")
        }
    }

    /// The metric's name with the unit, for axes and captions.
    pub fn name(self, metric: &str) -> String {
        let words = metric.replace('_', " ");
        if self.percent { format!("{words} (%)") } else { words }
    }
}
