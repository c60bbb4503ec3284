//! Keyboard shortcuts; `help` lists them.

use egui::{Key, Modifiers, Ui};

use crate::app::application::App;
use crate::app::ui::widgets::{release_keys, value_with_keys};
use crate::app::workspace::{PLACES, Place, WorkspaceEvent};
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
        if ui.input(|input| input.pointer.any_pressed()) {
            release_keys(ui.ctx());
        }
        if ui.ctx().text_edit_focused() || self.sheet_is_open() {
            return;
        }
        if taken(Modifiers::COMMAND, Key::O) {
            self.ask_to_open();
        }
        // Shift first: the plain shortcut would consume both.
        if taken(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z) || taken(Modifiers::COMMAND, Key::Y) {
            self.redo();
        } else if taken(Modifiers::COMMAND, Key::Z) {
            self.undo();
        }
        if ui.input(|input| input.events.iter().any(|event| matches!(event, egui::Event::Text(text) if text == "?"))) {
            self.help_open = true;
        }
        // What is typed at a value is meant for it, although it takes no text.
        if let Some(name) = value_with_keys(ui.ctx()) {
            let is_text = |event: &egui::Event| matches!(event, egui::Event::Text(text) if !text.trim().is_empty());
            if ui.input(|input| input.events.iter().any(is_text)) {
                self.notice = Some(format!("{name} takes no typed text; Esc gives the keys back to the shortcuts"));
            }
            if ui.input(|input| input.key_pressed(Key::Escape)) {
                release_keys(ui.ctx());
                self.notice = None;
            }
            return;
        }
        let focused = ui.memory(|memory| memory.focused().is_some());
        let pressed = |key| ui.input(|input| input.key_pressed(key) && input.modifiers.is_none());
        // Space and 0 belong to the focused control, if any: 0 resets a map.
        if pressed(Key::Space) && !focused {
            let action = self.workspaces.at(self.place).primary_action();
            self.carry_out(action.into_iter().collect());
        }
        if pressed(Key::S) && self.can_step() {
            self.send(Command::Step);
        }
        if pressed(Key::R) {
            self.request_restart();
        }
        if pressed(Key::L) {
            self.tell(Place::Train, WorkspaceEvent::Key(Key::L));
        }
        for entry in &PLACES {
            if pressed(entry.key) {
                self.go_to(entry.place);
            }
        }
        if pressed(Key::Num0) && !focused {
            self.go_to(Place::Runs);
        }
        if pressed(Key::T) {
            self.toggle_theme(ui);
        }
        if pressed(Key::Escape) {
            self.tell(self.place, WorkspaceEvent::Key(Key::Escape));
        }
    }
}
