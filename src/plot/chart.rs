//! Chart of plain numbers: scales, ticks, labels, series and marks become shapes.

use super::shapes::{Align, Area, LineStyle, PlotShape, Tone, VerticalAlign, clipped};
use crate::style;
use crate::style::size;

/// Scale of an axis between its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisScale {
    /// Linear: equal differences have equal lengths.
    Even,
    /// Logarithmic: equal ratios have equal lengths; both ends are above 0.
    Ratio,
    /// Logarithmic in counts plus one, so that 0 has a place.
    Counts,
}

/// Choice of the ticks of an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Ticks {
    /// Round values, about this many.
    About(usize),
    /// Whole numbers, about this many; fractions where two of them do not fit.
    Whole(usize),
    /// Powers of ten.
    Powers,
    /// Exactly these values.
    At(Vec<f64>),
}

/// Axis from `low` to `high`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartAxis {
    /// Value at the left or lower end.
    pub low: f64,
    /// Value at the right or upper end.
    pub high: f64,
    /// Scale between the ends.
    pub scale: AxisScale,
    /// Choice of ticks; [`AxisScale::Counts`] has powers of ten in any case but [`Ticks::At`].
    pub ticks: Ticks,
    /// Draws a line across the plot at each tick.
    pub has_lines: bool,
    /// Name of the quantity on the axis; empty where the chart's heading names it.
    pub title: &'static str,
}

impl ChartAxis {
    /// Returns an axis without lines at its ticks and without a title.
    pub fn new(scale: AxisScale, (low, high): (f64, f64), ticks: Ticks) -> Self {
        Self { low, high, scale, ticks, has_lines: false, title: "" }
    }

    fn scaled(&self, value: f64) -> f64 {
        match self.scale {
            AxisScale::Even => value,
            AxisScale::Ratio => value.max(f64::MIN_POSITIVE).ln(),
            AxisScale::Counts => (1.0 + value.max(0.0)).ln(),
        }
    }

    /// Place of `value`: 0 at the low end, 1 at the high end.
    pub fn share(&self, value: f64) -> f64 {
        let (low, high) = (self.scaled(self.low), self.scaled(self.high));
        (self.scaled(value) - low) / (high - low)
    }

    /// Value at a place; the inverse of [`Self::share`].
    pub fn value(&self, share: f64) -> f64 {
        let (low, high) = (self.scaled(self.low), self.scaled(self.high));
        let scaled = low + share * (high - low);
        match self.scale {
            AxisScale::Even => scaled,
            AxisScale::Ratio => scaled.exp(),
            AxisScale::Counts => scaled.exp() - 1.0,
        }
    }

    /// Ticks within the axis, with their labels.
    pub fn labeled_ticks(&self) -> Vec<(f64, String)> {
        let ratio = |units: &[f64]| -> Vec<(f64, String)> {
            let (low, high) = (self.low.max(1e-300), self.high.max(1e-300));
            let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
            let ticks = powers.flat_map(|power| units.iter().map(move |&unit| decimal(unit, power)));
            ticks.filter(|value| (low..=high).contains(value)).map(|value| (value, ratio_label(value))).collect()
        };
        match (&self.ticks, self.scale) {
            (Ticks::At(values), _) => values.iter().map(|&value| (value, value.to_string())).collect(),
            (_, AxisScale::Counts) => {
                let counts = (0..18).map(|power| 10_u64.pow(power)).take_while(|&count| count as f64 <= self.high);
                counts.map(|count| (count as f64, style::grouped(count))).collect()
            }
            (Ticks::Powers, _) => ratio(&[1.0]),
            (Ticks::About(count) | Ticks::Whole(count), AxisScale::Ratio) => {
                let all = ratio(&[1.0, 2.0, 5.0]);
                // Over many decades their powers alone.
                if all.len() > 2 * (*count).max(4) { ratio(&[1.0]) } else { all }
            }
            (Ticks::About(count), AxisScale::Even) => {
                let values = style::ticks(self.low, self.high, *count);
                let step = if values.len() > 1 { values[1] - values[0] } else { self.high - self.low };
                values.into_iter().map(|value| (value, style::tick_label(value, step))).collect()
            }
            (Ticks::Whole(count), AxisScale::Even) => {
                let values = style::ticks(self.low, self.high, *count).into_iter();
                let is_shown = |value: &f64| value.fract() == 0.0 || self.high - self.low <= 2.0;
                let label = |value: f64| match value.fract() == 0.0 {
                    true => format!("{value:.0}"),
                    false => format!("{value:.1}"),
                };
                values.filter(is_shown).map(|value| (value, label(value))).collect()
            }
        }
    }
}

/// Computes `unit` x 10^`power`, rounded once: 0.002 and not 0.0020000000000000001.
fn decimal(unit: f64, power: i32) -> f64 {
    if power < 0 { unit / 10_f64.powi(-power) } else { unit * 10_f64.powi(power) }
}

/// Formats a tick of a ratio scale in as few digits as it has.
fn ratio_label(value: f64) -> String {
    if (1e-4..1e6).contains(&value) { value.to_string() } else { format!("{value:e}") }
}

/// Points joined by a line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Label at the end of the line with [`Chart::names_at_ends`]; empty for none.
    pub name: String,
    /// Points `[x, y]` in the units of the axes; those with a value that is not finite are skipped.
    pub points: Vec<[f64; 2]>,
    /// Stroke of the line; its tone is also that of the dots.
    pub style: LineStyle,
    /// Radius in pixels of a dot at each point; 0 for none.
    pub dots: f32,
}

/// Dashed line across the plot at a value to compare with.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Value on the vertical axis; nothing is drawn where it lies outside.
    pub value: f64,
    /// Label above the line, or at its end with [`Chart::names_at_ends`].
    pub name: String,
}

/// Line from the top to the bottom of the plot, with words at its top.
#[derive(Clone, Debug)]
pub struct Marker {
    /// Value on the horizontal axis; nothing is drawn where it lies outside.
    pub at: f64,
    /// Label beside the top of the line.
    pub words: String,
    /// Stroke of the line; its tone is also that of the words.
    pub style: LineStyle,
}

impl Marker {
    /// Returns a dashed marker of an event at `at`, such as a live edit of a run.
    pub fn event(at: f64, words: String) -> Self {
        Self { at, words, style: LineStyle { dashes: Some([4.0, 4.0]), ..LineStyle::solid(Tone::Muted, 1.0) } }
    }
}

/// Point with a ring around it and a label.
#[derive(Clone, Debug)]
pub struct Highlight {
    /// Point `[x, y]` in the units of the axes; nothing is drawn where it lies outside.
    pub at: [f64; 2],
    /// Label above the point, or below it near the top of the plot.
    pub word: &'static str,
    /// Tooltip text, for painters that can show one.
    pub title: String,
    /// Color of the ring and of the label.
    pub tone: Tone,
}

/// Bar from the bottom of the plot.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// Value of the left edge on the horizontal axis.
    pub from: f64,
    /// Value of the right edge on the horizontal axis.
    pub to: f64,
    /// Value of the top on the vertical axis.
    pub height: f64,
    /// Color of the fill.
    pub tone: Tone,
    /// Opacity in 0..=1.
    pub alpha: f32,
}

/// Chart of plain numbers; [`Self::shapes`] lays it out in a plot.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Horizontal axis.
    pub x: ChartAxis,
    /// Vertical axis.
    pub y: ChartAxis,
    /// Bars, beneath everything but the axes.
    pub bars: Vec<Bar>,
    /// Values to compare with, beneath the series.
    pub baselines: Vec<Baseline>,
    /// Lines through points, the lowest first.
    pub series: Vec<Series>,
    /// Ringed point, above the markers; `None` for none.
    pub highlight: Option<Highlight>,
    /// Vertical lines with words, above the series.
    pub markers: Vec<Marker>,
    /// Names lines at their right ends, beside the plot.
    pub names_at_ends: bool,
    /// Marks each whole number of the horizontal axis.
    pub has_unit_marks: bool,
}

/// Least pixels per whole number for its mark to be drawn.
const LEAST_UNIT: f32 = 5.0;
/// Least pixels of a bar for a gap to the next one.
const LEAST_BAR: f32 = 3.0;
/// Height in pixels of a line of small type.
const TEXT_LINE: f32 = 16.0;

impl Chart {
    /// Returns a chart with axes alone, without names at ends and marks of whole numbers.
    pub fn new(x: ChartAxis, y: ChartAxis) -> Self {
        Self {
            x,
            y,
            bars: Vec::new(),
            baselines: Vec::new(),
            series: Vec::new(),
            highlight: None,
            markers: Vec::new(),
            names_at_ends: false,
            has_unit_marks: false,
        }
    }

    /// Position in pixels within `plot` of a point `[x, y]` in the units of the axes.
    pub fn place(&self, plot: Area, [x, y]: [f64; 2]) -> [f32; 2] {
        [plot.x + self.x.share(x) as f32 * plot.w, plot.bottom() - self.y.share(y) as f32 * plot.h]
    }

    /// Shapes of the chart whose plot is `plot`, the lowest first. Labels lie outside of it: to the left, below, and
    /// where lines are named at their ends to the right.
    pub fn shapes(&self, plot: Area) -> Vec<PlotShape> {
        let mut shapes = Vec::new();
        self.add_axes(plot, &mut shapes);
        for bar in &self.bars {
            let [left, top] = self.place(plot, [bar.from, bar.height]);
            let [right, _] = self.place(plot, [bar.to, 0.0]);
            let gap = if right - left > LEAST_BAR { 0.5 } else { 0.0 };
            let area = Area { x: left + gap, y: top, w: right - left - 2.0 * gap, h: plot.bottom() - top };
            shapes.push(PlotShape::Bar { area, tone: bar.tone, alpha: bar.alpha });
        }
        let mut names = Vec::new();
        self.add_baselines(plot, &mut shapes, &mut names);
        self.add_series(plot, &mut shapes, &mut names);
        self.add_markers(plot, &mut shapes);
        self.add_highlight(plot, &mut shapes);
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let places = spread(names.iter().map(|(at, ..)| *at).collect(), plot.bottom());
        for (at, (_, words, tone)) in places.into_iter().zip(names) {
            let align = (Align::Left, VerticalAlign::Middle);
            shapes.push(text([plot.right() + 8.0, at], align, words, tone));
        }
        shapes
    }

    fn add_axes(&self, plot: Area, shapes: &mut Vec<PlotShape>) {
        let line = LineStyle::solid(Tone::Line, 1.0);
        for (value, label) in self.y.labeled_ticks() {
            let at = self.place(plot, [self.x.low, value])[1];
            if self.y.has_lines {
                shapes.push(PlotShape::Line { points: vec![[plot.x, at], [plot.right(), at]], style: line });
            }
            shapes.push(text([plot.x - 8.0, at], (Align::Right, VerticalAlign::Middle), label, Tone::Muted));
        }
        if self.has_unit_marks && f64::from(plot.w) / (self.x.high - self.x.low) > f64::from(LEAST_UNIT) {
            for unit in self.x.low as i64 + 1..=self.x.high as i64 {
                let at = self.place(plot, [unit as f64, self.y.low])[0];
                let points = vec![[at, plot.bottom()], [at, plot.bottom() + 4.0]];
                shapes.push(PlotShape::Line { points, style: LineStyle::solid(Tone::Faint, 1.0) });
            }
        }
        for (value, label) in self.x.labeled_ticks() {
            let at = self.place(plot, [value, self.y.low])[0];
            if self.x.has_lines {
                shapes.push(PlotShape::Line { points: vec![[at, plot.y], [at, plot.bottom()]], style: line });
            }
            shapes.push(text([at, plot.bottom() + 8.0], (Align::Center, VerticalAlign::Top), label, Tone::Muted));
        }
        for (title, at, align) in [
            (self.y.title, [plot.x, plot.y - 16.0], Align::Left),
            (self.x.title, [plot.x + plot.w / 2.0, plot.bottom() + 44.0], Align::Center),
        ] {
            if !title.is_empty() {
                shapes.push(text(at, (align, VerticalAlign::Middle), title.to_owned(), Tone::Muted));
            }
        }
    }

    fn add_baselines(&self, plot: Area, shapes: &mut Vec<PlotShape>, names: &mut Vec<(f32, String, Tone)>) {
        for baseline in &self.baselines {
            if !(0.0..=1.0).contains(&self.y.share(baseline.value)) {
                continue;
            }
            let at = self.place(plot, [self.x.low, baseline.value])[1];
            let style = LineStyle { dashes: Some([6.0, 4.0]), ..LineStyle::solid(Tone::Muted, 1.0) };
            shapes.push(PlotShape::Line { points: vec![[plot.x, at], [plot.right(), at]], style });
            if self.names_at_ends {
                names.push((at, baseline.name.clone(), Tone::Muted));
            } else {
                let align = (Align::Right, VerticalAlign::Bottom);
                shapes.push(text([plot.right(), at - 3.0], align, baseline.name.clone(), Tone::Muted));
            }
        }
    }

    fn add_series(&self, plot: Area, shapes: &mut Vec<PlotShape>, names: &mut Vec<(f32, String, Tone)>) {
        let within = Area { x: plot.x - 4.0, y: plot.y - 1.0, w: plot.w + 8.0, h: plot.h + 2.0 };
        for series in &self.series {
            let known = series.points.iter().filter(|point| point.iter().all(|value| value.is_finite()));
            let places: Vec<[f32; 2]> = known.map(|&point| self.place(plot, point)).collect();
            for &center in places.iter().filter(|_| series.dots > 0.0).filter(|place| within.contains(**place)) {
                shapes.push(PlotShape::Dot { center, radius: series.dots, tone: series.style.tone });
            }
            let places = thinned(&places, plot.w);
            for points in clipped(&places, within) {
                shapes.push(PlotShape::Line { points, style: series.style });
            }
            if let (true, Some(last)) = (self.names_at_ends && !series.name.is_empty(), places.last()) {
                names.push((last[1].clamp(plot.y, plot.bottom()), series.name.clone(), series.style.tone));
            }
        }
    }

    fn add_markers(&self, plot: Area, shapes: &mut Vec<PlotShape>) {
        for (i, marker) in self.markers.iter().enumerate() {
            let share = self.x.share(marker.at);
            if !(0.0..=1.0).contains(&share) {
                continue;
            }
            let at = self.place(plot, [marker.at, self.y.low])[0];
            shapes.push(PlotShape::Line { points: vec![[at, plot.y], [at, plot.bottom()]], style: marker.style });
            let (align, beside) = if share > 0.5 { (Align::Right, -6.0) } else { (Align::Left, 6.0) };
            let at = [at + beside, plot.y + (i % 4) as f32 * TEXT_LINE];
            shapes.push(text(at, (align, VerticalAlign::Top), marker.words.clone(), marker.style.tone));
        }
    }

    fn add_highlight(&self, plot: Area, shapes: &mut Vec<PlotShape>) {
        let Some(highlight) = &self.highlight else { return };
        let center = self.place(plot, highlight.at);
        if !plot.contains(center) {
            return;
        }
        let (tone, title) = (highlight.tone, highlight.title.clone());
        shapes.push(PlotShape::Ring { center, radius: 6.0, tone, title });
        let (vertical, beside) = match center[1] > plot.y + 26.0 {
            true => (VerticalAlign::Bottom, -10.0),
            false => (VerticalAlign::Top, 10.0),
        };
        // At the ends of the axis it would stand half outside.
        let x = center[0].clamp(plot.x + 14.0, (plot.right() - 14.0).max(plot.x + 14.0));
        shapes.push(PlotShape::Text {
            at: [x, center[1] + beside],
            align: (Align::Center, vertical),
            words: highlight.word.to_owned(),
            tone,
            size: size::AXIS,
            is_backed: true,
        });
    }
}

fn text(at: [f32; 2], align: (Align, VerticalAlign), words: String, tone: Tone) -> PlotShape {
    PlotShape::Text { at, align, words, tone, size: size::AXIS, is_backed: false }
}

/// Moves the rising heights of names apart from each other and above `bottom`.
fn spread(mut places: Vec<f32>, bottom: f32) -> Vec<f32> {
    for i in 1..places.len() {
        places[i] = places[i].max(places[i - 1] + TEXT_LINE);
    }
    let mut lowest = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(lowest);
        lowest = *place - TEXT_LINE;
    }
    places
}

/// Returns at most two points per pixel, and the last one: more are not visible and slow down every frame.
fn thinned(points: &[[f32; 2]], width: f32) -> Vec<[f32; 2]> {
    let most = (2.0 * width).max(2.0) as usize;
    if points.len() <= most {
        return points.to_vec();
    }
    let stride = points.len().div_ceil(most);
    let mut kept: Vec<[f32; 2]> = points.iter().copied().step_by(stride).collect();
    kept.extend(points.last().filter(|_| !(points.len() - 1).is_multiple_of(stride)));
    kept
}
