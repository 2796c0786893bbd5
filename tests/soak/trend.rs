//! Whether a series of figures grows.

/// A straight line through some figures, by least squares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    /// From the first figure to the last, along the line.
    pub(crate) growth: f64,
    /// How much of that may be chance: the standard error.
    pub(crate) error: f64,
}

impl Trend {
    /// The trend of figures, each with its time in seconds; `None` for fewer than four.
    pub(crate) fn of(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let ((first, _), (last, _)) = (points.first()?, points.last()?);
        if points.len() < 4 {
            return None;
        }
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (mid_time, mid_value) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|(time, _)| (time - mid_time).powi(2)).sum();
        let slope = points.iter().map(|(time, value)| (time - mid_time) * (value - mid_value)).sum::<f64>() / spread;
        let rest: f64 =
            points.iter().map(|(time, value)| (value - mid_value - slope * (time - mid_time)).powi(2)).sum();
        let error = (rest / (count - 2.0) / spread).sqrt();
        Some(Self { growth: slope * (last - first), error: error * (last - first) })
    }

    /// Whether it grows by more than `slack`, and by more than chance makes it: one series in a thousand
    /// strays by three standard errors.
    pub(crate) fn exceeds(self, slack: f64) -> bool {
        self.growth > slack && self.growth > 3.0 * self.error
    }
}
