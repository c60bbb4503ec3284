//! What the keyboard does; `help` has the table.

use egui::{Key, Modifiers, Ui};

use crate::app::application::App;
use crate::app::workspace::{PLACES, Workspace};
use crate::monitor::Command;

impl App {
    pub(crate) fn keys(&mut self, ui: &Ui) {
        let taken = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        if taken(Modifiers::COMMAND, Key::Q) {
            self.quit = true;
        }
        if taken(Modifiers::NONE, Key::F11) {
            let full = ui.input(|input| input.viewport().fullscreen.unwrap_or(false));
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
        }
        if ui.ctx().text_edit_focused() || self.sheet_is_open() {
            return;
        }
        if taken(Modifiers::COMMAND, Key::O) {
            self.ask_to_open(ui.ctx());
        }
        // With Shift first: without it the other would take both.
        if taken(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z) || taken(Modifiers::COMMAND, Key::Y) {
            self.redo();
        } else if taken(Modifiers::COMMAND, Key::Z) {
            self.undo();
        }
        if ui.input(|input| input.events.iter().any(|event| matches!(event, egui::Event::Text(text) if text == "?"))) {
            self.help_open = true;
        }
        let focused = ui.memory(|memory| memory.focused().is_some());
        let pressed = |key| ui.input(|input| input.key_pressed(key) && input.modifiers.is_none());
        // Space and 0 belong to what has the keyboard, if anything has: 0 puts a map back.
        if pressed(Key::Space) && !focused {
            self.play_or_pause();
        }
        if pressed(Key::S) && self.can_step() {
            self.send(Command::Step);
        }
        if pressed(Key::R) {
            self.restart();
        }
        if pressed(Key::L) {
            self.curves.log_scale = !self.curves.log_scale;
        }
        for place in &PLACES {
            if pressed(place.key) {
                self.go_to(place.workspace);
            }
        }
        if pressed(Key::Num0) && !focused {
            self.go_to(Workspace::Runs);
        }
        if pressed(Key::T) {
            self.toggle_theme(ui);
        }
        if pressed(Key::Escape) {
            if self.drawer_open {
                self.drawer_open = false;
            } else if self.workspace == Workspace::Runs && !self.runs.keep() {
                self.go_to(self.before);
            }
        }
    }
}
