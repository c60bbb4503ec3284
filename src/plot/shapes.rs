//! Shapes that a chart is made of, in pixels from the top left. Each painter knows its own colors and type.

use crate::style::{Palette, Rgb};

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl Area {
    pub fn shrunk(self, by: f32) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2.0 * by, h: self.h - 2.0 * by }
    }

    pub fn right(self) -> f32 {
        self.x + self.w
    }

    pub fn bottom(self) -> f32 {
        self.y + self.h
    }

    pub fn contains(self, [x, y]: [f32; 2]) -> bool {
        (self.x..=self.right()).contains(&x) && (self.y..=self.bottom()).contains(&y)
    }
}

/// Color of a shape by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Accent,
    Second,
    Good,
    Bad,
    Muted,
    Faint,
    /// Lines of a grid.
    Line,
}

impl Tone {
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

    /// Class of the style sheet of a page.
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

/// Side of a text that is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Center,
    Right,
}

/// Height of a text that is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerticalAlign {
    Top,
    Middle,
    Bottom,
}

/// Stroke of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineStyle {
    pub tone: Tone,
    pub width: f32,
    pub alpha: f32,
    /// Lengths of a dash and of the gap behind it.
    pub dashes: Option<[f32; 2]>,
}

impl LineStyle {
    pub fn solid(tone: Tone, width: f32) -> Self {
        Self { tone, width, alpha: 1.0, dashes: None }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum PlotShape {
    Line {
        points: Vec<[f32; 2]>,
        style: LineStyle,
    },
    Dot {
        center: [f32; 2],
        radius: f32,
        tone: Tone,
    },
    /// A circle around a dot of the line beneath it.
    Ring {
        center: [f32; 2],
        radius: f32,
        tone: Tone,
        title: String,
    },
    Bar {
        area: Area,
        tone: Tone,
        alpha: f32,
    },
    Text {
        at: [f32; 2],
        align: (Align, VerticalAlign),
        words: String,
        tone: Tone,
        /// Size of the style's type.
        size: f32,
        /// Paper behind the text, so that nothing beneath runs through it.
        is_backed: bool,
    },
}

/// The parts of a line within `area`, as far as its segments go: a painter needs no clipping.
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

/// The part of a segment within `area` (Liang & Barsky 1984); `None` where there is none or an end is no number.
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
