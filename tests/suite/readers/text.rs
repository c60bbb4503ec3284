//! Text: rows against values worked out by hand, and files of documents.

use hourglass::data::{Document, TextVectors, read_documents};

use super::{Folder, refused};

const PLENTY: u64 = 1 << 20;

/// Columns of words: FNV-1a of 64 bits, mod 16. That of "foobar" is the reference's 0x85944171f73967e8.
const FOOBAR: usize = 0x8;

fn fit(documents: &[&str], dims: usize, bigrams: bool, signed: bool) -> TextVectors {
    TextVectors::fit(documents.iter().copied(), dims, bigrams, signed).expect("it fits")
}

/// The columns that are not 0, with their values.
fn entries(row: &[f32]) -> Vec<(usize, f32)> {
    row.iter().copied().enumerate().filter(|(_, value)| *value != 0.0).collect()
}

fn fnv1a(text: &str) -> u64 {
    let mut hash = 14_695_981_039_346_656_037_u64;
    for byte in text.bytes() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(1_099_511_628_211);
    }
    hash
}

#[test]
fn words_fall_in_the_columns_that_their_hashes_name() {
    assert_eq!((fnv1a(""), fnv1a("a"), fnv1a("foobar")), (0xcbf29ce484222325, 0xaf63dc4c8601ec8c, 0x85944171f73967e8));
    let vectors = fit(&["foobar"], 16, false, false);
    // One word in the only document: ln(2/2) + 1 = 1, and length 1.
    assert_eq!(entries(&vectors.transform("foobar")), [(FOOBAR, 1.0)]);
    assert_eq!(vectors.transform("FOOBAR, x foobar! y"), vectors.transform("foobar"), "case, marks and single letters");
    // The reference's hash has its highest bit set.
    assert_eq!(entries(&fit(&["foobar"], 16, false, true).transform("foobar")), [(FOOBAR, -1.0)]);
    // Letters of any script; two characters are a word, whatever their bytes.
    let wide = fit(&["x"], 1 << 20, false, false);
    let column = |word: &str| (fnv1a(word) % (1 << 20)) as usize;
    for (text, word) in [("ÉTÉ", "été"), ("ΣΟΦΙΑ", "σοφια"), ("第一", "第一"), ("(r2d2)", "r2d2"), ("ß ẞß", "ßß")]
    {
        assert_eq!(entries(&wide.transform(text)), [(column(word), 1.0)], "{text}");
    }
    assert!(entries(&wide.transform("é 第 x - _")).is_empty());
}

#[test]
fn tfidf_rows_match_scikit_learn() {
    // "cat" in 2 of 3 documents, "dog" in 1, "bird" in none: ln(4/3)+1, ln(4/2)+1, ln(4/1)+1.
    let documents = ["the cat", "the cat and the dog", ""];
    let dims = 1 << 16;
    let vectors = fit(&documents, dims, false, false);
    let column = |term: &str| (fnv1a(term) % dims as u64) as usize;
    let row = vectors.transform("cat cat dog bird");
    let (cat, dog, bird) = (2.0 * 1.287_682_072_451_8, 1.693_147_180_559_9, 2.386_294_361_119_9);
    let length = 3.897_903_107_f64; // sqrt(cat² + dog² + bird²)
    let mut expected = [(column("cat"), cat / length), (column("dog"), dog / length), (column("bird"), bird / length)];
    expected.sort_by_key(|entry| entry.0);
    for ((place, value), (column, by_hand)) in entries(&row).into_iter().zip(expected) {
        assert_eq!(place, column);
        assert!((f64::from(value) - by_hand).abs() < 1e-6, "{value} and {by_hand}");
    }
    assert_eq!(entries(&row).len(), 3);
    assert!(vectors.transform("").iter().all(|&value| value == 0.0), "an empty document is a row of zeros");
    // Bigrams of neighbors, single letters left out: 2 words and 1 pair, each in the only document.
    let pairs = fit(&["big a dog"], dims, true, false);
    let mut three: Vec<usize> = ["big", "dog", "big dog"].map(column).to_vec();
    three.sort_unstable();
    let row = entries(&pairs.transform("big a dog"));
    assert_eq!(row.iter().map(|entry| entry.0).collect::<Vec<_>>(), three);
    assert!(row.iter().all(|entry| (entry.1 - 3.0_f32.sqrt().recip()).abs() < 1e-7));
}

#[test]
fn stored_tfidf_vectors_are_validated() {
    let vectors = fit(&["one two", "two three"], 8, true, true);
    let text = serde_json::to_string(&vectors).unwrap();
    assert_eq!(serde_json::from_str::<TextVectors>(&text).unwrap(), vectors);
    for lie in [
        r#"{"dims":0,"bigrams":false,"signed":false,"idf":[]}"#,
        r#"{"dims":3,"bigrams":false,"signed":false,"idf":[1,1]}"#,
        r#"{"dims":4611686018427387904,"bigrams":false,"signed":false,"idf":[1,1]}"#,
        r#"{"dims":1,"bigrams":false,"signed":false,"idf":[1e99]}"#,
    ] {
        assert!(serde_json::from_str::<TextVectors>(lie).is_err(), "{lie}");
    }
    refused(TextVectors::fit(["a"], 0, false, false), &["0 columns", "1048576"]);
    refused(TextVectors::fit(["a"], usize::MAX, false, false), &["columns"]);
    refused(TextVectors::fit([], 8, false, false), &["no documents"]);
}

#[test]
fn lines_of_a_file_are_documents() {
    let folder = Folder::new();
    let path = folder.write("lines.txt", b"\xef\xbb\xbffirst\r\n\nthird \xff\xfe caf\xc3\xa9\nlast");
    let documents = read_documents(&path, PLENTY, &mut Vec::new()).expect("it is read");
    let texts: Vec<&str> = documents.iter().map(|document| &document.text[..]).collect();
    assert_eq!(texts, ["first", "", "third \u{fffd}\u{fffd} café", "last"]);
    assert_eq!(documents[3].name, "4");
    let ended = read_documents(&folder.write("ended.txt", "one\ntwo\n"), PLENTY, &mut Vec::new()).expect("it is read");
    assert_eq!(ended.len(), 2, "a last line's end starts no other");
    refused(read_documents(&folder.write("empty.txt", ""), PLENTY, &mut Vec::new()), &["empty.txt", "no documents"]);
    refused(read_documents(&folder.path("absent.txt"), PLENTY, &mut Vec::new()), &["absent.txt", "no such file"]);
}

#[test]
fn files_of_a_folder_are_documents() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("deep/er")).unwrap();
    for (name, text) in [("b.txt", "two"), ("a.MD", "one\nline"), ("deep/er/c.md", ""), ("deep/no.csv", "1,2")] {
        folder.write(name, text);
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.0.path(), folder.path("deep/loop")).unwrap();
    let document = |name: &str, text: &str| Document { name: name.to_owned(), text: text.to_owned() };
    let expected = [document("a.MD", "one\nline"), document("b.txt", "two"), document("deep/er/c.md", "")];
    assert_eq!(read_documents(folder.0.path(), PLENTY, &mut Vec::new()).expect("it is read"), expected);
    std::fs::create_dir(folder.path("none")).unwrap();
    refused(read_documents(&folder.path("none"), PLENTY, &mut Vec::new()), &["none", ".txt or .md"]);
}

#[test]
fn what_is_no_text_or_too_much_is_refused() {
    let folder = Folder::new();
    let binary = folder.write("binary.txt", b"PNG\x00\x01\x02");
    refused(read_documents(&binary, PLENTY, &mut Vec::new()), &["binary.txt", "byte 3 is zero", "UTF-8"]);
    refused(read_documents(folder.0.path(), PLENTY, &mut Vec::new()), &["binary.txt"]);
    refused(read_documents(&folder.write("utf16.txt", b"\xff\xfeh\x00i\x00"), PLENTY, &mut Vec::new()), &["UTF-16"]);
    refused(
        read_documents(&folder.write("long.txt", "x".repeat(2000)), 1999, &mut Vec::new()),
        &["long.txt", "2.0 KiB"],
    );
    // Small in the file, large in memory: a document for each byte.
    refused(
        read_documents(&folder.write("lines.txt", "\n".repeat(100_000)), PLENTY, &mut Vec::new()),
        &["lines.txt", "1.0 MiB"],
    );
    // No text and no zero either: read as well as it goes.
    let odd = read_documents(&folder.write("odd.txt", [0x80; 40]), PLENTY, &mut Vec::new()).expect("it is read");
    assert!(odd[0].text.chars().all(|c| c == '\u{fffd}'));
}
