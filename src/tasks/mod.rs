//! Tasks of a trained model (evaluation, compression, denoising, anomaly detection, generation, representation), and
//! their reports.

mod compress;
mod denoise;
pub(crate) mod detect;
mod error;
mod evaluate;
mod export;
mod generate;
mod inspect_data;
mod reconstruct;
mod represent;

pub use self::compress::{
    Compression, Decompression, RateCurve, RatePoint, TableKind, USUAL_BITS, compress, decompress, rate_curve,
};
pub use self::denoise::{
    Comparison, DenoiseOptions, DenoiseQueue, Denoised, Denoiser, FileOutcome, ItemState, Pixels, QueueCommand,
    QueueImage, QueueItem, QueueView, Sigma, Strength, denoise,
};
pub use self::detect::{
    DetectOutcome, DetectRequest, DetectStage, DetectorOptions, DetectorReport, FitProgress, JudgedRow, LabelChoice,
    RefineReport, ScannedRows, ScoreInput, ScoreOptions, ScoreOutput, Scores, ThresholdRule, Watch, detect,
    fit_detector, list_judged, make_detector, refine, save_detector, save_scores, scan_rows, score_rows, write_scores,
};
pub use self::error::TaskError;
pub(crate) use self::evaluate::evaluator_over;
pub use self::evaluate::{
    EvaluateOptions, Evaluation, EvaluationWatch, ExtremeRow, Extremes, ImportanceWeighted, Measured, PcaBeside,
    Representation, evaluate, measure,
};
pub use self::export::export_decoded;
pub use self::generate::{
    AugmentOptions, Augmentation, InterpolateOptions, Interpolation, MixtureReport, Nearest, SampleOptions,
    SampleReport, Traversal, arithmetic, augment, interpolate, sample, traverse,
};
pub use self::inspect_data::{DataReport, contact_sheet, describe};
pub use self::reconstruct::{Reconstruction, reconstruct};
pub use self::represent::{
    DecodeReport, EncodeReport, LabelCount, Probe, ProbeReport, ProbeResult, Projection, decode, encode, probe, project,
};
