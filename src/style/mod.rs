//! Design tokens: every color and size that the window and the pictures use, here and nowhere else.

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

const fn hex(value: u32) -> Rgb {
    Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    pub background: Rgb,
    pub panel: Rgb,
    pub raised: Rgb,
    pub line: Rgb,
    pub text: Rgb,
    pub muted: Rgb,
    pub faint: Rgb,
    /// Sand: training, the bottleneck, the one primary action.
    pub accent: Rgb,
    /// Water: validation.
    pub second: Rgb,
    pub bad: Rgb,
    pub good: Rgb,
    /// Text on the accent.
    pub on_accent: Rgb,
    pub dark: bool,
}

/// Ink for curves.
#[derive(Clone, Copy, Debug)]
pub struct Ink {
    pub paper: Rgb,
    /// Ink of the curve that another is compared with.
    pub under: Rgb,
    pub line: Rgb,
}

impl Palette {
    /// For curves of rows: `line` over what it is compared with.
    pub fn ink(&self, line: Rgb) -> Ink {
        Ink { paper: self.raised, under: self.faint, line }
    }
}

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

/// One color for each of ten classes, as far apart for people who lack a kind of cones as ten can be
/// (`tests/suite/style.rs`).
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

/// The heat color of `value` in 0..1.
pub fn heat(value: f32) -> Rgb {
    let place = value.clamp(0.0, 1.0) * (INFERNO.len() - 1) as f32;
    let low = (place as usize).min(INFERNO.len() - 2);
    let t = place - low as f32;
    let (a, b) = (INFERNO[low], INFERNO[low + 1]);
    let mix = |a: u8, b: u8| (f32::from(a) + t * (f32::from(b) - f32::from(a))).round() as u8;
    Rgb(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Type sizes.
pub mod size {
    pub const NAME: f32 = 15.0;
    pub const TEXT: f32 = 13.0;
    pub const SECOND: f32 = 12.0;
    pub const AXIS: f32 = 11.0;
}

/// Distances.
pub mod space {
    pub const XS: f32 = 4.0;
    pub const S: f32 = 8.0;
    pub const M: f32 = 12.0;
    pub const L: f32 = 16.0;
    pub const XL: f32 = 24.0;
    pub const TOP_BAR: f32 = 48.0;
    pub const RAIL: f32 = 76.0;
    pub const STATUS_BAR: f32 = 28.0;
    pub const RADIUS_CONTROL: u8 = 6;
    pub const RADIUS_CARD: u8 = 10;
}

/// Inter (SIL OFL 1.1), cut to what is shown, with tabular figures.
pub const FONT_REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
pub const FONT_SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");

/// Values at which an axis from `low` to `high` has its lines: about `count` round numbers.
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

/// A number for an axis whose lines are `step` apart: no digit more than it needs.
pub fn tick_label(value: f64, step: f64) -> String {
    let digits = (-step.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}

/// A loss or error in four significant digits, of steady width.
pub fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let digits = (3.0 - magnitude).clamp(0.0, 7.0) as usize;
    format!("{value:.digits$}")
}

/// A whole number with commas between thousands.
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

/// Seconds as `m:ss` or `h:mm:ss`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 359_999.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
