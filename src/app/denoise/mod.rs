//! Denoise workspace: a queue of pictures, a before-and-after view with a divider, saving and copying.

mod backend;
mod before_after;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, pos2, vec2};

pub use self::backend::{Cleaner, Denoising, LocalDenoising};
use self::before_after::BeforeAfter;
use super::opened::{Kind, Offer, Opened};
use super::ui::theme::{color, faded, regular, semibold};
use super::ui::widgets::{
    Button, ButtonKind, Scale, Slider, card, card_title, cards, line_of_text, paragraph, part_of_line, text_label,
    value_row,
};
use super::workspace::{Action, Context, Workspace};
use crate::device::DeviceChoice;
use crate::style::{Palette, size, space};
use crate::tasks::{ItemState, QueueCommand, QueueImage, QueueItem, QueueView, Sigma, Strength};

const LINE: f32 = 26.0;
/// Initial value of a manual sigma where none was estimated.
const USUAL_SIGMA: f64 = 25.0;
const MOST_SIGMA: f64 = 75.0;
/// Least height of the list of images: three lines.
const LEAST_LIST: f32 = 2.0 * space::L + 28.0 + 3.0 * LINE + 38.0;

/// State of the workspace between frames.
pub(super) struct Denoise {
    backend: Arc<dyn Denoising>,
    cleaner: Option<Box<dyn Cleaner>>,
    view: Arc<QueueView>,
    canvas: BeforeAfter,
    /// Typed path of a picture or folder to denoise.
    path: String,
    /// Typed path of a folder to train on.
    folder: String,
    /// Reason that the engine did not start.
    problem: Option<String>,
}

impl std::fmt::Debug for Denoise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Denoise({} pictures)", self.view.items.len())
    }
}

impl Denoise {
    pub fn new(engine: Arc<dyn Denoising>) -> Self {
        Self {
            backend: engine,
            cleaner: None,
            view: Arc::default(),
            canvas: BeforeAfter::default(),
            path: String::new(),
            folder: String::new(),
            problem: None,
        }
    }

    /// Adds pictures, folders of pictures, or the model to denoise them with.
    fn add(&mut self, context: &egui::Context, paths: Vec<PathBuf>, device: DeviceChoice) {
        if let [folder] = &paths[..]
            && folder.is_dir()
        {
            self.folder = folder.display().to_string();
        }
        let is_model = |path: &Path| path.extension().is_some_and(|extension| extension == "safetensors");
        let (models, pictures): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| is_model(path));
        if self.cleaner.is_none() {
            match self.backend.open(device, context.clone()) {
                Ok(cleaner) => self.cleaner = Some(cleaner),
                Err(problem) => {
                    self.problem = Some(problem);
                    return;
                }
            }
        }
        if let Some(model) = models.into_iter().next() {
            self.send(QueueCommand::Model(Some(model)));
        }
        if !pictures.is_empty() {
            self.send(QueueCommand::Add(pictures));
        }
    }

    fn send(&self, command: QueueCommand) {
        if let Some(cleaner) = &self.cleaner {
            cleaner.send(command);
        }
    }

    fn columns_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, device: DeviceChoice) -> Option<Action> {
        let (work, gap) = (area.shrink(space::L), space::L);
        let narrow = work.width() < 900.0;
        let column = if narrow { 264.0 } else { 324.0 };
        let left = Rect::from_min_max(work.min, pos2(work.right() - column - gap, work.bottom()));
        let right = Rect::from_min_max(pos2(work.right() - column, work.top()), work.max);
        let view = Arc::clone(&self.view);
        let clean_height = 2.0 * space::L + 34.0 + 4.0 * LINE + 46.0;
        let better_height = 2.0 * space::L + 154.0;
        cards(ui, palette, Rect::from_min_max(area.min, pos2(right.left(), area.bottom())), &[left]);
        match &view.picture {
            Some(picture) => card(ui, left, |ui, inside| self.picture_ui(ui, palette, inside, &view, picture)),
            None => card(ui, left, |ui, inside| self.empty_ui(ui, palette, inside, &view, device)),
        }
        // A low window scrolls the column.
        let column_area = Rect::from_min_max(pos2(right.left(), area.top()), area.max);
        let mut asked = None;
        ui.scope_builder(UiBuilder::new().max_rect(column_area), |ui| {
            ui.set_clip_rect(column_area);
            egui::ScrollArea::vertical().id_salt("denoise column").auto_shrink(false).show(ui, |ui| {
                let least = clean_height + LEAST_LIST + better_height + 4.0 * gap;
                let height = column_area.height().max(least);
                let (whole, _) = ui.allocate_exact_size(vec2(column_area.width(), height), Sense::hover());
                let top = pos2(whole.left(), whole.top() + gap);
                let clean = Rect::from_min_size(top, vec2(column, clean_height));
                let below = pos2(top.x, whole.bottom() - gap - better_height);
                let better = Rect::from_min_size(below, vec2(column, better_height));
                let list =
                    Rect::from_min_max(pos2(top.x, clean.bottom() + gap), pos2(top.x + column, better.top() - gap));
                cards(ui, palette, whole, &[clean, list, better]);
                card(ui, clean, |ui, inside| self.clean_ui(ui, palette, inside, &view));
                card(ui, list, |ui, inside| self.list_ui(ui, palette, inside, &view));
                asked = card(ui, better, |ui, inside| self.better_ui(ui, palette, inside));
            });
        });
        asked
    }

    /// Draws the picture card: title, zoom buttons and the comparison.
    fn picture_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        view: &QueueView,
        picture: &Arc<QueueImage>,
    ) {
        let kind = match (picture.colors, picture.bits) {
            (1, 32) => "gray, 32-bit float".to_owned(),
            (colors, 32) => format!("{colors} channels, 32-bit float"),
            (1, bits) => format!("{bits}-bit gray"),
            (_, bits) => format!("{bits}-bit color"),
        };
        let mut right = pos2(inside.right(), inside.top());
        for (label, help, zoom) in [
            ("200%", "Two screen pixels per picture pixel", Some(2.0)),
            ("100%", "One screen pixel per picture pixel", Some(1.0)),
            ("fit", "Fit the whole picture (double-click)", None),
        ] {
            let on = self.canvas.zoom() == zoom;
            let kind = if on { ButtonKind::ChipOn } else { ButtonKind::Chip };
            let (response, start) = Button::new(kind, label, help).show_right(ui, palette, right);
            if response.clicked() {
                self.canvas.set_zoom(zoom);
            }
            right.x = start - space::S;
        }
        let size = format!("{}x{}, {kind}", picture.width, picture.height);
        let room = right.x - inside.left() - space::S;
        let name = line_of_text(
            ui,
            pos2(inside.left(), inside.top() + 10.0),
            room * 0.6,
            &picture.name,
            semibold(size::TEXT),
            color(palette.text),
        );
        let at = pos2(name.right() + space::S, inside.top() + 10.0);
        line_of_text(ui, at, right.x - at.x - space::S, &size, regular(size::SECOND), color(palette.muted));
        let frame = Rect::from_min_max(pos2(inside.left(), inside.top() + 32.0), inside.max);
        let before = if view.compare && picture.other.is_some() { "built in" } else { "before" };
        let after = if view.compare && picture.other.is_some() { "your model" } else { "after" };
        let looked = self.canvas.ui(ui, palette, frame, picture, [before, after]);
        if let Some(middle) = looked {
            self.send(QueueCommand::SetViewport(middle));
        }
        if picture.unchanged && view.working.is_none() {
            let words = match (view.strength.strength == 0.0, view.strength.sigma) {
                (true, _) => "Strength 0: the picture is unchanged",
                (_, Sigma::Auto) => "No noise was found: the picture is unchanged. Set sigma to denoise it anyway",
                _ => "The picture is unchanged",
            };
            before_after::plate_label(ui, pos2(frame.center().x, frame.bottom() - 20.0), Align2::CENTER_BOTTOM, words);
        }
    }

    /// Draws the drop target of an empty queue, or the error that left it empty.
    fn empty_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, view: &QueueView, device: DeviceChoice) {
        let center = inside.center();
        let width = (inside.width() - 48.0).min(520.0);
        let target = Rect::from_center_size(center, vec2(width + 48.0, 250.0));
        let hovered = ui.input(|input| !input.raw.hovered_files.is_empty());
        let ink = if hovered { palette.accent } else { palette.line };
        let fill = if hovered { faded(palette.accent, 0.06) } else { egui::Color32::TRANSPARENT };
        ui.painter().rect(target, CornerRadius::same(10), fill, Stroke::new(1.5, color(ink)), StrokeKind::Inside);
        let write = |ui: &Ui, y: f32, text: &str, font: egui::FontId, ink| {
            text_label(ui, text, (pos2(center.x, y), Align2::CENTER_CENTER), text, font, ink);
        };
        let mut y = target.top() + 50.0;
        if let Some(working) = &view.working {
            write(ui, center.y, working, semibold(size::NAME), color(palette.text));
            return;
        }
        write(ui, y, "Drop noisy pictures or a folder", semibold(size::NAME), color(palette.text));
        for words in ["They are denoised by the built-in model.", "Originals are never changed."] {
            y += 24.0;
            write(ui, y, words, regular(size::TEXT), color(palette.muted));
        }
        y += 42.0;
        let field = Rect::from_min_size(pos2(center.x - width / 2.0, y - 15.0), vec2(width, 30.0));
        if let Some(path) = path_field(ui, palette, field, &mut self.path, "or type a path", "Open") {
            self.add(ui.ctx(), vec![path], device);
        }
        y += 42.0;
        let said = self.problem.as_ref().or(view.error.as_ref()).or_else(|| failure(view.items.first()));
        match said {
            Some(problem) => {
                let at = pos2(field.left(), y - 12.0);
                paragraph(ui, at, width, problem, regular(size::TEXT), color(palette.bad));
            }
            None => {
                let words = "PNG, JPEG, WebP, TIFF, BMP, PNM and .npy; 8 and 16 bit, any size";
                write(ui, y, words, regular(size::SECOND), color(palette.muted));
            }
        }
    }

    /// Draws the card of noise level, strength, model and saving.
    fn clean_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, view: &QueueView) {
        card_title(ui, palette, inside, "Denoising", "");
        let amount = view.strength;
        let picture = view.picture.as_deref();
        let mut line = Rect::from_min_size(pos2(inside.left(), inside.top() + 30.0), vec2(inside.width(), LINE));
        let next = |line: &mut Rect| *line = line.translate(vec2(0.0, LINE));
        let found = match picture {
            None => "\u{2013}".to_owned(),
            Some(QueueImage { sigma: None, .. }) if view.working.is_some() => "estimating".to_owned(),
            Some(QueueImage { sigma: None, .. }) => "picture too small".to_owned(),
            Some(QueueImage { unchanged: true, .. }) if amount.sigma == Sigma::Auto && amount.strength > 0.0 => {
                "none".to_owned()
            }
            Some(QueueImage { sigma: Some(sigma), .. }) => format!("sigma {sigma:.1}"),
        };
        value_row(ui, palette, line, "Estimated noise", &found);
        next(&mut line);
        let slider = Slider {
            name: "Strength",
            help: "Share of the noise that is removed; 0 leaves the picture unchanged",
            low: 0.0,
            high: 1.0,
            scale: Scale::Linear,
            enabled: true,
        };
        if let Some((strength, _)) = slider.show(ui, palette, line, amount.strength, &format!("{:.2}", amount.strength))
        {
            self.send(QueueCommand::Amount(Strength { strength, ..amount }));
        }
        next(&mut line);
        let (sigma, text) = match amount.sigma {
            Sigma::Given(sigma) => (sigma, format!("{sigma:.0}")),
            Sigma::Auto => match picture.and_then(|picture| picture.sigma) {
                Some(sigma) => (sigma, format!("{sigma:.0}")),
                None => (USUAL_SIGMA, String::new()),
            },
        };
        let chip_room = 44.0;
        let track = Rect::from_min_max(line.min, pos2(line.right() - chip_room, line.bottom()));
        let slider = Slider {
            name: "Sigma",
            help: "Standard deviation of the noise on the 0 to 255 scale; no more than that is removed",
            low: 1.0,
            high: MOST_SIGMA,
            scale: Scale::Linear,
            enabled: true,
        };
        if let Some((sigma, _)) = slider.show(ui, palette, track, sigma, &text) {
            self.send(QueueCommand::Amount(Strength { sigma: Sigma::Given(sigma), ..amount }));
        }
        let auto = amount.sigma == Sigma::Auto;
        let kind = if auto { ButtonKind::ChipOn } else { ButtonKind::Chip };
        let chip = Button::new(kind, "auto", "Estimate the noise from the picture; clean pictures stay unchanged");
        let (response, _) = chip.show_right(ui, palette, pos2(line.right(), line.center().y - 10.0));
        if response.clicked() {
            let sigma = if auto { Sigma::Given(sigma.round()) } else { Sigma::Auto };
            self.send(QueueCommand::Amount(Strength { sigma, ..amount }));
        }
        next(&mut line);
        self.model_ui(ui, palette, line, view);
        next(&mut line);

        let ready = picture.is_some_and(|picture| picture.after.is_some()) && view.error.is_none();
        let top = inside.bottom() - 30.0;
        let save = Button::new(
            ButtonKind::Primary,
            "Save beside original",
            "Save the denoised picture in the same folder under a new name; the original is not changed",
        )
        .enabled(ready);
        let rect = Rect::from_min_size(pos2(inside.left(), top), save.size(ui));
        if save.show(ui, palette, rect).clicked() {
            self.send(QueueCommand::Save);
        }
        let shown = picture.and_then(|picture| picture.after.as_ref());
        let copy = Button::new(ButtonKind::Plain, "Copy", "Copy the denoised picture to the clipboard")
            .enabled(shown.is_some_and(|pixels| pixels.step == 1));
        let at = pos2(rect.right() + space::S, top);
        let rect = Rect::from_min_size(at, copy.size(ui));
        if rect.right() <= inside.right() + 1.0
            && copy.show(ui, palette, rect).clicked()
            && let Some(pixels) = shown
        {
            ui.ctx().copy_image(before_after::color_image(pixels));
        }
    }

    /// Draws the line of the model, with a comparison to the built-in one.
    fn model_ui(&mut self, ui: &mut Ui, palette: &Palette, line: Rect, view: &QueueView) {
        let Some(model) = &view.model else {
            value_row(ui, palette, line, "Model", "built in");
            let rect = line;
            ui.interact(rect, ui.scope_id().with("model"), Sense::hover())
                .on_hover_text("Drop a model.safetensors here to use it and to compare it with the built-in one");
            return;
        };
        value_row(ui, palette, line, "Model", "");
        let y = line.center().y - 10.0;
        let back = Button::new(ButtonKind::Chip, "built in", "Use the built-in model again");
        let (response, start) = back.show_right(ui, palette, pos2(line.right(), y));
        if response.clicked() {
            self.send(QueueCommand::Model(None));
        }
        let kind = if view.compare { ButtonKind::ChipOn } else { ButtonKind::Chip };
        let compare = Button::new(kind, "compare", "Show the built-in model left of the divider, this one right of it");
        let (response, start) = compare.show_right(ui, palette, pos2(start - space::XS, y));
        if response.clicked() {
            self.send(QueueCommand::Compare(!view.compare));
        }
        let folder = model.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let room = start - space::S - (line.left() + 48.0);
        let at = pos2(line.left() + 48.0, line.center().y);
        let rect = line_of_text(ui, at, room, &folder, regular(size::TEXT), color(palette.text));
        ui.interact(rect, ui.scope_id().with("model"), Sense::hover()).on_hover_text(model.display().to_string());
    }

    /// Draws the list of images.
    fn list_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, view: &QueueView) {
        let saved = view.items.iter().filter(|item| matches!(item.state, ItemState::Saved(_))).count();
        let second = match view.items.len() {
            0 => String::new(),
            count => format!("{saved} of {count} saved"),
        };
        card_title(ui, palette, inside, "Images", &second);
        if let (Some(working), seconds) = (&view.working, view.seconds_left) {
            let words = match seconds {
                Some(seconds) => format!("{working}, {}:{:02.0} left", (seconds / 60.0) as u32, seconds % 60.0),
                None => working.clone(),
            };
            let at = pos2(inside.right(), inside.top() + 10.0);
            ui.painter().text(at, Align2::RIGHT_CENTER, words, regular(size::SECOND), color(palette.muted));
        }
        let below = inside.bottom() - 34.0;
        let list = Rect::from_min_max(pos2(inside.left(), inside.top() + 28.0), pos2(inside.right(), below));
        if view.items.is_empty() {
            let words = "Drop images or a folder anywhere in this window";
            paragraph(ui, list.min, list.width(), words, regular(size::TEXT), color(palette.muted));
        } else if list.is_positive() {
            self.items_ui(ui, palette, list, view);
        }
        let working = view.working.is_some();
        let all = Button::new(ButtonKind::Plain, "Save all", "Denoise every picture and save it beside its original")
            .enabled(saved < view.items.len() && !working);
        let rect = Rect::from_min_size(pos2(inside.left(), inside.bottom() - 28.0), vec2(all.size(ui).x, 28.0));
        if all.show(ui, palette, rect).clicked() {
            self.send(QueueCommand::SaveAll);
        }
        let rest = Rect::from_min_size(pos2(rect.right() + space::S, rect.top()), vec2(78.0, 28.0));
        if working {
            let stop = Button::new(ButtonKind::Plain, "Stop", "Stop; files already saved are kept");
            if stop.show(ui, palette, rest).clicked() {
                self.send(QueueCommand::Stop);
            }
        } else if !view.items.is_empty() {
            let clear =
                Button::new(ButtonKind::Plain, "Clear", "Remove all pictures from the list; no file is changed");
            if clear.show(ui, palette, rest).clicked() {
                self.send(QueueCommand::Clear);
            }
        }
    }

    fn items_ui(&self, ui: &mut Ui, palette: &Palette, list: Rect, view: &QueueView) {
        ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
            ui.set_clip_rect(list);
            ui.spacing_mut().item_spacing.y = 0.0;
            egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, LINE, view.items.len(), |ui, range| {
                for index in range {
                    let item = &view.items[index];
                    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
                    let response = ui.interact(line, ui.scope_id().with(("item", index)), Sense::click());
                    let here = index == view.selected;
                    if response.hovered() || here {
                        let radius = CornerRadius::same(space::RADIUS_CONTROL);
                        ui.painter().rect_filled(line.expand2(vec2(6.0, 0.0)), radius, color(palette.raised));
                    }
                    let (words, ink) = match &item.state {
                        ItemState::Waiting => (String::new(), palette.muted),
                        ItemState::Working(done) => (format!("{:.0}%", 100.0 * done), palette.text),
                        ItemState::Done => ("done".to_owned(), palette.muted),
                        ItemState::Saved(_) => ("saved".to_owned(), palette.good),
                        ItemState::Failed(_) => ("failed".to_owned(), palette.bad),
                    };
                    let at = line.right_center();
                    let state = ui.painter().text(at, Align2::RIGHT_CENTER, &words, regular(size::TEXT), color(ink));
                    let name = item.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let font = if here { semibold(size::TEXT) } else { regular(size::TEXT) };
                    let ink = color(if here { palette.text } else { palette.muted });
                    part_of_line(ui, line.left_center(), state.left() - line.left() - space::S, &name, font, ink);
                    if let ItemState::Working(done) = item.state {
                        let share = (line.width() * done as f32).max(2.0);
                        let bar = Rect::from_min_size(pos2(line.left(), line.bottom() - 2.0), vec2(share, 2.0));
                        ui.painter().rect_filled(bar, 1.0, color(palette.accent));
                    }
                    response.widget_info(|| {
                        let words = format!("{name} {words}");
                        egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, words.trim())
                    });
                    if response.clicked() {
                        self.send(QueueCommand::Select(index));
                    }
                    let help = match &item.state {
                        ItemState::Saved(path) => format!("saved to {}", path.display()),
                        ItemState::Failed(problem) => problem.clone(),
                        _ => item.path.display().to_string(),
                    };
                    response.on_hover_text(help);
                }
            });
        });
    }

    /// Draws the card that trains a model on the user's pictures.
    fn better_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) -> Option<Action> {
        card_title(ui, palette, inside, "Train on your own pictures", "");
        let words = "A few dozen pictures are enough: clean ones or, if there are none, noisy ones.";
        let at = pos2(inside.left(), inside.top() + 26.0);
        paragraph(ui, at, inside.width(), words, regular(size::TEXT), color(palette.muted));
        let field = Rect::from_min_size(pos2(inside.left(), inside.bottom() - 70.0), vec2(inside.width(), 30.0));
        let edit = egui::TextEdit::singleline(&mut self.folder)
            .hint_text("path of the folder")
            .margin(egui::Margin::symmetric(10, 7))
            .desired_width(field.width() - 20.0);
        ui.put(field, edit);
        let folder = PathBuf::from(self.folder.trim());
        let ready = !self.folder.trim().is_empty();
        let mut asked = None;
        let mut left = inside.left();
        for (label, help, preset) in [
            (
                "Clean pictures",
                "Learn to remove added grain, scratches, dust, noise and JPEG artifacts (preset restore)",
                "restore",
            ),
            (
                "Noisy pictures",
                "Learn each pixel from its neighbors, without clean pictures (preset self-restore)",
                "self-restore",
            ),
        ] {
            let button = Button::new(ButtonKind::Plain, label, help).enabled(ready);
            let width = (inside.width() - space::S) / 2.0;
            let rect = Rect::from_min_size(pos2(left, inside.bottom() - 30.0), vec2(width, 30.0));
            left = rect.right() + space::S;
            if button.show(ui, palette, rect).clicked() {
                let source = Some(folder.display().to_string());
                asked = Some(Action::TrainPreset { name: preset.to_owned(), source });
            }
        }
        asked
    }

    /// Returns the last error, the file saved last, or the speed.
    fn message(&self, palette: &Palette) -> (String, egui::Color32) {
        let view = &self.view;
        let problem = view.error.as_ref().or_else(|| failure(view.items.get(view.selected)));
        if let Some(problem) = problem {
            return (problem.clone(), color(palette.bad));
        }
        if let Some(path) = &view.saved {
            return (format!("saved to {}", path.display()), color(palette.good));
        }
        if let Some(warning) = view.picture.as_ref().and_then(|picture| picture.warning.as_ref()) {
            return (warning.clone(), color(palette.text));
        }
        if let Some(note) = &view.note {
            return (note.clone(), color(palette.text));
        }
        let speed = view.megapixels_per_second.map_or_else(String::new, |speed| format!("{speed:.2} megapixels/s, "));
        (format!("{speed}originals are never changed"), color(palette.muted))
    }

    /// Returns the queue on display, for tests.
    pub fn view(&self) -> &QueueView {
        &self.view
    }
}

impl Workspace for Denoise {
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        self.columns_ui(ui, context.palette, area, context.device).into_iter().collect()
    }

    fn poll(&mut self, _: &egui::Context, _: Context<'_>) -> Vec<Action> {
        if let Some(cleaner) = &self.cleaner {
            self.view = cleaner.view();
        }
        Vec::new()
    }

    fn accepts(&self, opened: &Opened) -> Vec<Offer> {
        match opened.kind {
            Kind::Model => vec![Offer::CleanWith],
            Kind::Folder | Kind::Picture => vec![Offer::Clean],
            Kind::Rows => vec![Offer::Clean, Offer::TrainOn],
            _ => Vec::new(),
        }
    }

    fn take(&mut self, egui: &egui::Context, opened: &Opened, context: Context<'_>) {
        self.add(egui, opened.paths().collect(), context.device);
    }

    fn status(&self, palette: &Palette) -> Option<(String, egui::Color32)> {
        Some(self.message(palette))
    }
}

fn failure(item: Option<&QueueItem>) -> Option<&String> {
    match item {
        Some(QueueItem { state: ItemState::Failed(problem), .. }) => Some(problem),
        _ => None,
    }
}

/// Draws a path field with a button; returns the path when it is entered.
fn path_field(
    ui: &mut Ui,
    palette: &Palette,
    field: Rect,
    path: &mut String,
    hint: &str,
    label: &str,
) -> Option<PathBuf> {
    let open = Button::new(ButtonKind::Primary, label, "Open the file or folder at this path");
    let open_size = open.size(ui);
    let text = Rect::from_min_size(field.min, vec2(field.width() - open_size.x - space::S, 30.0));
    let edit = egui::TextEdit::singleline(path)
        .hint_text(hint)
        .margin(egui::Margin::symmetric(10, 7))
        .desired_width(text.width() - 20.0);
    let typed = ui.put(text, edit);
    let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    let button = Rect::from_min_size(pos2(text.right() + space::S, text.top()), open_size);
    let wanted = path.trim();
    let pressed = open.enabled(!wanted.is_empty()).show(ui, palette, button).clicked();
    ((pressed || entered) && !wanted.is_empty()).then(|| PathBuf::from(wanted))
}
