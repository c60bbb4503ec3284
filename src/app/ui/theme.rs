//! Theme of egui from the tokens of `style`.

use std::sync::Arc;

use egui::{Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, Visuals};
use serde::{Deserialize, Serialize};

use crate::style::{DARK, FONT_REGULAR, FONT_SEMIBOLD, LIGHT, Palette, Rgb, size, space};
use crate::train::FindingTone;

/// Theme of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// Theme of the system where it is known, else dark.
    #[default]
    System,
    Dark,
    Light,
}

impl ThemeChoice {
    /// All choices, with their labels in the menu.
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::System, "System"), (Self::Dark, "Dark"), (Self::Light, "Light")];

    pub(crate) fn palette(self, system: Option<egui::Theme>) -> &'static Palette {
        match (self, system) {
            (Self::Light, _) | (Self::System, Some(egui::Theme::Light)) => &LIGHT,
            _ => &DARK,
        }
    }
}

pub(crate) fn color(rgb: Rgb) -> Color32 {
    Color32::from_rgb(rgb.0, rgb.1, rgb.2)
}

/// Returns `rgb` with the opacity `alpha`.
pub(crate) fn faded(rgb: Rgb, alpha: f32) -> Color32 {
    color(rgb).gamma_multiply(alpha)
}

const SEMIBOLD: &str = "semibold";

pub(crate) fn regular(points: f32) -> FontId {
    FontId::proportional(points)
}

pub(crate) fn semibold(points: f32) -> FontId {
    FontId::new(points, FontFamily::Name(SEMIBOLD.into()))
}

/// Installs the fonts; called once.
pub(crate) fn install_fonts(context: &egui::Context) {
    let mut fonts = FontDefinitions::empty();
    for (name, bytes) in [("Inter", FONT_REGULAR), (SEMIBOLD, FONT_SEMIBOLD)] {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let regular = vec!["Inter".to_owned()];
    fonts.families.insert(FontFamily::Proportional, regular.clone());
    fonts.families.insert(FontFamily::Monospace, regular);
    fonts.families.insert(FontFamily::Name(SEMIBOLD.into()), vec![SEMIBOLD.to_owned()]);
    context.set_fonts(fonts);
}

/// Sets the style of egui's own widgets (menus, tooltips, scroll bars).
pub(crate) fn apply(context: &egui::Context, palette: &Palette) {
    let theme = if palette.dark { egui::Theme::Dark } else { egui::Theme::Light };
    context.set_theme(theme);
    let mut style = (*context.global_style()).clone();
    let mut visuals = if palette.dark { Visuals::dark() } else { Visuals::light() };
    let line = Stroke::new(1.0, color(palette.line));
    let radius = CornerRadius::same(space::RADIUS_CONTROL);
    visuals.panel_fill = color(palette.background);
    visuals.window_fill = color(palette.panel);
    visuals.window_stroke = line;
    visuals.window_corner_radius = CornerRadius::same(space::RADIUS_CARD);
    visuals.menu_corner_radius = CornerRadius::same(space::RADIUS_CARD);
    visuals.extreme_bg_color = color(palette.raised);
    visuals.override_text_color = Some(color(palette.text));
    visuals.selection.bg_fill = faded(palette.accent, 0.35);
    visuals.selection.stroke = Stroke::new(1.0, color(palette.accent));
    for (widget, fill) in [
        (&mut visuals.widgets.noninteractive, palette.panel),
        (&mut visuals.widgets.inactive, palette.raised),
        (&mut visuals.widgets.hovered, palette.line),
        (&mut visuals.widgets.active, palette.line),
        (&mut visuals.widgets.open, palette.raised),
    ] {
        widget.bg_fill = color(fill);
        widget.weak_bg_fill = color(fill);
        widget.bg_stroke = line;
        widget.corner_radius = radius;
        widget.fg_stroke = Stroke::new(1.0, color(palette.text));
        widget.expansion = 0.0;
    }
    style.visuals = visuals;
    style.spacing.item_spacing = egui::vec2(space::S, space::S);
    style.spacing.button_padding = egui::vec2(space::M, 6.0);
    style.spacing.menu_margin = egui::Margin::same(8);
    style.spacing.tooltip_width = 280.0;
    style.animation_time = 0.12;
    style.interaction.tooltip_delay = 0.35;
    style.interaction.selectable_labels = false;
    for (text, font) in [
        (egui::TextStyle::Body, regular(size::TEXT)),
        (egui::TextStyle::Button, regular(size::TEXT)),
        (egui::TextStyle::Small, regular(size::AXIS)),
        (egui::TextStyle::Heading, semibold(size::NAME)),
    ] {
        style.text_styles.insert(text, font);
    }
    context.set_style_of(theme, style);
}

/// Returns the color of the bar beside a finding.
pub(crate) fn tone_ink(palette: &Palette, tone: FindingTone) -> Rgb {
    match tone {
        FindingTone::Good => palette.good,
        // Overlapping classes may be a property of the data, not a fault.
        FindingTone::Notice => palette.accent,
        FindingTone::Neutral => palette.second,
        FindingTone::Problem => palette.bad,
    }
}
