//! Series of a table in windows.

use hourglass::data::{DataSpec, Part, Scaling, SourceKind, SplitKind};

use super::{file, open, refused, spec_of};
use crate::support::date;

#[test]
fn series_are_cut_in_windows_and_split_by_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "timestamp,value,label\n".to_owned();
    for i in 0..600 {
        // A hole of a day after row 299, and one value missing.
        let hour = if i < 300 { i } else { i + 24 };
        let value = if i == 450 { String::new() } else { i.to_string() };
        text.push_str(&format!("2020-01-{:02} {:02}:00:00,{value},{}\n", 1 + hour / 24, hour % 24, u8::from(i == 100)));
    }
    let path = file(folder.path(), "series.csv", text);
    let options = DataSpec { window: Some(8), stride: Some(2), scale: Some(Scaling::None), ..spec_of(&path) };
    let data = open(&options).expect("a series");
    assert_eq!((data.kind, data.features), (SourceKind::Series, 8));
    assert_eq!(data.options.split, Some(SplitKind::Time));
    let rows = |part| data.rows_f32(data.part(part)).expect("rows");
    let (train, validation, test) = (rows(Part::Train), rows(Part::Validation), rows(Part::Test));
    for window in train.chunks_exact(8).chain(validation.chunks_exact(8)).chain(test.chunks_exact(8)) {
        for (at, value) in window.iter().enumerate() {
            assert_eq!(*value, window[0] + at as f32, "in order, nothing missing");
        }
        assert!(!(window[0] < 300.0 && window[7] >= 300.0), "no window spans the hole");
    }
    let last = |rows: &[f32]| rows.iter().copied().fold(0.0, f32::max);
    let first = |rows: &[f32]| rows.iter().copied().fold(f32::MAX, f32::min);
    assert!(last(&train) < first(&validation) && last(&validation) < first(&test), "no step is in two parts");
    let labels = data.labels.as_ref().expect("labels");
    let abnormal: Vec<usize> = (0..data.rows).filter(|&row| labels[row] == 1).collect();
    assert!(
        !abnormal.is_empty()
            && abnormal.iter().all(|&row| {
                let window = data.rows_f32(row..row + 1).expect("a row");
                window[0] <= 100.0 && window[7] >= 100.0
            })
    );
    assert!(data.row_name(0).starts_with("2020-01-"), "{}", data.row_name(0));
    // Each window by itself: level and size are taken away.
    let scaled = open(&DataSpec { scale: Some(Scaling::Window), ..options }).expect("a series");
    let rows = scaled.rows_f32(0..scaled.rows).expect("rows");
    assert!(rows.chunks_exact(8).all(|window| window.iter().sum::<f32>().abs() < 1e-4));
}

/// Returns the stamp of a minute since the start of 2024, within January.
fn stamp(minute: usize) -> String {
    format!("2024-01-{:02} {:02}:{:02}:00", 1 + minute / 1440, minute / 60 % 24, minute % 60)
}

/// Returns a table of times and values.
fn table(rows: impl IntoIterator<Item = (String, f64)>) -> String {
    rows.into_iter().fold("time,value\n".to_owned(), |text, (time, value)| format!("{text}{time},{value}\n"))
}

/// Returns the windows of all parts, as they lie in the source.
fn windows_of(data: &hourglass::data::DataSet) -> Vec<Vec<f32>> {
    data.rows_f32(0..data.rows).expect("rows").chunks_exact(data.features).map(<[f32]>::to_vec).collect()
}

#[test]
fn training_windows_meet_every_phase_and_no_step_is_in_two_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = table((0..48 * 30).map(|at| (stamp(30 * at), (at % 48) as f64)));
    let path = file(folder.path(), "days.csv", text);
    let data = open(&DataSpec { scale: Some(Scaling::None), ..spec_of(&path) }).expect("a series");
    assert_eq!((data.kind, data.options.window), (SourceKind::Series, Some(48)));
    let train = data.rows_f32(data.part(Part::Train)).expect("rows");
    let phases: std::collections::HashSet<u32> = train.chunks_exact(48).map(|window| window[0] as u32).collect();
    assert_eq!(phases.len(), 48);
    let layout = data.windows.as_ref().expect("windows");
    let order = data.order.as_ref().expect("an order");
    let steps = |part: Part| {
        let starts = data.part(part).map(|row| layout.starts[order[row] as usize] as usize);
        let (first, last) = (starts.clone().min().expect("a window"), starts.max().expect("a window"));
        first..last + layout.window
    };
    let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(steps);
    assert!(train.end <= validation.start && validation.end <= test.start, "{train:?} {validation:?} {test:?}");
}

#[test]
fn short_series_get_windows_that_fit_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let wave = |at: usize, period: f64| 0.02 * at as f64 + 10.0 * (at as f64 * std::f64::consts::TAU / period).sin();
    let noise = |at: usize| ((at * 7919) % 101) as f64 / 101.0;
    let month = |at: usize| format!("{}-{:02}-01", 2000 + at / 12, 1 + at % 12);
    // Steps and period, and the window: whole periods, as many as there is room for.
    for (steps, period, windows) in [(60, 7.0, 4..=10), (365, 7.0, 14..=14), (730, 7.0, 14..=14)] {
        let path =
            file(folder.path(), "days.csv", table((0..steps).map(|at| (date(at), wave(at, period) + noise(at)))));
        let data = open(&spec_of(&path)).expect("a short series");
        let window = data.options.window.expect("a window");
        assert!(data.kind == SourceKind::Series && windows.contains(&window), "{steps} steps: {window}");
        assert!(data.train.len() > steps / 3 && !data.validation.is_empty() && !data.test.is_empty(), "{steps}");
    }
    let path = file(folder.path(), "months.csv", table((0..144).map(|at| (month(at), wave(at, 12.0) + noise(at)))));
    assert_eq!(open(&spec_of(&path)).expect("months").options.window, Some(12));
    // One that is too long is refused with a length that works.
    let long = DataSpec { window: Some(100), ..spec_of(&path) };
    refused(&long, &["data.window", "windows of 100 steps", "at most 18"]);
    let endless = DataSpec { window: Some(200), ..spec_of(&path) };
    refused(&endless, &["data.window", "at most 144 steps", "use at most 36"]);
    assert!(open(&DataSpec { window: Some(36), ..long }).is_ok());
}

#[test]
fn rows_are_brought_in_the_order_of_time_and_holes_are_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = |name: &str, rows: Vec<(String, f64)>| {
        let path = file(folder.path(), name, table(rows));
        let data = open(&DataSpec { scale: Some(Scaling::None), window: Some(24), kind: None, ..spec_of(&path) });
        data.expect("a series")
    };
    let (hour, says) =
        (|at: usize| stamp(60 * at), |notes: &[String], word: &str| notes.iter().any(|n| n.contains(word)));
    let in_order = |data: &hourglass::data::DataSet| {
        windows_of(data).iter().all(|window| window.windows(2).all(|pair| pair[1] - pair[0] == 1.0))
    };
    let newest = cut("newest.csv", (0..400).rev().map(|at| (hour(at), at as f64)).collect());
    assert!(in_order(&newest) && says(&newest.notes, "newest"), "{:?}", newest.notes);
    assert_eq!(newest.windows.as_ref().expect("windows").step_of_row[0], 399, "the first row is the last step");
    let shuffled = cut("shuffled.csv", (0..401).map(|at| at * 7 % 401).map(|at| (hour(at), at as f64)).collect());
    assert!(in_order(&shuffled) && says(&shuffled.notes, "not in order"), "{:?}", shuffled.notes);
    // One repeat in fifty, each with a step missing after it, and two days missing in the middle.
    let late = |at: usize| hour(at - usize::from(at > 0 && at.is_multiple_of(50)) + if at < 250 { 0 } else { 48 });
    let parted = cut("parted.csv", (0..500).map(|at| (late(at), at as f64)).collect());
    assert!(says(&parted.notes, "8 rows repeat") && says(&parted.notes, "hole of 2 days"), "{:?}", parted.notes);
    let across = |window: &Vec<f32>| window[0] < 249.0 && window[23] > 251.0;
    assert!(!windows_of(&parted).iter().any(across) && parted.rows > 300, "{} windows", parted.rows);
    // The same stamps in seconds, in a column of numbers that is called a time.
    let epoch = table((0..400).map(|at| ((1_704_067_200 + 3600 * at).to_string(), at as f64)));
    let path = file(folder.path(), "epoch.csv", epoch);
    let data = open(&spec_of(&path)).expect("a series");
    assert!(data.kind == SourceKind::Series && says(&data.notes, "taken for times"), "{:?}", data.notes);
    let kept = open(&DataSpec { keep: vec!["time".to_owned()], ..spec_of(&path) }).expect("a table");
    assert_eq!((kept.kind, kept.preparation.features[0].as_str()), (SourceKind::Table, "time"), "{:?}", kept.notes);
    assert_eq!(
        (data.options.time.as_deref(), data.options.columns.as_slice()),
        (Some("time"), &["value".to_owned()][..])
    );
}

#[test]
fn tables_with_times_that_are_no_series_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |name: &str, text: String, word: &str| {
        let path = file(folder.path(), name, text);
        let data = open(&spec_of(&path)).expect("a table");
        assert_eq!(data.kind, SourceKind::Table);
        let said = |note: &&String| note.contains(word) && note.contains("data.kind = \"series\"");
        assert!(data.notes.iter().any(|note| said(&note)), "{word:?} is not in {:?}", data.notes);
        let called = open(&DataSpec { kind: Some(SourceKind::Series), ..spec_of(&path) });
        assert_eq!(called.expect("a series where it is called one").kind, SourceKind::Series);
    };
    let sites = (0..200).fold("time,value,site\n".to_owned(), |text, at| {
        format!("{text}{},{at},{}\n", stamp(30 * at), if at % 2 == 0 { "north" } else { "south" })
    });
    check("sites.csv", sites, "\"site\" holds words");
    check("same.csv", table((0..200).map(|at| (stamp(60 * (at / 2)), at as f64))), "repeat the time");
    // Stamps of events at random: mostly soon after each other, sometimes hours later.
    let mut minute = 0;
    let events = (0..300_u64).map(|at| {
        let uniform = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11;
        minute += 1 + (-60.0 * ((uniform as f64 + 1.0) / (1_u64 << 53) as f64).ln()) as usize;
        (stamp(minute), at as f64)
    });
    check("events.csv", table(events), "no regular pace");
}
