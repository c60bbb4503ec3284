//! What the keyboard does.

use egui::{Key, Ui};

use super::App;
use super::workspace::PLACES;
use crate::train::Command;

impl App {
    pub(super) fn keys(&mut self, ui: &Ui) {
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::COMMAND, Key::Q)) {
            self.quit = true;
        }
        if ui.ctx().text_edit_focused() {
            return;
        }
        let focused = ui.memory(|memory| memory.focused().is_some());
        let pressed = |key| ui.input(|input| input.key_pressed(key) && input.modifiers.is_none());
        // Space belongs to what has the keyboard, if anything has.
        if pressed(Key::Space) && !focused {
            self.play_or_pause();
        }
        if pressed(Key::S) && self.can_step() {
            self.send(Command::Step);
        }
        if pressed(Key::R) {
            self.start();
        }
        if pressed(Key::L) {
            self.curves.log_scale = !self.curves.log_scale;
        }
        for place in &PLACES {
            if pressed(place.key) {
                self.go_to(place.workspace);
            }
        }
        if pressed(Key::T) {
            self.toggle_theme(ui);
        }
        if pressed(Key::Escape) {
            self.drawer_open = false;
        }
    }
}
