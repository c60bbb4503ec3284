//! Arrays: NumPy's own files, files made here, and files that lie.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hourglass::data::{
    Array, ArrayFile, ArrayValues, StoredElement, list_npz, list_safetensors, read_idx, read_idx_array, read_npy,
    read_npz, read_safetensors, write_npy,
};
use safetensors::tensor::{Dtype, TensorView};

use super::{Folder, refused};

const PLENTY: u64 = 1 << 20;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/arrays.npz")
}

/// An NPY file, version 1.0.
fn npy(header: &str, values: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

fn header(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

fn floats(shape: &[usize], values: impl IntoIterator<Item = f32>) -> Array {
    Array { shape: shape.to_vec(), values: ArrayValues::Floats(values.into_iter().collect()) }
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_type_that_numpy_writes_is_read() {
    let arrays: HashMap<String, _> =
        list_npz(&fixture()).expect("it lists").into_iter().map(|info| (info.name.clone(), info)).collect();
    let mut kinds = 0;
    for (name, info) in &arrays {
        let Some(kind) = name.strip_suffix("le").or_else(|| name.strip_suffix("be")) else { continue };
        kinds += 1;
        assert_eq!(info.shape, [2, 3, 4], "{name}");
        let array = read_npz(&fixture(), Some(name), PLENTY).expect("it is read").remove(0).1;
        if kind == "u1" {
            assert_eq!(array.values, ArrayValues::Bytes((0..24).collect()));
        } else {
            let offset = if kind.starts_with('u') { 0 } else { 5 };
            assert_eq!(array, floats(&[2, 3, 4], (0..24_i16).map(|value| f32::from(value - offset))), "{name}");
        }
    }
    assert_eq!(kinds, 22);
    assert_eq!(arrays["f2be"].element, Ok(StoredElement::F16));
    let read = |name: &str| read_npz(&fixture(), Some(name), PLENTY).expect("it is read").remove(0).1;
    let threes = (0..24).map(|value| if value % 3 == 0 { 1.0 } else { 0.0 });
    assert_eq!(read("bool"), floats(&[2, 3, 4], threes));
    assert_eq!(read("scalar"), floats(&[], [7.0]));
    // Fortran's order is NumPy's business: the array is the same.
    assert_eq!(read("fortran"), floats(&[2, 3, 4], (0..24_u8).map(f32::from)));
    assert_eq!(read("fortran_bytes").values, ArrayValues::Bytes((0..24).collect()));
}

#[test]
fn what_is_not_a_number_is_refused_in_words() {
    for (name, word) in [
        ("objects", "Python objects"),
        ("records", "fields"),
        ("strings", "strings"),
        ("complex", "complex"),
        ("dates", "dates"),
        ("raw", "raw bytes"),
        ("none", "0x5"),
    ] {
        refused(read_npz(&fixture(), Some(name), PLENTY), &["arrays.npz", name, word]);
    }
    refused(read_npz(&fixture(), Some("nothing"), PLENTY), &["no array nothing", "u1le"]);
    let listed = list_npz(&fixture()).expect("it lists");
    let objects = listed.iter().find(|info| info.name == "objects").expect("it is listed");
    assert!(objects.element.as_ref().is_err_and(|problem| problem.contains("objects")));
    let folder = Folder::new();
    let objects = folder.write("objects.npy", npy(&header("'|O'", "False", "(2,)"), b"\x80\x04pickle"));
    refused(read_npy(&objects, PLENTY), &["objects.npy", "Python objects", "astype"]);
}

#[test]
fn fortran_order_is_read_at_any_rank_and_size() {
    let folder = Folder::new();
    // More values than are decoded at once, and extents that are no powers of two.
    let shape = [7, 11, 5, 3, 41];
    let count: usize = shape.iter().product();
    let mut bytes = Vec::new();
    for place in 0..count {
        // The file's place-th value has these indices, the first fastest; its value is its row-major place.
        let (mut rest, mut value, mut stride) = (place, 0, count);
        for extent in shape {
            stride /= extent;
            value += rest % extent * stride;
            rest /= extent;
        }
        bytes.extend(u32::try_from(value).unwrap().to_be_bytes());
    }
    let path = folder.write("fortran.npy", npy(&header("'>u4'", "True", "(7, 11, 5, 3, 41)"), &bytes));
    let array = read_npy(&path, PLENTY).expect("it is read");
    assert!(array == floats(&shape, (0..count).map(|value| value as f32)), "every value is in its place");
}

#[test]
fn headers_of_all_versions_and_dialects_are_read() {
    let folder = Folder::new();
    let one = 1.0_f32.to_le_bytes();
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }          \n",
        "{\"shape\":[1L],\"fortran_order\":True,\"descr\":\"<f4\"}",
        "  {'shape': (1,),'descr': '=f4', 'fortran_order' :False}",
    ] {
        let path = folder.write("dialect.npy", npy(text, &one));
        assert_eq!(read_npy(&path, PLENTY).expect(text), floats(&[1], [1.0]));
    }
    let text = header("'<f4'", "False", "(1,)");
    for version in [2, 3] {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(one);
        assert_eq!(read_npy(&folder.write("version.npy", bytes), PLENTY).expect("it is read"), floats(&[1], [1.0]));
    }
}

#[test]
fn headers_that_lie_or_are_broken_are_refused() {
    let folder = Folder::new();
    let four = [0; 16];
    let try_file = |header: &str, words: &[&str]| {
        refused(read_npy(&folder.write("liar.npy", npy(header, &four)), PLENTY), words);
        refused(ArrayFile::open(&folder.path("liar.npy"), None), words);
    };
    try_file(&header("'<f4'", "False", "(5,)"), &["liar.npy", "5 values in 20 bytes", "only 16"]);
    try_file(&header("'<f4'", "False", "(3,)"), &["3 values in 12 bytes", "and 16"]);
    try_file(&header("'<f4'", "False", "(4294967296, 4294967296)"), &["memory can address"]);
    try_file(&header("'<f4'", "False", "(9223372036854775807,)"), &["memory can address"]);
    try_file(&header("'<f4'", "False", "(99999999999999999999999,)"), &["dictionary"]);
    try_file(&header("'<f4'", "False", "(-4,)"), &["dictionary"]);
    try_file(&header("'<f4'", "False", "(1000000000000, 0)"), &["no values"]);
    try_file(&header("'<f4'", "Perhaps", "(4,)"), &["dictionary"]);
    try_file(&header("'<f16'", "False", "(1,)"), &["floats of a width"]);
    try_file(&header("[('x', '<f4'), ('y', '<f4', (2,))]", "False", "(2,)"), &["fields"]);
    try_file(&header("'<f4'", "False", &format!("({})", "1,".repeat(65))), &["65 dimensions"]);
    try_file(&"(".repeat(10_000), &["dictionary"]);
    try_file(&format!("{{'descr': {}", "[".repeat(10_000)), &["dictionary"]);
    try_file("{'descr': '<f4', 'shape': (4,)}", &["dictionary"]);
    try_file("{'descr", &["dictionary"]);
    try_file("", &["dictionary"]);
    let whole = npy(&header("'<f4'", "False", "(4,)"), &four);
    for length in 0..whole.len() {
        let path = folder.write("short.npy", &whole[..length]);
        refused(read_npy(&path, PLENTY), &["short.npy", "again"]);
    }
    refused(read_npy(&folder.write("text.npy", "this is a text and no array"), PLENTY), &["numpy.save"]);
    refused(read_npy(&folder.write("v9.npy", b"\x93NUMPY\x09\x00\x00\x00"), PLENTY), &["version 9"]);
    refused(read_npy(&folder.write("long.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), PLENTY), &["4294967295 bytes"]);
    refused(read_npy(&folder.path("absent.npy"), PLENTY), &["absent.npy", "no such file"]);
    refused(read_npy(folder.0.path(), PLENTY), &["folder"]);
}

#[test]
fn what_would_not_fit_the_limit_is_refused_with_both_sizes() {
    let folder = Folder::new();
    let path = folder.write("big.npy", npy(&header("'<f2'", "False", "(1024, 512)"), &vec![0; 1 << 20]));
    // Halves in the file are floats in memory.
    refused(read_npy(&path, (2 << 20) - 1), &["2.0 MiB", "1024x512", "limit"]);
    assert_eq!(read_npy(&path, 2 << 20).expect("it just fits").memory_bytes(), 2 << 20);
    let ten = write_floats(&folder, "ten.npy", 10);
    refused(read_npy(&ten, 39), &["40 bytes", "39 bytes"]);
    // Together they are too large, each alone is not.
    let bytes = std::fs::read(&ten).unwrap();
    let pair = folder.write("pair.npz", zip_of(&[("a.npy", &bytes), ("b.npy", &bytes)]));
    assert_eq!(read_npz(&pair, None, 80).expect("both fit").len(), 2);
    refused(read_npz(&pair, None, 79), &["array b", "40 bytes", "39 bytes"]);
    assert_eq!(read_npz(&pair, Some("b"), 40).expect("one fits")[0].0, "b");
}

fn write_floats(folder: &Folder, name: &str, count: u8) -> PathBuf {
    let values: Vec<f32> = (0..count).map(f32::from).collect();
    write_npy(&folder.path(name), &[values.len()], &values).expect("written");
    folder.path(name)
}

#[test]
fn archives_that_expand_are_not_expanded() {
    let folder = Folder::new();
    // 64 MiB of zeros in about 64 KiB.
    let zeros = vec![0; 64 << 20];
    let honest = npy(&header("'|u1'", "False", "(67108864,)"), &zeros);
    let bomb = folder.write("bomb.npz", zip_of(&[("a.npy", &honest)]));
    assert!(std::fs::metadata(&bomb).unwrap().len() * 900 < 64 << 20, "it expands a thousandfold");
    refused(read_npz(&bomb, None, PLENTY), &["bomb.npz", "64.0 MiB", "1.0 MiB"]);
    assert_eq!(list_npz(&bomb).expect("listing expands headers alone")[0].shape, [67_108_864]);
    // An array that says it is small, in an archive that says the member is large.
    let small = npy(&header("'|u1'", "False", "(16,)"), &zeros);
    let archive = zip_of(&[("a.npy", &small)]);
    refused(read_npz(&folder.write("small.npz", &archive), None, PLENTY), &["16 values in 16 bytes", "67108864"]);
    // And one whose archive was made to say the same as the array.
    let claimed = u32::try_from(small.len()).unwrap().to_le_bytes();
    let honest_size = u32::try_from(small.len() - zeros.len() + 16).unwrap().to_le_bytes();
    let mut forged = archive;
    for place in 0..forged.len() - 4 {
        if forged[place..place + 4] == claimed {
            forged[place..place + 4].copy_from_slice(&honest_size);
        }
    }
    refused(read_npz(&folder.write("forged.npz", &forged), None, PLENTY), &["forged.npz", "again"]);
}

#[test]
fn broken_archives_are_refused() {
    let folder = Folder::new();
    let bytes = std::fs::read(fixture()).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        refused(read_npz(&folder.write("short.npz", &bytes[..length]), None, PLENTY), &["short.npz"]);
    }
    // Flipped bits: an error or an array, never a panic.
    for place in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x55;
        let path = folder.write("flipped.npz", flipped);
        drop(list_npz(&path));
        drop(read_npz(&path, Some("f4le"), PLENTY));
    }
    refused(read_npz(&folder.write("other.npz", zip_of(&[("a.txt", b"hi")])), None, PLENTY), &["without arrays"]);
    refused(read_npz(&write_floats(&folder, "a.npy", 3), None, PLENTY), &["a.npy", "savez"]);
}

#[test]
fn safetensors_are_read_whole_or_by_name() {
    let folder = Folder::new();
    let (halves, doubles) = ([half::f16::from_f32(0.5), half::f16::from_f32(-2.0)], [1.5_f64, -1e300]);
    let views = [
        ("halves", TensorView::new(Dtype::F16, vec![2, 1], bytemuck::cast_slice(&halves)).unwrap()),
        ("doubles", TensorView::new(Dtype::F64, vec![2], bytemuck::cast_slice(&doubles)).unwrap()),
        ("bytes", TensorView::new(Dtype::U8, vec![1, 3], &[1, 2, 255]).unwrap()),
        ("quarters", TensorView::new(Dtype::F8_E4M3, vec![2], &[1, 2]).unwrap()),
    ];
    let bytes = safetensors::serialize(views, None).unwrap();
    let path = folder.write("all.safetensors", &bytes);
    let listed = list_safetensors(&path).expect("it lists");
    assert_eq!(
        listed.iter().map(|info| &info.name[..]).collect::<Vec<_>>(),
        ["bytes", "doubles", "halves", "quarters"]
    );
    assert_eq!(listed[2].element, Ok(StoredElement::F16));
    let read = |name: &str| read_safetensors(&path, Some(name), PLENTY).expect("it is read").remove(0).1;
    assert_eq!(read("halves"), floats(&[2, 1], [0.5, -2.0]));
    assert_eq!(read("doubles"), floats(&[2], [1.5, f32::NEG_INFINITY]));
    assert_eq!(read("bytes").values, ArrayValues::Bytes(vec![1, 2, 255]));
    refused(read_safetensors(&path, None, PLENTY), &["quarters", "F8_E4M3"]);
    refused(read_safetensors(&path, Some("halves"), 7), &["8 bytes", "7 bytes"]);
    refused(read_safetensors(&path, Some("other"), PLENTY), &["no array other", "doubles"]);
    // The last value is cut off: those before it are still there.
    let cut = folder.write("cut.safetensors", &bytes[..bytes.len() - 1]);
    assert!(read_safetensors(&cut, Some("doubles"), PLENTY).is_ok());
    for length in 0..bytes.len() {
        let path = folder.write("short.safetensors", &bytes[..length]);
        refused(read_safetensors(&path, None, PLENTY), &["short.safetensors"]);
    }
    let file = |json: &str| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.extend([0; 8]);
        folder.write("made.safetensors", bytes)
    };
    for (json, word) in [
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "3 values in 12 bytes"),
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#, "byte 12"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "before it starts"),
        (r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "damaged"),
        (r#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#, "F99"),
        (r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#, "memory can address"),
        (r#"{"__metadata__":{"a":"b"}}"#, "no arrays"),
    ] {
        refused(read_safetensors(&file(json), None, PLENTY), &[word]);
    }
}

#[test]
fn idx_files_of_all_types_are_read() {
    let folder = Folder::new();
    let write = |kind: u8, values: &[u8]| {
        let mut bytes = vec![0, 0, kind, 1, 0, 0, 0, 2];
        bytes.extend(values);
        folder.write("some.idx", bytes)
    };
    for (kind, bytes, expected) in [
        (0x09, vec![1, 0xff], [1.0, -1.0]),
        (0x0b, vec![1, 0, 0xff, 0xfe], [256.0, -2.0]),
        (0x0c, vec![0, 1, 0, 0, 0xff, 0xff, 0xff, 0xfd], [65536.0, -3.0]),
        (0x0d, [0.25_f32, -8.0].map(f32::to_be_bytes).concat(), [0.25, -8.0]),
        (0x0e, [0.1_f64, -8.0].map(f64::to_be_bytes).concat(), [0.1, -8.0]),
    ] {
        let path = write(kind, &bytes);
        assert_eq!(read_idx_array(&path, PLENTY).expect("it is read"), floats(&[2], expected), "{kind:#x}");
        let file = ArrayFile::open(&path, None).expect("it opens");
        let mut row = Vec::new();
        file.read_rows(1..2, &mut row).expect("it is read");
        assert_eq!(row, [expected[1]]);
        refused(read_idx(&std::fs::read(&path).unwrap(), "it"), &["0x08", &format!("{kind:#04x}")]);
    }
    assert_eq!(read_idx_array(&write(8, &[0, 255]), PLENTY).unwrap().values, ArrayValues::Bytes(vec![0, 255]));
}

#[test]
fn idx_files_that_lie_are_refused() {
    let folder = Folder::new();
    let read = |bytes: &[u8]| {
        let plain = read_idx_array(&folder.write("plain.idx", bytes), PLENTY);
        let packed = gzip(bytes);
        let gzipped = read_idx_array(&folder.write("packed.idx.gz", packed), PLENTY);
        [plain, gzipped]
    };
    for (bytes, word) in [
        (&[1, 2, 3, 4, 5][..], "does not start like an IDX"),
        (&[0, 0, 8], "does not start like an IDX"),
        (&[0, 0, 7, 1, 0, 0, 0, 1, 9], "type 0x07"),
        (&[0, 0, 8, 3, 0, 0, 0, 9, 0, 0], "header"),
        (&[0, 0, 8, 0], "header"),
        (&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3], "again"),
        (&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5], "again"),
        (&[0, 0, 8, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255], "claims"),
        (&[0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 2], "no values"),
    ] {
        for result in read(bytes) {
            refused(result, &["idx", word]);
        }
    }
    // A gzip stream of 16 MiB that says so: refused before it is expanded, and when it hides it.
    let mut bomb = vec![0, 0, 8, 1, 1, 0, 0, 0];
    bomb.resize(8 + (16 << 20), 0);
    refused(read_idx_array(&folder.write("bomb.gz", gzip(&bomb)), PLENTY), &["16.0 MiB", "1.0 MiB"]);
    bomb[4..8].copy_from_slice(&[0, 0, 0, 4]);
    refused(read_idx_array(&folder.write("bomb.gz", gzip(&bomb)), PLENTY), &["goes on"]);
    let packed = gzip(&[0, 0, 8, 1, 0, 0, 0, 1, 7]);
    for length in 0..packed.len() - 8 {
        refused(read_idx_array(&folder.write("cut.gz", &packed[..length]), PLENTY), &["cut.gz"]);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let folder = Folder::new();
    let path = folder.path("out.npy");
    let values = [1.0, -0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, 1e-40];
    for shape in [&[6][..], &[2, 3], &[1, 6, 1]] {
        write_npy(&path, shape, &values).expect("written");
        assert_eq!(read_npy(&path, PLENTY).expect("it is read"), floats(shape, values));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((bytes.len() - 24) % 64, 0, "values start at a multiple of 64");
    }
    write_npy(&path, &[], &[3.0]).expect("written");
    assert_eq!(read_npy(&path, PLENTY).expect("it is read"), floats(&[], [3.0]));
    let before = std::fs::read(&path).unwrap();
    refused(write_npy(&path, &[2], &[1.0]), &["out.npy", "do not fill"]);
    refused(write_npy(&path, &[usize::MAX, 2], &[1.0]), &["do not fill"]);
    assert_eq!(std::fs::read(&path).unwrap(), before, "what was there stays");
    refused(write_npy(&folder.path("no/such/folder.npy"), &[1], &[1.0]), &["cannot write", "folder.npy"]);
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn rows_are_read_where_they_lie_and_by_many_threads() {
    let folder = Folder::new();
    let (rows, width) = (500, 37);
    let values: Vec<f32> = (0..rows * width).map(|value| value as f32).collect();
    let path = folder.path("rows.npy");
    write_npy(&path, &[rows, 1, width], &values).expect("written");
    let tensor = TensorView::new(Dtype::F32, vec![rows, width], bytemuck::cast_slice(&values)).unwrap();
    let first = TensorView::new(Dtype::U8, vec![3], &[1, 2, 3]).unwrap();
    let bytes = safetensors::serialize([("a", first), ("rows", tensor)], None).unwrap();
    let tensors = folder.write("rows.safetensors", bytes);
    refused(ArrayFile::open(&tensors, None), &["several", "a, rows"]);
    for file in [ArrayFile::open(&path, None), ArrayFile::open(&tensors, Some("rows"))] {
        let file = file.expect("it opens");
        assert_eq!((file.rows(), file.row_values(), file.element()), (rows, width, StoredElement::F32));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (file, values) = (&file, &values);
                scope.spawn(move || {
                    let mut out = vec![9.0];
                    for start in (thread..rows).step_by(7) {
                        let end = (start + thread).min(rows);
                        file.read_rows(start..end, &mut out).expect("it is read");
                        assert_eq!(out, values[start * width..end * width]);
                    }
                });
            }
        });
        let mut out = Vec::new();
        refused(file.read_rows(rows - 1..rows + 1, &mut out), &["499 to 501", "has 500"]);
        #[expect(clippy::reversed_empty_ranges, reason = "the caller's mistake is what is tried")]
        let backwards = 9..8;
        refused(file.read_rows(backwards, &mut out), &["9 to 8"]);
        refused(file.read_row_bytes(0..1, &mut Vec::new()), &["F32", "not unsigned bytes"]);
    }
    let file = ArrayFile::open(&path, None).expect("it opens");
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1000).unwrap();
    refused(file.read_rows(400..401, &mut Vec::new()), &["rows.npy", "shorter"]);
    let idx = folder.write("some.idx", [0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, 1, 2, 3, 4, 5, 255]);
    let file = ArrayFile::open(&idx, None).expect("it opens");
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    file.read_row_bytes(1..3, &mut bytes).expect("it is read");
    file.read_rows(2..3, &mut numbers).expect("it is read");
    assert_eq!((&bytes[..], &numbers[..]), (&[3, 4, 5, 255][..], &[5.0, 255.0][..]));
}

#[test]
fn what_has_no_rows_in_one_piece_is_refused() {
    let folder = Folder::new();
    let open = |name: &str, bytes: &[u8]| ArrayFile::open(&folder.write(name, bytes), None);
    refused(open("f.npy", &npy(&header("'|u1'", "True", "(2, 2)"), &[1, 2, 3, 4])), &["Fortran", "ascontiguousarray"]);
    assert!(open("column.npy", &npy(&header("'|u1'", "True", "(2, 1)"), &[1, 2])).is_ok(), "both orders are the same");
    refused(open("one.npy", &npy(&header("'|u1'", "False", "()"), &[1])), &["one number"]);
    refused(open("a.idx.gz", &gzip(&[0, 0, 8, 1, 0, 0, 0, 1, 7])), &["gzipped", "unpack"]);
    refused(open("a.npz", &zip_of(&[("a.npy", b"")])), &["archive", "NPY"]);
    refused(open("a.txt", b"hello"), &["no array"]);
    refused(open("empty", b""), &["no array"]);
}
