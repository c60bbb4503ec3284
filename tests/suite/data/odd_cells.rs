//! Cells of tables that are not what they seem: dates for none, letters of DOS, zeros kept by a formula, more digits than
//! are read; and files that are left out.

use hourglass::data::PreparedColumn;

use super::columns::{ROWS, read, says, table};
use super::{file, open, spec_of};

#[test]
fn dates_for_none_letters_of_dos_and_shielded_zeros_are_told() {
    let end = |i: usize| match i % 7 {
        0 => "9999-12-31".to_owned(),
        3 => "0000-00-00".to_owned(),
        _ => format!("2024-{:02}-{:02}", 1 + i % 12, 1 + i % 28),
    };
    let data = read(&table("a,end,code", |i| format!("{i}.5,{},=\"{:03}\"", end(i), i * i % 17)));
    says(&data, &["column \"end\": 18 cells hold a date that stands for none, such as 9999-12-31"]);
    assert!(matches!(&data.preparation.columns[1], PreparedColumn::Time { .. }), "{:?}", data.preparation.columns[1]);
    assert_eq!(data.missing, 18);
    says(&data, &["\"code\": digits with leading zeros, such as 0", "data.categorical"]);
    let day = |i: usize| if i.is_multiple_of(7) { "31.12.9999".to_owned() } else { format!("{}.01.2024", 13 + i % 15) };
    let other = read(&table("a,end", |i| format!("{i}.5,{}", day(i))));
    says(&other, &["a date that stands for none, such as 31.12.9999"]);
    // Names as DOS, and as Windows writes them; marks between words are no letters.
    let folder = tempfile::tempdir().expect("a folder");
    let read_bytes = |words: [&[u8]; 2]| {
        let line = |i: usize| [words[i % 2], format!(",{},{}\n", i * i % 31, i * 7 % 13).as_bytes()].concat();
        let text: Vec<u8> = b"name,x,y\n".iter().copied().chain((0..ROWS).flat_map(line)).collect();
        open(&spec_of(&file(folder.path(), "a.csv", text))).expect("a table")
    };
    says(&read_bytes([b"M\x81ller", b"J\x84ger"]), &["M?ller", "code page of DOS", "UTF-8"]);
    for words in [[&b"M\xfcller"[..], b"J\xe4ger"], [b"\x93a\x94", b"it\x92s \x96 b"]] {
        let data = read_bytes(words);
        assert!(!data.notes.iter().any(|note| note.contains("DOS")), "{:?}", data.notes);
    }
}

#[test]
fn numbers_of_more_digits_than_are_read_are_told() {
    let number = |i: usize| 9_100_000_000_000_000_001_u64 + 1000 * (i as u64 * 37 % 61);
    let data = read(&table("meter,a", |i| format!("{},{}", number(i), i % 7)));
    says(&data, &["\"meter\"", "more digits than the 15", "data.categorical"]);
}

#[test]
fn files_that_are_left_out_are_named_where_too_few_are_left() {
    let folder = tempfile::tempdir().expect("a folder");
    for picture in 0..9_u32 {
        let path = folder.path().join(format!("{picture}.png"));
        image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * 9 + y * picture) as u8]))
            .save(&path)
            .expect("written");
        if picture > 6 {
            let whole = std::fs::read(&path).expect("read");
            std::fs::write(&path, &whole[..whole.len() - 20]).expect("written");
        }
    }
    let error = open(&spec_of(folder.path())).expect_err("too few");
    assert!(error.contains("give at least") && error.contains("left out: ") && error.contains("7.png"), "{error}");
}
