//! Metrics against values worked out by other means.

use hourglass::metrics::{Pca, bce, bce_floor, mse, psnr, ssim};

use crate::support::noise;

#[test]
fn errors_of_small_arrays() {
    assert!((mse(&[0.0, 1.0], &[0.5, 1.0]) - 0.125).abs() < 1e-12);
    // -(0.5 ln 0.25 + 0.5 ln 0.75)
    assert!((bce(&[0.25], &[0.5]) - 0.836_988_216_785_1).abs() < 1e-7);
    assert!((bce_floor(&[0.5]) - std::f64::consts::LN_2).abs() < 1e-9);
    assert_eq!(bce_floor(&[0.0, 1.0]), 0.0);
    assert!((psnr(0.01) - 20.0).abs() < 1e-12);
    assert!(mse(&[], &[]).is_nan());
}

#[test]
fn ssim_of_equal_images_is_one_and_small_images_have_none() {
    let image: Vec<f32> = noise(28 * 28, 1).iter().map(|x| 0.5 + 0.5 * x).collect();
    assert!((ssim(&image, &image, 28, 28).expect("large enough") - 1.0).abs() < 1e-12);
    assert_eq!(ssim(&image[..100], &image[..100], 10, 10), None);
}

/// From scikit-image 0.26 with CONTRACT's settings; `tests/fixtures/make_metrics.py` writes the value.
#[test]
fn ssim_matches_scikit_image() {
    let a: Vec<f32> = (0..28 * 31).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
    let b: Vec<f32> = (0..28 * 31).map(|i| 0.7 * a[i] + 0.3 * ((i * 53) % 89) as f32 / 88.0).collect();
    let expected: f64 = include_str!("../fixtures/ssim.txt").trim().parse().expect("a number");
    let score = ssim(&a, &b, 28, 31).expect("large enough");
    assert!((score - expected).abs() < 1e-6, "{score} and {expected}");
}

#[test]
fn pca_keeps_the_variance_that_is_asked_for() {
    // Deviations 4, 2 and 1 along the axes: of the variance 16/21, 20/21, all.
    let (a, b, c) = (noise(3000, 4), noise(3000, 5), noise(3000, 6));
    let rows: Vec<f32> = (0..3000).flat_map(|i| [b[i] * 2.0, a[i] * 4.0, c[i]]).collect();
    let pca = Pca::fit(&rows, 3, 3).expect("it fits");
    for (share, components) in [(0.5, 1), (0.7, 1), (0.9, 2), (0.99, 3), (1.1, 3)] {
        assert_eq!(pca.clone().keeping(&rows, share).components(), components, "{share}");
    }
    let one = pca.keeping(&rows, 0.5);
    let again = Pca::of(one.mean().to_vec(), one.directions().to_vec());
    assert_eq!(again, one);
    let errors = one.squared_errors(&[2.0, 4.0, 1.0]);
    // What the other two axes hold, but for how far the fitted direction is from the axis.
    assert!((errors[0] - 5.0).abs() < 0.5, "{errors:?}");
}

#[test]
fn pca_finds_planted_directions() {
    // Rows along (3, 4, 0) / 5 with spread 2, along z with spread 1, nothing else, around (1, 1, 1).
    let (a, b) = (noise(500, 2), noise(500, 3));
    let rows: Vec<f32> = a.iter().zip(&b).flat_map(|(a, b)| [1.0 + 1.2 * a, 1.0 + 1.6 * a, 1.0 + b]).collect();
    let pca = Pca::fit(&rows, 3, 1).expect("it fits");
    let direction = pca.directions();
    assert!((direction[0].abs() - 0.6).abs() < 0.02 && (direction[1].abs() - 0.8).abs() < 0.02, "{direction:?}");
    let all = Pca::fit(&rows, 3, 2).expect("it fits").reconstruction_mse(&rows);
    // Rounding of the f32 projections is all that is left.
    assert!(all < 1e-7, "two directions hold everything: {all}");
    // What one direction loses is the variance of z, a third of a squared unit, over three features.
    let lost = pca.reconstruction_mse(&rows);
    assert!((lost - 1.0 / 9.0).abs() < 0.01, "{lost}");
    assert!(Pca::fit(&rows[..3], 3, 1).is_err(), "one row is not enough");
}

/// REFERENCE's figures for PCA on digits, fitted here on the train part: close, not equal.
#[test]
fn pca_on_digits_is_where_it_is_known_to_be() {
    let digits = crate::support::digits();
    let train = digits.rows_f32(0..8000).expect("rows");
    let test = digits.rows_f32(digits.test.clone()).expect("rows");
    for (components, expected) in [(2, 0.0559), (32, 0.0170)] {
        let error = Pca::fit(&train, 784, components).expect("it fits").reconstruction_mse(&test);
        assert!((error / expected - 1.0).abs() < 0.03, "{components}: {error}");
    }
}

/// More features than a covariance may have: random directions of ten falling strengths in rows of 5,000 values.
#[test]
fn pca_of_very_wide_rows_finds_their_main_directions() {
    const FEATURES: usize = 5000;
    const RANK: usize = 10;
    let directions = noise(RANK * FEATURES, 4);
    let rows: Vec<f32> = (0..120)
        .flat_map(|row| {
            let weights = noise(RANK, 100 + row);
            (0..FEATURES).map({
                let directions = &directions;
                move |feature| {
                    let parts = weights.iter().enumerate();
                    parts.map(|(i, weight)| weight * 0.7_f32.powi(i as i32) * directions[i * FEATURES + feature]).sum()
                }
            })
        })
        .collect();
    let error = |components| Pca::fit(&rows, FEATURES, components).expect("it fits").reconstruction_mse(&rows);
    let mean = |feature: usize| rows.iter().skip(feature).step_by(FEATURES).map(|&x| f64::from(x)).sum::<f64>() / 120.0;
    let means: Vec<f64> = (0..FEATURES).map(mean).collect();
    let squares: f64 = rows.iter().enumerate().map(|(i, &x)| (f64::from(x) - means[i % FEATURES]).powi(2)).sum();
    let total = squares / rows.len() as f64;
    let [one, five, all] = [1, 5, RANK].map(error);
    assert!(all < 1e-6 * total, "ten directions hold everything: {all} of {total}");
    assert!(one < 0.75 * total && five < 0.15 * total && five > all, "{total} {one} {five} {all}");
    assert_eq!(error(5).to_bits(), five.to_bits(), "the same again");
}
