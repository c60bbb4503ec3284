//! Compressed files: what comes out is what went in, anywhere, and nothing else is taken for one.

use std::path::{Path, PathBuf};

use hourglass::error::ErrorKind;
use hourglass::inference::LoadedModel;
use hourglass::model::Model;
use hourglass::platform::Wait as _;
use hourglass::tasks;

use crate::command_line::{error_line, hourglass, json};
use crate::generate::{CONDITIONAL, DIGITS, PLAIN, VARIATIONAL, rows_of, small_model, trained};
use crate::support::{cpu, devices};

/// The small digits as pictures for a vector-quantized model.
fn codes_model(folder: &Path) -> (PathBuf, String) {
    let table =
        hourglass::data::DataSpec { labels: Some("last".to_owned()), ..hourglass::data::DataSpec::from_source(DIGITS) };
    let data = hourglass::data::DataSet::open_whole(&table, &{
        let set = hourglass::data::DataSet::open(&table, 0.1, 1).expect("digits");
        set.preparation
    })
    .expect("digits");
    let mut rows = data.rows_f32(0..300).expect("rows");
    data.preparation.undo(&mut rows);
    rows.resize(300 * 64, 0.0);
    let path = folder.join("pictures.npy");
    hourglass::data::write_npy(&path, &[300, 8, 8], &rows).expect("an array");
    let source = path.display().to_string();
    let spec = format!(
        "version = 1\n[data]\nsource = {source:?}\n[model]\nkind = \"vector_quantized\"\n\
         encoder = [\"conv 8 3x3 stride 2 relu\", \"latent\"]\nlatent = 4\ncodebook = 16\n\
         decoder = [\"output conv_transpose 4x4 stride 2\"]\n[train]\nepochs = 2\nbatch_size = 32\n"
    );
    (trained(folder, "vq.safetensors", &spec), source)
}

#[test]
fn what_comes_out_is_the_reconstruction_of_the_rounded_latents() {
    let home = tempfile::tempdir().expect("a folder");
    let (file, out) = (home.path().join("d.hg"), home.path().join("d.npy"));
    let (vq, pictures) = codes_model(home.path());
    let mut models: Vec<(PathBuf, String)> = [("v", VARIATIONAL), ("p", PLAIN), ("c", CONDITIONAL)]
        .into_iter()
        .map(|(name, model)| (small_model(home.path(), name, model), DIGITS.to_owned()))
        .collect();
    models.push((vq.clone(), pictures));
    for (path, source) in &models {
        let mut files = Vec::new();
        for device in devices() {
            let made = tasks::compress(path, source, &file, 5.0, &device).expect("a file");
            let bytes = std::fs::read(&file).expect("a file");
            assert_eq!((made.bytes, made.fitted_on), (bytes.len(), "train"));
            assert!(made.bytes < made.source_bytes / 4 && made.header_bytes < made.bytes, "{made:?}");
            assert_eq!(tasks::decompress(&file, path, &out, &device).expect("rows").rows, made.rows);
            let back = rows_of(&out);
            // On the scale that the network sees, the error is the one that was promised, to the last bit.
            let whole = home.path().join("whole.npy");
            tasks::reconstruct(path, source, &whole, &device).expect("rows");
            let own = rows_of(&whole);
            assert_eq!(own.len(), back.len());
            if *path == vq {
                assert_eq!(own, back, "codes lose nothing");
                assert_eq!(made.mse, made.model_mse);
            } else {
                let apart = own.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(apart > 0.0, "latents are rounded");
                // At 5 bits a number rounding adds little to what the model loses.
                assert!(made.mse < 1.1 * made.model_mse, "{made:?}");
            }
            files.push((bytes, back));
            // Written once, read by every device: the same symbols, rows that differ by rounding alone.
            for reader in devices() {
                tasks::decompress(&file, path, &out, &reader).expect("rows");
                let read = rows_of(&out);
                let back = &files.last().expect("a file").1;
                if reader.info() == device.info() {
                    assert_eq!(&read, back, "one device always makes the same");
                } else {
                    assert!(read.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-2));
                }
            }
        }
        let sizes: Vec<usize> = files.iter().map(|(bytes, _)| bytes.len()).collect();
        // Latents that lie on the edge of a step may fall to either side.
        assert!(sizes.iter().all(|&size| size.abs_diff(sizes[0]) * 50 < sizes[0]), "{sizes:?}");
    }
}

#[test]
fn the_promised_error_is_that_of_the_decoder_on_what_is_read() {
    let home = tempfile::tempdir().expect("a folder");
    let path = small_model(home.path(), "p.safetensors", PLAIN);
    let (file, out) = (home.path().join("d.hg"), home.path().join("d.npy"));
    let model = Model::load(&path).expect("a model");
    let data = model.spec.open_other_data(DIGITS, &model.preparation).expect("digits");
    let seen = data.rows_f32(0..data.rows).expect("rows");
    for device in devices() {
        let made = tasks::compress(&path, DIGITS, &file, 3.0, &device).expect("a file");
        tasks::decompress(&file, &path, &out, &device).expect("rows");
        let mut expected = seen.clone();
        model.preparation.undo(&mut expected);
        // In the source's units; each column by its scale on the network's.
        let back = rows_of(&out);
        let mut sum = 0.0;
        // Pixels that never vary are no features.
        let scale_of = |column: &hourglass::data::PreparedColumn| match column {
            hourglass::data::PreparedColumn::Number { scale, .. } => Some(*scale),
            _ => None,
        };
        let scales: Vec<f64> = model.preparation.columns.iter().filter_map(scale_of).collect();
        for (i, (a, b)) in back.iter().zip(&expected).enumerate() {
            sum += ((f64::from(*a) - f64::from(*b)) / scales[i % data.features]).powi(2);
        }
        let mse = sum / back.len() as f64;
        assert!((mse - made.mse).abs() < 1e-5 * made.mse.max(1e-3) + 1e-7, "{mse} {}", made.mse);
        let mut loaded = LoadedModel::new(&model, &path, &device).expect("a model");
        assert_eq!(loaded.decode(&vec![0.0; loaded.latent() * 3], 0).wait().expect("rows").len(), 3 * data.features);
    }
    // Finer steps take more bytes and lose less.
    let mut before: Option<tasks::Compression> = None;
    for bits in [0.5, 1.5, 3.0, 6.0] {
        let made = tasks::compress(&path, DIGITS, &file, bits, &cpu()).expect("a file");
        let payload = (made.bytes - made.header_bytes) as f64 * 8.0 / made.rows as f64 / 6.0;
        assert!(payload < bits * 1.05 + 0.05, "{payload} bits for {bits}");
        if let Some(before) = before {
            assert!(made.bytes > before.bytes && made.mse < before.mse, "{before:?} {made:?}");
        }
        before = Some(made);
    }
}

#[test]
fn damage_and_the_wrong_model_are_refused() {
    let home = tempfile::tempdir().expect("a folder");
    let path = |name: &str| home.path().join(name).display().to_string();
    let plain = small_model(home.path(), "p.safetensors", PLAIN).display().to_string();
    let other = small_model(home.path(), "v.safetensors", VARIATIONAL).display().to_string();
    let arguments = ["compress", &plain, DIGITS, "-o", &path("d.hg"), "--bits", "2", "--json", "--device", "cpu"];
    let made = hourglass(&arguments, home.path());
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    for field in ["bytes", "header_bytes", "bytes_per_row", "rows", "mse", "model_mse", "bits", "tables", "fitted_on"] {
        assert!(json(&made).get(field).is_some(), "{field}");
    }
    let good = std::fs::read(path("d.hg")).expect("a file");
    let read = |bytes: &[u8]| {
        std::fs::write(path("bad.hg"), bytes).expect("written");
        tasks::decompress(Path::new(&path("bad.hg")), Path::new(&plain), Path::new(&path("bad.npy")), &cpu())
    };
    assert!(read(&good).is_ok());
    std::fs::remove_file(path("bad.npy")).expect("removed");
    for at in (0..good.len()).step_by(37) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(read(&bytes).is_err_and(|error| error.kind() == ErrorKind::Usage), "byte {at}");
    }
    for length in [0, 3, 4, 8, 12, 20, good.len() / 2, good.len() - 1] {
        assert!(read(&good[..length]).is_err_and(|error| error.kind() == ErrorKind::Usage), "{length} bytes");
    }
    // What lies and has the right checksum: nothing panics, and no claim takes all memory.
    for at in (5..good.len().min(600)).step_by(4) {
        for value in [0, 0x7F, 0xFF] {
            let mut bytes = good[..good.len() - 4].to_vec();
            bytes[at] = value;
            let checksum = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&checksum.to_le_bytes());
            let _ = read(&bytes);
        }
    }
    let refused: [(&[&str], &str); 6] = [
        (&["decompress", &path("d.hg"), "--model", &other, "-o", &path("o.npy")], "another model"),
        (&["decompress", &path("none.hg"), "--model", &plain, "-o", &path("o.npy")], "none.hg"),
        (&["decompress", &plain, "--model", &plain, "-o", &path("o.npy")], "not written by"),
        (&["decompress", &path("d.hg"), "--model", &plain, "-o", &path("o.wav")], "cannot hold"),
        (&["compress", &plain, DIGITS, "-o", &path("e.hg"), "--bits", "0"], "--bits"),
        (&["compress", &plain, DIGITS, "--curve", &path("e.txt")], ".json"),
    ];
    for (arguments, words) in refused {
        let output = hourglass(arguments, home.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(error_line(&output).contains(words), "{arguments:?}: {}", error_line(&output));
    }
    std::fs::write(path("empty.csv"), "").expect("written");
    hourglass::data::write_npy(Path::new(&path("none.npy")), &[0, 64], &[]).expect("written");
    for input in ["empty.csv", "none.npy"] {
        let output = hourglass(&["compress", &plain, &path(input), "-o", &path("e.hg")], home.path());
        assert_eq!(output.status.code(), Some(2), "{input}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!Path::new(&path("e.hg")).exists() && !Path::new(&path("o.npy")).exists());
}

#[test]
fn a_folder_of_pictures_comes_back_under_its_names() {
    let home = tempfile::tempdir().expect("a folder");
    let pictures = home.path().join("pictures");
    std::fs::create_dir_all(pictures.join("a")).expect("a folder");
    for i in 0..30_u32 {
        let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([((x * 20 + y * i) % 256) as u8]));
        picture.save(pictures.join(format!("a/{i}.png"))).expect("a picture");
    }
    let source = pictures.display().to_string();
    let spec = format!(
        "version = 1\n[data]\nsource = {source:?}\n[model]\nencoder = [\"dense 16 relu\", \"latent\"]\nlatent = 3\n\
         [train]\nepochs = 2\nbatch_size = 8\n"
    );
    let model = trained(home.path(), "m.safetensors", &spec);
    let (file, out) = (home.path().join("p.hg"), home.path().join("back"));
    // A model whose train rows are gone still compresses, and so does a single row.
    let one = pictures.join("a/7.png").display().to_string();
    assert_eq!(tasks::compress(&model, &one, &file, 4.0, &cpu()).expect("a file").rows, 1);
    assert_eq!(tasks::decompress(&file, &model, &out, &cpu()).expect("pictures").files, 1);
    tasks::compress(&model, &source, &file, 4.0, &cpu()).expect("a file");
    assert_eq!(tasks::decompress(&file, &model, &out, &cpu()).expect("pictures").files, 30);
    assert!(out.join("a/29.png").is_file());
    let moved = home.path().join("moved");
    std::fs::rename(&pictures, &moved).expect("moved");
    let made = tasks::compress(&model, &moved.display().to_string(), &file, 4.0, &cpu()).expect("a file");
    assert_eq!(made.fitted_on, "input");

    let curve = home.path().join("curve.png");
    let made = tasks::rate_curve(&model, &moved.display().to_string(), &curve, &cpu()).expect("a curve");
    let of = |method: &str| made.points.iter().filter(|point| point.method == method).collect::<Vec<_>>();
    assert!(of("model").is_sorted_by(|a, b| a.bytes <= b.bytes), "{:?}", of("model"));
    // A JPEG of its own has a header of more than 300 bytes; on one sheet there is one header for all.
    assert!(of("jpeg").iter().all(|point| point.bytes_per_row > 300.0));
    assert!(of("jpeg-sheet").iter().all(|point| point.bytes_per_row < 200.0) && !of("pca").is_empty());
    assert!(!made.findings.is_empty() && image::image_dimensions(&curve).expect("a picture").0 == 1000);
    for name in ["curve.csv", "curve.json"] {
        tasks::rate_curve(&model, &moved.display().to_string(), &home.path().join(name), &cpu()).expect("a curve");
    }
    let table = std::fs::read_to_string(home.path().join("curve.csv")).expect("a table");
    assert_eq!(table.lines().count(), made.points.len() + 1);
}
