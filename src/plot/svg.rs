//! Shapes as elements of an SVG, whose colors are those of the page's classes.

use maud::{Markup, html};

use super::shapes::{Align, PlotShape, VerticalAlign};
use crate::style::size;

/// Returns the SVG elements of `shapes`, the lowest first.
pub(crate) fn svg_elements(shapes: &[PlotShape]) -> String {
    html! { @for shape in shapes { (element(shape)) } }.into_string()
}

/// Formats a length in pixels to a tenth.
fn tenths(length: f32) -> String {
    format!("{length:.1}")
}

fn element(shape: &PlotShape) -> Markup {
    match shape {
        PlotShape::Line { points, style } => {
            let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
            let dashes = style.dashes.map(|[dash, gap]| format!("{dash} {gap}"));
            let opacity = (style.alpha < 1.0).then(|| format!("{:.2}", style.alpha));
            html! {
                polyline class=(style.tone.class()) stroke-width=(style.width) points=(points.join(" "))
                    stroke-dasharray=[dashes] opacity=[opacity] {}
            }
        }
        PlotShape::Dot { center: [x, y], radius, tone } => html! {
            circle class=(tone.class()) cx=(tenths(*x)) cy=(tenths(*y)) r=(radius) {}
        },
        PlotShape::Ring { center: [x, y], radius, tone, title } => html! {
            circle class={ "ring " (tone.class()) } cx=(tenths(*x)) cy=(tenths(*y)) r=(radius) { title { (title) } }
        },
        PlotShape::Bar { area, tone, alpha } => html! {
            rect class=(tone.class()) x=(tenths(area.x)) y=(tenths(area.y)) width=(tenths(area.w))
                height=(tenths(area.h)) opacity=(format!("{alpha:.2}")) {}
        },
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
            let class = if *is_backed { format!("{} backed", tone.class()) } else { tone.class().to_string() };
            html! {
                text class=(class) x=(tenths(*x)) y=(tenths(y + down * points)) text-anchor=(anchor)
                    font-size=[(*points != size::AXIS).then_some(points)] { (words) }
            }
        }
    }
}
