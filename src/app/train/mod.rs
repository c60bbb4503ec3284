//! Where the cards of Train lie: three columns, or one with a drawer where the window is narrow.

pub(crate) mod curves;
mod data_card;
pub(crate) mod findings;
pub(crate) mod live_edits;
pub(crate) mod network;
mod network_editor;
pub(crate) mod reconstructions;

use std::sync::Arc;

use egui::{Rect, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use self::data_card::data_ui;
use self::network::NetworkAction;
use super::application::{App, RIGHT_COLUMN};
use super::ui::theme::color;
use super::ui::widgets::{card, cards};
use super::workspace::Workspace;
use crate::monitor::{Command, PreviewRequest};
use crate::style::{Palette, space};

const LEFT_COLUMN: f32 = 300.0;
/// What the left column needs to show everything; a lower drawer scrolls.
const LEFT_COLUMN_HEIGHT: f32 = 720.0;

impl App {
    pub(crate) fn train_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, narrow: bool) {
        if narrow {
            self.narrow_workspace(ui, palette, area);
        } else {
            self.wide_workspace(ui, palette, area);
        }
    }

    /// Tells the trainer what is to be seen of the rows, where that has changed.
    pub(crate) fn request_previews(&mut self) {
        let (pinned, turn) = self.textures.wanted();
        let explored = self.explore.map().filter(|_| self.workspace == Workspace::Explore);
        let map = explored.unwrap_or(&self.map);
        let request = PreviewRequest { pinned, turn, train_rows: map.train_rows, errors: map.wants_errors() };
        if request != self.requested_previews && self.snapshot.answers {
            self.send(Command::SetPreview(request.clone()));
            self.requested_previews = request;
        }
    }

    fn wide_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect) {
        let (work, gap) = (area.shrink(space::L), space::L);
        let left = Rect::from_min_size(work.min, vec2(LEFT_COLUMN, work.height()));
        let right = Rect::from_min_max(pos2(work.right() - RIGHT_COLUMN, work.top()), work.max);
        let center = Rect::from_min_max(pos2(left.right() + gap, work.top()), pos2(right.left() - gap, work.bottom()));
        let pairs_height = pairs_height(center.width(), self.textures.lines()).min(work.height() * 0.48);
        let [curves, pairs] = split_bottom(center, pairs_height, gap);
        // Three findings, and in a high window those that need more words too.
        let findings_height = (190.0 + 0.4 * (work.height() - 700.0).max(0.0)).min(work.height() * 0.35);
        let [map, findings] = split_bottom(right, findings_height, gap);
        let column = left_cards(left);
        let all: Vec<Rect> = column.into_iter().chain([curves, pairs, map, findings]).collect();
        cards(ui, palette, area, &all);
        self.left_column(ui, palette, column);
        self.center_and_right(ui, palette, [curves, pairs, map, findings]);
    }

    fn center_and_right(&mut self, ui: &mut Ui, palette: &'static Palette, [curves, pairs, map, findings]: [Rect; 4]) {
        let snapshot = Arc::clone(&self.snapshot);
        card(ui, curves, |ui, inside| self.curves.ui(ui, palette, inside, &snapshot));
        card(ui, pairs, |ui, inside| self.textures.ui(ui, palette, inside, &snapshot));
        card(ui, map, |ui, inside| self.map.ui(ui, palette, inside, &snapshot));
        card(ui, findings, |ui, inside| self.findings.ui(ui, palette, inside, &snapshot));
    }

    fn narrow_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect) {
        let (work, gap) = (area.shrink(space::L), space::L);
        ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
            ui.set_clip_rect(area);
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let width = work.width();
                let heights = [300.0, pairs_height(width, self.textures.lines()), 430.0, 190.0];
                let total: f32 = heights.iter().sum::<f32>() + gap * (heights.len() + 1) as f32;
                let (whole, _) = ui.allocate_exact_size(vec2(area.width(), total), Sense::hover());
                let mut y = whole.top() + gap;
                let rects = heights.map(|height| {
                    let rect = Rect::from_min_size(pos2(work.left(), y), vec2(width, height));
                    y += height + gap;
                    rect
                });
                cards(ui, palette, whole, &rects);
                self.center_and_right(ui, palette, rects);
            });
        });
        if self.drawer_open {
            let drawer = Rect::from_min_size(area.min, vec2(LEFT_COLUMN + 2.0 * space::L, area.height()));
            let layer = egui::Area::new(ui.scope_id().with("drawer")).fixed_pos(drawer.min).order(egui::Order::Middle);
            layer.show(ui.ctx(), |ui| {
                ui.interact(drawer, ui.scope_id().with("veil"), Sense::click());
                ui.painter().rect_filled(drawer, 0.0, color(palette.panel));
                ui.scope_builder(UiBuilder::new().max_rect(drawer), |ui| {
                    ui.set_clip_rect(drawer);
                    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                        let size = vec2(drawer.width(), drawer.height().max(LEFT_COLUMN_HEIGHT));
                        let (whole, _) = ui.allocate_exact_size(size, Sense::hover());
                        let column = left_cards(whole.shrink(space::L));
                        cards(ui, palette, whole, &column);
                        self.left_column(ui, palette, column);
                    });
                });
                ui.painter().vline(drawer.right() - 0.5, drawer.y_range(), Stroke::new(1.0, color(palette.line)));
            });
        }
    }

    fn left_column(&mut self, ui: &mut Ui, palette: &'static Palette, [network, data, controls]: [Rect; 3]) {
        let snapshot = Arc::clone(&self.snapshot);
        let act = card(ui, network, |ui, inside| self.network.ui(ui, palette, inside, &snapshot, &self.presets));
        card(ui, data, |ui, inside| data_ui(ui, palette, inside, &snapshot, &self.textures));
        let edit = card(ui, controls, |ui, inside| self.controls.ui(ui, palette, inside, &snapshot));
        if let Some((field, value)) = edit {
            self.send(Command::Edit { field, value });
        }
        match act {
            Some(NetworkAction::Preset(name)) => self.choose_preset(&name, None),
            Some(NetworkAction::Train(spec)) => self.change_design(*spec, None),
            None => {}
        }
    }
}

/// Network, data and controls, from the top.
fn left_cards(column: Rect) -> [Rect; 3] {
    let gap = space::L;
    let data_height = 152.0;
    let room = column.height() - 2.0 * gap - data_height;
    let controls_height = 208.0_f32.min(room * 0.48);
    let network_height = (room - controls_height).min(340.0);
    let below = |rect: Rect, height: f32| {
        Rect::from_min_size(pos2(column.left(), rect.bottom() + gap), vec2(column.width(), height))
    };
    let network = Rect::from_min_size(column.min, vec2(column.width(), network_height));
    let data = below(network, data_height);
    [network, data, below(data, column.bottom() - data.bottom() - gap)]
}

/// Height of the card of pairs: so many lines of ten square tiles.
fn pairs_height(width: f32, lines: usize) -> f32 {
    22.0 + 2.0 * space::L + lines as f32 * ((width - 96.0) / 10.0 + 8.0)
}

/// The upper rest and the lower `height` of `rect`.
fn split_bottom(rect: Rect, height: f32, gap: f32) -> [Rect; 2] {
    let y = rect.bottom() - height;
    [Rect::from_min_max(rect.min, pos2(rect.right(), y - gap)), Rect::from_min_max(pos2(rect.left(), y), rect.max)]
}
