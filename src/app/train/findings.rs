//! Findings in words with their evidence, health of the layers, and filters of the first layer.

use egui::{Align2, Color32, ColorImage, Pos2, Rect, TextureHandle, TextureOptions, Ui, UiBuilder, pos2, vec2};

use crate::app::ui::theme::{color, regular, tone_ink};
use crate::app::ui::widgets::{Button, ButtonKind, card_title, line_of_text, paragraph};
use crate::error::Advice;
use crate::monitor::{Filters, Health, LayerState, PlayState, Section, Snapshot};
use crate::style;
use crate::style::{Palette, Rgb, size, space};
use crate::train::Finding;

struct Line {
    ink: Rgb,
    title: String,
    evidence: String,
}

/// Tab of the card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SideTab {
    #[default]
    Findings,
    Layers,
    Filters,
}

#[derive(Default)]
pub(crate) struct Findings {
    side: SideTab,
    /// Section whose filters the texture shows, and true for a dark palette.
    drawn: Option<(Section<Health>, bool)>,
    texture: Option<TextureHandle>,
}

impl std::fmt::Debug for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Findings({:?})", self.side)
    }
}

const LAYER_LINE: f32 = 22.0;

impl Findings {
    /// Draws the card's contents, with a button for `advice` where there is any; true if that was clicked.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        inside: Rect,
        snapshot: &Snapshot,
        advice: Option<&Advice>,
    ) -> bool {
        let title = match self.side {
            SideTab::Findings => "Findings",
            SideTab::Layers => "Layers",
            SideTab::Filters => "First layer",
        };
        card_title(ui, palette, inside, title, "");
        let mut right = inside.right_top();
        for (side, label, help, there) in [
            (
                SideTab::Filters,
                "filters",
                "Weights of each unit of the first layer",
                snapshot.health.filters.count() > 0,
            ),
            (
                SideTab::Layers,
                "layers",
                "Dead or saturated units and gradient sizes, layer by layer",
                !snapshot.health.layers.is_empty(),
            ),
            (SideTab::Findings, "findings", "Findings in words", !snapshot.health.layers.is_empty()),
        ] {
            if !there && self.side == side {
                self.side = SideTab::Findings;
            }
            if there {
                let kind = if self.side == side { ButtonKind::ChipOn } else { ButtonKind::Chip };
                let (response, left) = Button::new(kind, label, help).show_right(ui, palette, right);
                right.x = left - 6.0;
                if response.clicked() {
                    self.side = side;
                }
            }
        }
        let below = Rect::from_min_max(pos2(inside.left(), inside.top() + 30.0), inside.max);
        if !below.is_positive() {
            return false;
        }
        let mut taken = false;
        match self.side {
            SideTab::Findings => scrolled(ui, below, "findings", |ui, below| {
                let y = findings_ui(ui, palette, below, snapshot);
                let Some(advice) = advice else { return y };
                let (clicked, bottom) = advice_ui(ui, palette, pos2(below.left() + 14.0, y), advice);
                taken = clicked;
                bottom
            }),
            SideTab::Layers => {
                scrolled(ui, below, "layers", |ui, below| layers_ui(ui, palette, below, &snapshot.health.layers));
            }
            SideTab::Filters => self.filters_ui(ui, palette, below, &snapshot.health),
        }
        taken
    }

    fn filters_ui(&mut self, ui: &mut Ui, palette: &Palette, area: Rect, health: &Section<Health>) {
        let filters = &health.filters;
        let (Some(image), count) = (filters.image, filters.count()) else { return };
        let drawn = self.drawn.as_ref().is_some_and(|(drawn, dark)| drawn == health && *dark == palette.dark);
        if !drawn {
            let picture = paint_filters(filters, palette);
            match &mut self.texture {
                Some(texture) => texture.set(picture, TextureOptions::NEAREST),
                None => self.texture = Some(ui.ctx().load_texture("filters", picture, TextureOptions::NEAREST)),
            }
            self.drawn = Some((health.clone(), palette.dark));
        }
        let Some(texture) = &self.texture else { return };
        const GAP: f32 = 4.0;
        let ratio = image.height as f32 / image.width as f32;
        // The largest tiles that all fit, up to 56 points.
        let fits = |columns: usize| {
            let width = (area.width() + GAP) / columns as f32 - GAP;
            let lines = count.div_ceil(columns) as f32;
            lines * (width * ratio + GAP) - GAP <= area.height()
        };
        let columns = (1..=count).find(|&columns| fits(columns)).unwrap_or(count);
        let width = ((area.width() + GAP) / columns as f32 - GAP).clamp(4.0, 56.0);
        for i in 0..count {
            let at =
                area.min + vec2((i % columns) as f32 * (width + GAP), (i / columns) as f32 * (width * ratio + GAP));
            let rect = Rect::from_min_size(at, vec2(width, width * ratio));
            let part = |i: usize| i as f32 / count as f32;
            let uv = Rect::from_min_max(pos2(part(i), 0.0), pos2(part(i + 1), 1.0));
            ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
        }
        let response = ui.interact(area, ui.scope_id().with("filters"), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, "Filters"));
        let colors = if image.channels == 3 { "gray is zero" } else { "warm is positive, cold is negative" };
        response.on_hover_text(format!("Weights of {count} units of the first layer: {colors}"));
    }
}

/// Draws contents that may be taller than `area`, with scrolling.
fn scrolled(ui: &mut Ui, area: Rect, name: &str, contents: impl FnOnce(&mut Ui, Rect) -> f32) {
    ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
        ui.set_clip_rect(area.expand2(vec2(4.0, 0.0)).intersect(ui.clip_rect()));
        egui::ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
            let at = ui.cursor().min;
            let room = Rect::from_min_size(at, area.size());
            let bottom = contents(ui, room);
            ui.allocate_exact_size(vec2(area.width(), (bottom - at.y).max(0.0)), egui::Sense::hover());
        });
    });
}

/// Draws the lines; returns the y below them.
fn findings_ui(ui: &Ui, palette: &Palette, area: Rect, snapshot: &Snapshot) -> f32 {
    let mut y = area.top();
    for line in lines(palette, snapshot) {
        let left = area.left() + 14.0;
        let width = area.right() - left;
        let top = y;
        y = paragraph(ui, pos2(left, y), width, &line.title, regular(size::TEXT), color(palette.text));
        if !line.evidence.is_empty() {
            y = paragraph(ui, pos2(left, y + 3.0), width, &line.evidence, regular(size::SECOND), color(palette.muted));
        }
        let bar = Rect::from_min_size(pos2(area.left(), top), vec2(3.0, y - top));
        ui.painter().rect_filled(bar, 1.5, color(line.ink));
        y += space::M;
    }
    y
}

/// Draws a button that follows `advice`; returns whether it was clicked, and its lower edge.
fn advice_ui(ui: &mut Ui, palette: &Palette, at: Pos2, advice: &Advice) -> (bool, f32) {
    let Advice { setting, value } = advice;
    let label = match (setting.as_str(), value.as_str()) {
        ("device", "cpu") => "Train on the CPU".to_owned(),
        _ => format!("Train with {setting} = {value}"),
    };
    let button =
        Button::new(ButtonKind::Plain, &label, "Restart from the same seed with this setting; this run is kept");
    let rect = Rect::from_min_size(at, button.size(ui));
    (button.show(ui, palette, rect).clicked(), rect.bottom() + space::M)
}

/// Draws a line for each layer: dead or saturated units, and the gradient relative to the weights.
fn layers_ui(ui: &Ui, palette: &Palette, area: Rect, layers: &[LayerState]) -> f32 {
    let painter = ui.painter();
    let (font, muted) = (regular(size::SECOND), color(palette.muted));
    let (units_x, gradient_x) = (area.left() + area.width() * 0.64, area.right() - 4.0);
    let mut y = area.top() + 8.0;
    painter.text(pos2(units_x, y), Align2::RIGHT_CENTER, "dead or saturated", regular(size::AXIS), muted);
    painter.text(pos2(gradient_x, y), Align2::RIGHT_CENTER, "gradient / weights", regular(size::AXIS), muted);
    for layer in layers {
        y += LAYER_LINE;
        let at = pos2(area.left(), y);
        line_of_text(ui, at, area.width() * 0.3, &layer.name.replace('.', " "), font.clone(), color(palette.text));
        let (words, ink) = match layer.units {
            0 => ("\u{2013}".to_owned(), palette.muted),
            units if layer.idle() * 2 > units => (format!("{} of {units}", layer.idle()), palette.bad),
            units => (format!("{} of {units}", layer.idle()), palette.text),
        };
        painter.text(pos2(units_x, y), Align2::RIGHT_CENTER, words, font.clone(), color(ink));
        // A ratio far from the usual means exploding or vanishing gradients.
        let usual = (1e-6..1.0).contains(&layer.gradient);
        let ink = if usual { palette.text } else { palette.bad };
        let words = format!("{:.1e}", layer.gradient);
        painter.text(pos2(gradient_x, y), Align2::RIGHT_CENTER, words, font.clone(), color(ink));
    }
    y + LAYER_LINE / 2.0
}

/// Draws filters side by side: zero in the card's color, positive warm, negative cold.
fn paint_filters(filters: &Filters, palette: &Palette) -> ColorImage {
    let Some(image) = filters.image else { return ColorImage::default() };
    let (count, size) = (filters.count(), image.values());
    let mut pixels = vec![Color32::BLACK; count * image.height * image.width];
    let mix = |a: Rgb, b: Rgb, t: f32| {
        let channel = |a: u8, b: u8| (f32::from(a) + t * (f32::from(b) - f32::from(a))).round() as u8;
        Color32::from_rgb(channel(a.0, b.0), channel(a.1, b.1), channel(a.2, b.2))
    };
    for (item, values) in filters.values.chunks_exact(size.max(1)).enumerate() {
        let most = values.iter().fold(1e-12_f32, |most, value| most.max(value.abs()));
        for (at, value) in values.chunks_exact(image.channels.max(1)).enumerate() {
            let (y, x) = (at / image.width, at % image.width);
            let level = |channel: usize| value[channel] / most;
            pixels[(y * count + item) * image.width + x] = match image.channels {
                3 => {
                    let byte = |channel: usize| (127.5 + 127.5 * level(channel)).round() as u8;
                    Color32::from_rgb(byte(0), byte(1), byte(2))
                }
                _ => mix(palette.raised, if value[0] > 0.0 { palette.accent } else { palette.second }, level(0).abs()),
            };
        }
    }
    ColorImage::new([count * image.width, image.height], pixels)
}

fn lines(palette: &Palette, snapshot: &Snapshot) -> Vec<Line> {
    let mut lines = Vec::new();
    if snapshot.progress.state == PlayState::Failed {
        lines.push(Line {
            ink: palette.bad,
            title: "The run failed.".to_owned(),
            evidence: snapshot.progress.message.clone(),
        });
        return lines;
    }
    let line = |finding: &Finding| {
        let [title, evidence] = finding.title_and_evidence();
        Line { ink: tone_ink(palette, finding.tone()), title, evidence }
    };
    let found = snapshot.finding_lines();
    lines.extend(found.iter().map(line));
    if let Some((epoch, loss)) = snapshot.progress.best {
        let last = snapshot.curves.validation.len() as u32;
        let evidence = match last.saturating_sub(epoch) {
            0 => "The latest epoch is the best so far.".to_owned(),
            1 => "1 epoch since then without improvement.".to_owned(),
            n => format!("{n} epochs since then without improvement."),
        };
        lines.push(Line {
            ink: palette.second,
            title: format!("Best epoch: {epoch}, validation loss {}.", style::figure(loss)),
            evidence,
        });
    }
    // Beside a model that nothing has looked at nothing is good.
    let is_checked = found.iter().any(|finding| !finding.is_on_pca());
    if snapshot.progress.state == PlayState::Finished && !lines.is_empty() && !is_checked {
        lines.push(line(&Finding::not_checked("the run ended before its diagnosis.")));
    }
    if lines.is_empty() && snapshot.progress.state == PlayState::Finished {
        lines.push(Line {
            ink: palette.accent,
            title: "Saved model, not checked.".to_owned(),
            evidence: "No run folder beside it. Train again starts a new run of its spec.".to_owned(),
        });
    }
    if lines.is_empty() {
        lines.push(Line {
            ink: palette.accent,
            title: "No findings yet.".to_owned(),
            evidence: match snapshot.run.data.classes.len() {
                0 => "Outputs come nearer to their inputs. Drag the learning rate to see its effect.",
                _ => "Outputs sharpen and classes separate on the map. Drag the learning rate to see its effect.",
            }
            .to_owned(),
        });
    }
    lines
}
