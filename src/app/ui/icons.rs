//! Icons drawn as vector shapes, which follow the theme and stay sharp at any scale.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, pos2};

fn at(rect: Rect, x: f32, y: f32) -> Pos2 {
    pos2(rect.left() + x * rect.width(), rect.top() + y * rect.height())
}

fn lines(painter: &Painter, rect: Rect, points: &[(f32, f32)], color: Color32) {
    let points = points.iter().map(|&(x, y)| at(rect, x, y)).collect();
    painter.add(Shape::line(points, Stroke::new(1.6, color)));
}

fn filled(painter: &Painter, rect: Rect, points: &[(f32, f32)], color: Color32) {
    let points = points.iter().map(|&(x, y)| at(rect, x, y)).collect();
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

pub(crate) fn play(painter: &Painter, rect: Rect, color: Color32) {
    filled(painter, rect, &[(0.15, 0.05), (0.95, 0.5), (0.15, 0.95)], color);
}

pub(crate) fn pause(painter: &Painter, rect: Rect, color: Color32) {
    for x in [0.12, 0.6] {
        painter.rect_filled(Rect::from_min_max(at(rect, x, 0.08), at(rect, x + 0.28, 0.92)), 1.0, color);
    }
}

pub(crate) fn step(painter: &Painter, rect: Rect, color: Color32) {
    painter.rect_filled(Rect::from_min_max(at(rect, 0.05, 0.1), at(rect, 0.22, 0.9)), 1.0, color);
    filled(painter, rect, &[(0.38, 0.08), (1.0, 0.5), (0.38, 0.92)], color);
}

pub(crate) fn restart(painter: &Painter, rect: Rect, color: Color32) {
    let center = rect.center();
    let radius = rect.width() * 0.42;
    // Three quarters of a circle, with its arrow at the top.
    let arc = (0..=24)
        .map(|i| {
            let angle = -std::f32::consts::FRAC_PI_2 + 0.35 + i as f32 / 24.0 * 5.3;
            center + radius * egui::Vec2::angled(angle)
        })
        .collect();
    painter.add(Shape::line(arc, Stroke::new(1.6, color)));
    let tip = center + radius * egui::Vec2::angled(-std::f32::consts::FRAC_PI_2 + 0.35);
    let side = rect.width() * 0.26;
    let triangle = vec![
        tip + egui::vec2(-side, -side * 0.1),
        tip + egui::vec2(side * 0.3, -side),
        tip + egui::vec2(side * 0.4, side * 0.75),
    ];
    painter.add(Shape::convex_polygon(triangle, color, Stroke::NONE));
}

/// Draws the mark of the program.
pub(crate) fn hourglass(painter: &Painter, rect: Rect, color: Color32) {
    filled(painter, rect, &[(0.1, 0.05), (0.9, 0.05), (0.56, 0.5), (0.44, 0.5)], color);
    filled(painter, rect, &[(0.44, 0.5), (0.56, 0.5), (0.9, 0.95), (0.1, 0.95)], color);
}

pub(crate) fn train(painter: &Painter, rect: Rect, color: Color32) {
    lines(painter, rect, &[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)], color);
    lines(painter, rect, &[(0.18, 0.75), (0.42, 0.45), (0.6, 0.6), (0.95, 0.15)], color);
}

/// Draws a compass.
pub(crate) fn explore(painter: &Painter, rect: Rect, color: Color32) {
    let (center, radius) = (rect.center(), rect.height() * 0.55);
    painter.circle_stroke(center, radius, Stroke::new(1.6, color));
    let needle = [(0.72, 0.22), (0.56, 0.6), (0.28, 0.78), (0.44, 0.4)];
    filled(painter, Rect::from_center_size(center, egui::vec2(radius * 2.0, radius * 2.0)), &needle, color);
}

/// Draws a half-filled disc, for the theme.
pub(crate) fn theme(painter: &Painter, rect: Rect, color: Color32) {
    let (center, radius) = (rect.center(), rect.width() * 0.45);
    painter.circle_stroke(center, radius, Stroke::new(1.5, color));
    let half = (0..=16)
        .map(|i| {
            center + radius * egui::Vec2::angled(-std::f32::consts::FRAC_PI_2 + i as f32 / 16.0 * std::f32::consts::PI)
        })
        .collect();
    painter.add(Shape::convex_polygon(half, color, Stroke::NONE));
}

/// Draws a line with a spike, for anomalies.
pub(crate) fn detect(painter: &Painter, rect: Rect, color: Color32) {
    lines(painter, rect, &[(0.0, 0.72), (0.3, 0.72), (0.45, 0.1), (0.62, 0.95), (0.74, 0.72), (1.0, 0.72)], color);
}

/// Draws a sheet with lines, for the report.
pub(crate) fn report(painter: &Painter, rect: Rect, color: Color32) {
    let outline = [(0.12, 0.0), (0.62, 0.0), (0.88, 0.26), (0.88, 1.0), (0.12, 1.0), (0.12, 0.0)];
    lines(painter, rect, &outline, color);
    for y in [0.45, 0.7] {
        lines(painter, rect, &[(0.32, y), (0.68, y)], color);
    }
}

/// Draws a folder.
pub(crate) fn open(painter: &Painter, rect: Rect, color: Color32) {
    let outline = [(0.0, 0.9), (0.0, 0.12), (0.36, 0.12), (0.48, 0.28), (1.0, 0.28), (1.0, 0.9), (0.0, 0.9)];
    lines(painter, rect, &outline, color);
}

/// Draws a question mark.
pub(crate) fn help(painter: &Painter, rect: Rect, color: Color32) {
    let hook = [(0.28, 0.3), (0.34, 0.1), (0.52, 0.02), (0.7, 0.12), (0.72, 0.32), (0.56, 0.46), (0.5, 0.66)];
    lines(painter, rect, &hook, color);
    painter.circle_filled(at(rect, 0.5, 0.92), 1.3, color);
}

/// Draws a chevron that points down, for a menu.
pub(crate) fn more(painter: &Painter, rect: Rect, color: Color32) {
    lines(painter, rect, &[(0.1, 0.3), (0.5, 0.7), (0.9, 0.3)], color);
}

/// Draws an arrow into a tray, for a drop.
pub(crate) fn drop_here(painter: &Painter, rect: Rect, color: Color32) {
    lines(painter, rect, &[(0.5, 0.0), (0.5, 0.66)], color);
    lines(painter, rect, &[(0.24, 0.42), (0.5, 0.68), (0.76, 0.42)], color);
    lines(painter, rect, &[(0.0, 0.62), (0.0, 1.0), (1.0, 1.0), (1.0, 0.62)], color);
}

/// Draws a picture with one half denoised.
pub(crate) fn denoise(painter: &Painter, rect: Rect, color: Color32) {
    painter.rect_stroke(rect, 2.0, Stroke::new(1.6, color), egui::StrokeKind::Middle);
    lines(painter, rect, &[(0.5, 0.0), (0.5, 1.0)], color);
    for (x, y) in [(0.2, 0.28), (0.34, 0.52), (0.18, 0.76)] {
        painter.circle_filled(at(rect, x, y), 1.1, color);
    }
}
