//! The chart of a run's losses, the same in the window, the report and the summary picture.

use super::chart::{AxisScale, Baseline, Chart, ChartAxis, Highlight, Marker, Series, Ticks};
use super::range::{curve_range, smooth_by};
use super::shapes::{Area, LineStyle, Tone};
use crate::style;

/// Losses of a run by epoch.
#[derive(Clone, Debug)]
pub struct LossCurves<'a> {
    /// Train loss `[epoch, loss]`, of batches or of whole epochs.
    pub train: &'a [[f32; 2]],
    /// Validation loss `[epoch, loss]`.
    pub validation: &'a [[f32; 2]],
    /// Components of PCA and its error, where that is the same quantity.
    pub pca: Option<(usize, f64)>,
    /// Live edits, by epoch.
    pub edits: Vec<Marker>,
    /// Epoch with the best validation loss; `None` for no mark.
    pub best: Option<u32>,
    /// Share of the train curve that each point of its smooth line is the mean of; 0 for the curve as it is.
    pub smoothing: f64,
    /// Scale of the loss axis.
    pub scale: AxisScale,
    /// Epochs at the left and the right edge.
    pub epochs: (f64, f64),
}

impl LossCurves<'_> {
    /// Builds the chart for a plot of this size; `None` where there is nothing to draw yet.
    pub fn chart(&self, plot: Area) -> Option<Chart> {
        let smoothed = smooth_by(self.train, self.smoothing);
        let range = match self.scale {
            AxisScale::Even => self.even_range(&smoothed),
            AxisScale::Ratio | AxisScale::Counts => self.ratio_range(&smoothed),
        }?;
        let count = |pixels: f32, each: f32, low: f32, high: f32| (pixels / each).clamp(low, high) as usize;
        let x = ChartAxis::new(AxisScale::Even, self.epochs, Ticks::Whole(count(plot.w, 70.0, 2.0, 12.0)));
        let mut y = ChartAxis::new(self.scale, range, Ticks::About(count(plot.h, 48.0, 2.0, 7.0)));
        y.has_lines = true;
        let mut chart = Chart::new(x, y);
        chart.has_unit_marks = true;
        chart.baselines.extend(self.pca.map(|(components, mse)| Baseline {
            value: mse,
            name: format!("PCA, {}, {}", style::counted(components, "component"), style::figure(mse)),
        }));
        let wide = |points: &[[f32; 2]]| points.iter().map(|&[x, y]| [f64::from(x), f64::from(y)]).collect::<Vec<_>>();
        if self.smoothing > 0.0 {
            let style = LineStyle { alpha: 0.32, ..LineStyle::solid(Tone::Accent, 1.0) };
            chart.series.push(Series { name: String::new(), points: wide(self.train), style, dots: 0.0 });
        }
        for (name, points, tone, dots) in
            [("train", &smoothed[..], Tone::Accent, 0.0), ("validation", self.validation, Tone::Second, 3.0)]
        {
            let latest = points.last().map(|point| style::figure(f64::from(point[1])));
            let name = latest.map_or_else(String::new, |latest| format!("{name} {latest}"));
            chart.series.push(Series { name, points: wide(points), style: LineStyle::solid(tone, 2.0), dots });
        }
        let is_best = |point: &&[f32; 2]| self.best.is_some_and(|best| f64::from(point[0]).round() == f64::from(best));
        chart.highlight = self.validation.iter().find(is_best).map(|&[epoch, loss]| Highlight {
            at: [f64::from(epoch), f64::from(loss)],
            word: "best",
            title: format!("best: epoch {epoch:.0}"),
            tone: Tone::Second,
        });
        chart.markers.clone_from(&self.edits);
        Some(chart)
    }

    /// Returns the range after the first steep fall, extended to a baseline that is not far off.
    fn even_range(&self, smoothed: &[[f32; 2]]) -> Option<(f64, f64)> {
        let (mut low, mut high) = curve_range(smoothed, self.validation)?;
        if let Some((_, pca)) = self.pca {
            let span = high - low;
            if pca > high && pca < high + 1.5 * span {
                high = pca + 0.06 * (pca - low);
            } else if pca < low && pca > low - 1.5 * span {
                low = pca - 0.06 * (high - pca);
            }
        }
        Some((low, high))
    }

    /// Returns the range of all losses and of the baseline above 0: a scale of ratios has room for the steep fall.
    fn ratio_range(&self, smoothed: &[[f32; 2]]) -> Option<(f64, f64)> {
        let all = smoothed.iter().chain(self.validation).map(|point| f64::from(point[1]));
        let positive: Vec<f64> = all
            .filter(|value| value.is_finite() && *value > 0.0)
            .chain(self.pca.map(|(_, mse)| mse).filter(|mse| *mse > 0.0))
            .collect();
        let low = positive.iter().copied().fold(f64::INFINITY, f64::min);
        let high = positive.iter().copied().fold(0.0, f64::max);
        (low < high).then_some((low * 0.95, high * 1.05))
    }
}
