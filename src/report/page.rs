//! HTML page of a report.

use std::fmt::Write as _;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::content::{ReportContent, SAMPLES, THUMBS_ACROSS};
use super::html::hex;
use super::images::{base64, picture, sheet};
use super::svg::{MARK, curves, hourglass, map};
use crate::style;
use crate::style::{DARK, FONT_REGULAR, FONT_SEMIBOLD, LABELS, LIGHT, Palette, Rgb};
use crate::train::FindingTone;

const STYLE: &str = include_str!("../../assets/report/report.css");
const SCRIPT: &str = include_str!("../../assets/report/report.js");
/// Most classes that a legend names; more would be unreadable.
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
        ("good", palette.good),
        ("bad", palette.bad),
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

/// Builds a card; empty where it has no body.
fn section(class: &str, title: &str, second: &str, body: &Markup) -> Markup {
    html! {
        @if !body.0.is_empty() {
            section class=(class) {
                h2 { (title) @if !second.is_empty() { " " small { (second) } } }
                (body)
            }
            "\n"
        }
    }
}

/// Builds a list of names and values, without those whose value is empty.
fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) { dt { (name) } dd { (value) } }
        }
    }
}

pub(crate) fn page(story: &ReportContent) -> String {
    let recorded = &story.recorded;
    let preset = recorded["preset"].as_str().unwrap_or("custom spec");
    let data = story.data.as_ref().map_or(story.spec.data.source.as_str(), |data| data.name.as_str());
    let bottleneck = match story.spec.model.latent {
        0 => String::new(),
        latent => format!("bottleneck {latent}"),
    };
    let drawn = curves(story);
    let beside_curves = if drawn.is_empty() { "" } else { "third" };
    let by = if story.map.projected { "PCA of the latents to two dimensions" } else { "latents z1 and z2" };
    let beside_samples = if story.samples.is_empty() { "" } else { "two-thirds" };
    let version = recorded["version"].as_str().unwrap_or(env!("CARGO_PKG_VERSION"));
    let missing = html! { @for words in &story.missing { p { (words) } } };
    let spec = html! {
        p.muted { "Save this as spec.toml; " code { "hourglass train spec.toml" } " reproduces the run." }
        pre { (story.spec_text.trim()) }
    };
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (story.run) " – Hourglass" }
                style { (PreEscaped(style_sheet())) }
            }
            "\n"
            body {
                main {
                    "\n"
                    header {
                        (PreEscaped(MARK))
                        h1 { (story.run) }
                        span.muted { (preset) " trained on " (data) }
                    }
                    "\n"
                    (section("", "Missing parts", "", &missing))
                    (section("third", "Data", "", &data_card(story)))
                    (section("third", "Network", &bottleneck, &network(story)))
                    (section("third", "Run", "", &run(story)))
                    @if !drawn.is_empty() {
                        section class="two-thirds curves" {
                            label.scale { input type="checkbox"; " log scale" }
                            h2 { (story.spec.objective_title()) " " small { "by epoch" } }
                            (PreEscaped(drawn))
                        }
                        "\n"
                    }
                    (section(beside_curves, "Findings", "", &diagnosis(story)))
                    (section("", "Test metrics", "on rows never used in training", &quality(story)))
                    (section("", "Held-out rows", "", &pairs(story)))
                    (section(beside_samples, "Latent map", &format!("validation rows, {by}"), &map_card(story)))
                    (section("third", "Samples", "decoded draws from the prior", &samples(story)))
                    (section("", "Columns", "mean squared error of scaled values, worst first", &columns(story)))
                    (section("", "Spec", "", &spec))
                    footer { "Hourglass " (version) ". This file needs no network." }
                    "\n"
                }
                (script(story))
            }
        }
        "\n"
    };
    page.into_string()
}

fn data_card(story: &ReportContent) -> Markup {
    let Some(data) = &story.data else {
        return facts(&[("source", story.spec.data.source.clone())]);
    };
    let [train, validation, test] = data.parts.map(grouped);
    html! {
        (facts(&[
            ("kind", data.kind.clone()),
            ("rows", grouped(data.rows)),
            ("row", data.row.clone()),
            ("train rows", train),
            ("validation rows", validation),
            ("test rows", test),
            ("classes", if story.classes.is_empty() { String::new() } else { story.classes.len().to_string() }),
        ]))
        @for note in data.notes.iter().take(5) { p.muted { (note) } }
    }
}

fn network(story: &ReportContent) -> Markup {
    let ratio = story.widths.first().and_then(|&wide| wide.checked_div(story.spec.model.latent));
    html! {
        @if !story.widths.is_empty() {
            (PreEscaped(hourglass(&story.widths)))
            (facts(&[
                ("parameters", grouped(story.parameters)),
                ("compression", ratio.map_or_else(String::new, |ratio| format!("{ratio}:1"))),
            ]))
        }
    }
}

fn run(story: &ReportContent) -> Markup {
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
            "samples per second",
            number("samples_per_second").map_or_else(String::new, |rate| style::grouped(rate.round() as u64)),
        ),
    ])
}

fn diagnosis(story: &ReportContent) -> Markup {
    let class = |tone| match tone {
        FindingTone::Problem => "problem",
        FindingTone::Notice => "notice",
        FindingTone::Good => "good",
        FindingTone::Neutral => "neutral",
    };
    html! {
        ul.findings {
            @for finding in story.diagnosis.lines() {
                @let [title, evidence] = finding.title_and_evidence();
                li class=(class(finding.tone())) { (title) @if !evidence.is_empty() { " " span.muted { (evidence) } } }
            }
        }
    }
}

fn quality(story: &ReportContent) -> Markup {
    let Some(test) = &story.test else { return html! {} };
    let pca = story.pca.as_ref();
    let mut rows: Vec<(&str, String, String, String)> = Vec::new();
    let mut add = |name, ours: String, beside: Option<String>, words: &str| {
        rows.push((name, ours, beside.unwrap_or_default(), words.to_owned()));
    };
    add("MSE", style::figure(test.mse), pca.map(|pca| style::figure(pca.mse)), "lower is better");
    let psnr = |mse: f64| format!("{:.2} dB", crate::metrics::psnr(mse));
    add("PSNR", format!("{:.2} dB", test.psnr), pca.map(|pca| psnr(pca.mse)), "higher is better");
    if let (Some(bce), Some(excess)) = (test.bce, test.bce_excess) {
        add("BCE", style::figure(bce), None, &format!("{} above the entropy of the data", style::figure(excess)));
    }
    if let Some(ssim) = test.ssim {
        add("SSIM", style::figure(ssim), None, "1 is identical");
    }
    if let (Some(elbo), Some(reconstruction), Some(kl)) = (test.negative_elbo, test.reconstruction, test.kl) {
        let words = format!("nats per row: {reconstruction:.2} reconstruction and {kl:.2} KL divergence");
        add("negative ELBO", format!("{elbo:.2}"), None, &words);
    }
    if let Some(units) = test.active_units {
        add("active units", units.to_string(), None, &format!("of {}", story.spec.model.latent));
    }
    if let Some(before) = test.corrupted_psnr {
        add("PSNR of the noisy input", format!("{before:.2} dB"), None, "before denoising");
    }
    if let Some(clean) = test.clean_mse {
        add("MSE from clean input", style::figure(clean), None, "the network is given the clean rows");
    }
    if let (Some(used), Some(perplexity)) = (test.codebook_used, test.codebook_perplexity) {
        add("codebook entries", used.to_string(), None, &format!("in use, perplexity {perplexity:.1}"));
    }
    let beside = pca.map_or_else(
        || "PCA not comparable".to_owned(),
        |pca| format!("PCA, {}", style::counted(pca.components, "component")),
    );
    let aim = story.spec.aim_beside_squared_error().filter(|_| pca.is_some());
    // No side wins where the comparison settles nothing.
    let wins = pca.filter(|_| aim.is_none()).map(|pca| test.mse < pca.mse);
    let input =
        if pca.is_some() && story.spec.corruption.is_active() { " PCA is given the same corrupted input." } else { "" };
    let win = |won: bool| won.then_some("win");
    html! {
        div.scroll {
            table.quality {
                thead { tr { th {} th { "this model" } th { (beside) } th {} } }
                tbody {
                    @for (name, ours, beside, words) in &rows {
                        tr {
                            td { (name) }
                            td class=[win(wins == Some(true) && !beside.is_empty())] { (ours) }
                            td class=[win(wins == Some(false) && !beside.is_empty())] { (beside) }
                            td.wide { (words) }
                        }
                    }
                }
            }
        }
        p.muted {
            (style::counted(test.rows, "test row")) "." (input)
            @if let Some(aim) = aim { " The MSE of PCA settles nothing: the model " (aim) "." }
        }
    }
}

fn pairs(story: &ReportContent) -> Markup {
    let pairs = &story.pairs;
    let view = pairs.view();
    let kinds = [(0, "input"), (1, "noisy input"), (2, "output"), (3, "error")];
    let shown = kinds.into_iter().filter(|(which, _)| *which != 1 || pairs.corrupted());
    // Five are shown where there is no room for ten.
    let class = |item: usize| (item >= 5).then_some("more");
    let label = |item: usize| pairs.labels.get(item).map(|&label| name_of(story, label)).unwrap_or_default();
    html! {
        @if pairs.count() > 0 {
            div.pairs {
                @for (which, name) in shown {
                    span { (name) }
                    @for item in 0..10 {
                        @if item >= pairs.count() {
                            i class=[class(item)] {}
                        } @else {
                            img class=[class(item)] src=(picture(&pairs.raster(&view, which, item, &LIGHT)))
                                alt={ (name) " " (label(item)) };
                        }
                    }
                }
            }
        }
    }
}

fn name_of(story: &ReportContent, label: u16) -> String {
    story.classes.get(usize::from(label)).cloned().unwrap_or_else(|| label.to_string())
}

fn map_card(story: &ReportContent) -> Markup {
    let mut labels: Vec<u16> = story.map.labels.clone();
    labels.sort_unstable();
    labels.dedup();
    html! {
        @if !story.map.points.is_empty() {
            div.mapbox { (PreEscaped(map(story))) div.tip {} }
            @if (1..=LEGEND).contains(&labels.len()) {
                div.legend {
                    @for label in labels {
                        span { b class={ "l" (usize::from(label) % LABELS.len()) } {} (name_of(story, label)) }
                    }
                }
            }
        }
    }
}

fn samples(story: &ReportContent) -> Markup {
    html! {
        @if !story.samples.is_empty() {
            div.samples { img src=(sheet(&story.samples, SAMPLES)) alt={ (story.samples.len()) " samples" }; }
        }
    }
}

fn columns(story: &ReportContent) -> Markup {
    let compares = story.spec.aim_beside_squared_error().is_none();
    let win = |won: bool| (won && compares).then_some("win");
    html! {
        @if !story.columns.is_empty() {
            div.scroll {
                table {
                    thead { tr { th { "column" } th { "this model" } th { "PCA" } } }
                    tbody {
                        @for column in &story.columns {
                            tr {
                                td { (column.name) }
                                td class=[win(column.pca.is_some_and(|pca| pca >= column.mse))] {
                                    (style::figure(column.mse))
                                }
                                td class=[win(column.pca.is_some_and(|pca| pca < column.mse))] {
                                    (column.pca.map(style::figure).unwrap_or_default())
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Builds the map's data and the script that answers the pointer.
fn script(story: &ReportContent) -> Markup {
    if story.map.points.is_empty() {
        return html! {};
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
    html! {
        script type="application/json" id="map-data" { (PreEscaped(data)) }
        script { (PreEscaped(SCRIPT)) }
    }
}
