//! Menu of data to train on: the embedded digits, what was opened lately, files and folders.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui::text::{LayoutJob, TextFormat};
use egui::{Rect, Ui, WidgetInfo, vec2};

use crate::app::ui::format::short_path;
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::waker;
use crate::app::ui::widgets::{Button, ButtonKind, elided};
use crate::app::workspace::DataChoice;
use crate::platform::Task;
use crate::style::{Palette, Rgb, size, space};

/// State of the menu between frames.
#[derive(Debug, Default)]
pub(crate) struct DataMenu {
    /// Search for what is no longer there, made on a thread of its own each time that the menu opens.
    search: Option<Task<(), Vec<String>>>,
    missing: Vec<String>,
}

const WIDTH: f32 = 320.0;

impl DataMenu {
    /// Draws the button and, when it is open, the menu; returns the choice and the left edge of the button. `present` is
    /// the source on display.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        recent: &[String],
        present: Option<&str>,
    ) -> (Option<DataChoice>, f32) {
        let help = "Choose other data to train on";
        let button = Button::new(ButtonKind::Chip, "change", help).named("change data");
        let (button, left) = button.show_right(ui, palette, inside.right_top());
        if button.clicked() {
            let recent = recent.to_vec();
            let search =
                move |_: &mut dyn FnMut(()) -> _| recent.into_iter().filter(|path| !Path::new(path).exists()).collect();
            // Without a thread nothing is known to be missing; opening it says so.
            self.search = Task::start("hourglass-recent", waker(ui.ctx()), search).ok();
        }
        if let Some(missing) = self.search.as_ref().and_then(Task::take) {
            (self.missing, self.search) = (missing, None);
        }
        let mut chosen = None;
        egui::Popup::menu(&button).width(WIDTH).show(|ui| {
            ui.spacing_mut().scroll = egui::style::ScrollStyle::solid();
            ui.spacing_mut().button_padding = vec2(space::S, 5.0);
            let below = ui.ctx().content_rect().bottom() - button.rect.bottom();
            let height = below.max(button.rect.top()) - 3.0 * space::XL;
            note(ui, palette, "The kind of model is kept, and so is the current run");
            egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
                ui.with_layout(egui::Layout::top_down_justified(egui::Align::LEFT), |ui| {
                    chosen = self.entries(ui, palette, recent, present);
                });
            });
        });
        (chosen, left)
    }

    fn entries(&self, ui: &mut Ui, palette: &Palette, recent: &[String], present: Option<&str>) -> Option<DataChoice> {
        let mut chosen = None;
        let name = "Handwritten digits (built in)";
        if entry(ui, palette, Entry { name, second: "", is_here: present == Some("mnist"), is_enabled: true }) {
            chosen = Some(DataChoice::Digits);
        }
        if !recent.is_empty() {
            ui.add_space(space::XS);
            note(ui, palette, "Opened lately");
        }
        for text in recent {
            let path = Path::new(text);
            let name = path.file_name().map_or_else(|| text.clone(), |name| name.to_string_lossy().into_owned());
            let is_missing = self.missing.contains(text);
            let folder = path.parent().map(short_path).unwrap_or_default();
            let second = if is_missing { format!("No longer in {folder}") } else { format!("in {folder}") };
            let is_here = present == Some(text);
            if entry(ui, palette, Entry { name: &name, second: &second, is_here, is_enabled: !is_missing }) {
                chosen = Some(DataChoice::Path(PathBuf::from(text)));
            }
        }
        ui.separator();
        for (name, choice) in
            [("Open a file \u{2026}", DataChoice::AskFile), ("Open a folder \u{2026}", DataChoice::AskFolder)]
        {
            if entry(ui, palette, Entry { name, second: "", is_here: false, is_enabled: true }) {
                chosen = Some(choice);
            }
        }
        note(ui, palette, "Or drop a file or a folder anywhere in the window");
        chosen
    }
}

fn note(ui: &mut Ui, palette: &Palette, words: &str) {
    let text = egui::RichText::new(words).font(regular(size::SECOND)).color(color(palette.muted));
    ui.add(egui::Label::new(text).wrap());
}

struct Entry<'a> {
    name: &'a str,
    second: &'a str,
    is_here: bool,
    is_enabled: bool,
}

/// Draws an entry; returns whether it is chosen.
fn entry(ui: &mut Ui, palette: &Palette, Entry { name, second, is_here, is_enabled }: Entry<'_>) -> bool {
    let width = ui.available_width() - 2.0 * space::S;
    let mut job = LayoutJob::default();
    let ink = |ink: Rgb| color(if is_enabled { ink } else { palette.faint });
    let shown = elided(ui, name, &semibold(size::TEXT), width);
    job.append(&shown, 0.0, TextFormat::simple(semibold(size::TEXT), ink(palette.text)));
    let mut is_cut = shown != name;
    if !second.is_empty() {
        let shown = elided(ui, second, &regular(size::SECOND), width);
        is_cut |= shown != second;
        job.append(&format!("\n{shown}"), 0.0, TextFormat::simple(regular(size::SECOND), color(palette.muted)));
    }
    // What is missing is told by its words, which are to be read.
    ui.visuals_mut().disabled_alpha = 1.0;
    let response = ui.add_enabled(is_enabled, egui::Button::selectable(is_here, job));
    response.widget_info(|| WidgetInfo::selected(Role::MenuItemRadio, is_enabled, is_here, name));
    let is_chosen = response.clicked();
    if is_cut {
        let words = format!("{name}\n{second}");
        response.on_hover_text(&words).on_disabled_hover_text(words);
    }
    is_chosen
}
