//! What a trained model does, and what the program shows for it.

mod augment;
mod bench;
mod compress;
mod describe;
mod detect;
mod evaluate;
mod explore;
mod form;
mod latents;
mod picture;
mod reconstruct;
mod sample;
mod sheet;
mod walk;

pub use augment::{AugmentOptions, Augmentation, augment};
pub use bench::{BenchReport, KernelSpeed, bench};
pub use compress::{
    Compression, Decompression, RateCurve, RatePoint, TableForm, USUAL_BITS, compress, decompress, rate_curve,
};
pub use describe::{DataReport, contact_sheet, describe};
pub use detect::{DetectorOptions, DetectorReport, Scores, fit_detector, score_rows};
pub use evaluate::{Evaluation, evaluate};
pub use explore::{Decoder, draw_latents, open_model};
pub use latents::MixtureReport;
pub use picture::{MapView, PictureError, curve_range, draw_run, held_out_title, map_view, smooth};
pub use reconstruct::{Reconstruction, reconstruct};
pub use sample::{Nearest, SampleOptions, Samples, sample};
pub use walk::{Traversal, Walk, WalkOptions, arithmetic, interpolate, traverse};
