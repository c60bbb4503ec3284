//! Metrics against values worked out by other means.

use hourglass::metrics::{
    Logistic, LogisticOptions, Pca, average_precision, bce, bce_floor, kmeans, kmeans_from, knn_classes, mean_interval,
    mse, psnr, roc_auc, silhouettes, ssim, trustworthiness,
};
use hourglass::random::Sampler;

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
        assert_eq!(pca.clone().keeping_variance(&rows, share).components(), components, "{share}");
    }
    let one = pca.keeping_variance(&rows, 0.5);
    let again = Pca::from_parts(one.mean().to_vec(), one.directions().to_vec());
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

/// Fewer rows than features: the same directions as of the same rows three times over, which are more than the features.
#[test]
fn pca_of_few_rows_is_that_of_the_same_rows_repeated() {
    let (features, count) = (40, 20);
    let rows = noise(count * features, 5);
    let thrice = rows.repeat(3);
    let few = Pca::fit(&rows, features, 8).expect("it fits");
    let many = Pca::fit(&thrice, features, 8).expect("it fits");
    assert_eq!((few.components(), many.components()), (8, 8));
    for (a, b) in few.directions().chunks_exact(features).zip(many.directions().chunks_exact(features)) {
        let together: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        assert!((together.abs() - 1.0).abs() < 1e-4, "{together}");
    }
    // Rows that hardly differ leave no direction but one.
    let line: Vec<f32> = (0..10).flat_map(|row| (0..features).map(move |f| row as f32 * f as f32)).collect();
    assert_eq!(Pca::fit(&line, features, 5).expect("it fits").components(), 1);
    let same = [2.0].repeat(5 * features);
    assert_eq!(Pca::fit(&same, features, 3).expect("it fits").reconstruct(&same), same);
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

/// What scikit-learn makes of 160 points in three clouds; `tests/fixtures/make_metrics.py` writes it.
struct Fixture {
    found: serde_json::Value,
    points: Vec<f32>,
    labels: Vec<usize>,
}

impl Fixture {
    const FEATURES: usize = 5;

    fn read() -> Self {
        let found: serde_json::Value = serde_json::from_str(include_str!("../fixtures/metrics.json")).expect("JSON");
        let points = numbers(&found["points"]).into_iter().map(|x| x as f32).collect();
        let labels = counts(&found["labels"]);
        Self { found, points, labels }
    }

    /// The first 100 points are to learn from.
    fn queries(&self) -> &[f32] {
        &self.points[100 * Self::FEATURES..]
    }
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn counts(value: &serde_json::Value) -> Vec<usize> {
    numbers(value).into_iter().map(|x| x as usize).collect()
}

fn worst(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// scikit-learn's distances and ours are both rounded in f64, 1e-13 of these; the least steps of its solver leave more.
const AGREEMENT: f64 = 1e-6;

#[test]
fn silhouettes_match_scikit_learn() {
    let Fixture { found, points, mut labels } = Fixture::read();
    let all: Vec<usize> = (0..labels.len()).collect();
    let scores = silhouettes(&points, 5, &labels, &all).expect("three groups");
    assert!(worst(&scores, &numbers(&found["silhouettes"])) < AGREEMENT);
    // Against half of the points the mean is about the same.
    let some: Vec<usize> = (0..labels.len()).step_by(2).collect();
    let near = silhouettes(&points, 5, &labels, &some).expect("three groups");
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    assert!((mean(&near) - mean(&scores)).abs() < 0.05, "{} and {}", mean(&near), mean(&scores));
    labels[counts(&serde_json::json!([found["alone"]]))[0]] = 3;
    let scores = silhouettes(&points, 5, &labels, &all).expect("four groups");
    assert!(worst(&scores, &numbers(&found["silhouettes_alone"])) < AGREEMENT);
    assert_eq!(silhouettes(&points, 5, &vec![0; labels.len()], &all), None, "one group");
    assert_eq!(silhouettes(&points[..10], 5, &[0, 1], &[0, 1]), None, "no group of two");
    assert_eq!(silhouettes(&[], 5, &[], &[]), None);
}

#[test]
fn nearest_neighbors_match_scikit_learn() {
    let fixture = Fixture::read();
    for k in [1, 5, 10] {
        let points = &fixture.points[..500];
        let classes = knn_classes(points, &fixture.labels[..100], fixture.queries(), 5, k);
        assert_eq!(classes, counts(&fixture.found["knn"][k.to_string()]), "k = {k}");
    }
    assert_eq!(knn_classes(&[0.0, 1.0], &[1, 0], &[0.5], 1, 9), [0], "more neighbors than points: the lower class");
    let map: Vec<f32> = fixture.points.chunks_exact(5).flat_map(|row| [row[1], row[2]]).collect();
    for k in [1, 5, 12] {
        let found = trustworthiness(&fixture.points, 5, &map, 2, k).expect("points enough");
        let expected = fixture.found["trustworthiness"][k.to_string()].as_f64().expect("a number");
        assert!((found - expected).abs() < AGREEMENT, "{found} and {expected}");
    }
    assert_eq!(trustworthiness(&fixture.points, 5, &map, 2, 80), None, "half of the points are no neighborhood");
}

#[test]
fn logistic_regression_matches_scikit_learn() {
    let fixture = Fixture::read();
    let options = LogisticOptions { c: 0.5, tolerance: 1e-10, steps: 5000 };
    let fit = |options| Logistic::fit(&fixture.points[..500], 5, &fixture.labels[..100], 3, options).expect("it fits");
    let model = fit(&options);
    let off = worst(&model.probabilities(fixture.queries()), &numbers(&fixture.found["logistic"]));
    assert!(off < AGREEMENT, "{off}");
    // The tolerance of probes decides alike but for rows on the border.
    let quick = fit(&LogisticOptions { c: 0.5, ..LogisticOptions::default() }).classes(fixture.queries());
    let differ = quick.iter().zip(model.classes(fixture.queries())).filter(|(a, b)| **a != *b).count();
    assert!(differ <= 1, "{differ}");
    assert_eq!(Logistic::fit(&[1.0], 1, &[0], 1, &options), None, "one class");
    assert_eq!(Logistic::fit(&[1.0], 1, &[2], 2, &options), None, "a class that is not there");
}

#[test]
fn kmeans_matches_scikit_learn() {
    let Fixture { found, points, .. } = Fixture::read();
    let groups = kmeans_from(&points, 5, &points[..15]).expect("points enough");
    let expected = found["inertia"].as_f64().expect("a number");
    // Our centers are kept in f32.
    assert!((groups.inertia / expected - 1.0).abs() < AGREEMENT, "{} and {expected}", groups.inertia);
    let theirs = counts(&found["groups"]);
    let pairs: std::collections::BTreeSet<(usize, usize)> = groups.groups.iter().copied().zip(theirs).collect();
    assert_eq!(pairs.len(), 3, "the same groups by other numbers: {pairs:?}");
    // Ten starts of our own are no worse than one that is given.
    let best = kmeans(&points, 5, 3, 1).expect("points enough");
    assert!(best.inertia <= groups.inertia * (1.0 + AGREEMENT), "{} and {expected}", best.inertia);
    assert_eq!(kmeans(&points, 5, 3, 1), Some(best), "the same again");
    assert_eq!(kmeans(&points[..10], 5, 3, 1), None, "fewer points than groups");
    let same = kmeans(&[1.0; 12], 2, 3, 1).expect("points on one place");
    assert_eq!(same.inertia, 0.0);
}

#[test]
fn rankings_match_scikit_learn() {
    let Fixture { found, labels, .. } = Fixture::read();
    let positive: Vec<bool> = labels.iter().map(|&label| label == 0).collect();
    let scores = numbers(&found["scores"]);
    for (name, score) in
        [("roc_auc", roc_auc(&scores, &positive)), ("average_precision", average_precision(&scores, &positive))]
    {
        let expected = found[name].as_f64().expect("a number");
        assert!((score.expect("both kinds") - expected).abs() < AGREEMENT, "{name}");
    }
}

#[test]
fn bootstrap_intervals_are_as_wide_as_theory_says() {
    let values: Vec<f64> = noise(2000, 9).iter().map(|&x| f64::from(x)).collect();
    let [low, high] = mean_interval(&values, 1).expect("values enough");
    let mean = values.iter().sum::<f64>() / 2000.0;
    let spread = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2000.0).sqrt();
    // Of a mean of so many: 1.96 standard errors to each side; a thousand resamples know that to a twentieth or so.
    let half = 1.96 * spread / 2000.0_f64.sqrt();
    assert!(((high - low) / (2.0 * half) - 1.0).abs() < 0.12, "{low} {high}, {half}");
    assert!(low < mean && mean < high);
    assert_eq!(mean_interval(&values, 1), Some([low, high]), "the same again");
    assert_eq!(mean_interval(&[1.0], 1), None);
    assert_eq!(mean_interval(&[1.0, f64::NAN], 1), None);
}

/// All of them are cut by size and not by threads.
#[test]
fn metrics_are_the_same_on_any_number_of_threads() {
    let (points, labels): (Vec<f32>, Vec<usize>) = (noise(700 * 6, 3), (0..700).map(|i| i % 4).collect());
    let all = || {
        let rows: Vec<usize> = (0..700).collect();
        let options = LogisticOptions::default();
        let logistic = Logistic::fit(&points, 6, &labels, 4, &options).expect("it fits");
        let silhouettes = silhouettes(&points, 6, &labels, &rows).expect("groups");
        (logistic, silhouettes, kmeans(&points, 6, 4, 1), mean_interval(&[1.0; 5], 1))
    };
    let on =
        |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(all);
    assert_eq!(on(1), on(3));
}

#[test]
fn samples_are_uniform_and_without_replacement() {
    let mut draws = Sampler::new(1, 0);
    let mut counts = [0; 10];
    (0..10_000).for_each(|_| counts[draws.below(10)] += 1);
    assert!(counts.iter().all(|&count| (900..1100).contains(&count)), "{counts:?}");
    let chosen = draws.choose(50, 200);
    assert!(chosen.len() == 50 && chosen.windows(2).all(|pair| pair[0] < pair[1]) && chosen[49] < 200);
    assert_eq!(draws.choose(9, 4), [0, 1, 2, 3]);
    assert_eq!(draws.below(0), 0);
}

/// Two classes on a line that overlap in the middle, and one far off.
#[test]
fn votes_of_neighbors_say_which_classes_share_a_region() {
    let place = |i: usize| [(i / 3 % 100) as f32 * 0.02, 1.0 + (i / 3 % 100) as f32 * 0.02, 50.0][i % 3];
    let points: Vec<f32> = (0..1500).map(place).collect();
    let labels: Vec<usize> = (0..1500).map(|i| i % 3).collect();
    let votes = hourglass::metrics::knn_confusion(&points, &labels, 1, 3, 10);
    assert_eq!(votes.iter().sum::<usize>(), 300, "the last fifth is asked");
    assert_eq!((votes[2], votes[5], votes[6], votes[7], votes[8]), (0, 0, 0, 0, 100), "{votes:?}");
    // Half of their range is common, and there each vote may go either way.
    assert!((20..=80).contains(&(votes[1] + votes[3])), "{votes:?}");
    assert_eq!(votes[0] + votes[1], 100);
}
