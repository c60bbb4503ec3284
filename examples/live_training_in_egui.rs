//! Trains on a thread and shows it in an egui app of your own: a curve, a button, and frames that never wait.

use egui::{Context, Pos2, RawInput, Stroke};
use hourglass::model::preset;
use hourglass::monitor::{Command, PlayState, Worker, WorkerOptions};
use hourglass::train::TrainError;

/// Draws a run in each frame of your app; `Worker::moment` costs no more than a pointer.
fn training_ui(ui: &mut egui::Ui, worker: &Worker) {
    let moment = worker.moment();
    let (progress, curve) = (&moment.snapshot.progress, &moment.snapshot.curves.train);
    ui.label(format!("step {}, {:.0} samples/s", progress.step, progress.samples_per_second));
    if ui.button("Pause").clicked() {
        worker.send(Command::Pause);
    }
    let (_, area) = ui.allocate_space(ui.available_size());
    let end = curve.last().map_or(1.0, |point| point[0]).max(1e-3);
    let highest = curve.iter().map(|point| point[1]).fold(1e-6, f32::max);
    let place =
        |[x, y]: [f32; 2]| Pos2::new(area.left() + x / end * area.width(), area.bottom() - y / highest * area.height());
    ui.painter().line(curve.iter().map(|&point| place(point)).collect(), Stroke::new(1.5, egui::Color32::GOLD));
}

pub fn main() -> Result<(), TrainError> {
    let folder = std::env::temp_dir().join(format!("hourglass-live-{}", std::process::id()));
    let spec = preset("undercomplete")?.spec.with_set(&["train.steps=300".to_owned()])?;
    let context = Context::default();
    let waker = context.clone();
    let options = WorkerOptions { watched: true, out: Some(folder.clone()), ..WorkerOptions::new(spec) };
    let worker = Worker::spawn(options, move || waker.request_repaint())?;
    // In your app this is the event loop, which also uploads the textures and paints the shapes of the output.
    while worker.moment().snapshot.progress.state != PlayState::Finished {
        context.run_ui(RawInput::default(), |ui| training_ui(ui, &worker)).textures_delta.clear();
        std::thread::sleep(std::time::Duration::from_millis(16));
    }
    println!("{} points of the curve were drawn", worker.moment().snapshot.curves.train.len());
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
