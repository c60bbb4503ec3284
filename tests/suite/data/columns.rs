//! Columns as people write them: marks, units, dates, names that are numbers, identifiers, codes for missing values.

use hourglass::data::{DataSet, DataSpec, DateFormat, PreparedColumn, SourceKind};

use super::{file, open, spec_of};

/// Rows of the tables here.
const ROWS: usize = 60;

fn table(header: &str, row: impl Fn(usize) -> String) -> String {
    header.to_owned() + "\n" + &(0..ROWS).map(|i| row(i) + "\n").collect::<String>()
}

fn read(text: &str) -> DataSet {
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

fn says(data: &DataSet, words: &[&str]) {
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
fn a_last_column_of_two_values_is_said_to_be_a_feature() {
    for values in [["0", "1"], ["-1", "1"], ["good", "bad"]] {
        let data = read(&table("a,b,verdict", |i| format!("{i}.5,{},{}", i * i % 11, values[i * 7 % 3 % 2])));
        says(&data, &["\"verdict\"", "data.labels=\"last\""]);
    }
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
