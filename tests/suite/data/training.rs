//! Sessions on data of one's own: resident or streamed, on every device, against PCA.

use std::sync::Arc;

use hourglass::data::{DataSet, DataSpec, Fit, Part};
use hourglass::device::Device;
use hourglass::model::{Spec, auto_spec, plain_spec, preset};
use hourglass::platform::Wait as _;
use hourglass::train::{Run, Session};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::{fixture, open, save_image, shortened, spec_of};
use crate::support::{cpu, devices, digits};

/// Losses of the steps, the validation loss, latents of the test part, and whether the session waited for data.
struct Trace {
    losses: Vec<f32>,
    validation: f64,
    latents: Vec<f32>,
    waited: bool,
}

/// Trains `spec` on `data` to its end.
fn trace(spec: &Spec, data: &DataSet, device: Device) -> Trace {
    let mut session = Session::new(spec.clone(), Arc::new(data.clone()), device).expect("a session");
    let mut losses = Vec::new();
    while session.train(64).wait().expect("it trains") > 0 {
        losses.extend(session.take_losses(true).wait().expect("losses").into_iter().map(|(_, loss)| loss));
    }
    let (validation, _) = session.evaluate(Part::Validation).wait().expect("validation");
    let latents = session.outputs(data.part(Part::Test), false, true).wait().expect("latents").latents;
    Trace { losses, validation, latents, waited: session.waited_for_data().is_some() }
}

#[test]
fn streamed_rows_give_the_same_bits_as_resident_rows() {
    let data = digits();
    for device in devices() {
        let mut spec = preset("denoising-gaussian").expect("a preset").spec;
        spec.data.rows = Some(4000);
        spec.train.epochs = 2;
        spec.train.batch_size = 100;
        let mut few = DataSet::clone(&data);
        few.limit_train(4000);
        few.validation = few.validation.start..few.validation.start + 700;
        few.test = few.test.start..few.test.start + 300;
        let whole = trace(&spec, &few, device.clone());
        few.options.device_megabytes = Some(1);
        let streamed = trace(&spec, &few, device.clone());
        assert!(!whole.waited && streamed.waited, "one lies there, the other streams");
        assert_eq!(whole.losses, streamed.losses, "{}", device.info());
        assert_eq!((whole.validation, &whole.latents), (streamed.validation, &streamed.latents), "{}", device.info());
    }
}

#[test]
fn floats_and_patches_train_on_every_device() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..4_u32 {
        let picture = RgbImage::from_fn(90, 80, |x, y| Rgb([(x * (i + 1)) as u8, (y * 2) as u8, (x + y) as u8]));
        save_image(&DynamicImage::ImageRgb8(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let patches =
        open(&DataSpec { size: Some([16, 16]), fit: Some(Fit::Patches), ..spec_of(folder.path()) }).expect("patches");
    let table = DataSpec { labels: Some("malignant".to_owned()), ..spec_of(&fixture("breast_cancer.csv")) };
    let table = open(&table).expect("a table");
    // Two devices add in another order; steps carry it on.
    const AGREE: f64 = 2e-4;
    for data in [&patches, &table] {
        // Of random weights: where a model begins as PCA, gradients of its linear path are rounding, and Adam follows
        // their signs.
        let spec = shortened(plain_spec(data).expect("a suggestion").spec, data);
        let traces: Vec<_> = devices().into_iter().map(|device| trace(&spec, data, device)).collect();
        for Trace { losses, .. } in &traces {
            assert!(losses.len() > 10 && losses.iter().all(|loss| loss.is_finite()));
            for (loss, first) in losses.iter().zip(&traces[0].losses) {
                assert!(
                    (f64::from(*loss) - f64::from(*first)).abs() <= AGREE * f64::from(*first).abs().max(1e-3),
                    "{loss} {first}"
                );
            }
        }
    }
}

/// Asserts that the suggested model of a table has a lower test error than PCA with as many components.
fn automatic_spec_beats_pca(name: &str, labels: &str) {
    let data = open(&DataSpec { labels: Some(labels.to_owned()), ..spec_of(&fixture(name)) }).expect("a table");
    let suggestion = auto_spec(&data).expect("a suggestion");
    assert!(suggestion.spec.model.latent < data.features, "{}", suggestion.reasons);
    let session = Session::new(suggestion.spec, Arc::new(data), cpu()).expect("a session");
    let mut run = Run::new(session, None, None, false).wait().expect("a run");
    while !run.is_done() {
        run.advance(256).wait().expect("it trains");
    }
    let report = run.report(true).wait().expect("a report");
    let (test, pca) = (report.test.expect("a test"), report.pca.expect("PCA"));
    assert!(test.mse < pca.mse, "{name}: {} where PCA has {}", test.mse, pca.mse);
    assert!(test.bce.is_none(), "scaled values have no cross entropy");
}

#[test]
fn automatic_spec_beats_pca_on_breast_cancer() {
    automatic_spec_beats_pca("breast_cancer.csv", "malignant");
}

#[test]
fn automatic_spec_beats_pca_on_digits() {
    automatic_spec_beats_pca("digits8x8.csv.gz", "last");
}
