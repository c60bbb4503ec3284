//! Shapes of a chart, in pixels from the top left. Each painter knows its own colors and type.

use crate::style::{Palette, Rgb};

/// Rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge in pixels.
    pub x: f32,
    /// Top edge in pixels.
    pub y: f32,
    /// Width in pixels.
    pub w: f32,
    /// Height in pixels.
    pub h: f32,
}

impl Area {
    /// Returns the rectangle without a margin of `by` pixels on every side.
    pub fn shrunk(self, by: f32) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2.0 * by, h: self.h - 2.0 * by }
    }

    /// Right edge in pixels.
    pub fn right(self) -> f32 {
        self.x + self.w
    }

    /// Bottom edge in pixels.
    pub fn bottom(self) -> f32 {
        self.y + self.h
    }

    /// Returns whether a point `[x, y]` lies within, edges included.
    pub fn contains(self, [x, y]: [f32; 2]) -> bool {
        (self.x..=self.right()).contains(&x) && (self.y..=self.bottom()).contains(&y)
    }
}

/// Color of a shape by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Color [`Palette::accent`]: training curve, threshold, the model in a comparison.
    Accent,
    /// Color [`Palette::second`]: validation curve, rows labeled normal.
    Second,
    /// Color [`Palette::good`]: success, a further method in a comparison.
    Good,
    /// Color [`Palette::bad`]: rows labeled abnormal, a further method in a comparison.
    Bad,
    /// Color [`Palette::muted`]: labels, baselines and events.
    Muted,
    /// Color [`Palette::faint`]: minor ticks and reference lines.
    Faint,
    /// Color [`Palette::line`]: lines of a grid.
    Line,
}

impl Tone {
    /// Color of this tone in `palette`.
    pub fn of(self, palette: &Palette) -> Rgb {
        match self {
            Self::Accent => palette.accent,
            Self::Second => palette.second,
            Self::Good => palette.good,
            Self::Bad => palette.bad,
            Self::Muted => palette.muted,
            Self::Faint => palette.faint,
            Self::Line => palette.line,
        }
    }

    /// CSS class of this tone in the report's style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Accent => "accent",
            Self::Second => "second",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Muted => "muted",
            Self::Faint => "faint",
            Self::Line => "grid",
        }
    }
}

/// Horizontal anchor of a text: its part at the given point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Left end.
    Left,
    /// Middle of its width.
    Center,
    /// Right end.
    Right,
}

/// Vertical anchor of a text: its part at the given point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerticalAlign {
    /// Upper edge; the text lies below the point.
    Top,
    /// Middle of its height.
    Middle,
    /// Lower edge; the text lies above the point.
    Bottom,
}

/// Stroke of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineStyle {
    /// Color by its meaning.
    pub tone: Tone,
    /// Width in pixels.
    pub width: f32,
    /// Opacity in 0..=1.
    pub alpha: f32,
    /// Lengths in pixels of a dash and of the gap behind it; `None` for a solid line.
    pub dashes: Option<[f32; 2]>,
}

impl LineStyle {
    /// Returns an opaque, solid stroke of `width` pixels.
    pub fn solid(tone: Tone, width: f32) -> Self {
        Self { tone, width, alpha: 1.0, dashes: None }
    }
}

/// Shape of a chart, in pixels from the top left.
#[derive(Clone, Debug, PartialEq)]
pub enum PlotShape {
    /// Line through points.
    Line {
        /// Points `[x, y]` in order.
        points: Vec<[f32; 2]>,
        /// Stroke of the line.
        style: LineStyle,
    },
    /// Filled circle.
    Dot {
        /// Center `[x, y]`.
        center: [f32; 2],
        /// Radius in pixels.
        radius: f32,
        /// Color of the fill.
        tone: Tone,
    },
    /// Circle around a dot of the line beneath it.
    Ring {
        /// Center `[x, y]`.
        center: [f32; 2],
        /// Radius in pixels.
        radius: f32,
        /// Color of the circle.
        tone: Tone,
        /// Tooltip text; only painters with tooltips show it.
        title: String,
    },
    /// Filled rectangle.
    Bar {
        /// Extent of the bar.
        area: Area,
        /// Color of the fill.
        tone: Tone,
        /// Opacity in 0..=1.
        alpha: f32,
    },
    /// Line of text.
    Text {
        /// Point `[x, y]` where the text is anchored.
        at: [f32; 2],
        /// Part of the text at that point.
        align: (Align, VerticalAlign),
        /// Text itself, in one line.
        words: String,
        /// Color of the letters.
        tone: Tone,
        /// Type size in logical pixels, such as [`size::AXIS`](crate::style::size::AXIS).
        size: f32,
        /// True for paper behind the text, so that nothing beneath runs through it.
        is_backed: bool,
    },
}

/// Cuts a line to its parts within `area`, so that painters need no clipping.
pub(super) fn clipped(points: &[[f32; 2]], area: Area) -> Vec<Vec<[f32; 2]>> {
    let mut parts: Vec<Vec<[f32; 2]>> = Vec::new();
    for pair in points.windows(2) {
        let Some([from, to]) = clipped_segment([pair[0], pair[1]], area) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&from) => part.push(to),
            _ => parts.push(vec![from, to]),
        }
    }
    if let ([only], true) = (points, parts.is_empty())
        && area.contains(*only)
    {
        parts.push(vec![*only]);
    }
    parts
}

/// Returns the part of a segment within `area` (Liang & Barsky 1984); `None` where there is none or an end is not
/// finite.
fn clipped_segment([from, to]: [[f32; 2]; 2], area: Area) -> Option<[[f32; 2]; 2]> {
    let step = [to[0] - from[0], to[1] - from[1]];
    let (low, high) = ([area.x, area.y], [area.right(), area.bottom()]);
    let (mut enter, mut leave) = (0.0_f32, 1.0_f32);
    for axis in 0..2 {
        for (along, room) in [(-step[axis], from[axis] - low[axis]), (step[axis], high[axis] - from[axis])] {
            if !along.is_finite() || !room.is_finite() || along == 0.0 && room < 0.0 {
                return None;
            }
            if along < 0.0 {
                enter = enter.max(room / along);
            } else if along > 0.0 {
                leave = leave.min(room / along);
            }
        }
    }
    let at = |share: f32| [from[0] + share * step[0], from[1] + share * step[1]];
    // Ends that are within stay as they are, to the bit.
    let ends = [if enter == 0.0 { from } else { at(enter) }, if leave == 1.0 { to } else { at(leave) }];
    (enter <= leave).then_some(ends)
}
