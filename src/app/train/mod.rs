//! Train workspace: three columns of cards, or one with a drawer in a narrow window.

mod curves;
mod data_card;
mod data_menu;
mod findings;
mod live_edits;
mod model_menu;
mod network;
mod network_editor;
mod reconstructions;

use egui::{Key, Rect, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use self::curves::Curves;
use self::data_card::data_ui;
use self::data_menu::DataMenu;
use self::findings::Findings;
use self::live_edits::LiveEdits;
use self::model_menu::ModelPick;
use self::network::{NetworkAction, NetworkCard};
use self::reconstructions::ReconstructionsCard;
use super::latent_map::MapCard;
use super::ui::RIGHT_COLUMN;
use super::ui::theme::color;
use super::ui::widgets::{card, cards};
use super::workspace::{Action, Context, Workspace, WorkspaceEvent};
use crate::error::{Advice, Setting};
use crate::model::{Preset, Spec, presets};
use crate::monitor::{Command, Moment, PreviewRequest};
use crate::style::{Palette, space};

const LEFT_COLUMN: f32 = 300.0;
/// Height of the complete left column; a lower drawer scrolls.
const LEFT_COLUMN_HEIGHT: f32 = 720.0;

/// State of the workspace between frames.
pub(super) struct Train {
    presets: Vec<Preset>,
    live_edits: LiveEdits,
    curves: Curves,
    network: NetworkCard,
    data: DataMenu,
    map: MapCard,
    findings: Findings,
    reconstructions: ReconstructionsCard,
    /// True while the drawer with the left column is open.
    pub drawer_open: bool,
}

impl Train {
    pub fn new() -> Self {
        Self {
            presets: presets().unwrap_or_default(),
            live_edits: LiveEdits::default(),
            curves: Curves::default(),
            network: NetworkCard::default(),
            data: DataMenu::default(),
            map: MapCard::new(0),
            findings: Findings::default(),
            reconstructions: ReconstructionsCard::default(),
            drawer_open: false,
        }
    }

    /// Returns the spec with the edit of layers that is not applied, or the reason why it cannot be trained; `None`
    /// without an edit.
    pub fn edited(&self) -> Option<Result<Spec, String>> {
        self.network.edited()
    }

    /// Returns whether `name` is that of a preset.
    pub fn has_preset(&self, name: &str) -> bool {
        self.presets.iter().any(|preset| preset.name == name)
    }

    /// Discards the edit of layers.
    pub fn discard_edit(&mut self) {
        self.network.discard();
    }

    fn wide_ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        let Context { moment, palette, .. } = context;
        let (work, gap) = (area.shrink(space::L), space::L);
        let left = Rect::from_min_size(work.min, vec2(LEFT_COLUMN, work.height()));
        let right = Rect::from_min_max(pos2(work.right() - RIGHT_COLUMN, work.top()), work.max);
        let center = Rect::from_min_max(pos2(left.right() + gap, work.top()), pos2(right.left() - gap, work.bottom()));
        let pairs_height = pairs_height(center.width(), self.reconstructions.lines()).min(work.height() * 0.48);
        let [curves, pairs] = split_bottom(center, pairs_height, gap);
        // Room for three findings, and for longer ones in a high window.
        let findings_height = (190.0 + 0.4 * (work.height() - 700.0).max(0.0)).min(work.height() * 0.35);
        let [map, findings] = split_bottom(right, findings_height, gap);
        let column = left_cards(left);
        let all: Vec<Rect> = column.into_iter().chain([curves, pairs, map, findings]).collect();
        cards(ui, palette, area, &all);
        let mut actions = self.left_column(ui, column, context);
        actions.extend(self.center_and_right(ui, palette, [curves, pairs, map, findings], moment));
        actions
    }

    fn center_and_right(
        &mut self,
        ui: &mut Ui,
        palette: &'static Palette,
        [curves, pairs, map, findings]: [Rect; 4],
        moment: &Moment,
    ) -> Option<Action> {
        let snapshot = &moment.snapshot;
        card(ui, curves, |ui, inside| self.curves.ui(ui, palette, inside, snapshot));
        card(ui, pairs, |ui, inside| self.reconstructions.ui(ui, palette, inside, moment));
        card(ui, map, |ui, inside| self.map.ui(ui, palette, inside, moment));
        // Advice that cannot be followed here has no button.
        let advice = snapshot.progress.advice.as_ref();
        let action = advice.and_then(|advice| follow_advice(advice, moment));
        let advice = advice.filter(|_| action.is_some());
        let taken = card(ui, findings, |ui, inside| self.findings.ui(ui, palette, inside, snapshot, advice));
        action.filter(|_| taken)
    }

    fn narrow_ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        let Context { moment, palette, .. } = context;
        let mut actions = Vec::new();
        let (work, gap) = (area.shrink(space::L), space::L);
        ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
            ui.set_clip_rect(area);
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let width = work.width();
                let heights = [300.0, pairs_height(width, self.reconstructions.lines()), 430.0, 190.0];
                let total: f32 = heights.iter().sum::<f32>() + gap * (heights.len() + 1) as f32;
                let (whole, _) = ui.allocate_exact_size(vec2(area.width(), total), Sense::hover());
                let mut y = whole.top() + gap;
                let rects = heights.map(|height| {
                    let rect = Rect::from_min_size(pos2(work.left(), y), vec2(width, height));
                    y += height + gap;
                    rect
                });
                cards(ui, palette, whole, &rects);
                actions.extend(self.center_and_right(ui, palette, rects, moment));
            });
        });
        if self.drawer_open {
            let drawer = Rect::from_min_size(area.min, vec2(LEFT_COLUMN + 2.0 * space::L, area.height()));
            let layer = egui::Area::new(ui.scope_id().with("drawer")).fixed_pos(drawer.min).order(egui::Order::Middle);
            layer.show(ui.ctx(), |ui| {
                ui.interact(drawer, ui.scope_id().with("veil"), Sense::click());
                ui.painter().rect_filled(drawer, 0.0, color(palette.panel));
                ui.scope_builder(UiBuilder::new().max_rect(drawer), |ui| {
                    ui.set_clip_rect(drawer);
                    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                        let size = vec2(drawer.width(), drawer.height().max(LEFT_COLUMN_HEIGHT));
                        let (whole, _) = ui.allocate_exact_size(size, Sense::hover());
                        let column = left_cards(whole.shrink(space::L));
                        cards(ui, palette, whole, &column);
                        actions.extend(self.left_column(ui, column, context));
                    });
                });
                ui.painter().vline(drawer.right() - 0.5, drawer.y_range(), Stroke::new(1.0, color(palette.line)));
            });
        }
        actions
    }

    fn left_column(&mut self, ui: &mut Ui, [network, data, controls]: [Rect; 3], context: Context<'_>) -> Vec<Action> {
        let Context { moment, palette, .. } = context;
        let act = card(ui, network, |ui, inside| self.network.ui(ui, inside, context, &self.presets));
        let other = card(ui, data, |ui, inside| data_ui(ui, inside, context, &mut self.data, &self.reconstructions));
        let edit = card(ui, controls, |ui, inside| self.live_edits.ui(ui, palette, inside, &moment.snapshot));
        let edit = edit.map(|(field, value)| Action::Send(Command::Edit { field, value }));
        let act = act.map(|act| match act {
            NetworkAction::Choose(ModelPick::Preset(name)) => Action::TrainPreset { name, source: None },
            NetworkAction::Choose(ModelPick::Suggested) => Action::TrainSuggested,
            NetworkAction::Train(spec) => Action::Train { spec, preset: None },
            NetworkAction::Restart => Action::Restart,
        });
        let chosen = act.or(other);
        if chosen.is_some() {
            self.drawer_open = false;
        }
        edit.into_iter().chain(chosen).collect()
    }
}

impl Workspace for Train {
    fn ui(&mut self, ui: &mut Ui, area: Rect, context: Context<'_>) -> Vec<Action> {
        if context.narrow { self.narrow_ui(ui, area, context) } else { self.wide_ui(ui, area, context) }
    }

    fn poll(&mut self, egui: &egui::Context, context: Context<'_>) -> Vec<Action> {
        self.reconstructions.update(egui, &context.moment.snapshot.pairs, context.palette);
        Vec::new()
    }

    fn on_event(&mut self, event: WorkspaceEvent) -> Vec<Action> {
        match event {
            WorkspaceEvent::SubjectChanged => self.map.forget(),
            WorkspaceEvent::Entered | WorkspaceEvent::Left | WorkspaceEvent::Key(Key::Escape) => {
                self.drawer_open = false;
            }
            WorkspaceEvent::Key(Key::L) => self.curves.log_scale = !self.curves.log_scale,
            WorkspaceEvent::Started | WorkspaceEvent::Key(_) => {}
        }
        Vec::new()
    }

    fn add_wishes(&self, request: &mut PreviewRequest) {
        (request.pinned, request.turn) = self.reconstructions.wanted();
        (request.train_rows, request.errors) = (self.map.train_rows, self.map.wants_errors());
    }

    fn undo(&mut self) -> bool {
        self.network.discard()
    }
}

/// Returns the action that restarts the run with `advice`.
fn follow_advice(advice: &Advice, moment: &Moment) -> Option<Action> {
    if advice.setting == Setting::DEVICE.name() {
        return advice.value.parse().ok().map(Action::ChooseDevice);
    }
    let run = &moment.snapshot.run;
    let spec = Spec { edits: Vec::new(), ..run.spec.clone()? };
    let spec = spec.with_set(&[format!("{}={}", advice.setting, advice.value)]).ok()?;
    Some(Action::Train { spec: Box::new(spec), preset: None })
}

/// Returns the cards of the left column from the top: network, data, settings.
fn left_cards(column: Rect) -> [Rect; 3] {
    let gap = space::L;
    let data_height = 152.0;
    let room = column.height() - 2.0 * gap - data_height;
    let controls_height = 208.0_f32.min(room * 0.48);
    let network_height = (room - controls_height).min(340.0);
    let below = |rect: Rect, height: f32| {
        Rect::from_min_size(pos2(column.left(), rect.bottom() + gap), vec2(column.width(), height))
    };
    let network = Rect::from_min_size(column.min, vec2(column.width(), network_height));
    let data = below(network, data_height);
    [network, data, below(data, column.bottom() - data.bottom() - gap)]
}

/// Returns the height of the card of pairs: `lines` of ten square tiles.
fn pairs_height(width: f32, lines: usize) -> f32 {
    22.0 + 2.0 * space::L + lines as f32 * ((width - 104.0) / 10.0 + 8.0)
}

/// Splits `rect` into the upper rest and the lower `height`.
fn split_bottom(rect: Rect, height: f32, gap: f32) -> [Rect; 2] {
    let y = rect.bottom() - height;
    [Rect::from_min_max(rect.min, pos2(rect.right(), y - gap)), Rect::from_min_max(pos2(rect.left(), y), rect.max)]
}
