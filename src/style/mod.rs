//! Design tokens: every color and size that the window and the pictures use, here and nowhere else.

/// Color in sRGB: red, green and blue in 0..=255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

const fn hex(value: u32) -> Rgb {
    Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8)
}

/// Colors of one theme by their use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Fill of the window, of pictures and of pages, behind the panels.
    pub background: Rgb,
    /// Fill of cards, dialogs and menus.
    pub panel: Rgb,
    /// Fill of controls and chips, and paper of curves.
    pub raised: Rgb,
    /// Borders, rules and grid lines.
    pub line: Rgb,
    /// Main text.
    pub text: Rgb,
    /// Secondary text: captions, axis labels, hints.
    pub muted: Rgb,
    /// Faint marks: minor ticks, reference curves and bars.
    pub faint: Rgb,
    /// Sand color of the training curve, the bottleneck and the one primary action.
    pub accent: Rgb,
    /// Water color of validation, and of rows labeled normal.
    pub second: Rgb,
    /// Errors, and rows labeled abnormal.
    pub bad: Rgb,
    /// Success, and results that improve.
    pub good: Rgb,
    /// Text on the accent.
    pub on_accent: Rgb,
    /// True for the dark theme.
    pub dark: bool,
}

/// Colors of a picture of curves.
#[derive(Clone, Copy, Debug)]
pub struct Ink {
    /// Background of the picture.
    pub paper: Rgb,
    /// Color of the curve that another is compared with.
    pub under: Rgb,
    /// Color of the curve itself.
    pub line: Rgb,
}

impl Palette {
    /// Returns the colors for curves of rows, with the curve itself in `line`.
    pub fn ink(&self, line: Rgb) -> Ink {
        Ink { paper: self.raised, under: self.faint, line }
    }
}

/// Dark theme of the window and of reports on screen, and theme of the pictures written as PNG.
pub const DARK: Palette = Palette {
    background: hex(0x0f1115),
    panel: hex(0x161920),
    raised: hex(0x1d212a),
    line: hex(0x282d38),
    text: hex(0xe7e9ee),
    muted: hex(0x949cab),
    faint: hex(0x6b7382),
    accent: hex(0xf2b441),
    second: hex(0x5ab8c4),
    bad: hex(0xe5675c),
    good: hex(0x7cc27a),
    on_accent: hex(0x1a1405),
    dark: true,
};

/// Light theme of the window and of reports, on screen and in print.
pub const LIGHT: Palette = Palette {
    background: hex(0xf4f3f0),
    panel: hex(0xffffff),
    raised: hex(0xf0eeea),
    line: hex(0xdedbd4),
    text: hex(0x1d2026),
    muted: hex(0x646b78),
    faint: hex(0x7d8490),
    accent: hex(0x925f00),
    second: hex(0x176d79),
    bad: hex(0xb03a31),
    good: hex(0x2c7534),
    on_accent: hex(0xffffff),
    dark: false,
};

/// One color for each of ten classes, as distinct as ten can be for color-blind observers (`tests/suite/style.rs`).
pub const LABELS: [Rgb; 10] = [
    hex(0x7ca8fb),
    hex(0xe2bf86),
    hex(0x8ab75a),
    hex(0xe35e40),
    hex(0xa07ed9),
    hex(0xb78c7c),
    hex(0xf79ac6),
    hex(0x7998ae),
    hex(0xcedc50),
    hex(0x3ec9e4),
];

/// Inferno at nine even steps (Smith & van der Walt 2015, CC0): perceptually uniform, for error maps.
const INFERNO: [Rgb; 9] = [
    hex(0x000004),
    hex(0x1f0c48),
    hex(0x550f6d),
    hex(0x88226a),
    hex(0xba3655),
    hex(0xe35933),
    hex(0xf98c0a),
    hex(0xf9c932),
    hex(0xfcffa4),
];

/// Returns the color of the Inferno map at `value`, which is clamped to 0..1.
pub fn heat(value: f32) -> Rgb {
    let place = value.clamp(0.0, 1.0) * (INFERNO.len() - 1) as f32;
    let low = (place as usize).min(INFERNO.len() - 2);
    let t = place - low as f32;
    let (a, b) = (INFERNO[low], INFERNO[low + 1]);
    let mix = |a: u8, b: u8| (f32::from(a) + t * (f32::from(b) - f32::from(a))).round() as u8;
    Rgb(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Type sizes in logical pixels.
pub mod size {
    /// Size of the program's name and of headings.
    pub const NAME: f32 = 15.0;
    /// Size of body text, buttons and titles of cards.
    pub const TEXT: f32 = 13.0;
    /// Size of secondary text: subtitles, legends, the status bar.
    pub const SECOND: f32 = 12.0;
    /// Size of axis labels, chips and other small text.
    pub const AXIS: f32 = 11.0;
}

/// Distances in logical pixels.
pub mod space {
    /// Gap between an element and its direct neighbor.
    pub const XS: f32 = 4.0;
    /// Gap between neighboring controls.
    pub const S: f32 = 8.0;
    /// Gap between lines or groups, and padding of buttons.
    pub const M: f32 = 12.0;
    /// Padding of cards and bars, and gap between cards.
    pub const L: f32 = 16.0;
    /// Margin of dialogs, and gap between columns.
    pub const XL: f32 = 24.0;
    /// Height of the bar at the top of the window.
    pub const TOP_BAR: f32 = 48.0;
    /// Width of the navigation rail at the left of the window.
    pub const RAIL: f32 = 76.0;
    /// Height of the bar at the bottom of the window.
    pub const STATUS_BAR: f32 = 28.0;
    /// Corner radius of buttons, chips and other controls.
    pub const RADIUS_CONTROL: u8 = 6;
    /// Corner radius of cards, dialogs and menus.
    pub const RADIUS_CARD: u8 = 10;
}

/// Inter Regular (SIL OFL 1.1) as an OpenType file, cut to the characters shown, with tabular figures.
pub const FONT_REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
/// Inter SemiBold, cut like [`FONT_REGULAR`].
pub const FONT_SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");

/// Returns the values of an axis's lines from `low` to `high`: about `count` round numbers.
pub fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || count == 0 {
        return Vec::new();
    }
    let raw = span / count as f64;
    let magnitude = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|unit| unit * magnitude >= raw).unwrap_or(10.0) * magnitude;
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).take(4 * count).map(|i| i as f64 * step).collect()
}

/// Formats a number for an axis whose lines are `step` apart, with no digit more than it needs.
pub fn tick_label(value: f64, step: f64) -> String {
    let digits = (-step.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}

/// Formats a loss or an error in four significant digits, of steady width.
pub fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let digits = (3.0 - magnitude).clamp(0.0, 7.0) as usize;
    format!("{value:.digits$}")
}

/// Rounds a number to three significant digits, as a person would write it.
pub fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// Formats a whole number with commas between thousands.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats a count of things with its noun, one or several.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count as u64), if count == 1 { "" } else { "s" })
}

/// Formats seconds as `m:ss` or `h:mm:ss`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 359_999.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
