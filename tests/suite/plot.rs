//! Charts of plain numbers: ticks, places, what is clipped, and the loss chart that window, report and picture share.

use hourglass::model::preset;
use hourglass::plot::{
    Area, AxisScale, Chart, ChartAxis, LineStyle, LossCurves, Marker, PlotShape, Series, Ticks, Tone,
};

const PLOT: Area = Area { x: 50.0, y: 10.0, w: 400.0, h: 200.0 };

fn labels(axis: &ChartAxis) -> Vec<String> {
    axis.labeled_ticks().into_iter().map(|(_, label)| label).collect()
}

#[test]
fn ticks_have_no_digit_more_than_they_need() {
    let ratio = |low, high, count| ChartAxis::new(AxisScale::Ratio, (low, high), Ticks::About(count));
    assert_eq!(labels(&ratio(4e-6, 3e-5, 5)), ["5e-6", "1e-5", "2e-5"]);
    assert_eq!(labels(&ratio(0.0015, 0.06, 5)), ["0.002", "0.005", "0.01", "0.02", "0.05"]);
    assert_eq!(labels(&ratio(0.3, 700.0, 5)), ["0.5", "1", "2", "5", "10", "20", "50", "100", "200", "500"]);
    // Over many decades their powers alone.
    assert_eq!(
        labels(&ratio(1e-7, 100.0, 5)),
        ["1e-7", "1e-6", "1e-5", "0.0001", "0.001", "0.01", "0.1", "1", "10", "100"]
    );
    let even = ChartAxis::new(AxisScale::Even, (0.0, 5.2e-5), Ticks::About(5));
    assert_eq!(labels(&even), ["0.00000", "0.00002", "0.00004"]);
    let whole = |low, high| labels(&ChartAxis::new(AxisScale::Even, (low, high), Ticks::Whole(8)));
    assert_eq!(whole(1.0, 4.0), ["1", "2", "3", "4"]);
    assert_eq!(whole(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    assert_eq!(labels(&ChartAxis::new(AxisScale::Counts, (0.0, 2500.0), Ticks::Powers)), ["1", "10", "100", "1,000"]);
}

#[test]
fn places_and_values_are_inverse() {
    for scale in [AxisScale::Even, AxisScale::Ratio, AxisScale::Counts] {
        let axis = ChartAxis::new(scale, (0.5, 80.0), Ticks::About(5));
        assert_eq!((axis.share(0.5), axis.share(80.0)), (0.0, 1.0));
        for value in [0.5, 1.0, 7.25, 80.0] {
            assert!((axis.value(axis.share(value)) - value).abs() < 1e-12 * value, "{scale:?} {value}");
        }
    }
}

/// No painter clips: what lies outside of the plot is cut at its edge, and what is no number is left out.
#[test]
fn lines_end_at_the_edge_of_the_plot() {
    let axis = |high| ChartAxis::new(AxisScale::Even, (0.0, high), Ticks::About(4));
    let mut chart = Chart::new(axis(10.0), axis(1.0));
    let points = vec![[0.0, 0.5], [2.0, 3.0], [4.0, 0.5], [5.0, f64::NAN], [6.0, 0.25], [8.0, -2.0], [10.0, -3.0]];
    chart.series.push(Series { name: String::new(), points, style: LineStyle::solid(Tone::Accent, 2.0), dots: 3.0 });
    let shapes = chart.shapes(PLOT);
    let lines: Vec<&Vec<[f32; 2]>> = shapes
        .iter()
        .filter_map(|shape| match shape {
            PlotShape::Line { points, style } if style.tone == Tone::Accent => Some(points),
            _ => None,
        })
        .collect();
    // Up and out, back in and down, out below.
    assert_eq!(lines.iter().map(|line| line.len()).collect::<Vec<_>>(), [2, 4]);
    let inside = |[x, y]: [f32; 2]| (46.0..=454.0).contains(&x) && (9.0..=211.0).contains(&y);
    assert!(lines.iter().all(|line| line.iter().all(|&point| inside(point))), "{lines:?}");
    let dots = shapes.iter().filter(|shape| matches!(shape, PlotShape::Dot { .. })).count();
    assert_eq!(dots, 3);
}

fn texts(shapes: &[PlotShape]) -> Vec<&str> {
    let words = shapes.iter().filter_map(|shape| match shape {
        PlotShape::Text { words, .. } => Some(words.as_str()),
        _ => None,
    });
    words.collect()
}

#[test]
fn a_loss_chart_has_its_curves_baseline_edits_and_best_epoch() {
    let train: Vec<[f32; 2]> =
        (0..600).map(|i| [i as f32 / 100.0, 0.03 + 0.05 * (-(i as f32) / 100.0).exp()]).collect();
    let validation: Vec<[f32; 2]> = (1..=6).map(|epoch| [epoch as f32, 0.04 - 0.001 * epoch as f32]).collect();
    let curves = LossCurves {
        train: &train,
        validation: &validation,
        pca: Some((32, 0.0455)),
        edits: vec![Marker::event(1.5, "learning rate 0.001 to 0.0005".to_owned())],
        best: Some(6),
        smoothing: 0.02,
        scale: AxisScale::Even,
        epochs: (0.0, 6.5),
    };
    for scale in [AxisScale::Even, AxisScale::Ratio] {
        let chart = LossCurves { scale, ..curves.clone() }.chart(PLOT).expect("a chart");
        let shapes = chart.shapes(PLOT);
        let words = texts(&shapes);
        for wanted in ["PCA, 32 components, 0.04550", "learning rate 0.001 to 0.0005", "best", "6"] {
            assert!(words.contains(&wanted), "{wanted}: {words:?}");
        }
        assert!(shapes.iter().any(|shape| matches!(shape, PlotShape::Ring { .. })));
    }
    // Named at their ends, names keep apart.
    let mut chart = curves.chart(PLOT).expect("a chart");
    chart.names_at_ends = true;
    let shapes = chart.shapes(PLOT);
    let mut ends: Vec<f32> = shapes
        .iter()
        .filter_map(|shape| match shape {
            PlotShape::Text { at: [x, y], .. } if *x > PLOT.right() => Some(*y),
            _ => None,
        })
        .collect();
    ends.sort_by(f32::total_cmp);
    assert_eq!(ends.len(), 3);
    assert!(ends.windows(2).all(|pair| pair[1] - pair[0] >= 14.0), "{ends:?}");
    assert!(ends.iter().all(|y| *y <= PLOT.bottom()), "{ends:?}");
    // Nothing to draw yet.
    let none = LossCurves { train: &[], validation: &[], ..curves };
    assert!(none.chart(PLOT).is_none());
}

/// PCA's error beside a loss that has something added to it would compare unlike things.
#[test]
fn pca_is_a_baseline_of_the_plain_squared_error_alone() {
    let plain = |name: &str, settings: &[&str]| {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        preset(name).expect("a preset").spec.with_set(&settings).expect("settings").loss_is_plain_mse()
    };
    assert!(plain("undercomplete", &["objective.loss=\"mse\""]));
    assert!(!plain("undercomplete", &["objective.loss=\"mse\"", "objective.sparsity=0.001"]));
    assert!(!plain("undercomplete", &["objective.loss=\"mse\"", "objective.contractive=0.1"]));
    assert!(!plain("convolutional", &["objective.loss=\"mse\"", "objective.ssim=0.2"]));
    assert!(!plain("undercomplete", &["objective.loss=\"bce\""]));
    assert!(!plain("denoising", &["objective.loss=\"mse\""]));
    assert!(!plain("variational", &[]));
}
