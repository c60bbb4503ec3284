//! Recordings as spectrograms or waveforms, and back.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hourglass::data::{AudioForm, DataSpec, Part, SourceKind, read_wav, write_wav};
use hourglass::model::auto_spec;
use hourglass::platform::Wait as _;
use hourglass::tasks::reconstruct;
use hourglass::train::Session;

use super::{open, shortened, spec_of};
use crate::support::cpu;

/// Returns a sum of two tones.
fn tones(length: usize, low: f32) -> Vec<f32> {
    (0..length)
        .map(|i| {
            let at = i as f32 / 8000.0 * std::f32::consts::TAU;
            0.4 * (at * low).sin() + 0.2 * (at * (low * 2.5)).sin()
        })
        .collect()
}

/// Writes twelve recordings to `folder`, of low and high tones in turn.
fn save_recordings(folder: &Path) {
    for i in 0..12 {
        let name = format!("{}_{i}.wav", ["low", "high"][i % 2]);
        let samples = tones(7000, [200.0, 700.0][i % 2] + 5.0 * i as f32);
        write_wav(&folder.join(name), 8000, &samples).expect("a recording");
    }
}

#[test]
fn recordings_become_spectrograms_or_waveforms() {
    let folder = tempfile::tempdir().expect("a folder");
    save_recordings(folder.path());
    let data = open(&DataSpec { labels: Some("prefix".to_owned()), ..spec_of(folder.path()) }).expect("recordings");
    assert_eq!((data.kind, data.classes.clone()), (SourceKind::Audio, vec!["high".to_owned(), "low".to_owned()]));
    let image = data.image.expect("spectrograms");
    assert_eq!((image.height, image.width), (32, 32));
    // Low tones are at the bottom: the lower half of their pictures holds more.
    for row in 0..data.rows {
        let values = data.rows_f32(row..row + 1).expect("a row");
        let brightest = (0..32).max_by(|&a, &b| values[a * 32 + 4].total_cmp(&values[b * 32 + 4])).expect("a line");
        let low = data.classes[usize::from(data.labels.as_ref().expect("labels")[row])] == "low";
        assert_eq!(brightest > 22, low, "line {brightest} of a {} tone", data.row_name(row));
    }
    // Each recording is in one part alone.
    let file_of = |row: usize| data.row_name(row).split(',').next().expect("a file").to_owned();
    let in_part = |part| data.part(part).map(file_of).collect::<BTreeSet<String>>();
    assert!(in_part(Part::Train).is_disjoint(&in_part(Part::Test)));
    let raw = DataSpec { audio: Some(AudioForm::Raw), ..spec_of(folder.path()) };
    assert_eq!(open(&raw).expect("waveforms").features, 1024);
}

/// Kinds of one folder are read together; what is not read, or not as its header says, is told.
#[test]
fn recordings_of_several_kinds_are_one_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sound");
    for (name, copy) in [("tones.flac", "a.flac"), ("tones.mp3", "b.MP3"), ("tones.ogg", "c.ogg")] {
        std::fs::copy(sounds.join(name), folder.path().join(copy)).expect("copied");
    }
    write_wav(&folder.path().join("d.wav"), 8000, &tones(800, 200.0)).expect("a recording");
    let mut streamed = std::fs::read(folder.path().join("d.wav")).expect("the recording");
    streamed[4..8].copy_from_slice(&[0xff; 4]);
    streamed[40..44].copy_from_slice(&[0xff; 4]);
    std::fs::write(folder.path().join("e.wav"), streamed).expect("a stream");
    std::fs::write(folder.path().join("f.m4a"), b"....ftypM4A ").expect("a file");
    let raw = DataSpec { audio: Some(AudioForm::Raw), window: Some(200), ..spec_of(folder.path()) };
    let data = open(&raw).expect("recordings");
    assert_eq!((data.kind, data.rows), (SourceKind::Audio, 20));
    let notes = data.notes.join("; ");
    assert!(notes.contains("1 recording of a kind that is not read (m4a) is left out"), "{notes}");
    assert!(notes.contains("e.wav: its header does not tell its length"), "{notes}");
    // By itself, and by its first bytes alone.
    std::fs::copy(sounds.join("tones.flac"), folder.path().join("unnamed")).expect("copied");
    let unnamed = folder.path().join("unnamed");
    let alone = DataSpec { audio: Some(AudioForm::Raw), window: Some(20), ..spec_of(&unnamed) };
    assert_eq!(open(&alone).expect("a recording").kind, SourceKind::Audio);
    let refusal = open(&spec_of(&folder.path().join("f.m4a"))).expect_err("it is not read").to_string();
    assert!(refusal.contains("save it as WAV, FLAC"), "{refusal}");
}

/// Mixing of channels and rates is told, and channels that cancel each other are named.
#[test]
fn mixed_channels_and_rates_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, rate) in [("a.wav", 8000), ("b.wav", 8000), ("c.wav", 16_000)] {
        write_wav(&folder.path().join(name), rate, &tones(4000, 200.0)).expect("a recording");
    }
    // Left and right of opposite phase.
    let stereo: Vec<f32> = tones(4000, 300.0).into_iter().flat_map(|value| [value, -value]).collect();
    let beside = folder.path().join("d.wav");
    write_wav(&beside, 8000, &stereo).expect("a recording");
    let mut bytes = std::fs::read(&beside).expect("the recording");
    // Channels, bytes a second, bytes a time.
    bytes[22] = 2;
    bytes[28..32].copy_from_slice(&32_000_u32.to_le_bytes());
    bytes[32] = 4;
    std::fs::write(&beside, bytes).expect("written");
    let raw = DataSpec { audio: Some(AudioForm::Raw), window: Some(200), ..spec_of(folder.path()) };
    let notes = open(&raw).expect("recordings").notes.join("; ");
    assert!(notes.contains("1 of 4 recordings, up to 2, are averaged"), "{notes}");
    assert!(notes.contains("d.wav cancel each other"), "{notes}");
    assert!(notes.contains("16000 samples a second are brought to 8000"), "{notes}");
}

#[test]
fn recordings_shorter_than_a_piece_and_their_ends_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, samples) in [("a.wav", 1000), ("b.wav", 1000), ("c.wav", 300), ("d.wav", 1250), ("e.wav", 1150)] {
        write_wav(&folder.path().join(name), 8000, &tones(samples, 200.0)).expect("a recording");
    }
    let raw = |window| DataSpec { audio: Some(AudioForm::Raw), window: Some(window), ..spec_of(folder.path()) };
    let notes = open(&raw(500)).expect("recordings").notes.join("; ");
    assert!(notes.contains("1 of 5 recordings are shorter than a piece, such as c.wav"), "{notes}");
    assert!(notes.contains("of 2 it is too short for a piece and left out"), "{notes}");
    let notes = open(&raw(400)).expect("recordings").notes.join("; ");
    assert!(notes.contains("of 1 it is filled up with silence, of 3 it"), "{notes}");
    assert!(open(&raw(50)).expect("recordings").notes.is_empty());
}

/// Round trip through a model: a recording for each recording, of about its length.
#[test]
fn spectrograms_become_recordings_again() {
    let folder = tempfile::tempdir().expect("a folder");
    save_recordings(folder.path());
    let data = open(&DataSpec { labels: Some("prefix".to_owned()), ..spec_of(folder.path()) }).expect("recordings");
    let mut spec = shortened(auto_spec(&data).expect("a suggestion").spec, &data);
    spec.train.epochs = 100;
    let mut session = Session::new(spec, Arc::new(data), cpu()).expect("a session");
    while session.train(64).wait().expect("it trains") > 0 {}
    let weights = session.weights().wait().expect("weights");
    let model = folder.path().join("model.safetensors");
    session.model(&weights).save(&model).expect("saved");
    let out = folder.path().join("out");
    let source = folder.path().display().to_string();
    let made = reconstruct(&model, &source, &out, &cpu()).expect("recordings");
    assert_eq!(made.files, 12);
    assert!(made.notes.iter().any(|note| note.contains("16 bits, one channel and 8000")), "{:?}", made.notes);
    let sound = read_wav(&out.join("low_0.wav"), u64::MAX).expect("a recording");
    assert!(sound.rate == 8000 && sound.samples.len() > 6000 && sound.samples.iter().any(|value| value.abs() > 0.01));
}
