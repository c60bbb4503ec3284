//! Lasso selection of points, and the summary of the selected rows.

use egui::{
    Align2, Color32, CornerRadius, PointerButton, Pos2, Rect, Response, Shape, Stroke, StrokeKind, Ui, pos2, vec2,
};

use crate::app::ui::theme::{color, faded, regular};
use crate::app::ui::thumbnails::Thumbnails;
use crate::app::ui::widgets::{Button, ButtonKind, line_of_text};
use crate::monitor::{LatentMap, Moment};
use crate::style;
use crate::style::{Palette, size, space};

/// Most thumbnails of selected rows.
const PICTURES: usize = 24;
/// Most corners of the outline, enough for a line drawn by hand.
const CORNERS: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Lasso {
    /// True if a drag draws the outline.
    pub armed: bool,
    line: Vec<Pos2>,
    /// Selected rows, ascending.
    rows: Vec<u32>,
    /// Version of the selection, by which others detect a change.
    number: u32,
    thumbs: Thumbnails,
}

impl Lasso {
    pub fn is_used(&self) -> bool {
        self.armed || !self.rows.is_empty()
    }

    pub fn is_drawing(&self) -> bool {
        !self.line.is_empty()
    }

    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn holds(&self, row: u32) -> bool {
        self.rows.binary_search(&row).is_ok()
    }

    /// Extends the outline while the pointer is down, and selects rows on release.
    #[expect(clippy::too_many_arguments, reason = "it needs the map, where it is, and the pointer")]
    pub fn follow(
        &mut self,
        ui: &Ui,
        palette: &Palette,
        response: &Response,
        selecting: bool,
        plot: Rect,
        map: &LatentMap,
        at_point: &dyn Fn(usize) -> Pos2,
    ) {
        let drawing = selecting || self.is_drawing();
        if drawing
            && response.dragged_by(PointerButton::Primary)
            && let Some(pointer) = response.interact_pointer_pos()
        {
            let pointer = plot.clamp(pointer);
            // egui reports a drag after some pixels only; the outline starts where the pointer went down.
            if self.line.is_empty()
                && let Some(origin) = ui.input(|input| input.pointer.press_origin())
            {
                self.line.push(plot.clamp(origin));
            }
            if self.line.last().is_none_or(|last| last.distance(pointer) > 2.0) {
                self.line.push(pointer);
            }
        }
        if self.line.len() > 1 {
            let ink = Stroke::new(1.5, color(palette.accent));
            ui.painter().add(Shape::line(self.line.clone(), ink));
            let ends = [self.line[0], self.line[self.line.len() - 1]];
            ui.painter().extend(Shape::dashed_line(&ends, Stroke::new(1.0, color(palette.accent)), 4.0, 4.0));
        }
        if self.is_drawing() && response.drag_stopped() {
            let every = self.line.len().div_ceil(CORNERS);
            let line: Vec<Pos2> = self.line.drain(..).step_by(every.max(1)).collect();
            let around = Rect::from_points(&line);
            let inside = |i: &usize| {
                let at = at_point(*i);
                around.contains(at) && is_inside(&line, at)
            };
            let chosen = (0..map.points.len()).filter(inside).filter_map(|i| map.rows.get(i).copied());
            self.rows = chosen.collect();
            self.rows.sort_unstable();
            self.number += 1;
            // After an empty selection the lasso stays armed.
            self.armed = self.rows.is_empty();
        }
        if self.rows.is_empty() {
            return;
        }
        if ui.input(|input| input.key_pressed(egui::Key::Escape)) {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.number += 1;
    }

    /// Draws the summary of the selection, in words and thumbnails, over the lower edge of the plot.
    pub fn summary_ui(&mut self, ui: &mut Ui, palette: &'static Palette, plot: Rect, map: &LatentMap, moment: &Moment) {
        if self.rows.is_empty() {
            return;
        }
        let inside: Vec<usize> =
            (0..map.points.len()).filter(|&i| map.rows.get(i).is_some_and(|row| self.holds(*row))).collect();
        let side = 32.0;
        let columns = (((plot.width() - 2.0 * space::S) / (side + 2.0)).floor() as usize).max(1);
        let pictures = self.rows.len().min(PICTURES).min(2 * columns);
        let lines = if moment.rows.is_some() { pictures.div_ceil(columns) } else { 0 };
        let height = 54.0 + lines as f32 * (side + 2.0);
        let panel = Rect::from_min_max(pos2(plot.left(), plot.bottom() - height), plot.max);
        let radius = CornerRadius::same(space::RADIUS_CONTROL);
        let stroke = Stroke::new(1.0, color(palette.line));
        ui.painter().rect(panel, radius, faded(palette.panel, 0.96), stroke, StrokeKind::Inside);
        let words = format!("{} {} selected", style::grouped(inside.len() as u64), moment.snapshot.run.data.noun());
        let told = format!("{words}: {}", contents(&inside, map, moment));
        let response = ui.interact(panel, ui.scope_id().with("lasso"), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Status, true, &told));
        let at = pos2(panel.left() + space::S, panel.top() + 16.0);
        ui.painter().text(
            at,
            Align2::LEFT_CENTER,
            words,
            crate::app::ui::theme::semibold(size::TEXT),
            color(palette.text),
        );
        let clear = Button::new(ButtonKind::Chip, "clear", "Clear the selection (Esc)");
        if clear.show_right(ui, palette, pos2(panel.right() - space::S, panel.top() + 6.0)).0.clicked() {
            self.clear();
            return;
        }
        let at = pos2(panel.left() + space::S, panel.top() + 36.0);
        let width = panel.width() - 2.0 * space::S;
        let words = contents(&inside, map, moment);
        line_of_text(ui, at, width, &words, regular(size::SECOND), color(palette.muted));
        let Some(data) = moment.rows.as_ref().filter(|_| pictures > 0) else { return };
        // Evenly spaced over the selection.
        let some: Vec<u32> = (0..pictures).map(|i| self.rows[i * self.rows.len() / pictures]).collect();
        self.thumbs.ask(ui, palette, data, &some);
        for (i, &row) in some.iter().enumerate() {
            let at = pos2(
                panel.left() + space::S + (i % columns) as f32 * (side + 2.0),
                panel.top() + 50.0 + (i / columns) as f32 * (side + 2.0),
            );
            let rect = Rect::from_min_size(at, vec2(side, side));
            ui.painter().rect_filled(rect, 0.0, Color32::BLACK);
            self.thumbs.draw(ui.painter(), row, rect);
        }
    }
}

/// Returns the mean error and the counts by class, such as "mean error 0.031; 4: 180, 9: 120".
fn contents(inside: &[usize], map: &LatentMap, moment: &Moment) -> String {
    let mut counts = vec![0_usize; 256];
    inside.iter().filter_map(|&i| map.labels.get(i)).for_each(|&label| counts[usize::from(label)] += 1);
    let mut classes: Vec<(usize, usize)> = counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
    classes.sort_by_key(|&(class, count)| (std::cmp::Reverse(count), class));
    let named = classes.iter().map(|&(class, count)| format!("{}: {count}", moment.snapshot.class_name(class)));
    let mut words = named.collect::<Vec<_>>().join(", ");
    let errors: Vec<f64> = inside.iter().filter_map(|&i| map.errors.get(i)).map(|&error| f64::from(error)).collect();
    if !errors.is_empty() {
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let before = if words.is_empty() { "" } else { "; " };
        words = format!("mean error {}{before}{words}", style::figure(mean));
    }
    words
}

/// Returns whether `at` lies inside the outline, by the even-odd rule.
fn is_inside(line: &[Pos2], at: Pos2) -> bool {
    let mut inside = false;
    for (i, &a) in line.iter().enumerate() {
        let b = line[(i + 1) % line.len()];
        if (a.y > at.y) != (b.y > at.y) && at.x < (b.x - a.x) * (at.y - a.y) / (b.y - a.y) + a.x {
            inside = !inside;
        }
    }
    inside
}
