//! What frames the workspaces: the top bar and the status bar.

use std::sync::Arc;

use egui::{Align2, Color32, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::workspace::Workspace;
use super::{App, short_path};
use crate::app::icons;
use crate::app::theme::{colour, regular, semibold};
use crate::app::widgets::{Button, ButtonKind, Icon, focus_ring, line_of_text};
use crate::device::DeviceChoice;
use crate::style::{self, Palette, size, space};
use crate::train::{Command, PlayState};

impl App {
    pub(super) fn top_bar(&mut self, ui: &mut Ui, palette: &Palette, bar: Rect, narrow: bool) {
        ui.painter().hline(bar.x_range(), bar.bottom() - 0.5, Stroke::new(1.0, colour(palette.line)));
        let y = bar.center().y;
        let mark = Rect::from_center_size(pos2(bar.left() + 26.0, y), vec2(15.0, 19.0));
        icons::hourglass(ui.painter(), mark, colour(palette.accent));
        let name = ui.painter().text(
            pos2(bar.left() + 50.0, y),
            Align2::LEFT_CENTER,
            "Hourglass",
            semibold(size::NAME),
            colour(palette.text),
        );
        let mut left = name.right() + space::L;
        if narrow {
            let help = "Model, data and what can be changed while it runs";
            let kind = if self.drawer_open { ButtonKind::ChipOn } else { ButtonKind::Chip };
            let button = Button::new(kind, "Model", help);
            let rect = Rect::from_min_size(pos2(left, y - 10.0), button.size(ui));
            left = rect.right() + space::M;
            if button.show(ui, palette, rect).clicked() {
                self.drawer_open = !self.drawer_open;
            }
        }

        let mut right = pos2(bar.right() - space::L, y - 15.0);
        let (label, icon, enabled): (&str, Icon, bool) = match self.snapshot.state {
            PlayState::Playing => ("Pause", icons::pause, true),
            PlayState::Paused => ("Play", icons::play, true),
            PlayState::Finished | PlayState::Failed => ("Train again", icons::play, true),
            PlayState::Preparing => ("Preparing", icons::play, false),
            PlayState::Finishing => ("Measuring", icons::play, false),
        };
        let button =
            Button::new(ButtonKind::Primary, label, "Pause or go on (Space)").icon(icon, true).enabled(enabled);
        let (response, start) = button.show_right(ui, palette, right);
        if response.clicked() {
            self.play_or_pause();
        }
        right.x = start - space::S;
        let step = Button::new(ButtonKind::Plain, "Step", "One step of training, then pause (S)")
            .icon(icons::step, false)
            .enabled(self.can_step());
        let (response, start) = step.show_right(ui, palette, right);
        if response.clicked() {
            self.send(Command::Step);
        }
        right.x = start - space::S;
        let restart = Button::new(ButtonKind::Plain, "Restart", "Start again from the same seed; this run is kept (R)")
            .icon(icons::restart, false);
        let (response, start) = restart.show_right(ui, palette, right);
        if response.clicked() {
            self.start();
        }
        right.x = start - space::S;
        let theme =
            Button::new(ButtonKind::Plain, "Theme", "Change between dark and light (T)").icon(icons::theme, false);
        let (response, start) = theme.show_right(ui, palette, right);
        if response.clicked() {
            self.toggle_theme(ui);
        }
        right.x = start - space::L;
        if self.snapshot.samples_per_second > 0.0 && self.snapshot.state == PlayState::Playing {
            let rate = self.snapshot.samples_per_second;
            // Three digits that hold still.
            let unit = 10_f64.powf((rate.log10().floor() - 2.0).max(0.0));
            let text = format!("{} images/s", style::grouped(((rate / unit).round() * unit) as u64));
            let at = pos2(right.x, y);
            let drawn = ui.painter().text(at, Align2::RIGHT_CENTER, text, regular(size::TEXT), colour(palette.muted));
            right.x = drawn.left() - space::L;
        }
        let open = format!("{}, {}", self.snapshot.data.name, self.snapshot.preset.as_deref().unwrap_or("own spec"));
        let open = if self.snapshot.data.name.is_empty() { String::new() } else { open };
        line_of_text(ui, pos2(left, y), right.x - left, &open, regular(size::TEXT), colour(palette.muted));
    }

    pub(super) fn status_bar(&mut self, ui: &mut Ui, palette: &Palette, bar: Rect) {
        ui.painter().hline(bar.x_range(), bar.top() + 0.5, Stroke::new(1.0, colour(palette.line)));
        let y = bar.center().y;
        let snapshot = Arc::clone(&self.snapshot);
        let mut x = bar.left() + space::L;
        let write = |x: f32, text: &str, bold: bool, ink: Color32| {
            let font = if bold { semibold(size::SECOND) } else { regular(size::SECOND) };
            ui.painter().text(pos2(x, y), Align2::LEFT_CENTER, text, font, ink).right()
        };
        let (ink, muted) = (colour(palette.text), colour(palette.muted));
        let (kind, name) = match &snapshot.device {
            None => ("Device".to_owned(), snapshot.message.clone()),
            Some(info) if info.device == "cpu" => ("CPU".to_owned(), info.adapter.clone()),
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
        if let Some(whole) = snapshot.step.checked_div(snapshot.steps_per_epoch) {
            let epochs = snapshot.spec.as_ref().map_or(0, |spec| spec.train.epochs);
            let epoch = (whole + 1).min(u64::from(epochs));
            x = write(x, "epoch", false, muted) + 4.0;
            x = write(x, &epoch.to_string(), true, ink) + 4.0;
            x = write(x, &format!("of {epochs}"), false, muted) + space::XL;
            x = write(x, "step", false, muted) + 4.0;
            x = write(x, &style::grouped(snapshot.step), true, ink) + space::XL;
            if snapshot.state == PlayState::Playing
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
            self.options.run.device = choice;
            self.start();
        }
    }

    /// What is said at the right of the status bar.
    pub(super) fn message(&self, palette: &Palette) -> (String, Color32) {
        if self.workspace == Workspace::Denoise {
            return self.denoise.message(palette);
        }
        let snapshot = &self.snapshot;
        if let Some(error) = &self.error {
            return (error.clone(), colour(palette.bad));
        }
        if snapshot.state == PlayState::Failed {
            return (snapshot.message.clone(), colour(palette.bad));
        }
        if self.workspace == Workspace::Explore
            && let Some((words, fault)) = self.explore.notice()
        {
            return (words.to_owned(), colour(if fault { palette.bad } else { palette.muted }));
        }
        if !snapshot.message.is_empty() && snapshot.device.is_some() {
            return (snapshot.message.clone(), colour(palette.muted));
        }
        let text = match (snapshot.best, &snapshot.run_dir) {
            (Some((epoch, loss)), Some(dir)) => {
                format!("best {} at epoch {epoch}, saved in {}", style::figure(loss), short_path(dir))
            }
            (None, Some(dir)) => format!("saving to {}", short_path(dir)),
            _ => String::new(),
        };
        (text, colour(palette.muted))
    }

    pub(super) fn device_menu(&self, ui: &mut Ui, palette: &Palette, rect: Rect) -> Option<DeviceChoice> {
        let response = ui.interact(rect, ui.scope_id().with("device"), Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, "Device"));
        if response.hovered() {
            let stroke = Stroke::new(1.0, colour(palette.line));
            let radius = CornerRadius::same(space::RADIUS_CONTROL);
            ui.painter().rect_stroke(rect, radius, stroke, StrokeKind::Inside);
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        focus_ring(ui, palette, &response, rect);
        let mut chosen = None;
        egui::Popup::menu(&response).width(320.0).show(|ui| {
            for (name, choice) in &self.options.devices {
                let here = *choice == self.options.run.device;
                if ui.selectable_label(here, name).clicked() {
                    chosen = Some(*choice);
                }
            }
        });
        response.on_hover_text("Where training runs. Choosing another starts the run again there.");
        chosen
    }
}
