//! The page itself.

use std::fmt::Write as _;

use serde_json::Value;

use super::content::{ReportContent, SAMPLES, THUMBS_ACROSS};
use super::html::hex;
use super::images::{base64, picture, sheet};
use super::svg::{MARK, curves, hourglass, map};
use crate::plot::escape_markup;
use crate::style;
use crate::style::{DARK, FONT_REGULAR, FONT_SEMIBOLD, LABELS, LIGHT, Palette, Rgb};

const STYLE: &str = include_str!("../../assets/report/report.css");
const SCRIPT: &str = include_str!("../../assets/report/report.js");
/// Classes that a legend names; more would be a wall of names.
const LEGEND: usize = 20;

fn tokens(palette: &Palette) -> String {
    // The accent is for shapes; as text on a light page it would be too pale.
    let accent_text = if palette.dark { palette.accent } else { Rgb(0x8a, 0x5a, 0x00) };
    let mut css = String::new();
    for (name, color) in [
        ("background", palette.background),
        ("panel", palette.panel),
        ("raised", palette.raised),
        ("line", palette.line),
        ("text", palette.text),
        ("muted", palette.muted),
        ("faint", palette.faint),
        ("accent", palette.accent),
        ("accent-text", accent_text),
        ("second", palette.second),
    ] {
        let _ = write!(css, "--{name}:{};", hex(color));
    }
    css
}

fn style_sheet() -> String {
    let mut css = String::new();
    for (weight, font) in [(400, FONT_REGULAR), (600, FONT_SEMIBOLD)] {
        let _ = write!(
            css,
            "@font-face{{font-family:Inter;font-weight:{weight};src:url(data:font/otf;base64,{}) format(\"opentype\")}}",
            base64(font)
        );
    }
    let light = tokens(&LIGHT);
    let _ = write!(
        css,
        ":root{{color-scheme:light dark;{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}",
        tokens(&DARK)
    );
    for (class, color) in LABELS.iter().enumerate() {
        let _ = write!(css, ".l{class}{{fill:{0}}}b.l{class}{{background:{0}}}", hex(*color));
    }
    css + STYLE
}

fn grouped(count: usize) -> String {
    style::grouped(count as u64)
}

fn section(out: &mut String, class: &str, title: &str, second: &str, body: &str) {
    if body.is_empty() {
        return;
    }
    let second = if second.is_empty() { String::new() } else { format!(" <small>{}</small>", escape_markup(second)) };
    let _ = writeln!(out, "<section class=\"{class}\"><h2>{title}{second}</h2>{body}</section>");
}

/// A list of names and values.
fn facts(facts: &[(&str, String)]) -> String {
    let mut out = String::from("<dl>");
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escape_markup(value));
    }
    out + "</dl>"
}

pub(crate) fn page(story: &ReportContent) -> String {
    let recorded = &story.recorded;
    let preset = recorded["preset"].as_str().unwrap_or("own spec");
    let data = story.data.as_ref().map_or(story.spec.data.source.as_str(), |data| data.name.as_str());
    let mut body = format!(
        "<header>{MARK}<h1>{}</h1><span class=\"muted\">{} trained on {}</span></header>\n",
        escape_markup(&story.run),
        escape_markup(preset),
        escape_markup(data)
    );
    if !story.missing.is_empty() {
        let words: String = story.missing.iter().map(|words| format!("<p>{}</p>", escape_markup(words))).collect();
        section(&mut body, "", "What is missing", "", &words);
    }
    section(&mut body, "third", "Data", "", &data_card(story));
    let second =
        if story.spec.model.latent > 0 { format!("bottleneck of {}", story.spec.model.latent) } else { String::new() };
    section(&mut body, "third", "Network", &second, &network(story));
    section(&mut body, "third", "Run", "", &run(story));
    let drawn = curves(story);
    if !drawn.is_empty() {
        let label = "<label class=\"scale\"><input type=\"checkbox\"> scale of ratios</label>";
        let _ = writeln!(
            body,
            "<section class=\"two-thirds curves\">{label}<h2>{} <small>over epochs</small></h2>{drawn}</section>",
            escape_markup(story.spec.objective_title())
        );
    }
    section(&mut body, if drawn.is_empty() { "" } else { "third" }, "What to make of it", "", &diagnosis(recorded));
    section(&mut body, "", "Quality", "on test rows, never seen in training", &quality(story));
    section(&mut body, "", "Held-out rows", "", &pairs(story));
    let both = !story.samples.is_empty();
    let second = if story.map.projected { "the two main components of their codes" } else { "by their two codes" };
    let wide = if both { "two-thirds" } else { "" };
    section(&mut body, wide, "Map", &format!("validation rows, {second}"), &map_card(story));
    section(&mut body, "third", "Samples", "drawn from where codes lie", &samples(story));
    section(&mut body, "", "Columns", "mean squared error of scaled values, the worst first", &columns(story));
    let reproduce = format!(
        "<p class=\"muted\">Save this as spec.toml: <code>hourglass train spec.toml</code> does the same run again.</p>\
         <pre>{}</pre>",
        escape_markup(story.spec_text.trim())
    );
    section(&mut body, "", "Spec", "", &reproduce);
    let version = recorded["version"].as_str().unwrap_or(env!("CARGO_PKG_VERSION"));
    let _ = write!(body, "<footer>Hourglass {}. This file needs no network.</footer>", escape_markup(version));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{} – Hourglass</title><style>{}</style></head>\n<body><main>\n\
         {body}\n</main>{}</body></html>\n",
        escape_markup(&story.run),
        style_sheet(),
        script(story)
    )
}

fn data_card(story: &ReportContent) -> String {
    let Some(data) = &story.data else {
        return facts(&[("source", story.spec.data.source.clone())]);
    };
    let [train, validation, test] = data.parts.map(grouped);
    let mut out = facts(&[
        ("kind", data.kind.clone()),
        ("rows", grouped(data.rows)),
        ("values a row", grouped(data.features)),
        ("for training", train),
        ("for validation", validation),
        ("for the test", test),
        ("classes", if story.classes.is_empty() { String::new() } else { story.classes.len().to_string() }),
    ]);
    for note in data.notes.iter().take(5) {
        let _ = write!(out, "<p class=\"muted\">{}</p>", escape_markup(note));
    }
    out
}

fn network(story: &ReportContent) -> String {
    if story.widths.is_empty() {
        return String::new();
    }
    let ratio = story.widths.first().and_then(|&wide| wide.checked_div(story.spec.model.latent));
    hourglass(&story.widths)
        + &facts(&[
            ("parameters", grouped(story.parameters)),
            ("compression", ratio.map_or_else(String::new, |ratio| format!("{ratio} to 1"))),
        ])
}

fn run(story: &ReportContent) -> String {
    let recorded = &story.recorded;
    let text = |field: &str| recorded[field].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| recorded[field].as_f64();
    let last = story.epochs.last();
    let notes: Vec<&str> =
        recorded["device_notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let notes = notes.join("; ");
    facts(&[
        ("device", format!("{} {}", text("device"), text("adapter")).trim().to_owned()),
        ("driver", notes),
        ("seed", story.spec.train.seed.to_string()),
        ("epochs", last.map_or_else(String::new, |epoch| epoch.epoch.to_string())),
        ("steps", last.map_or_else(String::new, |epoch| style::grouped(epoch.step))),
        ("best epoch", number("best_epoch").map_or_else(String::new, |epoch| format!("{epoch:.0}"))),
        ("time", last.map_or_else(String::new, |epoch| style::clock(epoch.seconds))),
        (
            "samples a second",
            number("samples_per_second").map_or_else(String::new, |rate| style::grouped(rate.round() as u64)),
        ),
    ])
}

fn diagnosis(recorded: &Value) -> String {
    let findings = recorded["diagnosis"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<&str> = findings.iter().filter_map(|finding| finding["message"].as_str()).collect();
    match (recorded.is_null(), words.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "<p>Nothing stands out.</p>".into(),
        (false, false) => {
            let items: String = words.iter().map(|words| format!("<li>{}</li>", escape_markup(words))).collect();
            format!("<ul>{items}</ul>")
        }
    }
}

fn quality(story: &ReportContent) -> String {
    let Some(test) = &story.test else { return String::new() };
    let pca = story.pca.as_ref();
    let mut rows: Vec<(&str, String, String, String)> = Vec::new();
    let mut add = |name, ours: String, beside: Option<String>, words: &str| {
        rows.push((name, ours, beside.unwrap_or_default(), words.to_owned()));
    };
    add("MSE", style::figure(test.mse), pca.map(|pca| style::figure(pca.mse)), "lower is better");
    let psnr = |mse: f64| format!("{:.2} dB", crate::metrics::psnr(mse));
    add("PSNR", format!("{:.2} dB", test.psnr), pca.map(|pca| psnr(pca.mse)), "higher is better");
    if let (Some(bce), Some(excess)) = (test.bce, test.bce_excess) {
        add("BCE", style::figure(bce), None, &format!("{} above what the data itself costs", style::figure(excess)));
    }
    if let Some(ssim) = test.ssim {
        add("SSIM", style::figure(ssim), None, "1 is equal");
    }
    if let (Some(elbo), Some(reconstruction), Some(kl)) = (test.negative_elbo, test.reconstruction, test.kl) {
        let words = format!("nats a row: {reconstruction:.2} reconstruction and {kl:.2} divergence");
        add("negative ELBO", format!("{elbo:.2}"), None, &words);
    }
    if let Some(units) = test.active_units {
        add("active units", units.to_string(), None, &format!("of {}", story.spec.model.latent));
    }
    if let Some(before) = test.corrupted_psnr {
        add("PSNR of what it saw", format!("{before:.2} dB"), None, "before it was cleaned");
    }
    if let Some(clean) = test.clean_mse {
        add("MSE on clean rows", style::figure(clean), None, "what it does to rows that need no cleaning");
    }
    if let (Some(used), Some(perplexity)) = (test.codebook_used, test.codebook_perplexity) {
        add("codebook entries", used.to_string(), None, &format!("in use, perplexity {perplexity:.1}"));
    }
    let beside = pca.map_or_else(
        || "PCA does not compare".to_owned(),
        |pca| format!("PCA, {} component{}", pca.components, if pca.components == 1 { "" } else { "s" }),
    );
    let mut out = format!(
        "<div class=\"scroll\"><table class=\"quality\"><thead><tr><th></th><th>this model</th><th>{beside}</th><th></th></tr></thead><tbody>"
    );
    let wins = pca.map(|pca| test.mse < pca.mse);
    for (name, ours, beside, words) in &rows {
        let compared = !beside.is_empty();
        let [here, there] = [wins == Some(true) && compared, wins == Some(false) && compared]
            .map(|win| if win { " class=\"win\"" } else { "" });
        let _ = write!(
            out,
            "<tr><td>{name}</td><td{here}>{ours}</td><td{there}>{beside}</td><td class=\"wide\">{}</td></tr>",
            escape_markup(words)
        );
    }
    let _ = write!(out, "</tbody></table></div><p class=\"muted\">{} test rows.</p>", grouped(test.rows));
    out
}

fn pairs(story: &ReportContent) -> String {
    let pairs = &story.pairs;
    if pairs.count() == 0 {
        return String::new();
    }
    let view = pairs.view();
    let mut out = String::from("<div class=\"pairs\">");
    for (which, name) in [(0, "input"), (1, "seen"), (2, "output"), (3, "error")] {
        if which == 1 && !pairs.corrupted() {
            continue;
        }
        let _ = write!(out, "<span>{name}</span>");
        for item in 0..10 {
            let class = if item >= 5 { " class=\"more\"" } else { "" };
            if item >= pairs.count() {
                let _ = write!(out, "<i{class}></i>");
                continue;
            }
            let label = pairs.labels.get(item).map(|&label| name_of(story, label)).unwrap_or_default();
            let source = picture(&pairs.raster(&view, which, item, &LIGHT));
            let _ = write!(out, "<img{class} src=\"{source}\" alt=\"{name} {}\">", escape_markup(&label));
        }
    }
    out + "</div>"
}

fn name_of(story: &ReportContent, label: u16) -> String {
    story.classes.get(usize::from(label)).cloned().unwrap_or_else(|| label.to_string())
}

fn map_card(story: &ReportContent) -> String {
    if story.map.points.is_empty() {
        return String::new();
    }
    let mut out = format!("<div class=\"mapbox\">{}<div class=\"tip\"></div></div>", map(story));
    let mut labels: Vec<u16> = story.map.labels.clone();
    labels.sort_unstable();
    labels.dedup();
    if (1..=LEGEND).contains(&labels.len()) {
        out += "<div class=\"legend\">";
        for label in labels {
            let class = usize::from(label) % LABELS.len();
            let _ = write!(out, "<span><b class=\"l{class}\"></b>{}</span>", escape_markup(&name_of(story, label)));
        }
        out += "</div>";
    }
    out
}

fn samples(story: &ReportContent) -> String {
    if story.samples.is_empty() {
        return String::new();
    }
    let source = sheet(&story.samples, SAMPLES);
    format!("<div class=\"samples\"><img src=\"{source}\" alt=\"{} samples\"></div>", story.samples.len())
}

fn columns(story: &ReportContent) -> String {
    if story.columns.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<div class=\"scroll\"><table><thead><tr><th>column</th><th>this model</th><th>PCA</th></tr></thead><tbody>",
    );
    for column in &story.columns {
        let beside = column.pca.map(style::figure).unwrap_or_default();
        let [here, there] = match column.pca {
            Some(pca) if pca < column.mse => ["", " class=\"win\""],
            Some(_) => [" class=\"win\"", ""],
            None => ["", ""],
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td{here}>{}</td><td{there}>{beside}</td></tr>",
            escape_markup(&column.name),
            style::figure(column.mse)
        );
    }
    out + "</tbody></table></div>"
}

/// What the map needs to answer the pointer.
fn script(story: &ReportContent) -> String {
    if story.map.points.is_empty() {
        return String::new();
    }
    let thumbs = if story.thumbs.is_empty() { String::new() } else { sheet(&story.thumbs, THUMBS_ACROSS) };
    let data = serde_json::json!({
        "names": story.classes,
        "labels": story.map.labels,
        "sheet": thumbs,
        "across": THUMBS_ACROSS,
        "side": story.thumbs.first().map_or(0, |thumb| thumb.side),
    });
    // Nothing within may end the element.
    let data = data.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\" id=\"map-data\">{data}</script><script>{SCRIPT}</script>")
}
