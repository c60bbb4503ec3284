//! The Train workspace against a scripted trainer: what can be touched, and what that sends.

use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use hourglass::app::{App, ThemeChoice};
use hourglass::model::{BETA, CORRUPTION, DROPOUT, LEARNING_RATE, SPARSITY, Spec, preset};
use hourglass::monitor::{Command, LatentMap, Moment, PlayState, PreviewRequest, Section};
use hourglass::train::PcaReport;

use crate::support::noise;
use crate::window::{Script, running, running_but, running_with, spec_of_run};

fn spec_of(name: &str, settings: &[&str]) -> Spec {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    preset(name).expect("a preset").spec.with_set(&settings).expect("settings")
}

/// The wishes among what was sent.
fn wishes(script: &Script) -> Vec<PreviewRequest> {
    let wish = |command| match command {
        Command::SetPreview(wish) => Some(wish),
        _ => None,
    };
    script.commands().into_iter().filter_map(wish).collect()
}

fn drag(harness: &mut Harness<'static, App>, line: &[egui::Pos2]) {
    harness.drag_at(line[0]);
    harness.run();
    for &at in &line[1..] {
        harness.hover_at(at);
        harness.run();
    }
    harness.drop_at(line[line.len() - 1]);
    harness.run();
}

#[test]
fn the_learning_rate_is_sent_once_when_its_slider_is_let_go() {
    let script = Script::new(running());
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    let slider = harness.get_by_label("Learning rate").rect();
    let at = |fraction: f32| egui::pos2(slider.left() + fraction * slider.width(), slider.center().y);
    harness.drag_at(at(0.5));
    harness.run();
    harness.hover_at(at(0.6));
    harness.run();
    assert!(script.commands().is_empty(), "not while it is dragged");
    harness.drop_at(at(0.6));
    harness.run();
    let commands = script.commands();
    // Four decades over the track: 1e-5 * 10^(4 * 0.6) = 0.0025.
    assert!(
        matches!(commands[..], [Command::Edit { value: rate, .. }] if (0.0022..0.0029).contains(&rate)),
        "{commands:?}"
    );
    // Arrow keys step it.
    harness.get_by_label("Learning rate").focus();
    harness.run();
    harness.key_press(egui::Key::ArrowRight);
    harness.run();
    let commands = script.commands();
    assert!(matches!(commands[..], [Command::Edit { value: rate, .. }] if rate > 0.0005), "{commands:?}");
}

/// A slider for each thing that the model has, and no other.
#[test]
fn live_sliders_are_those_of_the_model() {
    let layers = "model.encoder=[\"dense 64 relu\", \"dropout 0.3\", \"latent\"]";
    let names = [
        (LEARNING_RATE, "Learning rate"),
        (BETA, "Beta"),
        (CORRUPTION, "Input noise"),
        (SPARSITY, "Sparsity"),
        (DROPOUT, "Dropout"),
    ];
    for (name, settings, there) in [
        ("undercomplete", &[][..], &[LEARNING_RATE][..]),
        ("variational", &[], &[LEARNING_RATE, BETA]),
        ("denoising", &[], &[LEARNING_RATE, CORRUPTION]),
        ("denoising", &[layers, "objective.sparsity=0.001"], &[LEARNING_RATE, CORRUPTION, SPARSITY, DROPOUT]),
    ] {
        let script = Script::new(running_with(spec_of(name, settings)));
        let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
        harness.run();
        for (field, label) in names {
            assert_eq!(harness.query_by_label(label).is_some(), there.contains(&field), "{label} of {name}");
            if field == LEARNING_RATE || !there.contains(&field) {
                continue;
            }
            harness.get_by_label(label).focus();
            harness.run();
            script.commands();
            harness.key_press(egui::Key::ArrowRight);
            harness.run();
            let sent = script.commands();
            assert!(matches!(sent[..], [Command::Edit { field: of, value }] if of == field && value > 0.0), "{sent:?}");
        }
    }
}

#[test]
fn rows_stay_where_they_are_pinned_while_others_are_picked() {
    let script = Script::new(running());
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    script.commands();
    harness.get_by_label("Pin row 4").click();
    harness.run();
    harness.run();
    let row = running().snapshot.pairs.rows[3];
    let mut pinned = [None; 10];
    pinned[3] = Some(row);
    assert_eq!(wishes(&script), [PreviewRequest { pinned, ..PreviewRequest::default() }]);
    harness.get_by_label("other examples").click();
    harness.run();
    harness.run();
    assert_eq!(wishes(&script), [PreviewRequest { pinned, turn: 1, ..PreviewRequest::default() }]);
    // They are wished for again of the next run.
    harness.key_press(egui::Key::R);
    harness.run();
    harness.run();
    assert_eq!(wishes(&script), [PreviewRequest { pinned, turn: 1, ..PreviewRequest::default() }]);
    harness.get_by_label("Unpin row 4").click();
    harness.run();
    harness.run();
    assert_eq!(wishes(&script), [PreviewRequest { turn: 1, ..PreviewRequest::default() }]);
}

#[test]
fn the_map_is_moved_colored_and_drawn_around() {
    let script = Script::new(running());
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    script.commands();
    for (chip, wish) in [
        ("by error", PreviewRequest { errors: true, ..PreviewRequest::default() }),
        ("train rows", PreviewRequest { errors: true, train_rows: true, ..PreviewRequest::default() }),
    ] {
        harness.get_by_label(chip).click();
        harness.run();
        harness.run();
        assert_eq!(wishes(&script), [wish]);
    }
    // Who listens is told the figures too.
    for words in ["Parameters: ", "Compression: ", "validation ", "epoch "] {
        assert!(harness.query_all_by_label_contains(words).next().is_some(), "{words} is painted alone");
    }
    let map = harness.get_by_label("Latent map").rect();
    // Moved by hand, and put back.
    assert!(harness.query_by_label("reset").is_none());
    drag(&mut harness, &[map.center(), map.center() + egui::vec2(20.0, 10.0)]);
    harness.get_by_label("reset").click();
    harness.run();
    assert!(harness.query_by_label("reset").is_none());
    // By keys.
    harness.get_by_label("Latent map").focus();
    harness.run();
    harness.key_press(egui::Key::Plus);
    harness.run();
    harness.get_by_label("reset");
    harness.key_press(egui::Key::Num0);
    harness.run();
    harness.run();
    assert!(harness.query_by_label("reset").is_none());
    // Around the right half: five classes of two hundred rows, and no others.
    harness.get_by_label("lasso").click();
    harness.run();
    let (right, middle) = (map.right() - 1.0, map.center().x);
    let corners = [(middle, map.top()), (right, map.top()), (right, map.bottom() - 1.0), (middle, map.bottom() - 1.0)];
    drag(&mut harness, &corners.map(|(x, y)| egui::pos2(x, y + 0.5)));
    let words = harness.get_by_role(egui::accesskit::Role::Status).accesskit_node().label().expect("words");
    let count: usize = words.split(' ').next().and_then(|count| count.replace(',', "").parse().ok()).expect("a count");
    assert!((900..1100).contains(&count), "{words}");
    assert!(words.contains("0: 200") && !words.contains("5:"), "{words}");
    harness.get_by_label("clear").click();
    harness.run();
    harness.run();
    assert!(harness.query_by_role(egui::accesskit::Role::Status).is_none());
}

/// Width, activation, a further layer, one less, and the bottleneck: all on the drawing; what cannot be is said there.
#[test]
fn a_layer_is_changed_in_place() {
    let script = Script::new(running());
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    let type_number = |harness: &mut Harness<'static, App>, label: &str, number: &str| {
        type_at(harness, label, number);
        // Enter would train it.
        harness.key_press(egui::Key::Tab);
        harness.run();
    };
    harness.get_by_label("Layer 1: dense 512 relu").click();
    harness.run();
    type_number(&mut harness, "Layer width", "96");
    harness.get_by_label("relu").click();
    harness.run();
    harness.run();
    harness.get_by_label("silu").click();
    harness.run();
    harness.run();
    harness.get_by_label("add").click();
    harness.run();
    harness.get_by_label("Layer 3: dense 256 relu").click();
    harness.run();
    harness.get_by_label("remove").click();
    harness.run();
    harness.get_by_label("Layer 3: bottleneck").click();
    harness.run();
    type_number(&mut harness, "Bottleneck size", "7");
    harness.get_by_label("apply").click();
    harness.run();
    let started = script.started.lock().unwrap();
    let spec = spec_of_run(&started[1]);
    let layers: Vec<String> = spec.model.encoder.iter().map(ToString::to_string).collect();
    // Halfway from 96 to 256, by ratio.
    assert_eq!(layers, ["dense 96 silu", "dense 157 silu", "latent"]);
    assert_eq!((spec.model.latent, spec.train.seed, spec.edits.len()), (7, spec_of_run(&started[0]).train.seed, 0));
    drop(started);

    harness.get_by_label("Layer 1: dense 512 relu").click();
    harness.run();
    type_number(&mut harness, "Layer width", "5");
    harness.get_by_label("discard").click();
    harness.run();
    assert!(harness.query_by_label("apply").is_none());
    assert_eq!(script.started.lock().unwrap().len(), 2);
}

fn type_at(harness: &mut Harness<'static, App>, label: &str, number: &str) {
    harness.get_by_label(label).click();
    harness.run();
    harness.get_by_label(label).type_text(number);
    harness.run();
}

/// Types a definition that is none over that of the first layer.
fn type_wrong_layer(harness: &mut Harness<'static, App>) {
    harness.get_by_label_contains("Layer 1: conv 16 3x3").click();
    harness.run();
    harness.get_by_label("Layer definition").click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.get_by_label("Layer definition").type_text("conv eight");
    harness.run();
}

/// An edit that was typed and not applied is what is trained next, whichever way that begins; until then the card says
/// that it is not.
#[test]
fn a_typed_edit_is_what_is_trained_next() {
    let started = |script: &Script| {
        let started = script.started.lock().unwrap();
        (started.len(), spec_of_run(started.last().expect("a run")).model.latent)
    };
    let over = || running_but(|progress| progress.state = PlayState::Finished);
    let edited = |moment: Moment| {
        let script = Script::new(moment);
        let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
        harness.run();
        harness.get_by_label("Layer 3: bottleneck").click();
        harness.run();
        type_at(&mut harness, "Bottleneck size", "8");
        assert!(harness.query_by_label_contains("not trained").is_some(), "the card says what is not in training");
        assert_eq!(script.started.lock().unwrap().len(), 1);
        (script, harness)
    };
    // The button, while the field still has the text.
    let (script, mut harness) = edited(over());
    harness.get_by_label("Train again").click();
    harness.run();
    assert_eq!(started(&script), (2, 8));
    assert!(harness.query_by_label_contains("not trained").is_none());
    // Keys, once the field is left, and Enter in it.
    for (leaves, key, moment) in
        [(true, egui::Key::R, running()), (true, egui::Key::Space, over()), (false, egui::Key::Enter, running())]
    {
        let (script, mut harness) = edited(moment);
        if leaves {
            // On to the next control, and then to none.
            for key in [egui::Key::Tab, egui::Key::Escape] {
                harness.key_press(key);
                harness.run();
            }
        }
        harness.key_press(key);
        harness.run();
        assert_eq!(started(&script), (2, 8), "{key:?}");
    }
    // A running model goes on: its pause is no restart, and the edit stays what it is.
    let (script, mut harness) = edited(running());
    harness.get_by_label("Pause").click();
    harness.run();
    assert_eq!(script.started.lock().unwrap().len(), 1);
    assert!(harness.query_by_label_contains("not trained").is_some());
}

/// An edit that cannot be trained is not left out silently.
#[test]
fn an_impossible_edit_is_said_and_nothing_starts() {
    let mut moment = running_with(spec_of("convolutional", &[]));
    moment.snapshot.progress.change(|progress| progress.state = PlayState::Finished);
    let script = Script::new(moment);
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Dark);
    harness.run();
    type_wrong_layer(&mut harness);
    harness.get_by_label("Train again").click();
    harness.run();
    assert_eq!(script.started.lock().unwrap().len(), 1);
    assert!(harness.state().said().contains("change or discard the edit"), "{}", harness.state().said());
    harness.get_by_label("discard").click();
    harness.run();
    harness.get_by_label("Train again").click();
    harness.run();
    assert_eq!(script.started.lock().unwrap().len(), 2);
}

/// Comparisons with PCA and checks that were not made, in the card of findings.
#[test]
fn findings_are_fair_and_say_what_was_not_looked_at() {
    let shown = |spec: Spec, own: f64, change: &dyn Fn(&mut Moment)| {
        let mut moment = running_with(spec);
        moment.snapshot.health = Section::default();
        moment.snapshot.progress.change(|progress| {
            (progress.validation_mse, progress.pca_mse, progress.error_rows) = (Some(own), Some(0.05), 500);
        });
        change(&mut moment);
        let mut harness = Script::new(moment).harness([1280.0, 1400.0], ThemeChoice::Dark);
        harness.run();
        harness
    };
    let nothing = |_: &mut Moment| {};
    // Variational, with the higher error: no verdict.
    let harness = shown(spec_of("map", &[]), 0.09, &nothing);
    harness.get_by_label("Beside PCA with 2 components.");
    assert!(harness.query_by_label_contains("Behind PCA").is_none());
    // Corrupted input: both had it.
    let harness = shown(spec_of("denoising", &[]), 0.09, &nothing);
    assert!(harness.query_by_label_contains("the same corrupted input").is_some());
    let harness = shown(spec_of("undercomplete", &[]), 0.09, &nothing);
    harness.get_by_label("Behind PCA with 2 components.");
    let one = |moment: &mut Moment| {
        moment.snapshot.curves.change(|curves| curves.pca = Some(PcaReport { components: 1, mse: 0.05 }));
    };
    let harness = shown(spec_of("undercomplete", &["model.latent=1"]), 0.01, &one);
    harness.get_by_label("Ahead of PCA with 1 component.");
    // Two epochs of losses and no check: nothing is called fine.
    assert!(harness.query_by_label_contains("No sign").is_none());
    let over = |moment: &mut Moment| moment.snapshot.progress.change(|progress| progress.state = PlayState::Finished);
    shown(spec_of("undercomplete", &[]), 0.01, &over).get_by_label("Not checked.");
}

#[test]
fn a_layer_in_words_is_parsed_where_it_is_typed() {
    let script = Script::new(running_with(spec_of("convolutional", &[])));
    let mut harness = script.harness([1280.0, 800.0], ThemeChoice::Light);
    harness.run();
    type_wrong_layer(&mut harness);
    harness.get_by_label("apply").click();
    harness.run();
    assert_eq!(script.started.lock().unwrap().len(), 1, "what is no layer is not trained");
    harness.get_by_label("Layer definition").click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.get_by_label("Layer definition").type_text("conv 8 3x3 stride 2 pad 1 relu");
    harness.run();
    harness.get_by_label("apply").click();
    harness.run();
    let started = script.started.lock().unwrap();
    assert_eq!(started.len(), 2);
    assert_eq!(
        spec_of_run(&started[1]).model.encoder[0].to_string(),
        "conv 8 3x3 stride 2 relu",
        "its usual padding is not said"
    );
}

/// What Train looks like when it is touched: a layer being changed, a lasso, layers and filters, the crosshair, 3D.
#[test]
fn train_matches_its_snapshots_when_edited() {
    if crate::support::gpu().is_none() {
        return;
    }
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(8);
    let mut results = SnapshotResults::new();
    let errors = noise(2000, 93).into_iter().map(|x| 0.02 + 0.015 * x).collect();
    let mut deep = running();
    let map = LatentMap { errors, depth: noise(2000, 94), ..LatentMap::clone(&deep.snapshot.map) };
    deep.snapshot.map = Section::new(map);
    for (name, size, theme) in [
        ("train-touched-dark", [1280.0, 800.0], ThemeChoice::Dark),
        ("train-touched-light", [1920.0, 1080.0], ThemeChoice::Light),
    ] {
        let mut harness = Script::new(deep.clone()).harness(size, theme);
        harness.run();
        harness.get_by_label("Layer 1: dense 512 relu").click();
        harness.run();
        harness.get_by_label("add").click();
        harness.run();
        harness.get_by_label("Pin row 3").click();
        harness.run();
        let light = theme == ThemeChoice::Light;
        harness.get_by_label(if light { "3D" } else { "by error" }).click();
        harness.run();
        if !light {
            harness.get_by_label("lasso").click();
            harness.run();
            let map = harness.get_by_label("Latent map").rect();
            let at = |x: f32, y: f32| map.min + egui::vec2(x * map.width(), y * map.height());
            drag(&mut harness, &[at(0.5, 0.05), at(0.95, 0.1), at(0.95, 0.5), at(0.55, 0.45)]);
        }
        harness.get_by_label(if light { "filters" } else { "layers" }).click();
        harness.run();
        let curves = egui::pos2(if light { 800.0 } else { 600.0 }, 300.0);
        harness.hover_at(curves);
        // Pictures of rows are made on a thread of their own.
        for _ in 0..20 {
            harness.run();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        harness.snapshot_options(name, &options);
        results.extend_harness(&mut harness);
    }
}
