//! The tokens: text can be read on whatever it lies on, and classes can be told apart by people who see fewer colors.

use hourglass::style::{DARK, LABELS, LIGHT, Palette, Rgb};

/// Linear red, green and blue (IEC 61966-2-1).
fn linear(Rgb(r, g, b): Rgb) -> [f64; 3] {
    [r, g, b].map(|channel| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    })
}

/// Contrast as WCAG 2.2 has it: from 1 to 21.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |color| {
        let [r, g, b] = linear(color);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Success criterion 1.4.3: text, at level AA.
const TEXT: f64 = 4.5;
/// Success criterion 1.4.11: what is no text but must be seen.
const GRAPHICS: f64 = 3.0;

#[test]
fn text_can_be_read_on_whatever_it_lies_on() {
    for (theme, palette) in [("dark", &DARK), ("light", &LIGHT)] {
        let Palette { background, panel, raised, text, muted, accent, second, bad, good, .. } = *palette;
        for (under, paper) in [("background", background), ("panel", panel), ("raised", raised)] {
            for (name, ink) in
                [("text", text), ("muted", muted), ("accent", accent), ("second", second), ("bad", bad), ("good", good)]
            {
                let found = contrast(ink, paper);
                assert!(found >= TEXT, "{name} on {under} in the {theme} theme: {found:.2}");
            }
            let found = contrast(palette.faint, paper);
            assert!(found >= GRAPHICS, "faint on {under} in the {theme} theme: {found:.2}");
        }
        let found = contrast(palette.on_accent, palette.accent);
        assert!(found >= TEXT, "words on the accent in the {theme} theme: {found:.2}");
    }
}

/// Oklab of a linear color (Ottosson 2020).
fn oklab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).max(0.0).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).max(0.0).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).max(0.0).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

/// What people see who lack a kind of cones (Machado, Oliveira & Fernandes 2009, severity 1), in linear light.
const SIGHTS: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "no long cones",
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ),
    (
        "no middle cones",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    (
        "no short cones",
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ),
];

/// Hundredths of Oklab between two classes. Ten classes leave no room for more; the map has names on hover besides.
const APART: f64 = 6.5;

#[test]
fn classes_are_told_apart_with_fewer_colors() {
    for (sight, matrix) in SIGHTS {
        let seen = LABELS.map(|label| {
            let color = linear(label);
            oklab(matrix.map(|row| row.iter().zip(color).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0)))
        });
        for (i, a) in seen.iter().enumerate() {
            for (j, b) in seen.iter().enumerate().take(i) {
                let far = 100.0 * a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                assert!(far >= APART, "{sight}: classes {j} and {i} are {far:.1} apart");
            }
        }
    }
    for (class, label) in LABELS.into_iter().enumerate() {
        let found = contrast(label, DARK.panel);
        assert!(found >= GRAPHICS, "class {class} on the dark panel: {found:.2}");
    }
}
