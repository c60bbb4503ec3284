//! Rows of recordings: pieces of a spectrogram, or of the waveform.

use std::path::Path;

use super::file_labels;
use super::raw::{RawRows, RawValues, limit};
use crate::data::audio::mel::MelSpec;
use crate::data::audio::mono::ReadSound;
use crate::data::audio::sound::{is_other_sound, is_sound, read_noted_sound};
use crate::data::folders::{extension_of, files_under, name_below};
use crate::data::preparation::Preparation;
use crate::data::spec::{AudioForm, DataSpec};
use crate::data::{DataError, ImageShape, resample};

/// Bands and frames of a piece of a spectrogram, where the spec names none.
const USUAL_BANDS: usize = 32;
const USUAL_FRAMES: usize = 32;
/// The logarithm of the power of silence in a spectrogram: ln 1e-10.
const SILENCE: f32 = -23.025_85;
/// Samples of a piece of a waveform, where the spec names none.
const USUAL_SAMPLES: usize = 1024;

#[tracing::instrument(level = "debug", name = "read_audio", skip_all)]
pub(super) fn read_audio(
    path: &Path,
    options: &mut DataSpec,
    fitted: Option<&Preparation>,
    notes: &mut Vec<String>,
) -> Result<RawRows, DataError> {
    use rayon::prelude::*;
    let place = path.display().to_string();
    let files = if path.is_file() { vec![path.to_owned()] } else { files_under(path, is_sound, notes) };
    let others = if path.is_file() { Vec::new() } else { files_under(path, is_other_sound, &mut Vec::new()) };
    let unread = unread_sounds(&others);
    notes.extend(unread.clone());
    let sounds: Vec<Result<ReadSound, DataError>> =
        files.par_iter().map(|file| read_noted_sound(file, limit())).collect();
    let (mut good, mut kept) = (Vec::new(), Vec::new());
    let mut first_error = None;
    for (file, sound) in files.iter().zip(sounds) {
        match sound {
            Ok(read) => {
                notes.extend(read.note.clone());
                kept.push(read);
                good.push(file);
            }
            Err(error) => {
                notes.push(format!("left out: {error}"));
                first_error.get_or_insert(error);
            }
        }
    }
    if kept.is_empty() {
        return Err(first_error.unwrap_or_else(|| {
            let unread = unread.map_or_else(String::new, |unread| format!(": {unread}"));
            DataError::malformed(place, format!("it holds no WAV, FLAC, MP3 or OGG files{unread}; give some"))
        }));
    }
    // The rate that most have: as little as possible is resampled.
    let mut rates: Vec<u32> = kept.iter().map(|read| read.sound.rate).collect();
    rates.sort_unstable();
    let most = rates.chunk_by(|a, b| a == b).max_by_key(|same| same.len()).and_then(|same| same.first());
    let known = fitted.and_then(|fitted| fitted.mel.clone());
    let rate = *options.rate.get_or_insert(known.as_ref().map_or(most.copied().unwrap_or(8000), |mel| mel.rate));
    notes.extend(notes_on_mixing(&good, &kept, rate));
    let form = *options.audio.get_or_insert(AudioForm::Mel);
    let bands = *options.bands.get_or_insert(USUAL_BANDS);
    let mel = known.unwrap_or_else(|| usual_mel(rate, bands));
    let transform = mel.prepare()?;
    let window = *options.window.get_or_insert(match form {
        AudioForm::Mel => USUAL_FRAMES,
        AudioForm::Raw => USUAL_SAMPLES,
    });
    let stride = *options.stride.get_or_insert(window);
    let step = match form {
        AudioForm::Mel => mel.bands,
        AudioForm::Raw => 1,
    };
    let lengths: Vec<Vec<f32>> = kept
        .into_par_iter()
        .map(|ReadSound { sound, .. }| {
            let samples = resample(&sound.samples, sound.rate, rate)?;
            Ok(match form {
                AudioForm::Mel => transform.log_mel(&samples),
                AudioForm::Raw => samples,
            })
        })
        .collect::<Result<_, DataError>>()?;
    let quiet = match form {
        AudioForm::Mel => SILENCE,
        AudioForm::Raw => 0.0,
    };
    let relative: Vec<String> = good.iter().map(|file| name_below(file, path)).collect();
    let file_labels = file_labels(&relative, false, options)?;
    let (mut values, mut groups, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut short, mut filled, mut cut) = (Vec::new(), 0_usize, 0_usize);
    for (file, whole) in lengths.iter().enumerate() {
        let steps = whole.len() / step;
        // The last piece is filled up with silence, unless it would be mostly that.
        let pieces = 1 + steps.saturating_sub(window / 2 + 1) / stride.max(1);
        let end = (pieces - 1) * stride + window;
        match steps < window {
            true => short.push(file),
            false => (filled, cut) = (filled + usize::from(end > steps), cut + usize::from(end < steps)),
        }
        for piece in 0..pieces {
            let start = piece * stride;
            for at in start..start + window {
                match whole.get(at * step..(at + 1) * step) {
                    Some(frame) => values.extend_from_slice(frame),
                    None => values.extend(std::iter::repeat_n(quiet, step)),
                }
            }
            groups.push(file as u32);
            names.push(format!("{}, piece {}", relative[file], piece + 1));
        }
    }
    notes.extend(notes_on_ends(&short, filled, cut, &relative));
    let rows = groups.len();
    // A spectrogram as people look at it: low bands at the bottom, time to the right.
    let image = (form == AudioForm::Mel).then_some(ImageShape { height: mel.bands, width: window, channels: 1 });
    if let Some(image) = image {
        values = values
            .chunks_exact(image.values())
            .flat_map(|piece| {
                (0..image.values()).map(move |i| {
                    let (line, frame) = (i / image.width, i % image.width);
                    piece[frame * image.height + (image.height - 1 - line)]
                })
            })
            .collect();
    }
    options.scale.get_or_insert(options.usual_scaling());
    let labels = file_labels.map(|labels| labels.of_files(groups.iter().copied()));
    Ok(RawRows {
        image,
        labels,
        names: Some(names),
        // One recording has no others to be held out: its pieces are divided in order of time.
        overlap: (good.len() < 3).then_some(window.div_ceil(stride).saturating_sub(1)),
        groups: (good.len() >= 3).then_some(groups),
        period: Some(1),
        mel: (form == AudioForm::Mel).then_some(mel),
        ..RawRows::new(rows, window * step, RawValues::Floats(values))
    })
}

/// Returns the remarks on recordings whose channels were averaged, or whose rate is made `rate`.
fn notes_on_mixing(files: &[&std::path::PathBuf], read: &[ReadSound], rate: u32) -> Vec<String> {
    let of = |count: usize| match read.len() {
        1 => "the recording".to_owned(),
        all => format!("{count} of {all} recordings"),
    };
    let mut notes = Vec::new();
    let mixed = read.iter().filter(|read| read.channels > 1).count();
    if mixed > 0 {
        let most = read.iter().map(|read| read.channels).max().unwrap_or(1);
        notes.push(format!("the channels of {}, up to {most}, are averaged to one", of(mixed)));
    }
    let mut canceled = files.iter().zip(read).filter(|(_, read)| read.cancels).map(|(file, _)| file);
    if let Some(first) = canceled.next() {
        let more = match canceled.count() {
            0 => String::new(),
            more => format!(" and of {more} more"),
        };
        notes.push(format!(
            "the channels of {}{more} cancel each other: next to nothing is left of their mean; save one channel alone",
            first.display()
        ));
    }
    let mut others: Vec<u32> = read.iter().map(|read| read.sound.rate).filter(|of| *of != rate).collect();
    if !others.is_empty() {
        let count = others.len();
        others.sort_unstable();
        others.dedup();
        let named: Vec<String> = others.iter().take(4).map(u32::to_string).collect();
        notes.push(format!(
            "{} of {} samples a second are brought to {rate}; setting `data.rate` says otherwise",
            of(count),
            named.join(", ")
        ));
    }
    notes
}

/// Returns the remarks on recordings that are `short`er than a piece, and on those whose last piece is filled up, or
/// whose end is no piece.
fn notes_on_ends(short: &[usize], filled: usize, cut: usize, names: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let all = names.len();
    if let Some(name) = short.first().and_then(|&first| names.get(first)) {
        let count = short.len();
        let such = if all == 1 { String::new() } else { format!(", such as {name}") };
        notes.push(format!(
            "{count} of {all} recordings are shorter than a piece{such}, and are filled up with silence; a shorter \
             piece: setting `data.window`"
        ));
    }
    let ends: Vec<String> = [(filled, "is filled up with silence"), (cut, "is too short for a piece and left out")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("of {count} it {what}"))
        .collect();
    if !ends.is_empty() {
        notes.push(format!("recordings end within a piece: the end {}", ends.join(", ")));
    }
    notes
}

/// Returns the remark on recordings of kinds that are not read, which a folder holds beside others.
fn unread_sounds(files: &[std::path::PathBuf]) -> Option<String> {
    let mut kinds: Vec<String> = files.iter().filter_map(|file| extension_of(file)).collect();
    kinds.sort();
    kinds.dedup();
    let (count, are) = match files.len() {
        0 => return None,
        1 => ("1 recording".to_owned(), "is"),
        count => (format!("{count} recordings"), "are"),
    };
    Some(format!("{count} of a kind that is not read ({}) {are} left out, export as WAV or FLAC", kinds.join(", ")))
}

/// Spectrogram of windows of about 32 milliseconds that overlap by half, from the lowest audible frequency (20 Hz) to
/// half the rate.
fn usual_mel(rate: u32, bands: usize) -> MelSpec {
    let window = ((f64::from(rate) * 0.032) as usize).next_power_of_two().clamp(64, 8192);
    MelSpec { rate, window, hop: window / 2, bands, low_hz: 20.0, high_hz: f64::from(rate) / 2.0 }
}
