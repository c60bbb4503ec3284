//! Validation curves of several runs in one chart.

use egui::{Align2, Rect, Stroke, Ui, pos2};

use super::Runs;
use crate::app::ui::theme::{color, regular, semibold};
use crate::app::ui::widgets::{Button, ButtonKind, card_title, line_of_text};
use crate::style::{self, Palette, Rgb, size, space};
use crate::train::SavedRun;

/// Width at the right for the names of the curves.
const NAMES: f32 = 104.0;

impl Runs {
    pub(super) fn compare_ui(&mut self, ui: &mut Ui, palette: &Palette, inside: Rect) {
        let shown: Vec<(&SavedRun, Rgb)> = self
            .shown
            .iter()
            .filter_map(|path| self.runs.iter().find(|run| run.path == *path))
            .filter_map(|run| Some((run, self.ink(&run.path)?)))
            .collect();
        let title = |run: &SavedRun| run.spec.as_ref().ok().map(|spec| spec.objective_title());
        // Only equal objectives compare: that of the selected run, or of the first shown.
        let selected = self.selected().filter(|run| shown.iter().any(|(other, _)| other.path == run.path));
        let objective = selected.or_else(|| shown.first().map(|(run, _)| *run)).and_then(title);
        let (alike, others): (Vec<_>, Vec<_>) = shown.into_iter().partition(|(run, _)| title(run) == objective);
        let second = match others.len() {
            0 => "validation, by epoch".to_owned(),
            1 => "validation, by epoch; one run has another loss".to_owned(),
            n => format!("validation, by epoch; {n} runs have another loss"),
        };
        card_title(ui, palette, inside, objective.unwrap_or("Loss"), &second);
        let kind = if self.log_scale { ButtonKind::ChipOn } else { ButtonKind::Chip };
        let chip = Button::new(kind, "log", "Log scale of the loss axis");
        let (response, _) = chip.show_right(ui, palette, inside.right_top());
        let plot = Rect::from_min_max(
            pos2(inside.left() + 44.0, inside.top() + 36.0),
            pos2(inside.right() - NAMES, inside.bottom() - 22.0),
        );
        if alike.is_empty() {
            let words = "Mark runs in the list to compare their curves";
            ui.painter().text(inside.center(), Align2::CENTER_CENTER, words, regular(size::TEXT), color(palette.muted));
        } else if plot.is_positive() {
            plot_ui(ui, palette, plot, &alike, self.log_scale);
        }
        if response.clicked() {
            self.log_scale = !self.log_scale;
        }
    }
}

fn plot_ui(ui: &mut Ui, palette: &Palette, plot: Rect, runs: &[(&SavedRun, Rgb)], log_scale: bool) {
    let scaled = |loss: f64| if log_scale { loss.max(1e-12).log10() } else { loss };
    let epochs = runs.iter().filter_map(|(run, _)| run.epochs.last()).map(|epoch| epoch.epoch).max().unwrap_or(1);
    let mut losses: Vec<f64> = runs
        .iter()
        .flat_map(|(run, _)| run.epochs.iter().map(|epoch| epoch.validation_loss))
        .filter(|loss| loss.is_finite() && (!log_scale || *loss > 0.0))
        .collect();
    losses.sort_by(f64::total_cmp);
    let (Some(&low), Some(&worst)) = (losses.first(), losses.last()) else { return };
    // The steep first epochs of a few runs must not flatten the rest.
    let high = if log_scale { worst } else { losses[(losses.len() - 1) * 19 / 20] };
    let (low, high) = (scaled(low), scaled(high));
    let margin = ((high - low) * 0.06).max(1e-9 + low.abs() * 1e-3);
    let (low, high) = (low - margin, high + margin);
    let x = |epoch: f64| plot.left() + (epoch / f64::from(epochs.max(1))) as f32 * plot.width();
    let y = |loss: f64| plot.bottom() - ((scaled(loss) - low) / (high - low)) as f32 * plot.height();
    let axis = regular(size::AXIS);
    let painter = ui.painter().clone();
    let lines = style::ticks(low, high, (plot.height() / 44.0).clamp(2.0, 6.0) as usize);
    let step = if lines.len() > 1 { lines[1] - lines[0] } else { high - low };
    for value in lines {
        let at = plot.bottom() - ((value - low) / (high - low)) as f32 * plot.height();
        painter.hline(plot.x_range(), at, Stroke::new(1.0, color(palette.line)));
        let text = if log_scale { style::figure(10_f64.powf(value)) } else { style::tick_label(value, step) };
        let place = pos2(plot.left() - 8.0, at);
        painter.text(place, Align2::RIGHT_CENTER, text, axis.clone(), color(palette.muted));
    }
    for value in style::ticks(0.0, f64::from(epochs), (plot.width() / 70.0).clamp(2.0, 10.0) as usize) {
        if value.fract() == 0.0 {
            let place = pos2(x(value), plot.bottom() + 8.0);
            painter.text(place, Align2::CENTER_TOP, format!("{value:.0}"), axis.clone(), color(palette.muted));
        }
    }
    let clipped = ui.painter_at(plot.expand2(egui::vec2(4.0, 4.0)));
    let mut names = Vec::new();
    for (run, ink) in runs {
        let points: Vec<egui::Pos2> = run
            .epochs
            .iter()
            .filter(|epoch| epoch.validation_loss.is_finite())
            .map(|epoch| pos2(x(f64::from(epoch.epoch)), y(epoch.validation_loss)))
            .collect();
        if let Some(last) = points.last() {
            clipped.circle_filled(*last, 3.0, color(*ink));
            names.push((last.y.clamp(plot.top(), plot.bottom()), run.name.as_str(), *ink));
        }
        clipped.line(points, Stroke::new(2.0, color(*ink)));
    }
    // Names stand at the ends of their curves, moved down where they would overlap.
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = plot.top() - 8.0;
    for (wanted, name, ink) in names {
        let at = wanted.max(free);
        if at > plot.bottom() + 12.0 {
            break;
        }
        let place = pos2(plot.right() + space::S, at);
        line_of_text(ui, place, NAMES - space::S, name, semibold(size::AXIS), color(ink));
        free = at + 15.0;
    }
    let response = ui.interact(plot, ui.scope_id().with("compared"), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, "Curves of runs"));
}
