//! Columns as people write them: marks, units, dates, names that are numbers, identifiers, codes for missing values.

use hourglass::data::{DataSet, DataSpec, DateFormat, PreparedColumn, SourceKind};

use super::{file, open, spec_of};

/// Rows of the tables here.
pub(super) const ROWS: usize = 60;

pub(super) fn table(header: &str, row: impl Fn(usize) -> String) -> String {
    header.to_owned() + "\n" + &(0..ROWS).map(|i| row(i) + "\n").collect::<String>()
}

pub(super) fn read(text: &str) -> DataSet {
    read_as(text, DataSpec::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn read_as(text: &str, options: DataSpec) -> Result<DataSet, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let source = file(folder.path(), "table.csv", text).display().to_string();
    open(&DataSpec { source, kind: Some(SourceKind::Table), ..options })
}

/// Values of a column of numbers in the order of the source.
fn column(data: &DataSet, name: &str) -> Vec<f64> {
    let at = data.preparation.features.iter().position(|own| own == name);
    let at = at.unwrap_or_else(|| panic!("{name} is not in {:?}", data.preparation.features));
    let mut rows = data.rows_f32(0..data.rows).expect("rows");
    data.preparation.undo(&mut rows);
    let order = data.order.as_ref().expect("an order");
    let mut values = vec![0.0; data.rows];
    for (row, &place) in order.iter().enumerate() {
        values[place as usize] = f64::from(rows[row * data.features + at]);
    }
    values
}

pub(super) fn says(data: &DataSet, words: &[&str]) {
    let told = data.notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(told, "{words:?} is not in {:?}", data.notes);
}

/// Difference of a value that was scaled, and taken back, in 32 bits.
const ROUNDING: f64 = 1e-5;

fn near(read: &[f64], right: impl Fn(usize) -> f64) {
    for (row, &value) in read.iter().enumerate() {
        let right = right(row);
        assert!((value - right).abs() <= ROUNDING * right.abs().max(1.0), "row {row}: {value} for {right}");
    }
}

#[test]
fn names_of_columns_may_be_numbers() {
    let of_frame = read(&table(",0,1,2", |i| format!("{i},{i}.25,{},0.{}", i * 7 % 13, i % 9)));
    assert_eq!(of_frame.rows, ROWS);
    near(&column(&of_frame, "0"), |i| i as f64 + 0.25);
    assert_eq!(of_frame.preparation.features, ["0", "1", "2"], "the index is no feature");
    says(&of_frame, &["column 1", "counts the rows"]);
    says(&of_frame, &["first line is taken for names", "data.header=false"]);
    let years = read(&table("site,2021,2022,2023", |i| format!("s{},{i}.5,{i}.25,1.{i}", i % 4)));
    assert_eq!(years.rows, ROWS);
    near(&column(&years, "2022"), |i| i as f64 + 0.25);
    let bare =
        read_as(&table("5,1,2", |i| format!("{},{},{}", i % 7, i % 5, i % 3)), DataSpec::default()).expect("read");
    assert_eq!((bare.rows, bare.preparation.features[0].as_str()), (ROWS + 1, "column 1"));
    let forced = DataSpec { header: Some(false), ..DataSpec::default() };
    let forced = read_as(&table("0,1,2", |i| format!("{i}.5,{},{}", i % 5, i % 3)), forced).expect("read");
    assert_eq!(forced.rows, ROWS + 1);
}

#[test]
fn marks_in_numbers_are_decided_by_column_and_file() {
    let german = |value: f64, places: usize| {
        let text = format!("{value:.places$}").replace('.', ",");
        let (whole, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        match whole.len() {
            4.. => format!("{}.{}{rest}", &whole[..whole.len() - 3], &whole[whole.len() - 3..]),
            _ => text.clone(),
        }
    };
    let watts = |i: usize| 900.0 + 37.0 * i as f64;
    let data = read(&table("temp;watts;ratio", |i| {
        format!("{};{};{}", german(20.0 + i as f64 / 10.0, 1), german(watts(i), 0), german(1.0 + i as f64 * 0.011, 3))
    }));
    near(&column(&data, "watts"), watts);
    near(&column(&data, "ratio"), |i| 1.0 + i as f64 * 0.011);
    assert!(data.notes.iter().all(|note| !note.contains("data.decimal")), "{:?}", data.notes);
    assert!(data.form.as_ref().is_some_and(|form| form.contains("decimal commas")), "{:?}", data.form);
    // Within one column: 950, 1.064 and 1.500,25.
    let mixed = read(&table("a;b", |i| format!("{};x{}", ["950", "1.064", "1.500,25"][i % 3], i % 2)));
    near(&column(&mixed, "a"), |i| [950.0, 1064.0, 1500.25][i % 3]);
    // Nothing in the file decides: said, and settable.
    let doubtful = table("a,b", |i| format!("\"{},{:03}\",{}", 1 + i % 9, i * 13, i % 7));
    let data = read(&doubtful);
    near(&column(&data, "a"), |i| (1 + i % 9) as f64 * 1000.0 + (i * 13) as f64);
    says(&data, &["column \"a\"", "data.decimal=\",\""]);
    let set = read_as(&doubtful, DataSpec { decimal: Some(','), ..DataSpec::default() }).expect("read");
    near(&column(&set, "a"), |i| (1 + i % 9) as f64 + (i * 13) as f64 / 1000.0);
    assert!(set.notes.iter().all(|note| !note.contains("data.decimal")), "{:?}", set.notes);
}

#[test]
fn percentages_currencies_losses_and_units_are_numbers() {
    let data = read(&table("share,price,profit,weight,\"a, b\"", |i| {
        let profit = if i % 2 == 0 { format!("({i}.5)") } else { format!("{i}.5") };
        format!("{}%,\"${},234.50\",{profit},{i}.5 kg,\"1,{:03}\"", i * 3 % 50, 1 + i % 9, i * i % 60)
    }));
    near(&column(&data, "share"), |i| (i * 3 % 50) as f64);
    near(&column(&data, "price"), |i| (1 + i % 9) as f64 * 1000.0 + 234.5);
    near(&column(&data, "profit"), |i| (i as f64 + 0.5) * if i % 2 == 0 { -1.0 } else { 1.0 });
    near(&column(&data, "weight"), |i| i as f64 + 0.5);
    near(&column(&data, "a, b"), |i| 1000.0 + (i * i % 60) as f64);
    let form = data.form.clone().expect("a form");
    assert!(["share: numbers in \"%\"", "\"kg\"", "\"$\""].iter().all(|word| form.contains(word)), "{form}");
    // Units that differ are no numbers, and what is left out is said.
    let mixed = read(&table("weight,x", |i| format!("{i} {},{i}.5", ["kg", "g"][i % 2])));
    says(&mixed, &["weight", "left out"]);
}

#[test]
fn dates_are_read_as_the_whole_column_allows() {
    let day = |i: usize| (1 + i % 28, 1 + i * 5 % 12);
    let year_of = |data: &DataSet| {
        let order = data.order.clone().expect("an order");
        let rows = data.rows_f32(0..data.rows).expect("rows");
        let at = data.preparation.features.iter().position(|name| name == "when year sine").expect("years differ");
        let mut angles = vec![0.0; data.rows];
        for (row, &place) in order.iter().enumerate() {
            let pair = &rows[row * data.features + at..][..2];
            angles[place as usize] = f64::from(pair[0]).atan2(f64::from(pair[1]));
        }
        angles
    };
    let plain = read(&table("when,x", |i| format!("2024-{:02}-{:02},{i}.5", day(i).1, day(i).0)));
    let wanted = year_of(&plain);
    type Form = fn(usize, usize) -> String;
    let forms: [(&str, Form); 5] = [
        ("dmy", |d, m| format!("{d:02}/{m:02}/2024")),
        ("mdy", |d, m| format!("{m}/{d}/24")),
        ("ampm", |d, m| format!("{m:02}/{d:02}/2024 12:00:00 AM")),
        ("month", |d, m| format!("{d}-{}-2024", MONTHS[m - 1])),
        ("compact", |d, m| format!("2024{m:02}{d:02}")),
    ];
    for (name, form) in forms {
        let data = read(&table("when,x", |i| format!("{},{i}.5", form(day(i).0, day(i).1))));
        assert_eq!(year_of(&data), wanted, "{name}: {:?}", data.form);
    }
    // The first of twelve months, in no order: day or month first?
    let doubtful = table("when,x", |i| format!("{:02}/{:02}/2024,{i}.5", 1 + i * 7 % 12, 1 + i * 5 % 12));
    let data = read(&doubtful);
    says(&data, &["column \"when\"", "data.dates=\"dmy\""]);
    let set = read_as(&doubtful, DataSpec { dates: Some(DateFormat::Dmy), ..DataSpec::default() }).expect("read");
    assert!(set.notes.iter().all(|note| !note.contains("data.dates")), "{:?}", set.notes);
    assert_ne!(year_of(&set), year_of(&data));
    let short = read(&table("when,x", |i| format!("{:02}.{:02}.68,{i}.5", day(i).0, day(i).1)));
    says(&short, &["two digits", "1969 to 2068"]);
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[test]
fn identifiers_and_counters_are_left_out_and_epochs_are_times() {
    let text = table("id,customer_id,stamp,x", |i| {
        format!("{},{},{},{}.5", 5000 + i, 31 * (i * 37 % 61) + 7, 1_700_000_000 + 3601 * i, i * i % 17)
    });
    let data = read(&text);
    says(&data, &["\"id\"", "counts the rows from 5000", "data.keep"]);
    says(&data, &["\"customer_id\"", "identifiers"]);
    assert!(matches!(&data.preparation.columns[0], PreparedColumn::Time { format: DateFormat::Seconds, .. }));
    let kept = read_as(&text, DataSpec { keep: vec!["id".to_owned()], ..DataSpec::default() }).expect("read");
    near(&column(&kept, "id"), |i| 5000.0 + i as f64);
}

#[test]
fn codes_for_missing_values_are_told_and_settable() {
    let text = table("temp,place", |i| {
        format!(
            "{},{}",
            if i % 10 == 3 { "-999".to_owned() } else { format!("{}.5", 20 + i % 9) },
            ["NA", "EU", "AS"][i % 3]
        )
    });
    let data = read(&text);
    says(&data, &["-999 stands in 6 of 60 rows", "data.missing"]);
    says(&data, &["\"NA\" is a value"]);
    assert_eq!(data.missing, 0);
    assert!(data.preparation.features.iter().any(|name| name == "place=NA"), "{:?}", data.preparation.features);
    let missing = vec!["-999".to_owned(), "NA".to_owned()];
    let set = read_as(&text, DataSpec { missing, ..DataSpec::default() }).expect("read");
    assert_eq!(set.missing, 6 + 20);
    assert!(!set.preparation.features.iter().any(|name| name == "place=NA"), "{:?}", set.preparation.features);
}

#[test]
fn several_codes_for_missing_values_are_all_told() {
    let text = table("a,b,c", |i| {
        let a = match i % 10 {
            1 => "-999".to_owned(),
            4 => "9999".to_owned(),
            6 => "0".to_owned(),
            8 => "NA".to_owned(),
            _ => format!("{}.5", 20 + i % 7),
        };
        let b = if i % 12 == 5 { "-32768".to_owned() } else { (30 - (i % 50) as i32).to_string() };
        format!("{a},{b},{}", i * i % 17)
    });
    let data = read(&text);
    says(&data, &["column \"a\": -999 stands in 6 and 9999 stands in 6 of 54 rows", "\"NA\"]"]);
    says(&data, &["column \"a\": 0 stands in 6 of 54 rows"]);
    says(&data, &["column \"b\": -32768 stands in 5 of 60 rows", "[\"-999\",\"9999\",\"-32768\",\"NA\"]"]);
    // What is set takes the place of the usual codes, and codes that are not among them are told still.
    let text = text.replace("c\n", "place\n").replace(",13\n", ",NA\n").replace(",1\n", ",EU\n");
    let missing = vec!["-999".to_owned()];
    let error =
        read_as(&text, DataSpec { missing: missing.clone(), ..DataSpec::default() }).expect_err("NA in numbers");
    assert!(error.contains("data.missing=[\"NA\",\"-999\"]"), "{error}");
    let categorical = vec!["a".to_owned(), "place".to_owned()];
    let set = read_as(&text, DataSpec { missing, categorical, ..DataSpec::default() }).expect("read");
    says(&set, &["\"NA\" in", "are values", "setting `data.missing=[\"NA\",\"-999\"]`"]);
    says(&set, &["column \"b\": -32768", "[\"-32768\",\"-999\"]"]);
}

#[test]
fn a_last_column_of_two_values_is_said_to_be_a_feature() {
    for values in [["0", "1"], ["-1", "1"], ["good", "bad"]] {
        let data = read(&table("a,b,verdict", |i| format!("{i}.5,{},{}", i * i % 11, values[i * 7 % 3 % 2])));
        says(&data, &["\"verdict\"", "data.labels=\"verdict\""]);
    }
}

/// Opens `rows` as they are read for a model that was fitted on `normal`.
fn read_again(normal: &str, rows: &str) -> (DataSet, DataSet) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str, text: &str| file(folder.path(), name, text).display().to_string();
    let options = DataSpec { kind: Some(SourceKind::Table), ..DataSpec::from_source(place("normal.csv", normal)) };
    let fitted = DataSet::open(&options, 0.1, 1).unwrap_or_else(|error| panic!("{error}"));
    let options = DataSpec { source: place("rows.csv", rows), ..options };
    let again = DataSet::open_whole(&options, &fitted.preparation).unwrap_or_else(|error| panic!("{error}"));
    (fitted, again)
}

#[test]
fn rows_are_read_in_the_writing_that_a_model_was_fitted_with() {
    let german = |i: usize| format!("1.{:03},{};x{}", 100 + i, i % 10, i % 3);
    let value = |i: usize| 1100.0 + i as f64 + (i % 10) as f64 / 10.0;
    let normal = table("a;b", german);
    // Nothing in these rows decides but the model.
    let (_, plain) = read_again(&normal, &table("a;b", |i| format!("1.{:03};x{}", 100 + i, i % 3)));
    near(&column(&plain, "a"), |i| 1100.0 + i as f64);
    assert!(plain.notes.iter().all(|note| !note.contains("\"a\"")), "{:?}", plain.notes);
    let (_, other) = read_again(&normal, &table("a;b", |i| format!("1,{:03}.{};x{}", 100 + i, i % 10, i % 3)));
    near(&column(&other, "a"), value);
    says(&other, &["\"a\"", "\"1.234,5\" when the model was fitted, here \"1,234.5\""]);
    // Grouped digits behind plain ones.
    let few = table("a;b", |i| format!("{},{};x{}", i, i % 10, i % 3));
    let late = few.clone() + "1.234,5;x1\n";
    let (_, late) = read_again(&few, &late);
    assert!((column(&late, "a")[ROWS] - 1234.5).abs() < 1e-2);
    // Three digits behind every mark: the values of the fit decide.
    let point = |i: usize| format!("{}.{:02},x{}", 1 + i % 20, i * 37 % 100, i % 3);
    for delimiter in [";", "\t"] {
        let comma = |i: usize| format!("{},{:03}{delimiter}x{}", 1 + i % 20, i * 37 % 1000, i % 3);
        let (_, commas) = read_again(&table("a,b", point), &table(&format!("a{delimiter}b"), comma));
        near(&column(&commas, "a"), |i| (1 + i % 20) as f64 + (i * 37 % 1000) as f64 / 1000.0);
        says(&commas, &["\"a\"", "when the model was fitted, here"]);
    }
    // Accents apart from their letters, as some systems write them.
    let towns = |i: usize| format!("{}.5,{}", i % 20, ["K\u{f6}ln", "Bonn"][i % 2]);
    let apart = |i: usize| towns(i).replace('\u{f6}', "o\u{308}");
    let (_, whole) = read_again(&table("gr\u{f6}sse,ort", towns), &table("gr\u{f6}sse,ort", towns));
    let (_, parts) = read_again(&table("gr\u{f6}sse,ort", towns), &table("gro\u{308}sse,ort", apart));
    assert_eq!(parts.rows_f32(0..ROWS).expect("rows"), whole.rows_f32(0..ROWS).expect("rows"));
    let days = |i: usize| (1 + i % 12, 1 + i * 5 % 28);
    let months_first = table("when,x", |i| format!("{:02}/{:02}/2024,{i}.5", days(i).0, days(i).1));
    let (fitted, open) =
        read_again(&months_first, &table("when,x", |i| format!("{:02}/{:02}/2024,{i}.5", 1 + i % 12, 3)));
    assert!(open.notes.iter().all(|note| !note.contains("dates were")), "{:?}", open.notes);
    assert!(matches!(&fitted.preparation.columns[0], PreparedColumn::Time { format: DateFormat::Mdy, .. }));
    let (_, turned) = read_again(&months_first, &table("when,x", |i| format!("{:02}/01/2024,{i}.5", 1 + i % 28)));
    says(&turned, &["\"when\"", "month first when the model was fitted, here day first"]);
}

#[test]
fn the_writing_of_a_series_is_that_of_its_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str, text: &str| file(folder.path(), name, text).display().to_string();
    let rows = |form: &dyn Fn(usize) -> String| {
        "when;load\n".to_owned() + &(0..300).map(|i| form(i) + "\n").collect::<String>()
    };
    let day = |i: usize| (1 + i / 28 % 12, 1 + i % 28);
    let load = |i: usize| format!("1.{:03}", 100 + i * 37 % 800);
    let normal = rows(&|i| format!("{:02}/{:02}/2024;{},5", day(i).0, day(i).1, load(i)));
    let options = DataSpec { kind: Some(SourceKind::Series), ..DataSpec::from_source(place("normal.csv", &normal)) };
    let fitted = DataSet::open(&options, 0.1, 1).unwrap_or_else(|error| panic!("{error}"));
    let values = |text: &str| {
        let source = place("rows.csv", text);
        let options = DataSpec { source, ..fitted.options.clone() };
        let data = DataSet::open_whole(&options, &fitted.preparation).unwrap_or_else(|error| panic!("{error}"));
        data.rows_f32(0..1).expect("rows")
    };
    // Nothing in this file decides on the marks.
    let read = values(&rows(&|i| format!("{:02}/{:02}/2024;{}", day(i).0, day(i).1, load(i))));
    let plain = values(&rows(&|i| format!("2024-{:02}-{:02};{},0", day(i).0, day(i).1, load(i))));
    assert_eq!(read, plain);
}

#[test]
fn units_that_changed_and_units_that_are_mixed_are_said() {
    for (normal, here, words) in [
        (" kg", " g", ["in \"kg\"", "in \"g\""]),
        (" °C", " °F", ["in \"°C\"", "in \"°F\""]),
        ("%", "", ["in \"%\"", "without a unit"]),
        ("", " m", ["without a unit", "in \"m\""]),
    ] {
        let of = |unit: &str| table("a,x", |i| format!("{i}.25{unit},{}", i % 7));
        let (_, data) = read_again(&of(normal), &of(here));
        says(&data, &["\"a\"", words[0], "when the model was fitted", words[1]]);
        near(&column(&data, "a"), |i| i as f64 + 0.25);
    }
    let data = read(&table("share,x", |i| format!("{},{i}.5", if i % 2 == 0 { "50%" } else { "0.25" })));
    says(&data, &["\"share\"", "30 of its numbers", "\"%\" and 30 without"]);
    let data = read(&table("w,x", |i| format!("{},{i}.5", ["950000", "1200k", "3.4M"][i % 3])));
    near(&column(&data, "w"), |i| [950e3, 1200e3, 3.4e6][i % 3]);
    says(&data, &["\"w\"", "M, k behind a number scale"]);
}

#[test]
fn rows_that_begin_with_a_number_sign_are_no_comments() {
    let tag = |i: usize| if i % 4 == 1 { "#7" } else { "b2" };
    let data =
        read(&format!("# exported\n{}# the end of it\n", table("tag,a,b", |i| format!("{},{i}.5,{}", tag(i), i % 7))));
    assert_eq!(data.rows, ROWS);
    assert!(data.preparation.features.iter().any(|name| name == "tag=#7"), "{:?}", data.preparation.features);
    says(&data, &["line 63", "left out as a comment"]);
}

#[test]
fn few_rows_have_the_names_that_a_model_knows() {
    let named = table("0,1,2", |i| format!("1.{i},2.{},0.{i}", i * 7 % 13));
    let (_, one) = read_again(&named, "0,1,2\n1.5,2.5,0.5\n");
    assert_eq!((one.rows, column(&one, "1").len()), (1, 1));
    let bare: String = (0..ROWS).map(|i| format!("{}.5,{i}.25,1.{}\n", i % 7, i * 7 % 13)).collect();
    let (_, one) = read_again(&bare, "0.1,0.2,0.3\n");
    near(&column(&one, "column 2"), |_| 0.2);
    let (_, two) = read_again(&bare, "0.1,0.2,0.3\n0.4,0.5,0.6\n");
    assert_eq!(two.rows, 2);
}

#[test]
fn cells_without_a_value_are_counted_and_their_codes_told() {
    let cell = |i: usize| match i % 12 {
        3 => "NA".to_owned(),
        7 => String::new(),
        _ => format!("{i}.5"),
    };
    let text = table("a,mode", |i| format!("{},{}", cell(i), ["none", "auto", "manual"][i % 3]));
    let data = read(&text);
    says(&data, &["taken for missing values", "\"NA\" in 5 cells of \"a\""]);
    says(&data, &["\"a\": 10 cells hold no value", "stands in for them"]);
    assert!(data.preparation.features.iter().any(|name| name == "mode=none"), "{:?}", data.preparation.features);
    let often = read(&table("a,mode", |i| format!("{i}.5,{}", ["NA", "auto", "manual"][i % 3])));
    assert!(often.preparation.features.iter().any(|name| name == "mode=NA"), "{:?}", often.preparation.features);
    says(&often, &["\"NA\" is a value", "20 of its cells", "data.missing"]);
    // Two values in all are a choice.
    let signs = read(&table("a,sign", |i| format!("{i}.5,{}", if i % 3 == 0 { -1 } else { 1 })));
    assert!(signs.notes.iter().all(|note| !note.contains("stands in")), "{:?}", signs.notes);
    for code in [".", "--", "nil", "n.a.", "k.A.", "<NA>", "#DIV/0!", "NaT", "inf", "*"] {
        let text = table("a,b", |i| format!("{},{i}.5", if i == 30 { code.to_owned() } else { format!("{i}.25") }));
        let error = read_as(&text, DataSpec::default()).expect_err("no number");
        let way = format!("setting `data.missing=[{code:?},\"NA\",\"N/A\"");
        assert!(error.contains(&way), "{error}");
    }
}

#[test]
fn one_code_for_a_missing_value_needs_no_list() {
    use hourglass::model::preset;
    let spec = preset("undercomplete").expect("a preset").spec;
    for (asked, codes) in [
        ("data.missing=-999", vec!["-999"]),
        ("data.missing=x", vec!["x"]),
        ("data.missing=[-1, \"x\"]", vec!["-1", "x"]),
    ] {
        let set = spec.with_set(&[asked.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(set.data.missing, codes);
    }
}

#[test]
fn codes_with_leading_zeros_are_words() {
    let data = read(&table("zip,a", |i| format!("{:05},{i}.5", 907 + (i % 6) * 1_111)));
    assert!(data.preparation.features.iter().any(|name| name == "zip=00907"), "{:?}", data.preparation.features);
    says(&data, &["\"zip\"", "are codes", "data.keep"]);
    let keep = vec!["zip".to_owned()];
    let kept = read_as(
        &table("zip,a", |i| format!("{:05},{i}.5", 907 + (i % 6) * 1_111)),
        DataSpec { keep, ..DataSpec::default() },
    );
    near(&column(&kept.expect("read"), "zip"), |i| 907.0 + (i % 6) as f64 * 1_111.0);
    let numbers = read(&table("n,a", |i| format!("{:03},{i}.5", i * 7 % 40 * (1 + i % 3 * 40))));
    says(&numbers, &["\"n\"", "leading zeros", "data.categorical"]);
}

#[test]
fn days_and_times_of_day_are_joined_and_times_alone_go_round_the_clock() {
    let text = table("Date;Time;power", |i| format!("{:02}.05.2024;{:02}:15;{}", 1 + i / 4, i * 5 % 24, i % 7));
    let (fitted, again) = read_again(&text, &text);
    assert_eq!(fitted.preparation.columns[0].name(), "Date Time");
    says(&fitted, &["\"Date\" and \"Time\" are joined", "\"Date Time\""]);
    assert_eq!(again.rows, ROWS);
    let alone = read(&table("at,power", |i| format!("{:02}:{:02},{}", i * 5 % 24, i % 60, i * i % 7)));
    assert!(alone.preparation.features.iter().any(|name| name == "at day sine"), "{:?}", alone.preparation.features);
    says(&alone, &["\"at\"", "times of day"]);
    let zoned = read(&table("when,x", |i| format!("2024-01-{:02} 10:{:02} CET,{i}.5", 1 + i % 28, i % 60)));
    says(&zoned, &["\"when\"", "CET is taken as +1 hours"]);
}

#[test]
fn titles_units_and_cells_of_no_form_are_said() {
    let row = |i: usize| format!("{i}.5,{},{}", i * 7 % 5, i % 3);
    let data = read(&format!("Report of plant 3\nMade 2024-01-01\n\n{}", table("temp,watts,ratio", row)));
    assert_eq!((data.rows, data.preparation.features[1].as_str()), (ROWS, "watts"));
    let crlf = format!("Report of plant 3\n\n{}", table("temp,watts,ratio", row)).replace('\n', "\r\n");
    assert_eq!(read(&crlf).preparation.features[1], "watts");
    says(&data, &["2 lines of a title"]);
    let data = read(&table("temp,watts,ratio\n[°C],[W],[-]", row));
    assert_eq!(data.rows, ROWS);
    says(&data, &["line beneath the names holds units"]);
    let data = read(&table("note,x", |i| format!("on the {i}th at {},{}", i * 3, i % 7)));
    says(&data, &["\"note\"", "different cells", "neither numbers nor dates in one form"]);
}

#[test]
fn a_line_of_dates_over_numbers_is_of_names() {
    let data = read(&table("2024-01-01,2024-02-01,2024-03-01", |i| format!("{i}.5,{}.25,{}", i * 7 % 13, i % 5)));
    assert_eq!(data.rows, ROWS);
    says(&data, &["first line is taken for names", "data.header=false"]);
    let forced = DataSpec { header: Some(false), ..DataSpec::default() };
    let error = read_as(&table("2024-01-01,b", |i| format!("{i}.5,{}", i % 5)), forced).expect_err("no number");
    assert!(error.contains("setting `data.header=true`"), "{error}");
}

/// Writes a workbook of one sheet, cells as they are in XML.
fn workbook(sheets: &[(&str, String)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut put = |name: &str, text: String| {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(text.as_bytes()).expect("written");
    };
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const LINKS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    put(
        "[Content_Types].xml",
        format!(
            "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" \
             ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" \
             ContentType=\"application/xml\"/></Types>"
        ),
    );
    put(
        "_rels/.rels",
        format!(
            "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r\" Type=\"{LINKS}/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>"
        ),
    );
    let list = |item: &dyn Fn(usize) -> String| (1..=sheets.len()).map(item).collect::<String>();
    let entries = list(&|n| format!("<sheet name=\"{}\" sheetId=\"{n}\" r:id=\"s{n}\"/>", sheets[n - 1].0));
    put(
        "xl/workbook.xml",
        format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{LINKS}\"><sheets>{entries}</sheets></workbook>"),
    );
    let links =
        list(&|n| format!("<Relationship Id=\"s{n}\" Type=\"{LINKS}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"));
    let styles = format!("<Relationship Id=\"t\" Type=\"{LINKS}/styles\" Target=\"styles.xml\"/>");
    put(
        "xl/_rels/workbook.xml.rels",
        format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{links}{styles}</Relationships>"),
    );
    put(
        "xl/styles.xml",
        format!(
            "<styleSheet xmlns=\"{MAIN}\"><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
        ),
    );
    for (n, (_, rows)) in sheets.iter().enumerate() {
        put(
            &format!("xl/worksheets/sheet{}.xml", n + 1),
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
        );
    }
    zip.finish().expect("a file").into_inner()
}

#[test]
fn cells_of_workbooks_that_look_filled_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let mut rows = format!("<row r=\"1\">{}{}{}</row>", text("a"), text("b"), text("line"));
    for i in 0..ROWS {
        let b = match i % 20 {
            3 => "<f>A1*2</f>".to_owned(),
            7 => "<f>1/0</f><v>#DIV/0!</v>".to_owned(),
            _ => format!("<f>A{i}*2</f><v>{i}.5</v>"),
        };
        let kind = if i % 20 == 7 { " t=\"e\"" } else { "" };
        let line = if i % 3 == 0 { text(["A", "B"][i % 2]) } else { "<c/>".to_owned() };
        rows += &format!("<row r=\"{}\"><c><v>{}.25</v></c><c{kind}>{b}</c>{line}</row>", i + 2, i * i % 31);
    }
    let merged: String = (0..ROWS / 3).map(|i| format!("<mergeCell ref=\"C{}:C{}\"/>", 3 * i + 2, 3 * i + 4)).collect();
    // Behind the cells, where Excel has them.
    let rows = format!("{rows}</sheetData><mergeCells>{merged}</mergeCells><sheetData>");
    let data = open(&spec_of(&file(folder.path(), "a.xlsx", workbook(&[("rows", rows)])))).expect("a workbook");
    says(&data, &["merged cells: 20, such as C2:C4", "the 40 others count as empty"]);
    says(&data, &["formulas without a computed value: 3, such as in B5"]);
    says(&data, &["cells that hold an error: 3, such as #DIV/0! in B9"]);
}

#[test]
fn workbooks_of_excel_and_open_document_are_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let mut rows = format!("<row>{}{}{}</row>", text("when"), text("temp"), text("line"));
    for i in 0..ROWS {
        let line = ["A", "B"][i % 2];
        rows += &format!(
            "<row><c s=\"1\"><v>{}</v></c><c><v>{}.25</v></c>{}</row>",
            45_292 + i * 5,
            i * i % 31,
            text(line)
        );
    }
    let note = format!("<row>{}</row>", text("made by hand"));
    let path = file(folder.path(), "book.xlsx", workbook(&[("about", note), ("rows", rows)]));
    let data = open(&spec_of(&path)).expect("a workbook");
    assert_eq!((data.kind, data.rows), (SourceKind::Table, ROWS));
    near(&column(&data, "temp"), |i| (i * i % 31) as f64 + 0.25);
    assert!(matches!(&data.preparation.columns[0], PreparedColumn::Time { year: true, .. }), "{:?}", data.form);
    says(&data, &["\"rows\" is read, not about", "data.sheet"]);
    // The sheet with most cells in rows, whichever is first; truth values are words as in a CSV file.
    let lines = format!("<row>{}{}</row><row>{}{}</row>", text("made"), text("by"), text("hand"), text("today"));
    let mut rows = format!("<row>{}{}</row>", text("temp"), text("on"));
    for i in 0..ROWS {
        rows += &format!("<row><c><v>{i}.25</v></c><c t=\"b\"><v>{}</v></c></row>", i % 2);
    }
    let path = file(folder.path(), "truth.xlsx", workbook(&[("about", lines), ("rows", rows)]));
    let truth = open(&spec_of(&path)).expect("a workbook");
    assert_eq!(truth.rows, ROWS);
    assert!(truth.preparation.features.iter().any(|name| name == "on=true"), "{:?}", truth.preparation.features);
    says(&truth, &["\"rows\" is read, not about"]);
    // A cell that stands far away is a column of its own and no reason to fill the memory.
    let far = format!("<row r=\"1\">{}{}</row>", text("temp"), text("line"))
        + &(0..ROWS)
            .map(|i| format!("<row r=\"{}\"><c><v>{i}.5</v></c>{}</row>", i + 2, text("A")))
            .collect::<String>()
        + "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    let far = file(folder.path(), "far.xlsx", workbook(&[("rows", far)]));
    let data = open(&DataSpec { missing: vec!["1".to_owned()], ..spec_of(&far) }).expect("a workbook");
    assert_eq!((data.rows, data.features), (ROWS + 1, 1), "{:?}", data.notes);
    assert!(data.notes.len() < 8, "empty columns are none: {} notes", data.notes.len());
    let old = open(&spec_of(&file(folder.path(), "old.xls", b"\xd0\xcf\x11\xe0"))).expect_err("not read");
    assert!(old.contains("save it as XLSX"), "{old}");
    let error = open(&DataSpec { sheet: Some("row".to_owned()), ..spec_of(&path) }).expect_err("no such sheet");
    assert!(error.contains("it has about, rows"), "{error}");
    let cell = |kind: &str, value: String| {
        let attribute = if kind == "float" { format!(" office:value=\"{value}\"") } else { String::new() };
        format!("<table:table-cell office:value-type=\"{kind}\"{attribute}><text:p>{value}</text:p></table:table-cell>")
    };
    let row = |cells: String| format!("<table:table-row>{cells}</table:table-row>");
    let mut rows = row(cell("string", "temp".to_owned()) + &cell("string", "line".to_owned()));
    for i in 0..ROWS {
        rows += &row(cell("float", format!("{}.25", i * i % 31)) + &cell("string", ["A", "B"][i % 2].to_owned()));
    }
    let names = "urn:oasis:names:tc:opendocument:xmlns";
    let content = format!(
        "<office:document-content xmlns:office=\"{names}:office:1.0\" xmlns:table=\"{names}:table:1.0\" \
         xmlns:text=\"{names}:text:1.0\"><office:body><office:spreadsheet><table:table table:name=\"one\">{rows}\
         </table:table></office:spreadsheet></office:body></office:document-content>"
    );
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_str()),
        (
            "META-INF/manifest.xml",
            "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>",
        ),
    ] {
        use std::io::Write as _;
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(text.as_bytes()).expect("written");
    }
    let path = file(folder.path(), "book.ods", zip.finish().expect("a file").into_inner());
    let data = open(&spec_of(&path)).expect("a workbook");
    assert_eq!(data.rows, ROWS);
    near(&column(&data, "temp"), |i| (i * i % 31) as f64 + 0.25);
}
