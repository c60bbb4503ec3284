//! Cards of Report.

use egui::{Align2, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

use super::{Export, ExportMessage, ReportWorkspace, extremes, is_training, open_in_browser, subject, tables};
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{
    Button, ButtonKind, card, card_title, cards, line_of_text, paragraph, progress, text_label, value_row,
};
use crate::app::workspace::{Action, Context, Place};
use crate::monitor::{Command, PlayState};
use crate::style;
use crate::style::{Palette, size, space};

const LINE: f32 = 24.0;
const BUTTON: f32 = 30.0;
/// Height of the export card.
const TAKE_ALONG: f32 = 330.0;

impl ReportWorkspace {
    /// Draws the state without results: progress, error, or what to open.
    pub(super) fn empty_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, now: Context<'_>) -> Option<Action> {
        let whole = area.shrink(space::L);
        cards(ui, palette, area, &[whole]);
        let center = whole.center();
        let width = whole.width().min(520.0);
        let mut y = center.y - 70.0;
        let write = |ui: &Ui, y: f32, text: &str, font, ink| {
            text_label(ui, text, (pos2(center.x, y), Align2::CENTER_CENTER), text, font, ink);
        };
        let title = |ui: &Ui, y: f32, text: &str| write(ui, y, text, semibold(size::NAME), color(palette.text));
        let button = |ui: &mut Ui, y: f32, button: Button<'_>| {
            let rect = Rect::from_center_size(pos2(center.x, y), button.size(ui));
            button.show(ui, palette, rect).clicked()
        };
        if let Some(telling) = &self.measuring {
            title(ui, y, "Evaluating on rows never trained on");
            y += 30.0;
            let stage = telling.task.stage().unwrap_or("Starting");
            write(ui, y, stage, regular(size::TEXT), color(palette.muted));
            y += 28.0;
            progress(ui, palette, Rect::from_center_size(pos2(center.x, y), vec2(width * 0.7, 6.0)), None);
            y += 44.0;
            if button(ui, y, Button::new(ButtonKind::Plain, "Cancel", "Stop the evaluation; the model is not changed"))
            {
                self.measuring = None;
                self.problem = Some("The evaluation was canceled.".to_owned());
            }
            return None;
        }
        if let Some(problem) = self.problem.clone() {
            title(ui, y, "No metrics");
            let at = pos2(center.x - width / 2.0, y + 24.0);
            let bottom = paragraph(ui, at, width, &problem, regular(size::TEXT), color(palette.bad));
            let again = Button::new(ButtonKind::Primary, "Evaluate", "Try again");
            if button(ui, bottom + 34.0, again) {
                self.problem = None;
                if let Some((subject, step)) = subject(now) {
                    self.measure(ui.ctx(), subject, step);
                }
            }
            return None;
        }
        if is_training(now) {
            return self.training_ui(ui, palette, now, whole);
        }
        let moment = now.moment;
        let (heading, words) = match moment.snapshot.progress.state {
            PlayState::Failed => ("The run failed", moment.snapshot.progress.message.clone()),
            _ => ("Nothing to report yet", moment.snapshot.progress.message.clone()),
        };
        title(ui, y, heading);
        let at = pos2(center.x - width / 2.0, y + 24.0);
        let bottom = paragraph(ui, at, width, &words, regular(size::TEXT), color(palette.muted));
        let mut action = None;
        if button(
            ui,
            bottom + 34.0,
            Button::new(ButtonKind::Primary, "Open a model", "Report on a model from disk (Ctrl+O)"),
        ) {
            action = Some(Action::AskToOpen);
        }
        if button(ui, bottom + 74.0, Button::new(ButtonKind::Plain, "Runs", "Choose a run on disk (0)")) {
            action = Some(Action::GoTo(Place::Runs));
        }
        action
    }

    /// Draws the progress of the current run, with a button that evaluates its best state so far.
    fn training_ui(&mut self, ui: &mut Ui, palette: &Palette, now: Context<'_>, whole: Rect) -> Option<Action> {
        let (moment, center) = (now.moment, whole.center());
        let mut y = center.y - 70.0;
        let painter = ui.painter().clone();
        let write = |y: f32, text: &str, font, ink| {
            painter.text(pos2(center.x, y), Align2::CENTER_CENTER, text, font, ink);
        };
        write(y, "The report appears when the run ends", semibold(size::NAME), color(palette.text));
        y += 30.0;
        let epochs = moment.snapshot.run.spec.as_ref().map_or(0, |spec| spec.train.epochs);
        let left = moment.snapshot.seconds_left().filter(|_| moment.snapshot.progress.state == PlayState::Playing);
        let left = left.map_or_else(String::new, |left| format!(", {} left", style::clock(left)));
        let done = moment.snapshot.epochs_done().floor();
        write(y, &format!("{done:.0} of {epochs} epochs done{left}"), regular(size::TEXT), color(palette.muted));
        y += 28.0;
        let share = moment.snapshot.progress.step as f32 / moment.snapshot.run.total_steps.max(1) as f32;
        let bar = Rect::from_center_size(pos2(center.x, y), vec2(whole.width().min(520.0) * 0.7, 6.0));
        progress(ui, palette, bar, Some(share));
        y += 44.0;
        let waiting = self.wanted_step.is_some();
        let ready = moment.snapshot.progress.best.is_some()
            && moment.snapshot.progress.state != PlayState::Finishing
            && !waiting;
        let label = if waiting { "Saving the model" } else { "Evaluate now" };
        let help = "Evaluate the best state so far on the test part; training continues";
        let button = Button::new(ButtonKind::Primary, label, help).enabled(ready);
        let rect = Rect::from_center_size(pos2(center.x, y), button.size(ui));
        let clicked = button.show(ui, palette, rect).clicked();
        y += 34.0;
        let words = match moment.snapshot.progress.best {
            Some((epoch, loss)) => format!("best so far: validation {} at epoch {epoch}", style::figure(loss)),
            None => "available after the first epoch".to_owned(),
        };
        write(y, &words, regular(size::SECOND), color(palette.muted));
        if clicked {
            self.wanted_step = Some(moment.snapshot.progress.step);
            return Some(Action::Send(Command::SaveModel));
        }
        None
    }

    pub(super) fn outcome_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        area: Rect,
        now: Context<'_>,
    ) -> Option<Action> {
        let narrow = area.width() < 1000.0;
        if !narrow {
            let rects = wide(area.shrink(space::L));
            cards(ui, palette, area, &rects);
            return self.all_cards(ui, palette, rects, now);
        }
        let mut action = None;
        ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
            ui.set_clip_rect(area);
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let (gap, left) = (space::L, 250.0);
                let heights = [330.0, 226.0, 330.0, 230.0];
                let total = heights.iter().sum::<f32>() + gap * (heights.len() + 1) as f32;
                let (whole, _) = ui.allocate_exact_size(vec2(area.width(), total), Sense::hover());
                let column = Rect::from_min_size(whole.min + vec2(gap, gap), vec2(left, 0.0));
                let right = whole.right() - gap - column.right() - gap;
                let mut y = whole.top() + gap;
                let [metrics, worth, extremes, findings] = heights.map(|height| {
                    let rect = Rect::from_min_size(pos2(column.right() + gap, y), vec2(right, height));
                    y += height + gap;
                    rect
                });
                let about = Rect::from_min_size(column.min, vec2(left, 210.0));
                let along =
                    Rect::from_min_size(pos2(column.left(), about.bottom() + gap), vec2(left, TAKE_ALONG + 40.0));
                let rects = [about, along, metrics, worth, extremes, findings];
                cards(ui, palette, whole, &rects);
                action = self.all_cards(ui, palette, rects, now);
            });
        });
        action
    }

    fn all_cards(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        [about, along, metrics, worth, extremes, findings]: [Rect; 6],
        now: Context<'_>,
    ) -> Option<Action> {
        let told = std::sync::Arc::clone(&self.outcome.as_ref()?.evaluated);
        let noun = now.moment.snapshot.run.data.noun();
        let mut action = card(ui, about, |ui, inside| self.about_ui(ui, palette, inside, now));
        action = card(ui, along, |ui, inside| self.along_ui(ui, palette, inside)).or(action);
        card(ui, metrics, |ui, inside| tables::metrics_ui(ui, palette, inside, &told.measured.evaluation));
        card(ui, worth, |ui, inside| tables::worth_ui(ui, palette, inside, &told.measured.evaluation));
        card(ui, extremes, |ui, inside| {
            extremes::extremes_ui(ui, palette, inside, noun, &told.measured.extremes, &self.pictures);
        });
        card(ui, findings, |ui, inside| tables::findings_ui(ui, palette, inside, &told));
        action
    }

    /// Draws the summary of the model.
    fn about_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect, now: Context<'_>) -> Option<Action> {
        let outcome = self.outcome.as_ref()?;
        let moment = now.moment;
        let name = outcome.subject.run_dir.as_ref().and_then(|folder| folder.file_name());
        let name = name.or_else(|| outcome.subject.model.file_name());
        let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let title = Rect::from_min_size(inside.min, vec2(inside.width(), 20.0));
        line_of_text(ui, title.left_center(), title.width(), &name, semibold(size::TEXT), color(palette.text));
        let mut y = inside.top() + 28.0;
        let mut row = |ui: &Ui, name: &str, value: &str| {
            let line = Rect::from_min_size(pos2(inside.left(), y), vec2(inside.width(), LINE));
            value_row(ui, palette, line, name, value);
            y += LINE;
        };
        if let Some(spec) = &moment.snapshot.run.spec {
            row(ui, "Model", spec.model.kind.title());
            if spec.model.latent > 0 {
                row(ui, "Bottleneck", &spec.model.latent.to_string());
            }
        }
        if moment.snapshot.run.parameters > 0 {
            row(ui, "Parameters", &style::grouped(moment.snapshot.run.parameters as u64));
        }
        row(
            ui,
            "Evaluated on",
            &format!(
                "{} {}",
                style::grouped(outcome.evaluated.measured.evaluation.test.rows as u64),
                moment.snapshot.run.data.noun()
            ),
        );
        let training = is_training(now);
        if training && moment.snapshot.run.steps_per_epoch > 0 {
            let epoch = outcome.step as f64 / moment.snapshot.run.steps_per_epoch as f64;
            row(ui, "State at", &format!("epoch {epoch:.1}"));
        }
        let bottom = Rect::from_min_size(
            pos2(inside.left(), inside.bottom() - BUTTON),
            vec2((inside.width() - space::S) / 2.0, BUTTON),
        );
        let second = bottom.translate(vec2(bottom.width() + space::S, 0.0));
        let busy = self.measuring.is_some() || self.wanted_step.is_some();
        let again = match (busy, training) {
            (true, _) => Button::new(ButtonKind::Plain, "Evaluating", "Evaluation in progress").enabled(false),
            (false, true) => {
                Button::new(ButtonKind::Plain, "Evaluate now", "Evaluate the best state so far; training continues")
            }
            (false, false) => Button::new(ButtonKind::Plain, "Evaluate again", "Run the evaluation again"),
        };
        if again.show(ui, palette, bottom).clicked() {
            if training {
                self.wanted_step = Some(moment.snapshot.progress.step);
                return Some(Action::Send(Command::SaveModel));
            }
            if let Some((subject, step)) = subject(now) {
                self.measure(ui.ctx(), subject, step);
            }
        }
        let explore = Button::new(ButtonKind::Plain, "Explore model", "Explore its latent space (2)");
        explore.show(ui, palette, second).clicked().then_some(Action::GoTo(Place::Explore))
    }

    /// Draws the export card.
    fn along_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) -> Option<Action> {
        card_title(ui, palette, inside, "Export", "");
        let outcome = self.outcome.as_ref()?;
        let in_run = outcome.subject.run_dir.is_some();
        let free = self.exporting.is_none();
        let half = (inside.width() - space::S) / 2.0;
        let mut y = inside.top() + 30.0;
        let whole = Rect::from_min_size(pos2(inside.left(), y), vec2(inside.width(), BUTTON));
        let help = match in_run {
            true => "Save report.html in the run folder and open it in the browser",
            false => "Not available: this model lies in no run folder",
        };
        let page = Button::new(ButtonKind::Primary, "Open the report", help).enabled(in_run && free);
        let opens = page.show(ui, palette, whole).clicked();
        y += BUTTON + space::S;
        let buttons = [
            (
                Export::Page,
                "Report, HTML",
                if in_run { "Save the report as one self-contained file" } else { help },
                in_run,
            ),
            (Export::Model, "Model file", "A copy of the model file, for Python or other programs", true),
            (Export::MetricsJson, "Metrics, JSON", "All metrics, as `hourglass evaluate --json` prints them", true),
            (Export::MetricsCsv, "Metrics, CSV", "All metrics of the tables, one per line", true),
            (
                Export::Latents,
                "Latents",
                "Latents of every row of the model's data, as .npy, .csv or .safetensors",
                true,
            ),
            (Export::LatentsOf, "Encode data", "Choose other data: their latents are saved beside them", true),
            (
                Export::Compressed,
                "Compress data",
                "Choose data: a file compressed with this model is saved beside them",
                true,
            ),
        ];
        let mut asked = None;
        for (index, (what, label, help, possible)) in buttons.into_iter().enumerate() {
            let at = pos2(
                inside.left() + (index % 2) as f32 * (half + space::S),
                y + (index / 2) as f32 * (BUTTON + space::S),
            );
            let button = Button::new(ButtonKind::Plain, label, help).enabled(possible && free);
            if button.show(ui, palette, Rect::from_min_size(at, vec2(half, BUTTON))).clicked() {
                asked = Some(what);
            }
        }
        y += 4.0 * (BUTTON + space::S) + 4.0;
        let at = pos2(inside.left(), y);
        match (&self.exporting, &self.said) {
            (Some(_), _) => {
                let bottom = paragraph(ui, at, inside.width(), "Saving", regular(size::SECOND), color(palette.muted));
                let bar = Rect::from_min_size(pos2(inside.left(), bottom + 6.0), vec2(inside.width(), 4.0));
                progress(ui, palette, bar, None);
            }
            (None, Some(ExportMessage::Problem(problem))) => {
                paragraph(ui, at, inside.width(), problem, regular(size::SECOND), color(palette.bad));
            }
            (None, Some(ExportMessage::Written(written))) => {
                let bottom =
                    paragraph(ui, at, inside.width(), &written.words, regular(size::SECOND), color(palette.good));
                if written.path.extension().is_some_and(|extension| extension == "html") {
                    let button = Button::new(ButtonKind::Chip, "open", "Open the page in the browser");
                    let rect = Rect::from_min_size(pos2(inside.left(), bottom + 6.0), button.size(ui));
                    if button.show(ui, palette, rect).clicked() {
                        open_in_browser(ui.ctx(), &written.path);
                    }
                }
            }
            (None, None) => {}
        }
        if opens {
            self.open_page(ui.ctx());
        }
        if let Some(what) = asked {
            self.ask(ui.ctx(), what);
        }
        None
    }
}

/// Returns the layout of a wide window: two cards in each of three columns.
fn wide(work: Rect) -> [Rect; 6] {
    let gap = space::L;
    let right_width = (work.width() * 0.3).clamp(324.0, 480.0);
    let left = Rect::from_min_size(work.min, vec2(300.0, work.height()));
    let right = Rect::from_min_max(pos2(work.right() - right_width, work.top()), work.max);
    let center = Rect::from_min_max(pos2(left.right() + gap, work.top()), pos2(right.left() - gap, work.bottom()));
    let parts = |whole: Rect, height: f32| {
        let upper = Rect::from_min_size(whole.min, vec2(whole.width(), height));
        [upper, Rect::from_min_max(pos2(whole.left(), upper.bottom() + gap), whole.max)]
    };
    let [about, along] = parts(left, (work.height() - TAKE_ALONG - gap).clamp(200.0, 230.0));
    let [metrics, worth] = parts(center, (work.height() * 0.6).max(work.height() - 300.0));
    let [extremes, findings] = parts(right, extremes::height(right_width).min(work.height() * 0.62));
    [about, along, metrics, worth, extremes, findings]
}
