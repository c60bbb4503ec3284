//! Shapes as elements of an SVG, whose colors are those of the page's classes.

use std::fmt::Write as _;

use super::shapes::{Align, PlotShape, VerticalAlign};
use crate::style::size;

/// Text as it may stand anywhere in a page.
pub(crate) fn escape_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Elements of `shapes`, the lowest first.
pub(crate) fn svg_elements(shapes: &[PlotShape]) -> String {
    let mut svg = String::new();
    for shape in shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            PlotShape::Line { points, style } => {
                let places: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
                let mut line = format!(
                    "<polyline class=\"{}\" stroke-width=\"{}\" points=\"{}\"",
                    style.tone.class(),
                    style.width,
                    places.join(" ")
                );
                if let Some([dash, gap]) = style.dashes {
                    let _ = write!(line, " stroke-dasharray=\"{dash} {gap}\"");
                }
                if style.alpha < 1.0 {
                    let _ = write!(line, " opacity=\"{:.2}\"", style.alpha);
                }
                write!(svg, "{line}/>")
            }
            PlotShape::Dot { center: [x, y], radius, tone } => {
                write!(svg, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>", tone.class())
            }
            PlotShape::Ring { center: [x, y], radius, tone, title } => write!(
                svg,
                "<circle class=\"ring {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{}</title></circle>",
                tone.class(),
                escape_markup(title)
            ),
            PlotShape::Bar { area, tone, alpha } => write!(
                svg,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" opacity=\"{alpha:.2}\"/>",
                tone.class(),
                area.x,
                area.y,
                area.w,
                area.h
            ),
            PlotShape::Text { at: [x, y], align: (align, vertical), words, tone, size: points, is_backed } => {
                let anchor = match align {
                    Align::Left => "start",
                    Align::Center => "middle",
                    Align::Right => "end",
                };
                // From the place to the baseline, in parts of the type's size.
                let down = match vertical {
                    VerticalAlign::Top => 0.9,
                    VerticalAlign::Middle => 0.36,
                    VerticalAlign::Bottom => -0.25,
                };
                let size = if *points == size::AXIS { String::new() } else { format!(" font-size=\"{points}\"") };
                write!(
                    svg,
                    "<text class=\"{}{}\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\"{size}>{}</text>",
                    tone.class(),
                    if *is_backed { " backed" } else { "" },
                    y + down * points,
                    escape_markup(words)
                )
            }
        };
    }
    svg
}
