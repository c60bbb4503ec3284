//! Sound of any file that is read: WAV by the walk of `wav.rs`, FLAC, MP3 and OGG by symphonia.

use std::io::{Read as _, Seek as _};
use std::path::Path;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::mono::{Mono, ReadSound, Waveform};
use super::wav;
use crate::data::DataError;
use crate::data::folders::extension_of;
use crate::data::formats::array::{malformed, open};

/// Extensions of recordings that are read, in lower case.
pub const SOUND_EXTENSIONS: [&str; 6] = ["wav", "wave", "flac", "mp3", "ogg", "oga"];
/// Extensions of recordings that are not read, in lower case: a folder that holds some says so.
const OTHER_SOUNDS: [&str; 12] = ["aac", "aif", "aifc", "aiff", "amr", "ape", "au", "caf", "m4a", "opus", "w64", "wma"];

/// Returns whether a file is tried as a recording, by its name.
pub(crate) fn is_sound(path: &Path) -> bool {
    extension_of(path).is_some_and(|extension| SOUND_EXTENSIONS.contains(&extension.as_str()))
}

/// Returns whether a file is a recording of a kind that is not read, by its name.
pub(crate) fn is_other_sound(path: &Path) -> bool {
    extension_of(path).is_some_and(|extension| OTHER_SOUNDS.contains(&extension.as_str()))
}

/// Returns whether a file that begins so is a recording. MP3 files have no mark of their own but a tag that most begin
/// with.
pub(crate) fn is_sound_start(start: &[u8]) -> bool {
    wav::is_wav(start) || [b"fLaC".as_slice(), b"OggS", b"ID3"].iter().any(|mark| start.starts_with(mark))
}

/// Reads a recording: WAV (see [`read_wav`](super::wav::read_wav)), FLAC, MP3, or Vorbis or FLAC in OGG; channels are
/// averaged. Reading takes at most `limit_bytes` of memory, or is refused.
pub fn read_sound(path: &Path, limit_bytes: u64) -> Result<Waveform, DataError> {
    read_noted_sound(path, limit_bytes).map(|read| read.sound)
}

/// Same as [`read_sound`], with a remark on what the file leaves in doubt.
pub(crate) fn read_noted_sound(path: &Path, limit_bytes: u64) -> Result<ReadSound, DataError> {
    let place = path.display().to_string();
    let (mut file, length) = open(path)?;
    let mut start = Vec::new();
    let unreadable = |error: std::io::Error| malformed(&place, format!("it cannot be read ({error})"));
    file.by_ref().take(12).read_to_end(&mut start).map_err(unreadable)?;
    let extension = extension_of(path).unwrap_or_default();
    if length == 0 {
        return Err(malformed(&place, "it is empty; fetch or save it again"));
    }
    if wav::is_wav(&start) || extension.starts_with("wav") {
        return wav::read_noted_wav(path, limit_bytes);
    }
    if is_other_sound(path) {
        let problem =
            format!("it is of a kind that is not read ({extension}); save it as WAV, FLAC, MP3 or OGG (Vorbis)");
        return Err(malformed(&place, problem));
    }
    file.rewind().map_err(unreadable)?;
    let stream = MediaSourceStream::new(Box::new(file.into_inner()), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    hint.with_extension(&extension);
    let refused = |error: Error| match error {
        Error::IoError(_) | Error::DecodeError(_) | Error::LimitError(_) => {
            malformed(&place, format!("it is damaged ({error}); fetch or save it again"))
        }
        _ => malformed(
            &place,
            "it holds no sound of a kind that is read; save it as WAV, FLAC, MP3 or OGG (Vorbis)".to_owned(),
        ),
    };
    let mut format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(refused)?;
    let mut track = SoundTrack::first(&*format, &place)?;
    let mut mono = Mono::new(&place, track.rate, limit_bytes);
    if let Some(expected) = track.expected {
        mono.check_memory(expected)?;
    }
    let (mut expected, mut damaged) = (track.expected, 0_usize);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A stream that ends in the middle of a packet: what is missing is told below.
            Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            // Another stream follows in the same file.
            Err(Error::ResetRequired) => {
                let next = SoundTrack::first(&*format, &place)?;
                if next.rate != track.rate {
                    let problem = format!(
                        "its streams have {} and {} samples a second; save it as one sound of one rate",
                        track.rate, next.rate
                    );
                    return Err(malformed(&place, problem));
                }
                expected = expected.zip(next.expected).map(|(before, more)| before + more);
                track = next;
                continue;
            }
            Err(error) => return Err(refused(error)),
        };
        if packet.track_id != track.id {
            continue;
        }
        match track.decoder.decode(&packet) {
            Ok(decoded) => {
                let rate = decoded.spec().rate();
                if rate != track.rate {
                    let problem = format!(
                        "its rate changes from {} to {rate} samples a second; save it as one sound of one rate",
                        track.rate
                    );
                    return Err(malformed(&place, problem));
                }
                mono.add(&decoded, decoded.spec().channels().count())?;
            }
            Err(Error::DecodeError(_) | Error::IoError(_)) => damaged += 1,
            Err(error) => return Err(refused(error)),
        }
    }
    let times = mono.times() as u64;
    let missing = expected.filter(|&expected| times < expected);
    if let Some(expected) = missing.filter(|_| track.is_exact) {
        let problem =
            format!("it holds {times} of the {expected} samples that its header tells; fetch or save it again");
        return Err(malformed(&place, problem));
    }
    let note = match (damaged, missing) {
        (0, None) => None,
        (0, Some(expected)) => {
            Some(format!("{place}: it holds {times} of the {expected} samples that its header tells"))
        }
        (damaged, _) => Some(format!("{place}: {damaged} of its pieces are damaged and left out; save it again")),
    };
    mono.finish(note)
}

/// Sound that is decoded out of a file.
struct SoundTrack {
    id: u32,
    rate: u32,
    decoder: Box<dyn AudioDecoder>,
    /// Count of samples by the header.
    expected: Option<u64>,
    /// True where `expected` is no estimate.
    is_exact: bool,
}

impl SoundTrack {
    fn first(format: &dyn FormatReader, place: &str) -> Result<Self, DataError> {
        let unread = || {
            malformed(place, "its sound is coded in a way that is not read; save it as WAV, FLAC, MP3 or OGG (Vorbis)")
        };
        let track = format.default_track(TrackType::Audio).ok_or_else(unread)?;
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or_else(unread)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|_| unread())?;
        let is_exact = parameters.codec == symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
        let rate = parameters.sample_rate.unwrap_or_default();
        Ok(Self { id: track.id, rate, decoder, expected: track.num_frames, is_exact })
    }
}
