//! New rows, ways through the latent space, variants: what comes out, and what is refused.

use std::path::{Path, PathBuf};

use hourglass::data::{ArrayValues, DataSpec, read_npy};
use hourglass::error::ErrorKind;
use hourglass::metrics::{Covariance, GaussianMixture, nearest_rows};
use hourglass::platform::Wait as _;
use hourglass::tasks::{self, AugmentOptions, InterpolateOptions, SampleOptions};

use crate::command_line::{error_line, hourglass, json};
use crate::support::{cpu, devices};

/// The small digits, 8 by 8, with their labels in the last column.
pub const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data/digits8x8.csv.gz");

/// A model of the small digits, trained for a moment.
pub fn small_model(folder: &Path, name: &str, model: &str) -> PathBuf {
    let text = format!(
        "version = 1\n[data]\nsource = {DIGITS:?}\nlabels = \"last\"\n[model]\n{model}\n[train]\nepochs = 12\nbatch_size = 32\n\
         [optimizer]\nlearning_rate = 0.003\n"
    );
    trained(folder, name, &text)
}

/// A model of a spec, trained on the processor.
pub fn trained(folder: &Path, name: &str, spec: &str) -> PathBuf {
    let spec = hourglass::model::Spec::from_toml(spec, "a test").expect("a spec");
    let data = std::sync::Arc::new(spec.open_data().expect("the digits"));
    let mut spec = spec;
    spec.take_options(&data);
    let session = hourglass::train::Session::new(spec, data, cpu()).expect("a session");
    let mut run = hourglass::train::Run::new(session, None, None, false).wait().expect("a run");
    while !run.is_done() {
        run.advance(64).wait().expect("steps");
    }
    let path = folder.join(name);
    run.kept_model().wait().expect("a model").save(&path).expect("saved");
    path
}

pub const VARIATIONAL: &str = "kind = \"variational\"\nencoder = [\"dense 48 relu\", \"latent\"]\nlatent = 6\n\
     decoder = [\"dense 48 relu\", \"output\"]";
pub const PLAIN: &str =
    "encoder = [\"dense 48 relu\", \"latent\"]\nlatent = 6\ndecoder = [\"dense 48 relu\", \"output\"]";
pub const CONDITIONAL: &str = "kind = \"variational\"\ncondition = \"labels\"\nencoder = [\"dense 48 relu\", \"condition\", \
     \"latent\"]\nlatent = 4\ndecoder = [\"dense 48\", \"condition\", \"relu\", \"output\"]";

fn options(count: usize) -> SampleOptions {
    SampleOptions { count, temperature: 1.0, label: None, posterior: false, components: None, seed: 1 }
}

/// The values of an array of floats.
pub fn rows_of(path: &Path) -> Vec<f32> {
    match read_npy(path, u64::MAX).expect("an array").values {
        ArrayValues::Floats(values) => values,
        ArrayValues::Bytes(_) => panic!("floats"),
    }
}

#[test]
fn a_mixture_finds_clusters_that_are_there() {
    // Three clusters with correlated values, in shares of 1/2, 1/4 and 1/4.
    let normals = crate::support::noise(4000 * 2, 31);
    let centers = [[0.0, 0.0], [8.0, 0.0], [0.0, -6.0]];
    let rows: Vec<f32> = normals
        .chunks_exact(2)
        .enumerate()
        .flat_map(|(i, n)| {
            let [x, y] = centers[[0, 0, 1, 2][i % 4]];
            [x + n[0], y + 0.8 * n[0] + 0.3 * n[1]]
        })
        .collect();
    for covariance in [Covariance::Full, Covariance::Diagonal] {
        let fitted = GaussianMixture::fit(&rows, 2, 3, covariance, 1).expect("a fit");
        let again = GaussianMixture::fit(&rows, 2, 3, covariance, 1).expect("a fit");
        assert_eq!(fitted.sample(50, 1.0, 3), again.sample(50, 1.0, 3), "one seed, one fit");
        let (means, weights) = (fitted.means(), fitted.weights());
        for ([x, y], share) in centers.iter().zip([0.5, 0.25, 0.25]) {
            let apart = |k: usize| (means[2 * k] - f64::from(*x)).hypot(means[2 * k + 1] - f64::from(*y));
            let nearest = (0..3).min_by(|&a, &b| apart(a).total_cmp(&apart(b))).expect("three");
            // The mean of 1000 rows of deviation 0.6 is known to about 0.02.
            assert!(apart(nearest) < 0.1, "{covariance:?}: {means:?}");
            assert!((weights[nearest] - share).abs() < 0.02, "{weights:?}");
        }
        // At no temperature every draw is a center.
        let cold = fitted.sample(20, 0.0, 1);
        let near = nearest_rows(&cold, &means.iter().map(|&mean| mean as f32).collect::<Vec<_>>(), 2);
        assert!(near.iter().all(|(_, distance)| *distance < 1e-10), "{near:?}");
    }
    let full = GaussianMixture::fit(&rows, 2, 3, Covariance::Full, 1).expect("a fit").log_likelihood();
    let diagonal = GaussianMixture::fit(&rows, 2, 3, Covariance::Diagonal, 1).expect("a fit").log_likelihood();
    assert!(full > diagonal + 0.3, "the values of a row go together: {full} against {diagonal}");
}

#[test]
fn one_gaussian_has_the_density_of_its_moments() {
    let rows = crate::support::noise(500 * 3, 8);
    let fitted = GaussianMixture::fit(&rows, 3, 1, Covariance::Diagonal, 1).expect("a fit");
    // The best log-likelihood of independent normal values: -(1 + ln 2 pi s^2) / 2 for each.
    let expected: f64 = (0..3)
        .map(|at| {
            let values: Vec<f64> = rows.iter().skip(at).step_by(3).map(|&x| f64::from(x)).collect();
            let mean = values.iter().sum::<f64>() / 500.0;
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 500.0;
            -0.5 * (1.0 + (std::f64::consts::TAU * variance).ln())
        })
        .sum();
    // The least variance that is added is 1e-4 of each.
    assert!((fitted.log_likelihood() - expected).abs() < 1e-3, "{} {expected}", fitted.log_likelihood());
    assert!(GaussianMixture::fit(&rows[..9], 3, 2, Covariance::Full, 1).is_err());
    assert!(GaussianMixture::fit(&[f32::NAN; 60], 3, 1, Covariance::Full, 1).is_err());
    // A value that never varies, and rows that are all alike.
    let flat: Vec<f32> = (0..90).map(|i| if i % 3 == 1 { 5.0 } else { rows[i] }).collect();
    let drawn = GaussianMixture::fit(&flat, 3, 2, Covariance::Full, 1).expect("a fit").sample(10, 1.0, 1);
    assert!(drawn.chunks_exact(3).all(|row| (row[1] - 5.0).abs() < 0.1), "{drawn:?}");
}

#[test]
fn the_nearest_row_is_the_nearest() {
    let candidates = crate::support::noise(150 * 21, 3);
    let mut queries = crate::support::noise(7 * 21, 4);
    queries[..21].copy_from_slice(&candidates[131 * 21..132 * 21]);
    let found = nearest_rows(&queries, &candidates, 21);
    assert_eq!(found[0], (131, 0.0), "a copy is seen as one");
    for (query, &(row, distance)) in queries.chunks_exact(21).zip(&found) {
        let apart = |candidate: &[f32]| {
            query.iter().zip(candidate).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>() / 21.0
        };
        let least = candidates.chunks_exact(21).map(apart).fold(f64::INFINITY, f64::min);
        // Sums of 21 squares in f32.
        assert!((distance - least).abs() < 1e-6 && (apart(&candidates[row * 21..][..21]) - least).abs() < 1e-6);
    }
    assert_eq!(nearest_rows(&queries[..21], &[], 21), [(0, f64::INFINITY)]);
}

#[test]
fn samples_come_from_prior_posterior_and_class_on_both_devices() {
    let home = tempfile::tempdir().expect("a folder");
    let variational = small_model(home.path(), "v.safetensors", VARIATIONAL);
    let plain = small_model(home.path(), "p.safetensors", PLAIN);
    let conditional = small_model(home.path(), "c.safetensors", CONDITIONAL);
    let mut of_devices = Vec::new();
    for device in devices() {
        let out = home.path().join("rows.npy");
        let made = tasks::sample(&variational, &out, &options(30), &device).expect("samples");
        assert_eq!((made.latents, made.nearest.len(), made.mixture.is_none()), ("prior", 30, true));
        assert!(made.nearest.iter().all(|near| near.mse > 0.0) && made.held_out_mse.is_some_and(|usual| usual > 0.0));
        let warm = rows_of(&out);
        let cold = SampleOptions { temperature: 0.0, ..options(3) };
        tasks::sample(&variational, &out, &cold, &device).expect("samples");
        let rows = rows_of(&out);
        // Columns that never vary are left out of rows.
        let width = rows.len() / 3;
        assert!(rows[..width] == rows[width..2 * width] && rows[..width] == rows[2 * width..], "nothing is drawn");
        assert_ne!(rows[..width], warm[..width]);

        let made = tasks::sample(&plain, &out, &options(5), &device).expect("samples");
        assert_eq!((made.latents, made.notes.len()), ("posterior", 1));
        assert!(made.mixture.is_some_and(|mixture| mixture.components > 1 && mixture.log_likelihood.is_finite()));
        of_devices.push(rows_of(&out));

        // Digits of a class lie nearest to digits of that class, mostly.
        for (model, posterior) in [(&conditional, false), (&plain, true)] {
            let of_class = SampleOptions { label: Some("0".to_owned()), posterior, ..options(20) };
            let made = tasks::sample(model, &home.path().join("a.csv"), &of_class, &device).expect("samples");
            let text = std::fs::read_to_string(home.path().join("a.csv")).expect("a table");
            assert!(text.lines().next().is_some_and(|header| header.ends_with("label")), "{text}");
            assert!(text.lines().skip(1).all(|line| line.ends_with(",0")));
            let data = DataSpec { labels: Some("last".to_owned()), ..DataSpec::from_source(DIGITS) };
            let data = hourglass::data::DataSet::open(&data, 0.1, 1).expect("the digits");
            let names: Vec<String> = (0..data.rows).map(|row| data.row_name(row)).collect();
            let zeros = made.nearest.iter().filter(|near| {
                let row = names.iter().position(|name| *name == near.train_row).expect("a row");
                data.labels.as_ref().expect("labels")[row] == 0
            });
            assert!(zeros.count() >= 14, "{:?}", made.nearest);
        }
        let wrong = SampleOptions { label: Some("0".to_owned()), ..options(2) };
        let error = tasks::sample(&variational, &out, &wrong, &device).expect_err("it is not told the class");
        assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("`posterior`"), "{error}");
    }
    if let [one, other] = &of_devices[..] {
        // Latents differ by rounding alone, and so do the rows; these are in 0..16.
        assert!(one.iter().zip(other).all(|(a, b)| (a - b).abs() < 0.05), "both devices draw the same");
    }
}

#[test]
fn interpolations_go_from_one_row_to_the_other() {
    let home = tempfile::tempdir().expect("a folder");
    let model = small_model(home.path(), "v.safetensors", VARIATIONAL);
    let whole = home.path().join("whole.npy");
    tasks::reconstruct(&model, DIGITS, &whole, &cpu()).expect("rows");
    let whole = rows_of(&whole);
    let width = whole.len() / 1797;
    let row = |rows: &[f32], at: usize| rows[at * width..(at + 1) * width].to_vec();
    let out = home.path().join("way.npy");
    let way = InterpolateOptions { data: None, label: None, output: &out };
    for device in devices() {
        for spherical in [false, true] {
            let made = tasks::interpolate(&model, ["3", "11"], 5, spherical, way, &device).expect("a way");
            assert_eq!((made.from, made.rows), (vec!["row 3".to_owned(), "row 11".to_owned()], 5));
            let rows = rows_of(&out);
            // The ends are what the model makes of the rows; the great circle comes back to them up to rounding.
            let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.01);
            assert!(near(&row(&rows, 0), &row(&whole, 2)) && near(&row(&rows, 4), &row(&whole, 10)));
        }
        let sum = tasks::arithmetic(&model, ["3", "3", "11"], way, &device).expect("a sum");
        let rows = rows_of(&out);
        assert_eq!(sum.rows, 4);
        let near = row(&rows, 2).iter().zip(row(&rows, 3)).all(|(c, sum)| (c - sum).abs() < 0.01);
        assert!(near, "a - a + c is c");
        tasks::arithmetic(&model, ["class:1", "class:0", "3"], way, &device).expect("means of classes");
        let made = tasks::traverse(&model, Some("3"), way, &device).expect("lines");
        assert!(!made.units.is_empty() && made.deviations.is_sorted_by(|a, b| a >= b));
        assert_eq!(rows_of(&out).len(), made.units.len() * made.steps * width);
    }
    for asked in ["0", "1798", "nothing.png", "class:x"] {
        let error = tasks::interpolate(&model, ["1", asked], 5, false, way, &cpu()).expect_err(asked);
        assert!(error.kind() == ErrorKind::Usage, "{asked}: {error}");
    }
    let error = tasks::interpolate(&model, ["1", DIGITS], 5, false, way, &cpu()).expect_err("many rows");
    assert!(error.to_string().contains("1797 rows"), "{error}");
}

#[test]
fn variants_keep_their_labels() {
    let home = tempfile::tempdir().expect("a folder");
    let model = small_model(home.path(), "v.safetensors", VARIATIONAL);
    let out = home.path().join("more.npy");
    let plain = AugmentOptions { count: 2, strength: 0.3, by_class: false, components: None, seed: 1 };
    let mut before = None;
    for strength in [0.0, 0.3] {
        let made = tasks::augment(&model, DIGITS, &out, &AugmentOptions { strength, ..plain.clone() }, &cpu());
        let made = made.expect("variants");
        assert_eq!((made.rows, made.variants, made.classes.len()), (1797, 3594, 10));
        let mse = made.mse.expect("of rows");
        if strength == 0.0 {
            assert!((mse - made.reconstruction_mse).abs() < 1e-6, "no noise leaves what the model makes: {made:?}");
        }
        assert!(before.is_none_or(|before| mse > before), "more noise, further away");
        before = Some(mse);
    }
    let labels = std::fs::read_to_string(home.path().join("more.labels.txt")).expect("labels");
    let labels: Vec<&str> = labels.lines().collect();
    assert!(labels.len() == 3594 && labels[..1797] == labels[1797..] && labels[..3] == ["0", "1", "2"]);
    // The array and its labels are data for the next model.
    let next = DataSpec {
        labels: Some(home.path().join("more.labels.txt").display().to_string()),
        ..DataSpec::from_source(out.display().to_string())
    };
    let next = hourglass::data::DataSet::open(&next, 0.1, 1).expect("variants are data");
    assert_eq!((next.rows, next.classes.len()), (3594, 10));
    for device in devices() {
        let drawn = AugmentOptions { by_class: true, count: 1, ..plain.clone() };
        let made = tasks::augment(&model, DIGITS, &home.path().join("drawn.csv"), &drawn, &device).expect("variants");
        assert_eq!((made.variants, made.mse), (1797, None));
    }
    let folder = tasks::augment(&model, DIGITS, &home.path().join("folder"), &plain, &cpu()).expect_err("a table");
    assert!(folder.kind() == ErrorKind::Usage, "{folder}");
}

#[test]
fn pictures_and_recordings_come_out_as_files_by_label() {
    let home = tempfile::tempdir().expect("a folder");
    let pictures = home.path().join("pictures");
    for i in 0..40_u8 {
        let class = ["dark.0", "light.1"][usize::from(i % 2)];
        std::fs::create_dir_all(pictures.join(class)).expect("a folder");
        let value = |x: u32, y: u32| image::Luma([(i % 2) * 120 + ((x * 9 + y * 5 + u32::from(i) * 3) % 90) as u8]);
        let picture = image::GrayImage::from_fn(9, 7, value);
        picture.save(pictures.join(class).join(format!("{i}.png"))).expect("a picture");
    }
    let source = pictures.display().to_string();
    let spec = format!(
        "version = 1\n[data]\nsource = {source:?}\nlabels = \"folders\"\n[model]\n\
         encoder = [\"dense 16 relu\", \"latent\"]\nlatent = 3\n[train]\nepochs = 2\nbatch_size = 8\n"
    );
    let model = trained(home.path(), "m.safetensors", &spec);
    let out = home.path().join("more");
    let twice = AugmentOptions { count: 2, strength: 0.3, by_class: false, components: None, seed: 1 };
    let made = tasks::augment(&model, &source, &out, &twice, &cpu()).expect("variants");
    assert_eq!((made.files, made.classes), (80, vec!["dark.0".to_owned(), "light.1".to_owned()]));
    let picture = image::open(out.join("light.1").join("3 variant 2.png")).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (9, 7));

    // Samples of a class in a folder of that class, and a picture beside its nearest train row.
    let of_class = SampleOptions { label: Some("dark.0".to_owned()), posterior: true, ..options(3) };
    let made = tasks::sample(&model, &home.path().join("drawn"), &of_class, &cpu()).expect("samples");
    assert_eq!(made.files, 4);
    assert!(home.path().join("drawn/dark.0/sample 3.png").is_file());
    let table = std::fs::read_to_string(home.path().join("drawn/nearest.csv")).expect("a table");
    assert_eq!(table.lines().count(), 4);
    let grid = home.path().join("grid.png");
    tasks::sample(&model, &grid, &options(5), &cpu()).expect("a grid");
    let size = |count: u32| count * (9 * 12 + 6) + 6;
    // Cells of 9 pixels a side, 12 times as large; three pairs in a line.
    assert_eq!(image::image_dimensions(&grid).expect("a picture"), (size(6), size(2)));

    // Ends that are files; the strip has a cell for each step.
    let strip = home.path().join("strip.png");
    let ends = [pictures.join("dark.0/2.png"), pictures.join("light.1/3.png")].map(|path| path.display().to_string());
    let way = InterpolateOptions { data: None, label: None, output: &strip };
    tasks::interpolate(&model, [&ends[0], &ends[1]], 4, false, way, &cpu()).expect("a strip");
    assert_eq!(image::image_dimensions(&strip).expect("a picture"), (size(4), size(1)));
}

#[test]
fn the_command_line_makes_rows_and_refuses_what_cannot_be() {
    let home = tempfile::tempdir().expect("a folder");
    let model = small_model(home.path(), "v.safetensors", VARIATIONAL).display().to_string();
    let out = |name: &str| home.path().join(name).display().to_string();
    let good: [&[&str]; 5] = [
        &["sample", &model, "-n", "4", "--temperature", "0.8", "-o", &out("s.png")],
        &["interpolate", &model, "1", "2", "--data", DIGITS, "--steps", "3", "--spherical", "-o", &out("i.png")],
        &["arithmetic", &model, "1", "2", "class:3", "-o", &out("a.csv")],
        &["traverse", &model, "-o", &out("t.png")],
        &["augment", &model, "--data", DIGITS, "-n", "1", "--by-class", "-o", &out("g.npy")],
    ];
    for arguments in good {
        let told: Vec<&str> = arguments.iter().copied().chain(["--json", "--device", "cpu"]).collect();
        let output = hourglass(&told, home.path());
        assert_eq!(output.status.code(), Some(0), "{told:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(json(&output)["model"], *model);
    }
    let bad: [&[&str]; 8] = [
        &["sample", &model, "-n", "0", "-o", &out("s.png")],
        &["sample", &model, "--temperature", "-1", "-o", &out("s.png")],
        &["sample", &model, "--label", "eleven", "--posterior", "-o", &out("s.png")],
        &["sample", &model, "-o", &out("folder")],
        &["sample", &out("none.safetensors"), "-o", &out("s.png")],
        &["sample", &model, "--posterior", "--components", "999", "-o", &out("s.png")],
        &["interpolate", &model, "1", "99999", "-o", &out("i.png")],
        &["augment", &model, "--data", DIGITS, "-o", &out("x.wav")],
    ];
    for arguments in bad {
        let output = hourglass(arguments, home.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!error_line(&output).is_empty(), "{arguments:?}");
    }
    assert!(!Path::new(&out("folder")).exists(), "what is refused writes nothing");
}
