//! Table of runs, one per line, sortable by column.

use std::path::Path;

use egui::{Align2, CornerRadius, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, pos2, vec2};

use super::order::{RunColumn, RunOrder};
use super::summary::{ago, model_of, state_of};
use super::{Runs, open_run};
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{card_title, focus_ring, line_of_text};
use crate::app::workspace::Action;
use crate::style::{self, Palette, size, space};
use crate::train::SavedRun;

const LINE: f32 = 30.0;

struct Head {
    column: RunColumn,
    title: &'static str,
    help: &'static str,
    width: f32,
    /// True for right-aligned columns.
    right: bool,
}

const fn head(column: RunColumn, title: &'static str, help: &'static str, width: f32, right: bool) -> Head {
    Head { column, title, help, width, right }
}

/// All columns; `NARROW` lists those of a narrow window.
const HEADS: [Head; 7] = [
    head(RunColumn::Name, "run", "Sort by name", 150.0, false),
    head(RunColumn::Model, "model", "Sort by model", 130.0, false),
    head(RunColumn::When, "when", "Sort by time of the last write, newest first", 96.0, false),
    head(RunColumn::Epochs, "epochs", "Sort by epochs trained", 76.0, true),
    head(
        RunColumn::Validation,
        "best validation",
        "Sort by best validation loss; only equal objectives compare",
        112.0,
        true,
    ),
    head(RunColumn::Test, "test MSE", "Sort by mean squared error on the test part", 88.0, true),
    head(RunColumn::State, "state", "Sort by state", 72.0, true),
];
const NARROW: [RunColumn; 4] = [RunColumn::Name, RunColumn::When, RunColumn::Epochs, RunColumn::Validation];

/// Width at the left for the mark of the curve.
const MARK: f32 = 30.0;

impl Runs {
    pub(super) fn table_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        running: Option<&Path>,
    ) -> Option<Action> {
        let count = style::grouped(self.runs.len() as u64);
        card_title(ui, palette, inside, "Runs", &format!("{count} on disk"));
        let narrow = inside.width() < 620.0;
        let heads: Vec<&Head> = HEADS.iter().filter(|head| !narrow || NARROW.contains(&head.column)).collect();
        let wanted: f32 = heads.iter().map(|head| head.width).sum();
        let stretch = (inside.width() - MARK - space::S) / wanted;
        let top = inside.top() + 28.0;
        let mut x = inside.left() + MARK;
        let mut columns = Vec::new();
        let mut sorted = None;
        for head in heads {
            let width = head.width * stretch;
            let cell = Rect::from_min_size(pos2(x, top), vec2(width - space::S, 24.0));
            if self.head_ui(ui, palette, cell, head) {
                sorted = Some(head.column);
            }
            columns.push((head, x, width - space::S));
            x += width;
        }
        if let Some(column) = sorted {
            self.order = RunOrder { by: column, backwards: column == self.order.by && !self.order.backwards };
            self.order.sort(&mut self.runs);
        }
        ui.painter().hline(inside.x_range(), top + 25.0, Stroke::new(1.0, color(palette.line)));
        let list = Rect::from_min_max(pos2(inside.left(), top + 26.0), inside.max);
        let mut action = None;
        ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
            ui.set_clip_rect(list.intersect(ui.clip_rect()));
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical().auto_shrink(false).show_rows(ui, LINE, self.runs.len(), |ui, range| {
                for index in range {
                    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
                    action = self.line_ui(ui, palette, line, index, &columns, running).or(action.take());
                }
            });
        });
        action
    }

    fn head_ui(&self, ui: &mut Ui, palette: &Palette, cell: Rect, head: &Head) -> bool {
        let response = ui.interact(cell, ui.scope_id().with(("head", head.title)), Sense::click());
        let here = self.order.by == head.column;
        let ink = if here || response.hovered() { palette.text } else { palette.muted };
        let (at, align) = match head.right {
            true => (cell.right_center(), Align2::RIGHT_CENTER),
            false => (cell.left_center(), Align2::LEFT_CENTER),
        };
        let arrow = match (here, self.order.backwards) {
            (true, false) => " \u{25bc}",
            (true, true) => " \u{25b2}",
            (false, _) => "",
        };
        let text = format!("{}{arrow}", head.title);
        ui.painter().text(at, align, text, regular(size::AXIS), color(ink));
        focus_ring(ui, palette, &response, cell);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, head.help));
        let clicked = response.clicked();
        response.on_hover_text(head.help);
        clicked
    }

    fn line_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        line: Rect,
        index: usize,
        columns: &[(&Head, f32, f32)],
        running: Option<&Path>,
    ) -> Option<Action> {
        let run = &self.runs[index];
        let here = self.selected.as_deref() == Some(run.path.as_path());
        let row = Rect::from_min_max(pos2(line.left() + MARK - 6.0, line.top() + 1.0), line.max - vec2(0.0, 1.0));
        let response = ui.interact(row, ui.scope_id().with(("run", &run.path)), Sense::click());
        if here || response.hovered() {
            let fill = if here { color(palette.raised) } else { color(palette.raised).gamma_multiply(0.5) };
            ui.painter().rect_filled(row, CornerRadius::same(space::RADIUS_CONTROL), fill);
        }
        for (head, x, width) in columns {
            let (text, ink) = cell_text(run, head.column, running, palette);
            let font = if head.column == RunColumn::Name { semibold(size::TEXT) } else { regular(size::TEXT) };
            let at = match head.right {
                true => {
                    let galley = ui.painter().layout_no_wrap(text.clone(), font.clone(), ink);
                    pos2(x + width - galley.size().x.min(*width), line.center().y)
                }
                false => pos2(*x, line.center().y),
            };
            line_of_text(ui, at, *width, &text, font, ink);
        }
        focus_ring(ui, palette, &response, row.shrink(2.0));
        let words = format!("{}, {}", run.name, state_of(run, running));
        response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::ListBoxOption, true, here, &words));
        let (clicked, twice) = (response.clicked(), response.double_clicked());
        response.on_hover_text("Select this run; double-click to open it");
        let path = run.path.clone();
        let has_model = run.has_model;
        self.mark_ui(ui, palette, line, index);
        if clicked && !here {
            self.selected = Some(path.clone());
            self.confirming = false;
        }
        (twice && has_model).then_some(open_run(&path))
    }

    /// Draws the mark that shows or hides the run's curve.
    fn mark_ui(&mut self, ui: &mut Ui, palette: &Palette, line: Rect, index: usize) {
        let run = &self.runs[index];
        let mark = Rect::from_center_size(pos2(line.left() + 9.0, line.center().y), vec2(14.0, 14.0));
        let enabled = !run.epochs.is_empty();
        let sense = if enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(mark.expand(5.0), ui.scope_id().with(("curve", &run.path)), sense);
        let ink = self.ink(&run.path);
        let radius = CornerRadius::same(4);
        match ink {
            Some(ink) => {
                ui.painter().rect_filled(mark, radius, color(ink));
            }
            None => {
                let faint = if enabled { color(palette.faint) } else { color(palette.line) };
                ui.painter().rect_stroke(mark, radius, Stroke::new(1.4, faint), StrokeKind::Inside);
            }
        }
        focus_ring(ui, palette, &response, mark);
        let name = format!("Curve of {}", run.name);
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, enabled, ink.is_some(), &name));
        let path = run.path.clone();
        if response.clicked() {
            match self.shown.iter().position(|shown| *shown == path) {
                Some(place) => drop(self.shown.remove(place)),
                None => self.shown.push(path),
            }
        }
        response.on_hover_text("Show or hide this run's curve above");
    }
}

fn cell_text(run: &SavedRun, column: RunColumn, running: Option<&Path>, palette: &Palette) -> (String, egui::Color32) {
    let muted = color(palette.muted);
    let missing = || ("\u{2013}".to_owned(), muted);
    match column {
        RunColumn::Name => (run.name.clone(), color(palette.text)),
        RunColumn::Model => (model_of(run), muted),
        RunColumn::When => (ago(run), muted),
        RunColumn::Epochs => match &run.spec {
            Ok(spec) => (format!("{} of {}", run.epochs.len(), spec.train.epochs), muted),
            Err(_) => missing(),
        },
        RunColumn::Validation => {
            run.best().map_or_else(missing, |(_, loss)| (style::figure(loss), color(palette.text)))
        }
        RunColumn::Test => run.test_mse.map_or_else(missing, |mse| (style::figure(mse), color(palette.text))),
        RunColumn::State => {
            let state = state_of(run, running);
            let ink = if state == "open here" { color(palette.accent) } else { muted };
            (state.to_owned(), ink)
        }
    }
}
