//! Top bar and status bar.

use std::sync::Arc;

use egui::{Align2, Color32, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::application::App;
use crate::app::ui::format::short_path;
use crate::app::ui::icons;
use crate::app::ui::theme::{ThemeChoice, color, regular, semibold};
use crate::app::ui::widgets::{
    Button, ButtonKind, Icon, accessible_label, elided, focus_ring, line_of_text, text_label, text_width,
};
use crate::app::undo::ModelOrigin;
use crate::app::workspace::Place;
use crate::device::{DeviceChoice, DeviceInfo, DeviceKind};
use crate::monitor::{Command, PlayState};
use crate::style;
use crate::style::{Palette, size, space};

impl App {
    pub(crate) fn top_bar(&mut self, ui: &mut Ui, palette: &Palette, bar: Rect, narrow: bool) {
        ui.painter().hline(bar.x_range(), bar.bottom() - 0.5, Stroke::new(1.0, color(palette.line)));
        let y = bar.center().y;
        let mark = Rect::from_center_size(pos2(bar.left() + 26.0, y), vec2(15.0, 19.0));
        icons::hourglass(ui.painter(), mark, color(palette.accent));
        let name = ui.painter().text(
            pos2(bar.left() + 50.0, y),
            Align2::LEFT_CENTER,
            "Hourglass",
            semibold(size::NAME),
            color(palette.text),
        );
        let mut left = name.right() + space::L;
        if narrow && self.place == Place::Train {
            let help = "Model, data and settings of the run";
            let kind = if self.workspaces.train.drawer_open { ButtonKind::ChipOn } else { ButtonKind::Chip };
            let button = Button::new(kind, "Model", help);
            let rect = Rect::from_min_size(pos2(left, y - 10.0), button.size(ui));
            left = rect.right() + space::M;
            if button.show(ui, palette, rect).clicked() {
                self.workspaces.train.drawer_open = !self.workspaces.train.drawer_open;
            }
        }

        let mut right = pos2(bar.right() - space::L, y - 15.0);
        let (label, icon, enabled): (&str, Icon, bool) = match self.moment.snapshot.progress.state {
            PlayState::Playing => ("Pause", icons::pause, true),
            PlayState::Paused => ("Play", icons::play, true),
            PlayState::Finished | PlayState::Failed => ("Train again", icons::play, true),
            PlayState::Preparing => ("Preparing", icons::play, false),
            PlayState::Finishing => ("Evaluating", icons::play, false),
        };
        let over = matches!(self.moment.snapshot.progress.state, PlayState::Finished | PlayState::Failed);
        let help = match (over, self.workspaces.train.edited().is_some()) {
            (true, true) => "Train the model with its edited layers (Space)",
            (true, false) => "Train again from the same seed (Space)",
            (false, _) => "Pause or resume (Space)",
        };
        let button = Button::new(ButtonKind::Primary, label, help).icon(icon, true).enabled(enabled);
        let (response, start) = button.show_right(ui, palette, right);
        if response.clicked() {
            self.play_or_pause();
        }
        right.x = start - space::S;
        let step = Button::new(ButtonKind::Plain, "Step", "Run one training step, then pause (S)")
            .icon(icons::step, false)
            .enabled(self.can_step());
        let (response, start) = step.show_right(ui, palette, right);
        if response.clicked() {
            self.send(Command::Step);
        }
        right.x = start - space::S;
        let restart = Button::new(ButtonKind::Plain, "Restart", "Restart from the same seed; this run is kept (R)")
            .icon(icons::restart, false);
        let (response, start) = restart.show_right(ui, palette, right);
        if response.clicked() {
            self.request_restart();
        }
        // Buttons of the program stand apart from those of the run.
        right.x = start - space::L;
        right.x = self.program_buttons(ui, palette, right) - space::L;
        if self.moment.snapshot.progress.samples_per_second > 0.0
            && self.moment.snapshot.progress.state == PlayState::Playing
        {
            let rate = self.moment.snapshot.progress.samples_per_second;
            // Three significant digits, so that the text does not jitter.
            let unit = 10_f64.powf((rate.log10().floor() - 2.0).max(0.0));
            let text = format!("{} samples/s", style::grouped(((rate / unit).round() * unit) as u64));
            let at = pos2(right.x, y);
            let place = (at, Align2::RIGHT_CENTER);
            let drawn = text_label(ui, "speed", place, &text, regular(size::TEXT), color(palette.muted));
            right.x = drawn.left() - space::L;
        }
        self.run_chip(ui, palette, Rect::from_min_max(pos2(left, bar.top()), pos2(right.x, bar.bottom())));
    }

    /// Draws the buttons for help, theme and Open; returns their left edge.
    fn program_buttons(&mut self, ui: &mut Ui, palette: &Palette, mut right: egui::Pos2) -> f32 {
        let help = Button::new(ButtonKind::Plain, "Keyboard shortcuts", "Show the keyboard shortcuts (?)")
            .icon(icons::help, false);
        let (response, start) = help.show_right(ui, palette, right);
        if response.clicked() {
            self.help_open = true;
        }
        right.x = start - space::S;
        let theme =
            Button::new(ButtonKind::Plain, "Theme", "Dark, light or system theme (T)").icon(icons::theme, false);
        let (response, start) = theme.show_right(ui, palette, right);
        egui::Popup::menu(&response).width(160.0).show(|ui| {
            for (choice, name) in ThemeChoice::ALL {
                if ui.selectable_label(self.options.theme == choice, name).clicked() {
                    self.choose_theme(choice);
                }
            }
        });
        right.x = start - space::S;
        let open = Button::new(ButtonKind::Plain, "Open a file", "Open a model, data, a spec or a run (Ctrl+O)")
            .icon(icons::open, false);
        let (response, start) = open.show_right(ui, palette, right);
        if response.clicked() {
            self.ask_to_open();
        }
        start
    }

    /// Draws the name of the run or model; a click opens the list of runs.
    fn run_chip(&mut self, ui: &mut Ui, palette: &Palette, room: Rect) {
        let snapshot = &self.moment.snapshot;
        let of_run = self.moment.folder.as_deref().or(self.options.run.source.opened());
        let name = of_run.and_then(std::path::Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "Runs".to_owned());
        let data = snapshot.run.data.name.clone();
        let model = match snapshot.run.preset.as_deref() {
            _ if data.is_empty() => String::new(),
            Some(preset) if preset != name => format!(", {preset}"),
            None if self.model_choice() == ModelOrigin::Suggested => ", suggested".to_owned(),
            _ => String::new(),
        };
        let font = semibold(size::TEXT);
        let full = ui.painter().layout_no_wrap(name.clone(), font.clone(), Color32::WHITE).size().x;
        // The name leaves room for data and model, where there is some.
        let share = if data.is_empty() || room.width() < 320.0 { 1.0 } else { 0.5 };
        let width = full.min(share * room.width() - 40.0).max(24.0);
        let chip = Rect::from_min_size(pos2(room.left() - 8.0, room.center().y - 13.0), vec2(width + 34.0, 26.0));
        let response = ui.interact(chip, ui.scope_id().with("runs"), Sense::click());
        let here = self.place == Place::Runs;
        if here || response.hovered() {
            let radius = CornerRadius::same(space::RADIUS_CONTROL);
            ui.painter().rect_filled(chip, radius, color(palette.raised));
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        let ink = color(if here { palette.accent } else { palette.text });
        let shown = elided(ui, &name, &font, width);
        text_label(ui, &name, (pos2(room.left(), room.center().y), Align2::LEFT_CENTER), &shown, font, ink);
        let more = Rect::from_center_size(pos2(chip.right() - 13.0, room.center().y + 1.0), vec2(8.0, 8.0));
        icons::more(ui.painter(), more, color(palette.muted));
        focus_ring(ui, palette, &response, chip);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, "Runs on disk"));
        let left = chip.right() + space::XS;
        if room.right() - left > 60.0 {
            let at = pos2(left, room.center().y);
            let (words, width, font) = (format!("{data}{model}"), room.right() - left, regular(size::TEXT));
            // The name of the data is elided first.
            let of_data = elided(ui, &data, &font, (width - text_width(ui, &model, &font)).max(60.0));
            let shown = elided(ui, &format!("{of_data}{model}"), &font, width);
            let rect = text_label(ui, &words, (at, Align2::LEFT_CENTER), &shown, font, color(palette.muted));
            if shown != words {
                ui.interact(rect, ui.scope_id().with("data and model"), Sense::hover()).on_hover_text(words);
            }
        }
        if response.clicked() {
            self.go_to(if here { self.before } else { Place::Runs });
        }
        response.on_hover_text(format!("{name}\nRuns on disk: compare, open, resume, delete (0)"));
    }

    pub(crate) fn toggle_theme(&mut self, ui: &Ui) {
        let dark = self.options.theme.palette(ui.ctx().system_theme()).dark;
        self.choose_theme(if dark { ThemeChoice::Light } else { ThemeChoice::Dark });
    }

    fn choose_theme(&mut self, theme: ThemeChoice) {
        (self.options.theme, self.options.settings.theme) = (theme, theme);
    }

    pub(crate) fn status_bar(&mut self, ui: &mut Ui, palette: &Palette, bar: Rect) {
        ui.painter().hline(bar.x_range(), bar.top() + 0.5, Stroke::new(1.0, color(palette.line)));
        let y = bar.center().y;
        let moment = Arc::clone(&self.moment);
        let snapshot = &moment.snapshot;
        let mut x = bar.left() + space::L;
        let write = |x: f32, text: &str, bold: bool, ink: Color32| {
            let font = if bold { semibold(size::SECOND) } else { regular(size::SECOND) };
            ui.painter().text(pos2(x, y), Align2::LEFT_CENTER, text, font, ink).right()
        };
        let (ink, muted) = (color(palette.text), color(palette.muted));
        let (kind, name) = match &snapshot.run.device {
            None => ("Device".to_owned(), snapshot.progress.message.clone()),
            Some(info) if info.device == DeviceKind::Cpu => ("CPU".to_owned(), info.adapter.clone()),
            Some(info) if info.software => ("Software GPU".to_owned(), info.adapter.clone()),
            Some(info) => ("GPU".to_owned(), info.adapter.clone()),
        };
        let start = x;
        x = write(x, &kind, true, ink) + 5.0;
        let width = ui.painter().layout_no_wrap(name.clone(), regular(size::SECOND), muted).size().x.min(260.0);
        line_of_text(ui, pos2(x, y), width, &name, regular(size::SECOND), muted);
        x += width;
        let device = Rect::from_min_max(pos2(start - 6.0, bar.top() + 3.0), pos2(x + 6.0, bar.bottom() - 3.0));
        let chosen = self.device_menu(ui, palette, device);
        x += space::XL;
        let painter = ui.painter().clone();
        let write = |x: f32, text: &str, bold: bool, ink: Color32| {
            let font = if bold { semibold(size::SECOND) } else { regular(size::SECOND) };
            painter.text(pos2(x, y), Align2::LEFT_CENTER, text, font, ink).right()
        };
        if let Some(whole) = snapshot.progress.step.checked_div(snapshot.run.steps_per_epoch) {
            let epochs = snapshot.run.spec.as_ref().map_or(0, |spec| spec.train.epochs);
            let epoch = (whole + 1).min(u64::from(epochs));
            accessible_label(
                ui,
                "step",
                bar,
                &format!("epoch {epoch} of {epochs}, step {}", style::grouped(snapshot.progress.step)),
            );
            x = write(x, "epoch", false, muted) + 4.0;
            x = write(x, &epoch.to_string(), true, ink) + 4.0;
            x = write(x, &format!("of {epochs}"), false, muted) + space::XL;
            x = write(x, "step", false, muted) + 4.0;
            x = write(x, &style::grouped(snapshot.progress.step), true, ink) + space::XL;
            if snapshot.progress.state == PlayState::Playing
                && let Some(left) = snapshot.seconds_left()
            {
                x = write(x, &format!("{} left", style::clock(left)), false, muted) + space::XL;
            }
        }
        let (message, ink) = self.message(palette);
        let galley = ui.painter().layout_no_wrap(message.clone(), regular(size::SECOND), ink);
        let room = bar.right() - space::L - x;
        let width = galley.size().x.min(room);
        let at = pos2(bar.right() - space::L - width, y);
        let rect = line_of_text(ui, at, width, &message, regular(size::SECOND), ink);
        if !message.is_empty() {
            ui.interact(rect, ui.scope_id().with("message"), Sense::hover()).on_hover_text(&message);
        }
        if let Some(choice) = chosen {
            self.choose_device(choice);
        }
    }

    /// Returns the message at the right of the status bar.
    pub(crate) fn message(&self, palette: &Palette) -> (String, Color32) {
        let snapshot = &self.moment.snapshot;
        if let Some(error) = &self.error {
            return (error.clone(), color(palette.bad));
        }
        if let Some(status) = self.workspaces.get(self.place).status(palette) {
            return status;
        }
        if snapshot.progress.state == PlayState::Failed {
            return (snapshot.progress.message.clone(), color(palette.bad));
        }
        if let Some(notice) = &self.notice {
            return (notice.clone(), color(palette.muted));
        }
        if !snapshot.progress.message.is_empty() && snapshot.run.device.is_some() {
            return (snapshot.progress.message.clone(), color(palette.muted));
        }
        let text = match (snapshot.progress.best, &self.moment.folder) {
            (Some((epoch, loss)), Some(dir)) => {
                format!("best {} at epoch {epoch}, saved in {}", style::figure(loss), short_path(dir))
            }
            (None, Some(dir)) => format!("saving to {}", short_path(dir)),
            _ => String::new(),
        };
        (text, color(palette.muted))
    }

    pub(crate) fn device_menu(&self, ui: &mut Ui, palette: &Palette, rect: Rect) -> Option<DeviceChoice> {
        let response = ui.interact(rect, ui.scope_id().with("device"), Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, "Device"));
        if response.hovered() {
            let stroke = Stroke::new(1.0, color(palette.line));
            let radius = CornerRadius::same(space::RADIUS_CONTROL);
            ui.painter().rect_stroke(rect, radius, stroke, StrokeKind::Inside);
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        focus_ring(ui, palette, &response, rect);
        let mut chosen = None;
        let notes = self.moment.snapshot.run.device.as_ref().map(DeviceInfo::notes).unwrap_or_default();
        // Notes arrive with the device; another id lets a menu that was opened before grow to fit them.
        egui::Popup::menu(&response).id(response.id.with(notes.len())).width(320.0).show(|ui| {
            for (name, choice) in &self.options.devices {
                let here = *choice == self.options.run.device;
                if ui.selectable_label(here, name).clicked() {
                    chosen = Some(*choice);
                }
            }
            // Notes are not stretched to the width of the menu like its buttons.
            ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                for note in &notes {
                    let text = egui::RichText::new(note).size(size::SECOND).color(color(palette.muted));
                    ui.add(egui::Label::new(text).wrap());
                }
            });
        });
        let hint = "Device of the training. Choosing another restarts the run on it.";
        let hint = [hint.to_owned()].into_iter().chain(notes).collect::<Vec<_>>().join("\n");
        response.on_hover_text(hint);
        chosen
    }
}
