//! Series of a table in windows.

use hourglass::data::{DataSet, DataSpec, Part, Scaling, SourceKind, SplitKind};

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
fn windows_of(data: &DataSet) -> Vec<Vec<f32>> {
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
    let in_order =
        |data: &DataSet| windows_of(data).iter().all(|window| window.windows(2).all(|pair| pair[1] - pair[0] == 1.0));
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
        let said = |note: &&String| note.contains(word) && note.contains("data.kind=\"series\"");
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

/// Returns a number in 0..1 that has nothing to do with its neighbors': the finalizer of SplitMix64.
fn noise(at: usize) -> f64 {
    let mut bits = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns a table of rows `minutes` apart, of a day's wave and noise, and what `more` writes behind it.
fn waves(count: usize, minutes: usize, head: &str, more: impl Fn(usize) -> String) -> String {
    let wave = |at: usize| (at as f64 * std::f64::consts::TAU / 24.0).sin() + 0.2 * noise(at);
    let row = |at: usize| {
        let minute = at * minutes;
        format!("{} {:02}:{:02}:00,{:.4}{}\n", date(minute / 1440), minute / 60 % 24, minute % 60, wave(at), more(at))
    };
    format!("time,value{head}\n{}", (0..count).map(row).collect::<String>())
}

fn told(data: &DataSet, words: &[&str]) {
    let is_told = data.notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(is_told, "{words:?} is not in {:?}", data.notes);
}

#[test]
fn another_pace_is_refused_and_missing_rows_are_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let hourly = waves(600, 60, "", |_| String::new());
    let fitted = open(&spec_of(&file(folder.path(), "fit.csv", &hourly))).expect("a series");
    let whole = |text: &str| {
        let source = file(folder.path(), "other.csv", text).display().to_string();
        let options = DataSpec { source, ..fitted.options.clone() };
        DataSet::open_whole(&options, &fitted.preparation).map_err(|error| error.to_string())
    };
    for (minutes, words) in [(30, "30 minutes"), (5, "5 minutes"), (120, "2 hours"), (1440, "1 day")] {
        let error = whole(&waves(600, minutes, "", |_| String::new())).expect_err("another pace");
        assert!(error.contains(&format!("{words} apart")) && error.contains("steps of 1 hour"), "{error}");
    }
    let lines: Vec<&str> = hourly.lines().collect();
    let kept = |is_kept: &dyn Fn(usize) -> bool| {
        let rows = lines[1..].iter().enumerate().filter(|(at, _)| is_kept(*at)).map(|(_, line)| *line);
        std::iter::once(lines[0]).chain(rows).collect::<Vec<&str>>().join("\n") + "\n"
    };
    let error = whole(&kept(&|at| at % 2 == 0)).expect_err("every second row");
    assert!(error.contains("2 hours apart"), "{error}");
    // Three of ten are missing: the others keep their places, for a model and in a fit.
    let patchy = kept(&|at| noise(at + 9000) > 0.3);
    let scored = whole(&patchy).expect("rows of the same pace");
    let layout = scored.windows.as_ref().expect("windows");
    assert!(layout.steps > 560 && layout.step_of_row.len() < 480, "{} steps", layout.steps);
    let own = open(&spec_of(&file(folder.path(), "patchy.csv", patchy))).expect("a series");
    assert_eq!(own.kind, SourceKind::Series, "{:?}", own.notes);
    assert!(own.windows.as_ref().is_some_and(|layout| layout.steps > 560), "{:?}", own.notes);
    told(&own, &["filled in by their neighbors"]);
    // A model of before the pace was kept takes any.
    let mut old = fitted.preparation.clone();
    old.pace = None;
    let source = file(folder.path(), "old.csv", waves(600, 30, "", |_| String::new())).display().to_string();
    assert!(DataSet::open_whole(&DataSpec { source, ..fitted.options.clone() }, &old).is_ok());
}

#[test]
fn counters_and_constants_are_no_columns_of_a_series() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = waves(400, 60, ",id,meter,alarm,state,stock", |at| {
        format!(",{},{:.2},0,on,{}", 7000 + at, 0.3 * at as f64 + 0.1 * noise(at), at / 3)
    });
    let path = file(folder.path(), "plant.csv", text);
    let data = open(&spec_of(&path)).expect("a series");
    assert_eq!(data.options.columns, ["value", "stock"], "{:?}", data.notes);
    told(&data, &["\"id\"", "counts the rows", "data.keep"]);
    told(&data, &["\"meter\"", "rises from each row", "data.keep=[\"meter\"]"]);
    told(&data, &["\"alarm\"", "it is 0 in every row"]);
    told(&data, &["\"stock\" never falls", "data.exclude=[\"stock\"]"]);
    let rules: Vec<&str> = data.preparation.rules.iter().map(|rule| rule.name()).collect();
    assert_eq!(rules, ["alarm", "state"]);
    let keep = ["meter", "alarm"].map(str::to_owned).to_vec();
    let kept = open(&DataSpec { keep, ..spec_of(&path) }).expect("a series");
    assert_eq!(kept.options.columns, ["value", "meter", "alarm", "stock"]);
    refused(&DataSpec { keep: vec!["metre".to_owned()], ..spec_of(&path) }, &["data.keep", "metre", "meter"]);
    // What the run records is what it is opened with again.
    let again = open(&DataSpec { source: path.display().to_string(), ..data.options.clone() }).expect("the same");
    assert_eq!(again.features, data.features);
    // A ramp by itself is a series.
    let ramp = table((0..100).map(|at| (stamp(60 * at), at as f64)));
    let ramp = open(&spec_of(&file(folder.path(), "ramp.csv", ramp))).expect("a series");
    assert_eq!((ramp.kind, ramp.options.columns.as_slice()), (SourceKind::Series, &["value".to_owned()][..]));
    told(&ramp, &["\"value\" rises", "change from row to row"]);
    // Other columns of rows for a fitted model are said.
    let more = waves(100, 60, ",stock,extra", |at| format!(",{},{}", at / 3, at % 7));
    let source = file(folder.path(), "more.csv", more).display().to_string();
    let scored = DataSet::open_whole(&DataSpec { source, ..data.options.clone() }, &data.preparation).expect("rows");
    told(&scored, &["ignored", "extra"]);
    told(&scored, &["not checked", "alarm, state"]);
}

#[test]
fn times_that_are_not_recognized_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str, cell: &dyn Fn(usize) -> String| {
        let rows = (0..120).map(|at| format!("{},{:.3},{:.3}\n", cell(at), noise(at), noise(at + 500)));
        let text = format!("{name},a,b\n{}", rows.collect::<String>());
        open(&spec_of(&file(folder.path(), "times.csv", text))).expect("it is read")
    };
    told(&of("date", &|at| (45_000 + at * 7 % 120).to_string()), &["taken for a table", "data.time=date"]);
    told(&of("time", &|at| format!("{:.1}", 0.1 * at as f64)), &["taken for a table", "data.time=time"]);
    told(&of("unix", &|at| (1_700_000_000 + 60 * (at * 7 % 120)).to_string()), &["data.time=unix", "since 1970"]);
    told(&of("time", &|at| format!("{:02}:{:02}:00", at / 60, at % 60)), &["times of day without dates", "data.kind"]);
    let falling = of("unix", &|at| (1_700_000_000 - 60 * at).to_string());
    assert_eq!((falling.kind, falling.options.time.as_deref()), (SourceKind::Series, Some("unix")));
    told(&falling, &["newest"]);
    assert_eq!(of("level", &|at| (at * 7 % 120).to_string()).kind, SourceKind::Table);
}

#[test]
fn missing_values_are_named_where_no_window_fits() {
    let folder = tempfile::tempdir().expect("a folder");
    let sparse = |at: usize| if at.is_multiple_of(12) { (at % 7).to_string() } else { String::new() };
    let text = waves(600, 60, ",spare,now_and_then", |at| format!(",,{}", sparse(at)));
    let excluded = "data.exclude=[\"now_and_then\"]";
    let path = file(folder.path(), "s.csv", text);
    refused(&spec_of(&path), &["of 600 rows, column \"now_and_then\" has 50", excluded]);
    let exclude = vec!["now_and_then".to_owned()];
    let data = open(&DataSpec { exclude, ..spec_of(&path) }).expect("a series");
    assert_eq!(data.options.columns, ["value"]);
    told(&data, &["\"spare\" is left out"]);
    let alone =
        (0..600).fold("time,value\n".to_owned(), |text, at| format!("{text}{},{}\n", stamp(60 * at), sparse(at)));
    let path = file(folder.path(), "alone.csv", alone);
    refused(&spec_of(&path), &["\"value\" has 50", "rows with values alone"]);
    let long = file(folder.path(), "long.csv", waves(1500, 60, "", |_| String::new()));
    refused(&DataSpec { window: Some(1400), ..spec_of(&long) }, &["use at most 187", "11200 or more"]);
}

#[test]
fn a_value_far_from_all_others_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = waves(800, 60, ",level", |at| if at == 700 { ",1000000".to_owned() } else { format!(",{}", at % 9) });
    let data = open(&spec_of(&file(folder.path(), "far.csv", text))).expect("a series");
    told(&data, &["column \"level\": row 701 holds 1000000", "as far from the rest", "decides the scale"]);
}
