//! Detect workspace: anomaly scores of a table, series or pictures, with reasons and an adjustable threshold.

mod backend;
mod chart;
mod notes;
mod rows;
mod score_index;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use self::backend::{DetectEvent, DetectJob, start_detecting, start_saving};
pub use self::backend::{Detection, LocalDetection, SavedScores};
use self::score_index::ScoreIndex;
use super::opened::{Kind, Offer, Opened};
use super::ui::theme::{color, faded, regular, semibold};
use super::ui::widgets::{
    Button, ButtonKind, Scale, Slider, card, card_title, cards, line_of_text, paragraph, progress, value_row,
};
use super::workspace::{Action, Context, Workspace};
use crate::device::DeviceChoice;
use crate::platform::Task;
use crate::style::{self, Palette, size, space};
use crate::tasks::{DetectOutcome, DetectRequest, DetectStage, LabelChoice};

const LINE: f32 = 24.0;

/// State of the workspace between frames.
pub(super) struct Detect {
    backend: Arc<dyn Detection>,
    task: Option<DetectJob>,
    /// Request of the current or last job.
    request: Option<DetectRequest>,
    outcome: Option<Arc<DetectOutcome>>,
    /// Detector opened before its data.
    waiting: Option<PathBuf>,
    index: ScoreIndex,
    threshold: f64,
    /// Last error, or a message on what was opened or saved.
    said: Option<Result<String, String>>,
    /// Typed path.
    path: String,
}

impl std::fmt::Debug for Detect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detect({:?})", self.request)
    }
}

impl Detect {
    pub fn new(engine: Arc<dyn Detection>) -> Self {
        Self {
            backend: engine,
            task: None,
            request: None,
            outcome: None,
            waiting: None,
            index: ScoreIndex::default(),
            threshold: 1.0,
            said: None,
            path: String::new(),
        }
    }

    /// Keeps a detector to score the data that are opened next.
    pub fn take_detector(&mut self, path: &Path) {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        self.waiting = Some(path.into());
        self.said = Some(Ok(format!("{name} is ready: drop the data to score")));
    }

    /// Opens data, or a detector to score them with.
    fn add(&mut self, context: &egui::Context, path: &Path, device: DeviceChoice, seed: u64) {
        let is_detector = path.extension().is_some_and(|extension| extension == "safetensors");
        let before = self.request.as_ref();
        let request = match (is_detector, before) {
            (true, Some(before)) => {
                DetectRequest { detector: Some(path.into()), label: LabelChoice::Usual, ..before.clone() }
            }
            (true, None) => {
                self.take_detector(path);
                return;
            }
            (false, _) => DetectRequest {
                source: path.display().to_string(),
                label: LabelChoice::Usual,
                detector: self.waiting.take(),
                device,
                seed,
            },
        };
        self.start(context, request);
    }

    fn start(&mut self, context: &egui::Context, request: DetectRequest) {
        self.said = None;
        self.outcome = None;
        self.path.clone_from(&request.source);
        match start_detecting(context, Arc::clone(&self.backend), request.clone()) {
            Ok(job) => self.task = Some(job),
            Err(problem) => self.said = Some(Err(problem)),
        }
        self.request = Some(request);
    }

    fn save(&mut self, context: &egui::Context, what: SavedScores) {
        let Some(outcome) = &self.outcome else { return };
        match start_saving(context, Arc::clone(&self.backend), Arc::clone(outcome), what, self.threshold) {
            Ok(job) => self.task = Some(job),
            Err(problem) => self.said = Some(Err(problem)),
        }
    }

    fn receive(&mut self) {
        let Some(news) = self.task.as_ref().and_then(Task::take) else { return };
        self.task = None;
        match news {
            DetectEvent::Detected(Ok(outcome)) => {
                self.threshold = outcome.model.detector.as_ref().map_or(1.0, |detector| detector.threshold);
                self.index = ScoreIndex::new(&outcome.scan, self.threshold);
                self.outcome = Some(outcome);
            }
            DetectEvent::Detected(Err(problem)) | DetectEvent::Saved(Err(problem)) => self.said = Some(Err(problem)),
            DetectEvent::Saved(Ok(path)) => self.said = Some(Ok(format!("saved to {}", path.display()))),
        }
    }

    /// Returns the number of rows above the threshold, for tests.
    pub fn flagged(&self) -> usize {
        if self.outcome.is_some() { self.index.above(self.threshold) } else { 0 }
    }

    fn cards_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, device: DeviceChoice, seed: u64) {
        let Some(outcome) = self.outcome.clone() else {
            self.empty(ui, palette, area, device, seed);
            return;
        };
        let (work, gap) = (area.shrink(space::L), space::L);
        let narrow = work.width() < 860.0;
        let left_width = if narrow { 240.0 } else { 300.0 };
        let left = Rect::from_min_size(work.min, vec2(left_width, work.height()));
        let rest = Rect::from_min_max(pos2(left.right() + gap, work.top()), work.max);
        let details = !narrow && outcome.report.is_some();
        let has_notes = !notes::of(&outcome).is_empty();
        let lines = 2 + 3 * usize::from(details) + 2 * usize::from(self.index.has_labels()) + usize::from(has_notes);
        let data_height = match self.index.has_labels() {
            true => (lines as f32 * LINE + if narrow { 190.0 } else { 202.0 }).min(work.height() * 0.66),
            false => work.height(),
        };
        let data = Rect::from_min_size(left.min, vec2(left_width, data_height));
        let quality = Rect::from_min_max(pos2(left.left(), data.bottom() + gap), left.max);
        let chart = Rect::from_min_size(rest.min, vec2(rest.width(), rest.height() * 0.46));
        let table = Rect::from_min_max(pos2(rest.left(), chart.bottom() + gap), rest.max);
        let mut rects = vec![data, chart, table];
        rects.extend(self.index.has_labels().then_some(quality));
        cards(ui, palette, area, &rects);
        card(ui, data, |ui, inside| self.data_ui(ui, palette, inside, &outcome, details, (device, seed)));
        if self.index.has_labels() {
            card(ui, quality, |ui, inside| chart::roc(ui, palette, inside, &self.index, self.threshold));
        }
        let moved = card(ui, chart, |ui, inside| self.chart_ui(ui, palette, inside));
        if let Some(threshold) = moved {
            self.threshold = threshold;
            ui.ctx().request_repaint();
        }
        let severity = outcome.model.detector.as_ref().and_then(|detector| detector.severity.as_ref());
        card(ui, table, |ui, inside| {
            rows::ui(ui, palette, inside, (&outcome.scan, severity), &self.index, self.threshold);
        });
    }

    /// Draws the histogram, and below it the threshold as a slider with its metrics.
    fn chart_ui(&self, ui: &mut Ui, palette: &Palette, inside: Rect) -> Option<f64> {
        let upper = Rect::from_min_max(inside.min, pos2(inside.right(), inside.bottom() - LINE - 6.0));
        let dragged = chart::histogram(ui, palette, upper, &self.index, self.threshold);
        let line = Rect::from_min_max(pos2(inside.left(), inside.bottom() - LINE), inside.max);
        let [low, high] = self.index.range;
        let slider = Slider {
            name: "Threshold",
            help: "Rows with a higher score are flagged as abnormal",
            low,
            high,
            scale: Scale::Log,
            enabled: true,
        };
        let left = Rect::from_min_size(line.min, vec2((line.width() * 0.5).min(360.0), LINE));
        let slid = slider.show(ui, palette, left, self.threshold, &style::figure(self.threshold));
        let above = self.index.above(self.threshold);
        let rows = self.index.rows();
        let room = line.right() - left.right() - space::L;
        let mut words = format!("{} of {} rows above", style::grouped(above as u64), style::grouped(rows as u64));
        if let Some(at) = self.index.at(self.threshold) {
            if room < 340.0 {
                words = format!("{} rows above, F1 {:.2}", style::grouped(above as u64), at.f1);
            }
            let precision = at.precision.map_or_else(|| "n/a".to_owned(), |p| format!("{p:.2}"));
            let rest = format!(", precision {precision}, recall {:.2}, F1 {:.2}", at.recall, at.f1);
            if room >= 340.0 {
                words += &rest;
            }
        }
        let at = pos2(left.right() + space::L, line.center().y);
        line_of_text(ui, at, room, &words, regular(size::TEXT), color(palette.text));
        dragged.or(slid.map(|(value, _)| value))
    }

    fn data_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        outcome: &Arc<DetectOutcome>,
        details: bool,
        (device, seed): (DeviceChoice, u64),
    ) {
        let name = Path::new(&outcome.source).file_name().map(|name| name.to_string_lossy().into_owned());
        card_title(ui, palette, inside, "Data", "");
        let width = inside.width();
        let mut y = inside.top() + 34.0;
        let name = name.unwrap_or_else(|| outcome.source.clone());
        let rect = line_of_text(ui, pos2(inside.left(), y), width, &name, semibold(size::TEXT), color(palette.text));
        ui.interact(rect, ui.scope_id().with("source"), Sense::hover()).on_hover_text(&outcome.source);
        y += 10.0;
        let mut row = |ui: &Ui, name: &str, value: &str| {
            let line = Rect::from_min_size(pos2(inside.left(), y), vec2(width, LINE));
            value_row(ui, palette, line, name, value);
            y += LINE;
        };
        row(ui, "rows", &style::grouped(outcome.scan.scores.len() as u64));
        if let Some(report) = outcome.report.as_ref().filter(|_| details) {
            let normal = if outcome.scan.truth.is_some() { "normal rows" } else { "rows" };
            row(ui, "fitted on", &format!("{} {normal}", style::grouped(report.train_rows as u64)));
            // Encoded categories and windows of a series have more values than the table has columns.
            let columns = outcome.columns.iter().filter(|column| outcome.label.as_ref() != Some(*column)).count();
            let is_plain = report.features == columns;
            row(ui, if is_plain { "columns" } else { "values per row" }, &report.features.to_string());
            row(ui, "bottleneck", &report.latent.to_string());
        }
        if outcome.scan.unusable > 0 {
            row(ui, "not scored", &style::grouped(outcome.scan.unusable));
        }
        if let Some(area) = outcome.scan.roc_auc {
            row(ui, "ROC-AUC, all rows", &format!("{area:.4}"));
            if let Some(beside) = outcome.scan.pca_roc_auc {
                row(ui, "ROC-AUC of PCA", &format!("{beside:.4}"));
            }
        }
        let line = Rect::from_min_size(pos2(inside.left(), y), vec2(width, LINE));
        if let Some(label) = self.label_menu(ui, palette, line, outcome) {
            let request = DetectRequest { source: outcome.source.clone(), label, detector: None, device, seed };
            self.start(ui.ctx(), request);
            return;
        }
        let mut bottom = inside.bottom();
        for (label, help, what) in [
            ("Save detector", "Save the fitted detector, with this threshold, beside the data", SavedScores::Detector),
            (
                "Save scores",
                "Save row, score, abnormal, reasons and severity of every row beside the data",
                SavedScores::Scores,
            ),
        ] {
            let button = Button::new(ButtonKind::Plain, label, help).enabled(self.task.is_none());
            let rect = Rect::from_min_size(pos2(inside.left(), bottom - 30.0), vec2(width, 30.0));
            if button.show(ui, palette, rect).clicked() {
                self.save(ui.ctx(), what);
            }
            bottom = rect.top() - space::S;
        }
        let notes = notes::of(outcome);
        // Of the line of labels and, where there are notes, two lines of the message and its gap.
        let listed = Rect::from_min_max(pos2(inside.left(), y + LINE + 64.0), pos2(inside.right(), bottom));
        let mut words_top = y + LINE + 8.0;
        if !notes::ui(ui, palette, listed, &notes) {
            let line = Rect::from_min_size(pos2(inside.left(), y + LINE), vec2(width, LINE));
            notes::menu(ui, palette, line, &notes);
            words_top += LINE;
        }
        // Message below the lines, if two lines fit.
        if bottom - words_top > 28.0 {
            let (words, ink) = match &self.said {
                Some(Ok(words)) => (words.as_str(), palette.good),
                Some(Err(problem)) => (problem.as_str(), palette.bad),
                None => ("Drop other data, or a detector to score these data", palette.muted),
            };
            let at = pos2(inside.left(), words_top);
            paragraph(ui, at, width, words, regular(size::SECOND), color(ink));
        }
    }

    /// Draws the menu of label columns; returns a new choice.
    fn label_menu(&self, ui: &mut Ui, palette: &Palette, line: Rect, outcome: &DetectOutcome) -> Option<LabelChoice> {
        let value = outcome.label.as_deref().unwrap_or("none");
        value_row(ui, palette, line, "label column", "");
        let chip = Button::new(ButtonKind::Chip, value, "Column that labels abnormal rows; it is never a feature");
        let size = chip.size(ui);
        let rect = Rect::from_min_size(
            pos2(line.right() - size.x.min(line.width() * 0.6), line.center().y - size.y / 2.0),
            vec2(size.x.min(line.width() * 0.6), size.y),
        );
        let response = chip.enabled(!outcome.columns.is_empty()).show(ui, palette, rect);
        let mut chosen = None;
        egui::Popup::menu(&response).width(220.0).show(|ui| {
            egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                if ui.selectable_label(outcome.label.is_none(), "none: all rows count as normal").clicked() {
                    chosen = Some(LabelChoice::None);
                }
                for column in &outcome.columns {
                    if ui.selectable_label(outcome.label.as_ref() == Some(column), column).clicked() {
                        chosen = Some(LabelChoice::Column(column.clone()));
                    }
                }
            });
        });
        chosen
    }

    /// Draws the state without results: drop target, progress or error.
    fn empty(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, device: DeviceChoice, seed: u64) {
        let whole = area.shrink(space::L);
        cards(ui, palette, area, &[whole]);
        let center = whole.center();
        let width = whole.width().min(520.0);
        let column = Rect::from_center_size(center, vec2(width, 190.0));
        let painter = ui.painter().clone();
        let target = column.expand2(vec2(36.0, 36.0));
        if self.task.is_none() {
            let hovered = ui.input(|input| !input.raw.hovered_files.is_empty());
            let ink = if hovered { palette.accent } else { palette.line };
            let fill = if hovered { faded(palette.accent, 0.06) } else { egui::Color32::TRANSPARENT };
            painter.rect(target, CornerRadius::same(10), fill, Stroke::new(1.5, color(ink)), StrokeKind::Inside);
        }
        let mut y = column.top() + 14.0;
        let write = |y: f32, text: &str, font: egui::FontId, ink| {
            painter.text(pos2(center.x, y), Align2::CENTER_CENTER, text, font, ink);
        };
        if let Some(job) = &self.task {
            let (words, done) = match job.stage() {
                None | Some(DetectStage::Reading) => ("Reading the data".to_owned(), None),
                Some(DetectStage::Fitting(done)) => (format!("Fitting, {:.0}%", 100.0 * done), Some(done as f32)),
                Some(DetectStage::Scoring(rows)) => (format!("Scoring, {} rows so far", style::grouped(rows)), None),
            };
            write(y, &words, semibold(size::NAME), color(palette.text));
            y += 34.0;
            let bar = Rect::from_center_size(pos2(center.x, y), vec2(width * 0.7, 6.0));
            progress(ui, palette, bar, done);
            y += 30.0;
            let cancel = Button::new(ButtonKind::Plain, "Cancel", "Stop; nothing is saved");
            let rect = Rect::from_center_size(pos2(center.x, y + 14.0), cancel.size(ui));
            if cancel.show(ui, palette, rect).clicked() {
                self.task = None;
            }
            return;
        }
        write(y, "Drop a table, a series or a folder of pictures", semibold(size::NAME), color(palette.text));
        y += 26.0;
        let words = "A model is fitted to the normal rows. Every row gets an anomaly score";
        write(y, words, regular(size::TEXT), color(palette.muted));
        y += 20.0;
        write(y, "and the columns that contribute most to it.", regular(size::TEXT), color(palette.muted));
        y += 40.0;
        let open = Button::new(ButtonKind::Primary, "Open", "Open the file or folder at this path");
        let open_size = open.size(ui);
        let field = Rect::from_min_size(pos2(column.left(), y - 15.0), vec2(width - open_size.x - space::S, 30.0));
        let edit = egui::TextEdit::singleline(&mut self.path)
            .hint_text("or type a path")
            .margin(egui::Margin::symmetric(10, 7))
            .desired_width(field.width() - 20.0);
        let typed = ui.put(field, edit);
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let button = Rect::from_min_size(pos2(field.right() + space::S, field.top()), open_size);
        let path = self.path.trim().to_owned();
        if (open.enabled(!path.is_empty()).show(ui, palette, button).clicked() || entered) && !path.is_empty() {
            self.add(ui.ctx(), &PathBuf::from(path), device, seed);
        }
        y += 44.0;
        if let Some(said) = &self.said {
            let at = pos2(column.left(), y - 12.0);
            let (words, ink) = match said {
                Ok(words) => (words, palette.good),
                Err(problem) => (problem, palette.bad),
            };
            paragraph(ui, at, width, words, regular(size::TEXT), color(ink));
        } else {
            let words = "CSV, TSV, Excel or ODS; a time column makes it a series";
            write(y, words, regular(size::SECOND), color(palette.muted));
        }
    }
}

impl Workspace for Detect {
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        self.cards_ui(ui, context.palette, area, context.device, context.seed);
        Vec::new()
    }

    fn poll(&mut self, _: &egui::Context, _: Context<'_>) -> Vec<Action> {
        self.receive();
        Vec::new()
    }

    fn accepts(&self, opened: &Opened) -> Vec<Offer> {
        match opened.kind {
            Kind::Model => vec![Offer::ScoreWith],
            Kind::Picture | Kind::Folder | Kind::Table | Kind::Rows => vec![Offer::FindAbnormal],
            _ => Vec::new(),
        }
    }

    fn take(&mut self, egui: &egui::Context, opened: &Opened, context: Context<'_>) {
        self.add(egui, &opened.first, context.device, context.seed);
    }
}
