//! What a trained model does, and what the program shows for it.

mod augment;
mod bench;
mod canvas;
mod compress;
mod denoise;
mod describe;
mod detect;
mod encode;
mod evaluate;
mod explore;
mod form;
mod frozen;
mod keep;
mod latents;
mod picture;
mod probe;
mod project;
mod reconstruct;
mod sample;
mod sheet;
mod walk;

pub use augment::{AugmentOptions, Augmentation, augment};
pub use bench::{BenchOptions, BenchReport, Growth, KernelSpeed, TrainingSpeed, bench};
pub use canvas::PictureError;
pub use compress::{
    Compression, Decompression, RateCurve, RatePoint, TableForm, USUAL_BITS, compress, decompress, rate_curve,
};
pub use denoise::{
    Amount, Comparison, DenoiseOptions, Denoised, Denoiser, Desk, DeskCommand, DeskItem, DeskPicture, DeskView,
    FileOutcome, ItemState, Pixels, Sigma, denoise,
};
pub use describe::{DataReport, contact_sheet, describe};
pub use detect::{
    DetectOutcome, DetectRequest, DetectStage, DetectorOptions, DetectorReport, LabelChoice, Progress, Scan,
    ScoreOptions, Scores, ThresholdRule, Watch, detect, fit_detector, make_detector, save_detector, save_scores,
    scan_rows, score_rows, write_scores,
};
pub use encode::{Decoded, Encoded, decode, encode};
pub(crate) use evaluate::evaluator_of;
pub use evaluate::{
    Evaluation, EvaluationWatch, Evidence, ExtremeRow, Extremes, ImportanceWeighted, Measured, PcaBeside,
    Representation, evaluate, measure,
};
pub use explore::{Decoder, Encoder, draw_latents, open_model};
pub use keep::keep;
pub use latents::MixtureReport;
pub use picture::{MapView, curve_range, draw_run, held_out_title, map_view, smooth, smooth_by};
pub use probe::{LabelCount, Probe, ProbeResult, Probed, probe};
pub use project::{Projection, project};
pub use reconstruct::{Reconstruction, reconstruct};
pub use sample::{Nearest, SampleOptions, Samples, sample};
pub use walk::{Traversal, Walk, WalkOptions, arithmetic, interpolate, traverse};
