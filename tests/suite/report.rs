//! The report of a run: one page that is whole, needs nothing from outside and cannot be broken by names.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use hourglass::data::{DataSet, DataSpec};
use hourglass::model::{auto_spec, preset};
use hourglass::platform::Wait as _;
use hourglass::report::write_report;
use hourglass::tasks::{EvaluateOptions, measure};
use hourglass::train::{Run, RunDir, Session};

use crate::support::{cpu, devices, digits};

/// Opens from disk at once, and may be sent by mail.
const MOST_BYTES: usize = 3_000_000;

/// A short run of a preset on the digits, ended and measured.
fn run_of(name: &str, folder: &Path) {
    let spec = preset(name).expect("a preset").spec;
    let settings = ["train.steps=12", "data.rows=1280", "train.epochs=3", "train.batch_size=128"].map(str::to_owned);
    let spec = spec.with_set(&settings).expect("settings");
    let dir = RunDir::create(folder).expect("a folder");
    let session = Session::new(spec, digits(), cpu()).expect("a session");
    let mut run = Run::new(session, Some(name.to_owned()), Some(dir), false).wait().expect("a run");
    while !run.is_done() {
        run.advance(50).wait().expect("it advances");
    }
    run.save_kept().wait().expect("it saves");
    run.report(true).wait().expect("it is measured");
}

/// Checks that elements end in the order in which they begin, and gives the values of all attributes.
fn well_formed(page: &str) -> Vec<String> {
    const VOID: [&str; 4] = ["meta", "img", "input", "br"];
    let (mut open, mut values, mut rest): (Vec<String>, Vec<String>, &str) = (Vec::new(), Vec::new(), page);
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('!') {
            rest = &rest[rest.find('>').expect("a declaration ends") + 1..];
            continue;
        }
        // An attribute may hold a `>`.
        let (mut end, mut quote) = (0, false);
        for (at, c) in rest.char_indices() {
            quote ^= c == '"';
            if c == '>' && !quote {
                end = at;
                break;
            }
        }
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "</{name}> ends something else");
            continue;
        }
        let name: String = tag.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        assert!(!name.is_empty(), "a stray < before {:?}", tag.chars().take(20).collect::<String>());
        values.extend(tag.split('"').skip(1).step_by(2).map(str::to_owned));
        if name == "style" || name == "script" {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("it ends") + close.len()..];
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never ended: {open:?}");
    values
}

fn check(page: &str) {
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    let in_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let text: String = page.split("base64,").map(|part| part.trim_start_matches(in_base64)).collect();
    for outside in ["http://", "https://", "url(/", "@import", "NaN", "undefined"] {
        assert!(!text.contains(outside), "it holds {outside}");
    }
    let mut pictures = 0;
    for value in well_formed(page) {
        if let Some(data) = value.strip_prefix("data:image/png;base64,") {
            let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
            image::load_from_memory(&bytes).expect("a picture");
            pictures += 1;
        }
    }
    assert!(pictures >= 20, "{pictures} pictures");
}

#[test]
fn reports_of_presets_are_whole_and_the_same_again() {
    let home = tempfile::tempdir().expect("a folder");
    for name in ["map", "undercomplete", "denoising", "vq"] {
        let folder = home.path().join(name);
        run_of(name, &folder);
        let mut pages = Vec::new();
        // Software adapters take seconds for ten thousand test rows: one model shows that both devices can.
        for device in if name == "undercomplete" { devices() } else { vec![cpu()] } {
            let path = write_report(&folder, None, &device).expect("a report");
            assert_eq!(path, folder.join("report.html"));
            let page = std::fs::read_to_string(&path).expect("a page");
            check(&page);
            pages.push(page);
        }
        write_report(&folder, Some(&home.path().join("again.html")), &cpu()).expect("a report");
        assert!(std::fs::read_to_string(home.path().join("again.html")).expect("a page") == pages[0], "{name} differs");
        let page = &pages[0];
        assert!(page.contains("polyline") && page.contains("Findings") && page.contains("Held-out rows"));
        // What a model has not got is not shown.
        assert_eq!(page.contains(">Samples <"), name == "map", "{name}");
        assert_eq!(page.contains("<span>noisy input</span>"), name == "denoising", "{name}");
        assert_eq!(page.contains("PCA not comparable"), name == "vq", "{name}");
        // No side wins where the errors do not compare, and equal input is said.
        assert_eq!(page.contains("No verdict") && page.contains("settles nothing"), name == "map", "{name}");
        assert_eq!(page.contains("the same corrupted input"), name == "denoising", "{name}");
    }
}

#[test]
fn names_of_columns_and_classes_are_only_text() {
    let home = tempfile::tempdir().expect("a folder");
    let table = home.path().join("a<b>&\"c'.csv");
    let names = "<script>alert(1)</script>,\"x\"\"><img src=y>\",a&b,label";
    let rows: Vec<String> = (0..120)
        .map(|row| format!("{},{},{},</script>{}", row % 7, (row * 5) % 11, (row * row) % 13, row % 2))
        .collect();
    std::fs::write(&table, format!("{names}\n{}\n", rows.join("\n"))).expect("it is written");
    let data = DataSpec { labels: Some("label".to_owned()), ..DataSpec::from_source(table.display().to_string()) };
    let data = Arc::new(DataSet::open(&data, 0.1, 1).expect("a table"));
    let spec = auto_spec(&data).expect("a spec").spec.with_set(&["train.steps=20".to_owned()]).expect("settings");
    let folder = home.path().join("run <i>");
    let dir = RunDir::create(&folder).expect("a folder");
    let session = Session::new(spec, data, cpu()).expect("a session");
    let mut run = Run::new(session, None, Some(dir), false).wait().expect("a run");
    while !run.is_done() {
        run.advance(50).wait().expect("it advances");
    }
    run.save_kept().wait().expect("it saves");
    run.report(true).wait().expect("it is measured");
    let path = write_report(&folder, None, &cpu()).expect("a report");
    let page = std::fs::read_to_string(path).expect("a page");
    check(&page);
    for bad in ["<script>alert", "<img src=y", "run <i>", "a<b>"] {
        assert!(!page.contains(bad), "{bad} is not escaped");
    }
    for good in ["&lt;script&gt;alert(1)", "a&amp;b", "run &lt;i&gt;"] {
        assert!(page.contains(good), "{good} is missing");
    }
    // The data is taken away: the report says so and shows the rest.
    std::fs::remove_file(&table).expect("it is there");
    let page = std::fs::read_to_string(write_report(&folder, None, &cpu()).expect("a report")).expect("a page");
    well_formed(&page);
    assert!(page.contains("The data are not available") && page.contains("Missing parts"));
    // And the model.
    std::fs::remove_file(folder.join("model.safetensors")).expect("it is there");
    let page = std::fs::read_to_string(write_report(&folder, None, &cpu()).expect("a report")).expect("a page");
    well_formed(&page);
    assert!(page.contains("has not written a model yet"));
    let error = write_report(home.path(), None, &cpu()).expect_err("no run").to_string();
    assert!(error.contains("spec.toml"), "{error}");
}

/// Page and window take their findings from one diagnosis; of a run that was stopped too.
#[test]
fn the_page_says_what_the_window_says_of_a_run() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("stopped");
    let spec = preset("undercomplete").expect("a preset").spec;
    let settings = ["data.rows=640", "train.epochs=3", "train.batch_size=64"].map(str::to_owned);
    let spec = spec.with_set(&settings).expect("settings");
    let dir = RunDir::create(&folder).expect("a folder");
    let session = Session::new(spec, digits(), cpu()).expect("a session");
    let mut run = Run::new(session, None, Some(dir), false).wait().expect("a run");
    while run.epochs().len() < 2 {
        run.advance(10).wait().expect("it advances");
    }
    // Stopped: no test part is measured, and no findings are recorded.
    let recorded = run.report(false).wait().expect("a report");
    assert!(recorded.test.is_none() && recorded.diagnosis.is_empty());
    let options = EvaluateOptions { diagnosis: true, ..EvaluateOptions::default() };
    let measured =
        measure(&folder.join("model.safetensors"), None, options, &cpu(), &mut |_| std::ops::ControlFlow::Continue(()));
    let lines: Vec<_> = measured.expect("measured").diagnosis.lines().cloned().collect();
    assert!(lines.iter().any(|line| !line.is_on_pca()), "{lines:?}");
    let page = std::fs::read_to_string(write_report(&folder, None, &cpu()).expect("a report")).expect("a page");
    for line in &lines {
        let [title, evidence] = line.title_and_evidence();
        assert!(page.contains(&title) && page.contains(&evidence), "{line:?} is not on the page");
    }
    assert!(!page.contains("No findings"), "nothing is called fine that was not looked at");
    // Without a model nothing was looked at.
    std::fs::remove_file(folder.join("model.safetensors")).expect("it is there");
    let page = std::fs::read_to_string(write_report(&folder, None, &cpu()).expect("a report")).expect("a page");
    assert!(page.contains("Not checked"));
}
