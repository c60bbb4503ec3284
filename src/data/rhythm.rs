//! Length and distance of a series' windows, by its own period and length.

use std::ops::Range;

/// Steps that are looked at for a period, the last ones of the longest run: enough for ten of the longest.
const LOOK_STEPS: usize = 10_000;
/// Columns that are looked at for a period.
const LOOK_COLUMNS: usize = 8;
/// Longest period that is looked for, in steps.
const MOST_PERIOD: usize = 1024;
/// Periods that must have been seen.
const SEEN_PERIODS: usize = 3;
/// Least autocorrelation at a period, and by how much it must stand above the lowest before it: noise and slow changes
/// have no such peak.
const LEAST_PEAK: f64 = 0.3;
const LEAST_RISE: f64 = 0.2;
/// Share of the highest peak's autocorrelation from which an earlier one is taken: twice a period fits as well as one.
const AS_HIGH: f64 = 0.85;
/// Steps of a window: at least, as many of a period's multiples as reach the second number, and at most where one
/// period is longer.
const LEAST_WINDOW: usize = 4;
const USEFUL_WINDOW: usize = 12;
const LONGEST_PERIOD: usize = 512;
/// Steps of a window of a series without a period.
const USUAL_WINDOW: usize = 64;
/// Windows' lengths that a series must hold, end to end.
const WINDOWS_IN_SERIES: usize = 8;
/// Values of a window, at most: a row of more makes a network that learns for hours.
const MOST_VALUES: usize = 2048;
/// Share of the steps that must lie in runs of two windows' lengths at least.
const IN_LONG_RUNS: f64 = 0.6;
/// Values of all windows above which they need not begin at every step, and above which they must not: 2 MB and 256 MB.
const ENOUGH_VALUES: usize = 1 << 19;
const TOO_MANY_VALUES: usize = 64 << 20;

/// Returns the steps of the calendar's period for `seconds` between steps: a day, or of days a week, or of months or
/// quarters a year.
pub(super) fn calendar_period(seconds: f64) -> Option<usize> {
    const DAY: f64 = 86_400.0;
    let of = |period: f64| (period / seconds).round() as usize;
    let steps = match seconds {
        ..=0.0 => return None,
        ..=14_400.0 => of(DAY),
        ..=172_800.0 => of(7.0 * DAY),
        _ => of(365.25 * DAY),
    };
    Some(steps).filter(|&steps| steps >= 3)
}

/// Finds the period of columns in steps by their autocorrelation, with straight lines taken away, or else by that of
/// their differences: a random walk shows its period there alone.
pub(super) fn period(columns: &[Vec<f64>], runs: &[Range<usize>]) -> Option<usize> {
    let run = runs.iter().max_by_key(|run| run.len())?;
    let last = run.end.saturating_sub(LOOK_STEPS).max(run.start)..run.end;
    let parts: Vec<Vec<f64>> =
        columns.iter().take(LOOK_COLUMNS).filter_map(|column| Some(column.get(last.clone())?.to_vec())).collect();
    let best = |prepared: &dyn Fn(&[f64]) -> Vec<f64>| {
        let peaks = parts.iter().filter_map(|part| peak(&prepared(part)));
        peaks.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(lag, _)| lag)
    };
    let differences = |part: &[f64]| part.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>();
    best(&without_line).or_else(|| best(&differences))
}

/// Subtracts the straight line of least squares.
fn without_line(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count.max(1.0));
    let (mut both, mut spread) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let from_middle = at as f64 - middle;
        both += from_middle * (value - mean);
        spread += from_middle * from_middle;
    }
    let slope = if spread > 0.0 { both / spread } else { 0.0 };
    values.iter().enumerate().map(|(at, value)| value - mean - slope * (at as f64 - middle)).collect()
}

/// Returns the lag of the first high peak of the autocorrelation, and its height.
fn peak(values: &[f64]) -> Option<(usize, f64)> {
    let most = (values.len() / SEEN_PERIODS).min(MOST_PERIOD);
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let values: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let scale = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    if most < 2 || !(scale > 0.0 && scale.is_finite()) {
        return None;
    }
    // One lag more on either side: a peak is above its neighbors.
    let correlations: Vec<f64> = (0..=most + 1).map(|lag| correlation(&values, lag)).collect();
    let mut lowest = f64::INFINITY;
    let mut peaks = Vec::new();
    for lag in 1..=most {
        let here = correlations[lag];
        let is_peak = lag >= 2 && here >= correlations[lag - 1] && here >= correlations[lag + 1];
        if is_peak && here >= LEAST_PEAK && here - lowest >= LEAST_RISE {
            peaks.push((lag, here));
        }
        lowest = lowest.min(here);
    }
    let highest = peaks.iter().map(|peak| peak.1).max_by(f64::total_cmp)?;
    let (first, _) = *peaks.iter().find(|peak| peak.1 >= AS_HIGH * highest)?;
    // Noise makes several peaks of a broad one.
    let broad = first..=(first + first / 10).min(most);
    broad.map(|lag| (lag, correlations[lag])).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn correlation(values: &[f64], lag: usize) -> f64 {
    let (early, late) = (&values[..values.len() - lag], &values[lag..]);
    let (mut both, mut of_early, mut of_late) = (0.0, 0.0, 0.0);
    for (a, b) in early.iter().zip(late) {
        both += a * b;
        of_early += a * a;
        of_late += b * b;
    }
    let size = (of_early * of_late).sqrt();
    if size > 0.0 { both / size } else { 0.0 }
}

/// Chooses the steps of a window for runs of steps of `columns` values.
pub(super) fn usual_window(period: Option<usize>, runs: &[Range<usize>], columns: usize) -> usize {
    let steps: usize = runs.iter().map(Range::len).sum();
    let mut lengths: Vec<usize> = runs.iter().map(Range::len).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let mut held = 0;
    let long = lengths.iter().find(|&&length| {
        held += length;
        held as f64 >= IN_LONG_RUNS * steps as f64
    });
    let most = (steps / WINDOWS_IN_SERIES).min(long.copied().unwrap_or(0) / 2).min(MOST_VALUES / columns.max(1));
    let of_period = period.filter(|&period| period <= most.min(LONGEST_PERIOD)).map(|period| {
        let useful = period * USEFUL_WINDOW.div_ceil(period);
        if useful <= most { useful } else { most / period * period }
    });
    of_period.unwrap_or_else(|| USUAL_WINDOW.min(steps / 10).min(most)).max(LEAST_WINDOW.min(steps).max(2))
}

/// Chooses the distance between the starts of `count` windows of `values` numbers each: 1 where that is little, else
/// one that meets every phase of the window, of the period and of the calendar.
pub(super) fn usual_stride(count: usize, window: usize, values: usize, periods: &[usize]) -> usize {
    let all = count.saturating_mul(values);
    let least = all.div_ceil(ENOUGH_VALUES).min((window / 8).max(1)).max(all.div_ceil(TOO_MANY_VALUES)).max(1);
    let meets_all = |stride: &usize| {
        // A week of days has 7 phases more than a day.
        common_divisor(*stride, window) == 1
            && !stride.is_multiple_of(7)
            && periods.iter().all(|&period| common_divisor(*stride, period) == 1)
    };
    if least == 1 { 1 } else { (least..).find(meets_all).unwrap_or(1) }
}

/// Returns the greatest number that divides both.
pub(super) fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    /// Returns a number in -0.5..0.5 that has nothing to do with its neighbors': the finalizer of SplitMix64.
    fn noise(at: usize) -> f64 {
        let mut bits = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    fn found(steps: usize, value: impl Fn(usize) -> f64) -> Option<usize> {
        period(&[(0..steps).map(value).collect()], std::slice::from_ref(&(0..steps)))
    }

    #[test]
    fn periods_are_found_below_trends_and_noise() {
        let wave = |at: usize, period: f64| (at as f64 * std::f64::consts::TAU / period).sin();
        assert_eq!(found(365, |at| 0.02 * at as f64 + 10.0 * wave(at, 7.0) + noise(at)), Some(7));
        assert_eq!(found(144, |at| at as f64 + 10.0 * wave(at, 12.0) + noise(at)), Some(12));
        let day = found(3000, |at| 10.0 * wave(at, 288.0) + noise(at)).expect("a day");
        assert!((285..=291).contains(&day), "{day}");
        // Two peaks a day, weekends lower: a day all the same.
        let town = |at: usize| {
            let hour = (at % 48) as f64 / 2.0;
            let peaks = 9.0 * (-(hour - 8.0).powi(2) / 4.0).exp() + 12.0 * (-(hour - 18.5).powi(2) / 6.0).exp();
            (10.0 + peaks) * if at / 48 % 7 > 4 { 0.75 } else { 1.0 }
        };
        assert_eq!(found(48 * 60, town), Some(48));
        assert_eq!(found(2000, noise), None);
        assert_eq!(found(500, |_| 3.0), None);
        assert_eq!(found(2, |at| at as f64), None);
    }

    #[test]
    fn windows_fit_period_and_length() {
        let window = |period, steps: usize, columns| usual_window(period, std::slice::from_ref(&(0..steps)), columns);
        assert_eq!(window(Some(7), 365, 1), 14);
        assert_eq!(window(Some(12), 144, 1), 12);
        assert_eq!(window(Some(48), 9600, 1), 48);
        assert_eq!(window(Some(12), 60, 1), 6, "a year is too long for five of them");
        assert_eq!(window(None, 60, 1), 6);
        assert_eq!(window(None, 100_000, 1), 64);
        assert_eq!(window(Some(288), 100_000, 20), 64, "288 steps of 20 columns are too wide");
        // A hole every thirty steps: windows fit between.
        let runs: Vec<Range<usize>> = (0..100).map(|at| at * 31..at * 31 + 30).collect();
        assert!(usual_window(Some(48), &runs, 1) <= 15);
    }

    #[test]
    fn strides_meet_every_phase() {
        assert_eq!(usual_stride(9553, 48, 48, &[48]), 1);
        for (count, window) in [(1_000_000, 288), (100_000, 64), (30_000_000, 48), (500_000, 365)] {
            let stride = usual_stride(count, window, window, &[window, 2016]);
            assert!(stride > 1 && count / stride * window <= 2 * TOO_MANY_VALUES, "{stride}");
            let phases: std::collections::HashSet<usize> = (0..2016).map(|at| at * stride % 2016).collect();
            assert_eq!(phases.len(), 2016, "{stride}");
        }
    }

    #[test]
    fn calendars_follow_the_step() {
        for (seconds, steps) in [(300.0, 288), (1800.0, 48), (3600.0, 24), (86_400.0, 7), (2_629_800.0, 12)] {
            assert_eq!(calendar_period(seconds), Some(steps), "{seconds}");
        }
        assert_eq!(calendar_period(0.0), None);
    }
}
