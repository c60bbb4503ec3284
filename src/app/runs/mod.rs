//! Runs on disk: a table with results, their curves in one chart, and the actions on one run.

mod compare;
mod details;
mod order;
mod summary;
mod table;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::{Align2, Key, Rect, Ui, pos2, vec2};

use self::order::RunOrder;
use super::ui::theme::{color, regular, semibold};
use super::ui::waker;
use super::ui::widgets::{card, cards, text_label};
use super::workspace::{Action, Context, Place, Workspace, WorkspaceEvent};
use crate::model::Spec;
use crate::platform::{Instant, Task};
use crate::style::{LABELS, Palette, Rgb, size, space};
use crate::train::{SavedRun, delete_run, saved_runs};

/// Number of curves shown at first.
const FIRST_SHOWN: usize = 4;
/// Refresh interval of the list while it is on display.
const REFRESH: Duration = Duration::from_secs(3);

/// State of the list between frames.
#[derive(Debug)]
pub(super) struct Runs {
    folder: PathBuf,
    runs: Vec<SavedRun>,
    reading: Option<Task<(), Vec<SavedRun>>>,
    deleting: Option<Task<(), Result<(), String>>>,
    /// Time of the last read; `None` before the first.
    read: Option<Instant>,
    order: RunOrder,
    selected: Option<PathBuf>,
    /// Runs whose curves are shown, in the order of their colors.
    shown: Vec<PathBuf>,
    log_scale: bool,
    /// True while the deletion of the selected run awaits confirmation.
    confirming: bool,
    problem: Option<String>,
}

impl Runs {
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            runs: Vec::new(),
            reading: None,
            deleting: None,
            read: None,
            order: RunOrder::default(),
            selected: None,
            shown: Vec::new(),
            log_scale: false,
            confirming: false,
            problem: None,
        }
    }

    fn follow(&mut self, context: &egui::Context) {
        if let Some(runs) = self.reading.as_ref().and_then(Task::take) {
            self.reading = None;
            let first = self.read.is_none() || self.runs.is_empty();
            self.read = Some(Instant::now());
            self.runs = runs;
            let there: HashSet<&Path> = self.runs.iter().map(|run| run.path.as_path()).collect();
            self.shown.retain(|path| there.contains(path.as_path()));
            if self.selected.as_ref().is_none_or(|path| !there.contains(path.as_path())) {
                self.selected = self.runs.first().map(|run| run.path.clone());
                self.confirming = false;
            }
            if first {
                let with_curves = self.runs.iter().filter(|run| !run.epochs.is_empty());
                let title = |run: &SavedRun| run.spec.as_ref().ok().map(Spec::objective_title);
                let newest = with_curves.clone().next().and_then(title);
                self.shown = with_curves
                    .filter(|run| title(run) == newest)
                    .take(FIRST_SHOWN)
                    .map(|run| run.path.clone())
                    .collect();
            }
            self.order.sort(&mut self.runs);
        }
        if let Some(outcome) = self.deleting.as_ref().and_then(Task::take) {
            (self.deleting, self.read) = (None, None);
            self.problem = outcome.err();
        }
        let due = self.read.is_none_or(|read| read.elapsed() >= REFRESH);
        if due && self.reading.is_none() && self.deleting.is_none() {
            let folder = self.folder.clone();
            match Task::start("hourglass-runs", waker(context), move |_| saved_runs(&folder)) {
                Ok(task) => self.reading = Some(task),
                Err(problem) => self.problem = Some(problem),
            }
        }
        context.request_repaint_after(REFRESH);
    }

    fn selected(&self) -> Option<&SavedRun> {
        let path = self.selected.as_ref()?;
        self.runs.iter().find(|run| run.path == *path)
    }

    /// Returns the color of a run's curve; `None` if it is hidden.
    fn ink(&self, path: &Path) -> Option<Rgb> {
        let place = self.shown.iter().position(|shown| shown == path)?;
        Some(LABELS[place % LABELS.len()])
    }

    fn delete(&mut self, context: &egui::Context, path: PathBuf) {
        self.confirming = false;
        match Task::start("hourglass-delete", waker(context), move |_| delete_run(&path)) {
            Ok(task) => self.deleting = Some(task),
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// Draws the list; `running` is the folder of the run in progress.
    fn cards_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, running: Option<&Path>) -> Option<Action> {
        self.follow(ui.ctx());
        let (work, gap) = (area.shrink(space::L), space::L);
        if self.runs.is_empty() {
            cards(ui, palette, area, &[work]);
            let center = work.center();
            let (title, words) = match (self.read, &self.problem) {
                (None, None) => ("Reading the runs", String::new()),
                (_, Some(problem)) => ("The runs cannot be read", problem.clone()),
                _ => ("No runs yet", format!("Runs are saved in {}", self.folder.display())),
            };
            let write = |y: f32, text: &str, font, ink| {
                text_label(ui, text, (pos2(center.x, center.y + y), Align2::CENTER_CENTER), text, font, color(ink));
            };
            write(-12.0, title, semibold(size::NAME), palette.text);
            write(14.0, &words, regular(size::TEXT), palette.muted);
            return None;
        }
        let narrow = work.width() < 860.0;
        let column = if narrow { 272.0 } else { 356.0 };
        let left = Rect::from_min_max(work.min, pos2(work.right() - column - gap, work.bottom()));
        let right = Rect::from_min_max(pos2(work.right() - column, work.top()), work.max);
        let curves = Rect::from_min_size(left.min, vec2(left.width(), (left.height() * 0.44).min(360.0)));
        let list = Rect::from_min_max(pos2(left.left(), curves.bottom() + gap), left.max);
        cards(ui, palette, area, &[curves, list, right]);
        card(ui, curves, |ui, inside| self.compare_ui(ui, palette, inside));
        let opened = card(ui, list, |ui, inside| self.table_ui(ui, palette, inside, running));
        let action = card(ui, right, |ui, inside| self.details_ui(ui, palette, inside, running));
        action.or(opened)
    }
}

/// Returns the action that opens the model of the run in `folder`.
fn open_run(folder: &Path) -> Action {
    Action::OpenModel { path: folder.join("model.safetensors"), place: Place::Report }
}

impl Workspace for Runs {
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        self.cards_ui(ui, context.palette, area, context.running).into_iter().collect()
    }

    fn on_event(&mut self, event: WorkspaceEvent) -> Vec<Action> {
        match event {
            // The list is read again.
            WorkspaceEvent::Entered => (self.read, self.confirming, self.problem) = (None, false, None),
            // Escape cancels a confirmation, or leaves the list where there is none.
            WorkspaceEvent::Key(Key::Escape) if !std::mem::take(&mut self.confirming) => return vec![Action::Back],
            _ => {}
        }
        Vec::new()
    }
}
