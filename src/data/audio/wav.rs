//! WAV files: every container of samples that libsndfile reads, and writing.
//!
//! The walk through the chunks is here, since the readers of the crates are strict where files are not: sizes that a
//! stream could not know, chunks of odd length, 64-bit sizes, more channels than loudspeakers have names. Samples are
//! decoded by symphonia.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoderOptions, well_known as codec};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use super::mono::{Mono, ReadSound, Waveform};
use crate::data::DataError;
use crate::data::formats::array::{malformed, open};
use crate::platform::files::{File, write_whole};

/// Samples that are decoded at once.
const AT_ONCE: usize = 16 * 1024;
/// Size from which on one that does not fit the file stands for a stream of unknown length: SoX and espeak write
/// 0x7ffff000, others the largest signed or unsigned number less their header. 0xffffffff and 0 always do.
const STREAMED: u32 = 0x7fff_f000;
/// Most bytes of a `fmt ` chunk that are looked at: the extensible one has 40.
const FORMAT_BYTES: u64 = 64;
/// Last fourteen bytes of the GUIDs of Microsoft's formats, of ambisonic sound and of ISO's; the first two are the tag.
const FORMAT_GUIDS: [[u8; 14]; 2] =
    [*b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", *b"\0\0\x21\x07\xd3\x11\x86\x44\xc8\xc1\xca\0\0\0"];
const EXTENSIBLE: u16 = 0xfffe;

/// Order of the bytes of a number: RIFX files are big-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Description of the samples, out of a `fmt ` chunk.
struct WavFormat {
    codec: AudioCodecId,
    channels: usize,
    rate: u32,
    sample_bytes: usize,
}

/// Place of the samples in a file.
struct WavHead {
    format: WavFormat,
    /// First byte and count of bytes of the samples.
    start: u64,
    bytes: u64,
    note: Option<String>,
}

/// Returns whether a file that begins so is a WAV file of any container.
pub(super) fn is_wav(start: &[u8]) -> bool {
    matches!(start.first_chunk::<4>(), Some(b"RIFF" | b"RF64" | b"BW64" | b"RIFX"))
        && start.get(8..12) == Some(b"WAVE".as_slice())
}

/// Reads a WAV file of 8, 16, 24 or 32-bit integers, 32 or 64-bit floats, A-law or mu-law; channels are averaged.
/// Reading takes at most `limit_bytes` of memory, or is refused.
pub fn read_wav(path: &Path, limit_bytes: u64) -> Result<Waveform, DataError> {
    read_noted_wav(path, limit_bytes).map(|read| read.sound)
}

/// Same as [`read_wav`], with a remark where the header does not tell the length.
pub(super) fn read_noted_wav(path: &Path, limit_bytes: u64) -> Result<ReadSound, DataError> {
    let place = path.display().to_string();
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => malformed(&place, TORN),
        _ => malformed(&place, format!("it cannot be read as a WAV file ({error}); save it again")),
    };
    let (mut file, length) = open(path)?;
    let WavHead { format, start, bytes, note } = read_head(&mut file, length, &place)?;
    let WavFormat { codec, channels, rate, sample_bytes } = format;
    let samples = bytes / sample_bytes as u64;
    let times = samples / channels as u64;
    if rate == 0 || times == 0 {
        let problem = format!("it holds {samples} samples at {rate} a second; give a sound of some length");
        return Err(malformed(&place, problem));
    }
    let mut mono = Mono::new(&place, rate, limit_bytes);
    mono.check_memory(times)?;
    let undecodable =
        |error: symphonia::core::errors::Error| malformed(&place, format!("its samples cannot be read: {error}"));
    let mut parameters = AudioCodecParameters::new();
    // One channel to the crate, whatever there are: it knows no more than loudspeakers have names.
    parameters.for_codec(codec).with_sample_rate(rate).with_channels(Channels::Discrete(1));
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
        .map_err(undecodable)?;
    file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
    let at_once = (AT_ONCE / channels).max(1) * channels;
    let mut left = usize::try_from(times * channels as u64).unwrap_or(usize::MAX);
    let mut packet = vec![0_u8; at_once.min(left) * sample_bytes];
    while left > 0 {
        let count = at_once.min(left);
        let bytes = packet.get_mut(..count * sample_bytes).unwrap_or_default();
        file.read_exact(bytes).map_err(unreadable)?;
        let duration = Duration::from(count as u64);
        let decoded = decoder.decode_ref(&PacketRef::new(0, Timestamp::ZERO, duration, bytes)).map_err(undecodable)?;
        mono.add(&decoded, channels)?;
        left -= count;
    }
    mono.finish(note)
}

const TORN: &str = "it ends before its last sample; fetch or save it again";

/// Walks through the chunks to the samples.
fn read_head(file: &mut BufReader<File>, length: u64, place: &str) -> Result<WavHead, DataError> {
    let torn = |_| malformed(place, TORN);
    let mut start = [0_u8; 12];
    file.read_exact(&mut start).map_err(torn)?;
    if !is_wav(&start) {
        let problem = "it is no WAV file that can be read (it begins with no RIFF tag); save it as WAV (PCM) again";
        return Err(malformed(place, problem));
    }
    let [id @ .., a, b, c, d] = *start.first_chunk::<8>().unwrap_or(&[0; 8]);
    let order = if id == *b"RIFX" { Order::Big } else { Order::Little };
    let whole_size = order.u32([a, b, c, d]);
    let mut format = None;
    let mut long_size = None;
    let mut at = start.len() as u64;
    loop {
        if at.saturating_add(8) > length {
            let problem = match format {
                Some(_) => TORN.to_owned(),
                None => format!("{TORN}: it has no description of its samples"),
            };
            return Err(malformed(place, problem));
        }
        let (id, size) = chunk_at(file, at, order).map_err(torn)?;
        let inside = at + 8;
        match &id {
            b"ds64" => {
                // The size of the whole, of the samples, and the count of samples, 64 bits each.
                let mut sizes = [0_u8; 16];
                file.read_exact(&mut sizes).map_err(torn)?;
                long_size = sizes.last_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
            }
            b"fmt " => {
                let mut bytes = Vec::new();
                file.take(u64::from(size).min(FORMAT_BYTES)).read_to_end(&mut bytes).map_err(torn)?;
                format = Some(read_format(&bytes, order, place)?);
            }
            b"data" => {
                let format = format.ok_or_else(|| {
                    malformed(place, "its samples come before their description; save it again as WAV (PCM)")
                })?;
                let room = length - inside;
                let claimed = match long_size {
                    Some(long) if size == u32::MAX => Some(long),
                    _ => claimed_size(file, order, size, (whole_size, length), inside).map_err(torn)?,
                };
                let samples = |bytes: u64| bytes / format.sample_bytes as u64;
                if let Some(claimed) = claimed.filter(|&claimed| claimed > room) {
                    let samples = samples(claimed);
                    let problem = format!(
                        "its header claims {samples} samples and the file has only {length} bytes; fetch or save it \
                         again"
                    );
                    return Err(malformed(place, problem));
                }
                let note = claimed.is_none().then(|| {
                    format!("{place}: its header does not tell its length, as of a stream; read to the end of the file")
                });
                return Ok(WavHead { format, start: inside, bytes: claimed.unwrap_or(room), note });
            }
            _ => {}
        }
        at = next_chunk(file, order, inside + u64::from(size), length).map_err(torn)?;
    }
}

fn chunk_at(file: &mut BufReader<File>, at: u64, order: Order) -> std::io::Result<([u8; 4], u32)> {
    file.seek(SeekFrom::Start(at))?;
    let (mut id, mut size) = ([0; 4], [0; 4]);
    file.read_exact(&mut id)?;
    file.read_exact(&mut size)?;
    Ok((id, order.u32(size)))
}

/// Returns where the chunk after one that ends at `end` begins. Chunks of odd length are followed by a byte that does
/// not count; some programs forget it, which shows where a name begins without it and none does with it.
fn next_chunk(file: &mut BufReader<File>, order: Order, end: u64, length: u64) -> std::io::Result<u64> {
    let padded = end + end % 2;
    if padded == end || padded.saturating_add(8) > length {
        return Ok(padded);
    }
    let is_name = |id: [u8; 4]| id.iter().all(|byte| (b' '..=b'~').contains(byte));
    let with = chunk_at(file, padded, order)?.0;
    let without = chunk_at(file, end, order)?.0;
    Ok(if is_name(without) && !is_name(with) { end } else { padded })
}

/// Returns the count of bytes of the samples that the header tells; `None` where it was written before it was known.
fn claimed_size(
    file: &mut BufReader<File>,
    order: Order,
    size: u32,
    (whole_size, length): (u32, u64),
    inside: u64,
) -> std::io::Result<Option<u64>> {
    let is_whole = u64::from(whole_size).saturating_add(8) == length;
    let streamed = size >= STREAMED && u64::from(size) > length - inside && !is_whole;
    if size == u32::MAX || streamed {
        return Ok(None);
    }
    if size > 0 || inside >= length {
        return Ok(Some(u64::from(size)));
    }
    // Nothing by its header, and bytes after it: samples, but where they are chunks to the very end.
    let mut at = inside;
    while at.saturating_add(8) <= length {
        let (id, size) = chunk_at(file, at, order)?;
        if !id.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            break;
        }
        let end = at + 8 + u64::from(size);
        at = end + end % 2;
    }
    let ends_with_them = at == length || at == length + 1;
    Ok(if ends_with_them { Some(0) } else { None })
}

fn read_format(bytes: &[u8], order: Order, place: &str) -> Result<WavFormat, DataError> {
    let short = |at: usize| bytes.get(at..at + 2).and_then(|two| two.first_chunk::<2>()).map(|&two| order.u16(two));
    let long = |at: usize| bytes.get(at..at + 4).and_then(|four| four.first_chunk::<4>()).map(|&four| order.u32(four));
    let (Some(tag), Some(channels), Some(rate), Some(frame), Some(bits)) =
        (short(0), short(2), long(4), short(12), short(14))
    else {
        return Err(malformed(place, format!("{TORN}: the description of its samples is cut")));
    };
    let tag = match bytes.get(26..40) {
        Some(rest) if tag == EXTENSIBLE && FORMAT_GUIDS.iter().any(|guid| guid == rest) => short(24).unwrap_or(tag),
        _ => tag,
    };
    if channels == 0 {
        return Err(malformed(place, "it holds 0 samples in 0 channels; save it again as WAV (PCM)"));
    }
    // The bytes of a sample are those of a time shared by its channels: of 20 bits, the upper ones of 24.
    let sample_bytes = match (frame % channels, frame / channels) {
        (0, bytes @ 1..=8) if bytes * 8 >= bits => bytes,
        _ => bits.div_ceil(8),
    };
    let big = order == Order::Big;
    let codec = match (tag, sample_bytes) {
        (1, 1) => codec::CODEC_ID_PCM_U8,
        (1, 2) if big => codec::CODEC_ID_PCM_S16BE,
        (1, 2) => codec::CODEC_ID_PCM_S16LE,
        (1, 3) if big => codec::CODEC_ID_PCM_S24BE,
        (1, 3) => codec::CODEC_ID_PCM_S24LE,
        (1, 4) if big => codec::CODEC_ID_PCM_S32BE,
        (1, 4) => codec::CODEC_ID_PCM_S32LE,
        (3, 4) if big => codec::CODEC_ID_PCM_F32BE,
        (3, 4) => codec::CODEC_ID_PCM_F32LE,
        (3, 8) if big => codec::CODEC_ID_PCM_F64BE,
        (3, 8) => codec::CODEC_ID_PCM_F64LE,
        (6, 1) => codec::CODEC_ID_PCM_ALAW,
        (7, 1) => codec::CODEC_ID_PCM_MULAW,
        _ => {
            let kind = match tag {
                1 => format!("integers of {bits} bits"),
                3 => format!("floats of {bits} bits"),
                2 | 0x11 => "ADPCM".to_owned(),
                0x31 => "GSM".to_owned(),
                0x50 | 0x55 => "MP3 inside a WAV file".to_owned(),
                other => format!("format {other:#06x}"),
            };
            let problem =
                format!("its samples are of a kind that is not read ({kind}); save it as WAV (PCM, 16 bits) or FLAC");
            return Err(malformed(place, problem));
        }
    };
    Ok(WavFormat { codec, channels: usize::from(channels), rate, sample_bytes: usize::from(sample_bytes) })
}

/// Writes `samples` as a WAV file of 16-bit integers, one channel, whole or not at all. What lies beyond -1 to 1 is
/// clipped.
pub fn write_wav(path: &Path, rate: u32, samples: &[f32]) -> Result<(), DataError> {
    let unwritable = |reason: String| DataError::Unwritable { path: path.into(), reason };
    if rate == 0 || samples.is_empty() || samples.len() > u32::MAX as usize / 4 {
        return Err(unwritable(format!("{} samples at {rate} a second are no WAV file", samples.len())));
    }
    let spec = WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    write_whole(path, |file| {
        let write = || -> Result<(), hound::Error> {
            let mut wav = WavWriter::new(file, spec)?;
            for sample in samples {
                // The scale of reading, so that what was read is written unchanged; `as` saturates.
                wav.write_sample((sample * 32768.0).round() as i16)?;
            }
            wav.finalize()
        };
        write().map_err(|error| match error {
            hound::Error::IoError(error) => error,
            other => std::io::Error::other(other),
        })
    })
    .map_err(|error| unwritable(error.to_string()))
}
