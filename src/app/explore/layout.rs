//! Where the cards of Explore lie.

use std::sync::Arc;

use egui::{Rect, Ui, pos2, vec2};

use crate::app::application::{App, RIGHT_COLUMN};
use crate::app::ui::widgets::{card, cards};
use crate::style::{Palette, space};

impl App {
    pub(crate) fn explore_workspace(&mut self, ui: &mut Ui, palette: &'static Palette, area: Rect, narrow: bool) {
        let (work, gap) = (area.shrink(space::L), space::L);
        let snapshot = Arc::clone(&self.snapshot);
        let column = if narrow { 280.0 } else { RIGHT_COLUMN };
        let left = Rect::from_min_max(work.min, pos2(work.right() - column - gap, work.bottom()));
        let right = Rect::from_min_max(pos2(work.right() - column, work.top()), work.max);
        let picture = (column + 28.0).min(right.height() * 0.52);
        let one = Rect::from_min_size(right.min, vec2(column, picture));
        let sliders = Rect::from_min_max(pos2(right.left(), one.bottom() + gap), right.max);
        let operations = if narrow { 178.0 } else { (left.height() * 0.29).clamp(196.0, 320.0) };
        let operations = Rect::from_min_max(pos2(left.left(), left.bottom() - operations), left.max);
        let map = Rect::from_min_max(left.min, pos2(left.right(), operations.top() - gap));
        let rects = [map, operations, one, sliders];
        cards(ui, palette, area, &rects);
        let insides = rects.map(|rect| card(ui, rect, |_, inside| inside));
        self.explore.ui(ui, palette, insides, &snapshot);
    }

    /// Latent numbers that Explore shows, for tests.
    pub fn explored_latents(&self) -> &[f32] {
        self.explore.latents()
    }

    /// Latent numbers where the walk ends, for tests.
    pub fn interpolation_end(&self) -> Option<Vec<f32>> {
        self.explore.interpolation().0
    }

    /// Latent numbers that the walk begins with, for tests.
    pub fn interpolation_begin(&self) -> Option<Vec<f32>> {
        self.explore.interpolation_begin()
    }

    /// Why an end of the walk stays empty, for tests.
    pub fn interpolation_problem(&self) -> Option<&str> {
        self.explore.interpolation().1
    }

    /// A folder for what Explore keeps, instead of that for pictures.
    pub fn export_pictures_to(&mut self, folder: std::path::PathBuf) {
        self.explore.folder = Some(folder);
    }

    /// As if `path` had been dropped on Explore.
    pub fn drop_for_explore(&mut self, path: std::path::PathBuf) {
        self.explore.take_file(path);
    }

    /// What the status bar says, for tests.
    pub fn said(&self) -> String {
        self.message(&crate::style::DARK).0
    }
}
