//! The programs of `examples/`, part of this binary so that none is linked by itself.

#![expect(clippy::print_stdout, unreachable_pub, reason = "they are programs")]

#[path = "../../examples/custom_graph.rs"]
mod custom_graph;
#[path = "../../examples/denoise_a_file.rs"]
mod denoise_a_file;
#[path = "../../examples/detect_in_a_table.rs"]
mod detect_in_a_table;
#[cfg(feature = "window")]
#[path = "../../examples/live_training_in_egui.rs"]
mod live_training_in_egui;
#[path = "../../examples/train_on_your_arrays.rs"]
mod train_on_your_arrays;
#[path = "../../examples/walk_a_latent_space.rs"]
mod walk_a_latent_space;

#[test]
fn a_graph_of_your_own_learns() {
    custom_graph::main().expect("the example runs");
}

#[test]
fn a_file_is_denoised() {
    denoise_a_file::main().expect("the example runs");
}

#[test]
fn abnormal_rows_of_a_table_are_found() {
    detect_in_a_table::main().expect("the example runs");
}

#[cfg(feature = "window")]
#[test]
fn an_egui_app_shows_a_run() {
    live_training_in_egui::main().expect("the example runs");
}

#[test]
fn arrays_in_memory_are_learned() {
    train_on_your_arrays::main().expect("the example runs");
}

#[test]
fn latents_on_a_way_are_decoded() {
    walk_a_latent_space::main().expect("the example runs");
}

#[test]
fn examples_are_short() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).expect("examples") {
        let path = entry.expect("an example").path();
        let lines = std::fs::read_to_string(&path).expect("its text").lines().count();
        assert!(lines < 40, "{} has {lines} lines", path.display());
    }
}
