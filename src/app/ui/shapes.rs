//! Painter of chart shapes in the window.

use egui::{Align2, CornerRadius, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use super::theme::{color, faded, regular};
use crate::plot::{Align, Area, PlotShape, VerticalAlign};
use crate::style::Palette;

/// Returns the area of a plot in `rect`.
pub(crate) fn area_of(rect: Rect) -> Area {
    Area { x: rect.left(), y: rect.top(), w: rect.width(), h: rect.height() }
}

/// Paints `shapes`, the lowest first.
pub(crate) fn paint_shapes(painter: &Painter, palette: &Palette, shapes: &[PlotShape]) {
    let place = |&[x, y]: &[f32; 2]| pos2(x, y);
    for shape in shapes {
        match shape {
            PlotShape::Line { points, style } => {
                let stroke = Stroke::new(style.width, faded(style.tone.of(palette), style.alpha));
                let points: Vec<Pos2> = points.iter().map(place).collect();
                match (style.dashes, &points[..]) {
                    (Some([dash, gap]), _) => painter.extend(Shape::dashed_line(&points, stroke, dash, gap)),
                    (None, &[from, to]) => {
                        painter.line_segment([from, to], stroke);
                    }
                    (None, _) => {
                        painter.line(points, stroke);
                    }
                }
            }
            PlotShape::Dot { center, radius, tone } => {
                painter.circle_filled(place(center), *radius, color(tone.of(palette)));
            }
            PlotShape::Ring { center, radius, tone, .. } => {
                painter.circle_stroke(place(center), *radius, Stroke::new(1.5, color(tone.of(palette))));
            }
            PlotShape::Bar { area, tone, alpha } => {
                let rect = Rect::from_min_size(pos2(area.x, area.y), vec2(area.w, area.h));
                painter.rect_filled(rect, CornerRadius::same(1), faded(tone.of(palette), *alpha));
            }
            PlotShape::Text { at, align, words, tone, size, is_backed } => {
                let ink = color(tone.of(palette));
                let word = painter.layout_no_wrap(words.clone(), regular(*size), ink);
                let rect = anchor(*align).anchor_size(place(at), word.size());
                if *is_backed {
                    painter.rect_filled(rect.expand2(vec2(3.0, 0.0)), CornerRadius::same(3), color(palette.panel));
                }
                painter.galley(rect.min, word, ink);
            }
        }
    }
}

fn anchor((align, vertical): (Align, VerticalAlign)) -> Align2 {
    let across = match align {
        Align::Left => egui::Align::Min,
        Align::Center => egui::Align::Center,
        Align::Right => egui::Align::Max,
    };
    let down = match vertical {
        VerticalAlign::Top => egui::Align::Min,
        VerticalAlign::Middle => egui::Align::Center,
        VerticalAlign::Bottom => egui::Align::Max,
    };
    Align2([across, down])
}
