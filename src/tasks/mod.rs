//! What a trained model does, and what the program shows for it.

mod bench;
mod canvas;
mod describe;
mod detect;
mod evaluate;
mod explore;
mod picture;
mod reconstruct;

pub use bench::{BenchReport, KernelSpeed, bench};
pub use canvas::PictureError;
pub use describe::{DataReport, contact_sheet, describe};
pub use detect::{
    DetectOutcome, DetectRequest, DetectStage, DetectorOptions, DetectorReport, LabelChoice, Progress, Scan,
    ScoreOptions, Scores, ThresholdRule, Watch, detect, fit_detector, make_detector, save_detector, save_scores,
    scan_rows, score_rows, write_scores,
};
pub(crate) use evaluate::evaluator_of;
pub use evaluate::{Evaluation, evaluate};
pub use explore::{Decoder, draw_latents, open_model};
pub use picture::{MapView, curve_range, draw_run, held_out_title, map_view, smooth};
pub use reconstruct::{Reconstruction, reconstruct};
