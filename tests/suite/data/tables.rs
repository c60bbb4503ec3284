//! Tables: dialects of CSV, types of columns, and what is refused.

use hourglass::data::{DataSpec, Part, SourceKind, SplitKind};

use super::{file, fixture, open, people, refused, spec_of};

#[test]
fn csv_dialects_are_detected() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = |separator: &str, decimal: &str| -> String {
        (0..30).map(|i| format!("{i}{decimal}5{separator}{}{decimal}25\n", i * i % 17)).collect()
    };
    let gz = {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(format!("a,b\n{}", rows(",", ".")).as_bytes()).expect("packed");
        packed.finish().expect("packed")
    };
    let plain = open(&spec_of(&file(folder.path(), "a.csv", format!("a,b\n{}", rows(",", "."))))).expect("a table");
    assert_eq!(plain.preparation.features, ["a", "b"]);
    let wanted = plain.rows_f32(0..30).expect("rows");
    let crlf = format!("\u{feff}a,b\r\n{}", rows(",", ".").replace('\n', "\r\n"));
    for (name, content) in [
        ("b.tsv", format!("a\tb\n{}", rows("\t", ".")).into_bytes()),
        ("c.csv", format!("a;b\n{}", rows(";", ",")).into_bytes()),
        ("d.csv.gz", gz),
        ("e.csv", crlf.into_bytes()),
    ] {
        let data =
            open(&spec_of(&file(folder.path(), name, content))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(data.preparation.features, ["a", "b"], "{name}");
        assert_eq!(data.rows_f32(0..30).expect("rows"), wanted, "{name}");
    }
    let bare = open(&spec_of(&file(folder.path(), "f.csv", rows(",", ".")))).expect("a table");
    assert_eq!(bare.preparation.features, ["column 1", "column 2"]);
    assert_eq!(bare.rows_f32(0..30).expect("rows"), wanted);
    // Real files: no header and the label last; a header and the label named.
    let digits =
        open(&DataSpec { labels: Some("last".to_owned()), ..spec_of(&fixture("digits8x8.csv.gz")) }).expect("digits");
    assert_eq!((digits.rows, digits.classes.len()), (1797, 10));
    let cancer = DataSpec { labels: Some("malignant".to_owned()), ..spec_of(&fixture("breast_cancer.csv")) };
    let cancer = open(&cancer).expect("breast cancer");
    assert_eq!((cancer.rows, cancer.features, cancer.classes.len()), (569, 30, 2));
    assert_eq!(cancer.options.split, Some(SplitKind::Stratified));
}

#[test]
fn columns_become_features_by_their_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "people.csv", people());
    let data = open(&DataSpec { labels: Some("age".to_owned()), ..spec_of(&path) }).expect("a table");
    assert_eq!((data.kind, data.rows, data.missing), (SourceKind::Table, 60, 9));
    assert_eq!(data.classes, ["20", "21", "22", "23", "24"]);
    let names = &data.preparation.features;
    // The names of people tell them apart and nothing more, and all are members.
    for absent in ["name", "member"] {
        assert!(!names.iter().any(|name| name.starts_with(absent)), "{names:?}");
        assert!(data.notes.iter().any(|note| note.contains(absent)), "{:?}", data.notes);
    }
    for there in [
        "height",
        "hair, color=black",
        "hair, color=fair, light",
        "hair, color=other",
        "born day sine",
        "born year cosine",
    ] {
        assert!(names.iter().any(|name| name == there), "{there} is not in {names:?}");
    }
    let row_of = |source: usize| {
        let order = data.order.as_ref().expect("an order");
        order.iter().position(|&row| row as usize == source).expect("it is there")
    };
    let feature = |source: usize, name: &str| {
        let at = names.iter().position(|own| own == name).expect("a feature");
        data.rows_f32(row_of(source)..row_of(source) + 1).expect("a row")[at]
    };
    // Row 10 is fair, row 12 was born at noon: half a turn.
    assert_eq!(feature(10, "hair, color=fair, light"), 1.0);
    assert_eq!(feature(10, "hair, color=black"), 0.0);
    assert!((feature(12, "born day cosine") + 1.0).abs() < 1e-6);
    // What is missing is the mean, which is 0 once scaled.
    assert!(feature(3, "height").abs() < 1e-6, "{}", feature(3, "height"));
    let train = data.rows_f32(data.part(Part::Train)).expect("rows");
    let heights: Vec<f64> = train.chunks_exact(data.features).map(|row| f64::from(row[0])).collect();
    let mean = heights.iter().sum::<f64>() / heights.len() as f64;
    assert!(mean.abs() < 1e-6, "{mean}");
}

#[test]
fn hostile_tables_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = |name: &str, content: &str, words: &[&str]| {
        refused(&spec_of(&file(folder.path(), name, content)), words);
    };
    let rows: String = (0..20).map(|i| format!("{i},{}\n", i * 3 % 7)).collect();
    case("zero.csv", "", &["zero.csv", "empty"]);
    case("header.csv", "a,b\n", &["header.csv", "no rows"]);
    case("ragged.csv", &format!("a,b\n{rows}1,2,3\n"), &["line 22", "3 cells", "2"]);
    case("words.csv", &format!("a,b\n{rows}5,seven\n"), &["row 21", "\"b\"", "seven", "categorical"]);
    case("infinite.csv", &format!("a,b\n{rows}inf,1\n"), &["row 21", "\"a\"", "infinite"]);
    case("constant.csv", &format!("a,b\n{}", "1,2\n".repeat(20)), &["no column", "every row"]);
    case("missing.csv", &format!("a,b\n{}", "NA,\n".repeat(20)), &["no column", "no row for training has a value"]);
    case("one.csv", "a,b\n1,2\n", &["1 rows", "at least 10"]);
    case("twice.csv", &format!("a,a\n{rows}"), &["two columns", "\"a\""]);
    case("binary.csv", "a,b\n1,\0\n", &["bytes that no text has"]);
    refused(
        &DataSpec {
            labels: Some("colur".to_owned()),
            ..spec_of(&file(folder.path(), "l.csv", format!("color,b\n{rows}")))
        },
        &["no column", "colur", "perhaps \"color\""],
    );
    refused(
        &DataSpec { exclude: vec!["c".to_owned()], ..spec_of(&file(folder.path(), "x.csv", format!("a,b\n{rows}"))) },
        &["no column", "\"c\""],
    );
    // NaN is a missing value, and one constant column among others is left out and said.
    let text: String = (0..20)
        .map(|i| format!("{},{},7\n", if i == 4 { "NaN".to_owned() } else { i.to_string() }, i * 3 % 7))
        .collect();
    let data = open(&spec_of(&file(folder.path(), "nan.csv", format!("a,b,c\n{text}")))).expect("a table");
    assert_eq!((data.missing, data.features), (1, 2));
    assert!(data.notes.iter().any(|note| note.contains("\"c\"")), "{:?}", data.notes);
    let unknown = file(folder.path(), "thing.bin", [7_u8; 64]);
    refused(&spec_of(&unknown), &["thing.bin", "data.kind"]);
}

#[test]
fn lines_of_another_length_are_refused_by_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for (name, end) in [("unix.csv", "\n"), ("windows.csv", "\r\n")] {
        // Lines 1 to 12, the fifth of them empty and two after another too short.
        let mut lines: Vec<String> =
            std::iter::once("a,b,c".to_owned()).chain((1..12).map(|i| format!("{i},2,3"))).collect();
        (lines[4], lines[8], lines[9]) = (String::new(), "1,2".to_owned(), "1".to_owned());
        std::fs::write(at(name), lines.join(end) + end).expect("written");
        refused(&spec_of(&at(name)), &[name, "line 9 has 2 cells"]);
        lines[8] = "1,2,3".to_owned();
        std::fs::write(at(name), lines.join(end) + end).expect("written");
        refused(&spec_of(&at(name)), &[name, "line 10 has 1 cells"]);
    }
}

/// The values of a row in words: what they are before they are encoded, and what they are then.
#[test]
fn rows_are_described_by_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |name: &str, text: String| open(&spec_of(&file(folder.path(), name, text))).expect("a table");
    let plain: String = (0..60)
        .map(|row| format!("{},{}\n", f64::from(row * 7 % 13) + 0.5, f64::from(row * row % 29) + 0.25))
        .collect();
    assert_eq!(open("plain.csv", format!("a,b\n{plain}")).row_words(), "2 columns");
    let word = |row: usize| ["red", "green", "blue"][row % 3];
    let mixed: String = (0..60).map(|row| format!("{}.5,{}\n", row * 7 % 13, word(row))).collect();
    // Three colors and what is none of them.
    assert_eq!(open("mixed.csv", format!("a,color\n{mixed}")).row_words(), "2 columns as 5 values");
    let hours: String =
        (0..600).map(|row| format!("2024-01-{:02} {:02}:00:00,{}.5\n", 1 + row / 24, row % 24, row * 7 % 13)).collect();
    let series = open("hours.csv", format!("time,load\n{hours}"));
    let words = series.row_words();
    assert!(words.starts_with("windows of ") && words.ends_with("steps of 1 column"), "{words}");
    assert_eq!(crate::support::digits().row_words(), "28\u{d7}28 gray");
}

#[test]
fn settings_that_do_nothing_are_said_and_unknown_columns_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..80).map(|i| format!("{},{}\n", i * 7 % 13, i * i % 29)).collect();
    let path = file(folder.path(), "table.csv", format!("a,b\n{rows}"));
    let unknown = || vec!["zz".to_owned()];
    refused(&DataSpec { keep: unknown(), ..spec_of(&path) }, &["data.keep", "\"zz\""]);
    refused(&DataSpec { columns: unknown(), ..spec_of(&path) }, &["data.columns", "\"zz\""]);
    let data = open(&DataSpec { stride: Some(2), columns: vec!["a".to_owned()], ..spec_of(&path) }).expect("a table");
    for key in ["data.stride", "data.columns"] {
        assert!(data.notes.iter().any(|note| note.contains(key) && note.contains("does nothing")), "{:?}", data.notes);
    }
}

#[test]
fn columns_that_only_rise_and_values_far_away_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = |i: usize| {
        let b = if i == 412 { 1e7 } else { (i * 7919 % 1009) as f64 / 100.0 };
        format!("{:.1},{},{b},{}\n", 1000.0 + 1.7 * i as f64, i / 2, i * 31 % 17)
    };
    let text = format!("odometer,batch,b,c\n{}", (0..1000).map(row).collect::<String>());
    let path = file(folder.path(), "cars.csv", text);
    let data = open(&spec_of(&path)).expect("a table");
    assert_eq!(data.preparation.features, ["batch", "b", "c"]);
    let told = |words: &[&str]| {
        let is_told = data.notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
        assert!(is_told, "{words:?} is not in {:?}", data.notes);
    };
    told(&["\"odometer\"", "rises from each row", "data.keep=[\"odometer\"]"]);
    told(&["\"batch\" never falls", "data.exclude=[\"batch\"]"]);
    told(&["column \"b\": row 413 holds 10000000", "as far from the rest"]);
    let kept = open(&DataSpec { keep: vec!["odometer".to_owned()], ..spec_of(&path) }).expect("a table");
    assert_eq!(kept.preparation.features.len(), 4);
    // Beside one other column it is used, and said.
    let pair = format!("x,y\n{}", (0..100).map(|i| format!("{i}.5,{}\n", i * 7 % 13)).collect::<String>());
    let pair = open(&spec_of(&file(folder.path(), "pair.csv", pair))).expect("a table");
    assert!(pair.features == 2 && pair.notes.iter().any(|note| note.contains("\"x\" rises")), "{:?}", pair.notes);
    // Sorted by chance is what short tables are.
    let short = format!("odometer,b\n{}", (0..40).map(|i| format!("{i}.5,{}\n", i * 7 % 13)).collect::<String>());
    let short = open(&spec_of(&file(folder.path(), "short.csv", short))).expect("a table");
    assert_eq!(short.features, 2);
}

#[test]
fn a_single_value_is_refused_with_what_was_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..80).map(|i| format!("{},{},7\n", 100 + i, i * 7 % 13)).collect();
    let data = open(&spec_of(&file(folder.path(), "one.csv", format!("id,x,unit\n{rows}")))).expect("a table");
    let error = hourglass::model::auto_spec(&data).expect_err("one value").to_string();
    for word in ["one value", "\"id\" is left out", "\"unit\" is left out"] {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}
