//! Rows of a series in the order of time: steps, and the runs of them without a hole.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Step of a row that has none.
pub(super) const NOWHERE: u32 = u32::MAX;
/// Longest time between two steps of a run, in usual ones: a longer one is a hole.
const HOLE: f64 = 1.5;
/// Distance from the usual time between two steps that still counts as regular, as a share of it.
const NEAR: f64 = 0.1;
/// Share of the times between steps that is near the usual one in a regular series.
const MOSTLY: f64 = 0.9;
/// Share of the times between steps above the usual one by [`HOLE`] that are still exceptions. More of them (weekends
/// in a series of working days, stamps that jitter) are its rhythm, and holes are what is longer than that.
const EXCEPTIONS: f64 = 0.05;
/// Steps over which stamps that jitter must keep pace: single times between steps say nothing of those.
const PACE_STEPS: usize = 16;
/// Share of the stretches of [`PACE_STEPS`] steps that take as long as usual, but for one of the longer times between
/// steps, where stamps jitter or have a rhythm. Of events at random it is about half.
const IN_PACE: f64 = 0.8;

/// Share of the times between steps that is near a whole number of usual ones where rows lie on a grid with some of them
/// missing.
const ON_GRID: f64 = 0.9;
/// Least share of the times between steps that is the usual one: of such a grid, and of that of a fitted model.
const USUAL_STEPS: f64 = 0.6;
const FITTED_STEPS: f64 = 0.25;
/// Share of the distances between longer times that is the commonest one where these are a rhythm, such as weekends,
/// and no missing rows. Of rows that are missing at random it is the share of those.
const IN_RHYTHM: f64 = 0.5;
/// Longest time between steps of which few rows are missing, in usual ones, and the share of the longer ones that are
/// so; nights and pauses are longer.
const FEW_MISSING: f64 = 4.5;
const MOSTLY_FEW: f64 = 0.8;
/// Times between steps that tell the pace of stamps that jitter, and by how much it may differ, as a factor.
const TELLING_STEPS: usize = 8;
const JITTER: f64 = 1.5;

/// Length of a step of a series that a model was fitted on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepPace {
    /// Usual time between steps: in seconds, or in what the time column counts.
    pub seconds: f64,
    /// True if times lie on a grid of such steps; false if they jitter or have a rhythm.
    pub steady: bool,
    /// True if the time column counts something else than seconds.
    #[serde(default)]
    pub is_count: bool,
}

/// Times between the steps of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// Median, in seconds.
    pub usual: f64,
    /// Time above which there is a hole, in seconds.
    hole: f64,
    /// True if holes are whole numbers of missing steps rather than a matter of degree.
    is_steady: bool,
    /// True if steps go on evenly enough to be a series.
    pub is_regular: bool,
    /// Quantiles at 5% and 95%, in seconds.
    pub spread: [f64; 2],
}

impl Pace {
    /// Measures rising times; `None` for fewer than three. Those that lie on the grid of the `fitted` pace are steps of
    /// it, however many are missing.
    fn new(seconds: &[f64], fitted: Option<StepPace>) -> Option<Self> {
        let in_order: Vec<f64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if let Some(fitted) =
            fitted.filter(|fitted| fitted.steady && is_on_grid(&in_order, fitted.seconds, FITTED_STEPS))
        {
            let usual = fitted.seconds;
            return Some(Self { usual, hole: HOLE * usual, is_steady: true, is_regular: true, spread: [usual; 2] });
        }
        let mut steps = in_order.clone();
        if steps.len() < 2 {
            return None;
        }
        steps.sort_by(f64::total_cmp);
        let at = |share: f64| steps[((steps.len() - 1) as f64 * share).round() as usize];
        let (usual, spread) = (at(0.5), [at(0.05), at(1.0 - EXCEPTIONS)]);
        let near = steps.iter().filter(|&&step| (step - usual).abs() <= NEAR * usual).count();
        let is_patchy = is_on_grid(&in_order, usual, USUAL_STEPS) && misses_rows(&in_order, usual);
        let is_steady = spread[1] <= HOLE * usual || is_patchy;
        let is_regular = is_patchy || near as f64 >= MOSTLY * steps.len() as f64 || keeps_pace(seconds, spread[1]);
        Some(Self { usual, hole: HOLE * if is_steady { usual } else { spread[1] }, is_steady, is_regular, spread })
    }
}

/// Returns whether nearly all times between steps are whole numbers of `usual`, and a share `alike` of them is one.
fn is_on_grid(steps: &[f64], usual: f64, alike: f64) -> bool {
    let near = |step: f64, count: f64| count >= 1.0 && (step - count * usual).abs() <= NEAR * usual;
    let whole = steps.iter().filter(|&&step| near(step, (step / usual).round())).count();
    let single = steps.iter().filter(|&&step| near(step, 1.0)).count();
    usual > 0.0 && whole as f64 >= ON_GRID * steps.len() as f64 && single as f64 >= alike * steps.len() as f64
}

/// Returns whether the longer times between steps are missing rows: mostly few of them, and not after equally many steps.
fn misses_rows(steps: &[f64], usual: f64) -> bool {
    let long: Vec<usize> = (0..steps.len()).filter(|&at| steps[at] > HOLE * usual).collect();
    let few = long.iter().filter(|&&at| steps[at] <= FEW_MISSING * usual).count();
    let mut apart: Vec<usize> = long.windows(2).map(|pair| pair[1] - pair[0]).collect();
    apart.sort_unstable();
    let commonest = apart.chunk_by(|a, b| a == b).map(<[usize]>::len).max().unwrap_or(0);
    few as f64 >= MOSTLY_FEW * long.len() as f64 && (commonest as f64) < IN_RHYTHM * apart.len() as f64
}

/// Returns whether most stretches of several steps take equally long, but for `apart` seconds.
fn keeps_pace(seconds: &[f64], apart: f64) -> bool {
    let stretches: Vec<f64> = seconds.windows(PACE_STEPS + 1).map(|run| run[PACE_STEPS] - run[0]).collect();
    let mut sorted = stretches.clone();
    sorted.sort_by(f64::total_cmp);
    let Some(&usual) = sorted.get(sorted.len() / 2) else { return false };
    let even = stretches.iter().filter(|&&stretch| (stretch - usual).abs() <= apart).count();
    even as f64 >= IN_PACE * stretches.len() as f64
}

/// Steps of a series, and the rows of its source in each.
#[derive(Debug, Default)]
pub(super) struct TimeOrder {
    /// Step of each row, [`NOWHERE`] for one without a time.
    pub step_of_row: Vec<u32>,
    /// Seconds since 1970 of each step; empty without times.
    pub seconds: Vec<f64>,
    /// Number of steps.
    pub steps: usize,
    /// Steps that follow each other without a hole.
    pub runs: Vec<Range<usize>>,
    pub pace: Option<Pace>,
    facts: Facts,
}

/// Faults of the times, counted in rows but for `filled` (steps) and `holes`.
#[derive(Debug, Default)]
struct Facts {
    backwards: usize,
    forwards: usize,
    untimed: usize,
    repeats: usize,
    filled: usize,
    holes: usize,
    /// Seconds of the longest hole.
    longest: f64,
}

impl TimeOrder {
    /// Returns a step for each of `rows` rows, in their order.
    pub fn without_times(rows: usize) -> Self {
        let runs = std::iter::once(0..rows).collect();
        Self { step_of_row: (0..rows as u32).collect(), steps: rows, runs, ..Self::default() }
    }

    /// Sorts rows by their times. Those of one time are one step, and holes of up to `fill` missing steps are filled
    /// with steps that have no row. `fitted` is the pace of the series that a model was fitted on.
    pub fn of_times(times: &[Option<f64>], fill: usize, fitted: Option<StepPace>) -> Self {
        let timed = |(row, time): (usize, &Option<f64>)| {
            time.filter(|seconds| seconds.is_finite()).map(|seconds| (row as u32, seconds))
        };
        let mut rows: Vec<(u32, f64)> = times.iter().enumerate().filter_map(timed).collect();
        let mut facts = Facts { untimed: times.len() - rows.len(), ..Facts::default() };
        for pair in rows.windows(2) {
            facts.backwards += usize::from(pair[1].1 < pair[0].1);
            facts.forwards += usize::from(pair[1].1 > pair[0].1);
        }
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        let seconds: Vec<f64> = rows.chunk_by(|a, b| a.1 == b.1).map(|same| same[0].1).collect();
        facts.repeats = rows.len() - seconds.len();
        let pace = Pace::new(&seconds, fitted);
        let mut line = Self { step_of_row: vec![NOWHERE; times.len()], pace, ..Self::default() };
        let mut start = 0;
        for same in rows.chunk_by(|a, b| a.1 == b.1) {
            let now = same[0].1;
            if let (Some(&before), Some(pace)) = (line.seconds.last(), pace)
                && now - before > pace.hole
            {
                let missing = ((now - before) / pace.usual).round() - 1.0;
                if pace.is_steady && missing >= 1.0 && missing <= fill as f64 {
                    let parts = missing + 1.0;
                    let between = (1..=missing as usize).map(|part| before + (now - before) * part as f64 / parts);
                    line.seconds.extend(between);
                    facts.filled += missing as usize;
                } else {
                    facts.holes += 1;
                    facts.longest = facts.longest.max(now - before);
                    line.runs.push(start..line.seconds.len());
                    start = line.seconds.len();
                }
            }
            for (row, _) in same {
                line.step_of_row[*row as usize] = line.seconds.len() as u32;
            }
            line.seconds.push(now);
        }
        line.steps = line.seconds.len();
        line.runs.push(start..line.steps);
        line.facts = facts;
        line
    }

    /// Returns the length of the steps, for a model to keep; `None` without times that go on evenly.
    pub fn step_pace(&self) -> Option<StepPace> {
        let pace = self.pace.filter(|pace| pace.is_regular && pace.usual > 0.0)?;
        Some(StepPace { seconds: pace.usual, steady: pace.is_steady, is_count: false })
    }

    /// Returns the usual time between steps where it is not that of `fitted`: what a window meant there it does not mean
    /// here.
    pub fn other_pace(&self, fitted: StepPace) -> Option<f64> {
        let pace = self.pace?;
        let ratio = pace.usual / fitted.seconds;
        let is_alike = match fitted.steady && pace.is_steady {
            true => (ratio - 1.0).abs() <= NEAR,
            // Few stamps that jitter tell little.
            false => self.steps <= TELLING_STEPS || (1.0 / JITTER..=JITTER).contains(&ratio),
        };
        (!is_alike).then_some(pace.usual)
    }

    /// Returns the number of steps that have no row.
    pub fn blank(&self) -> usize {
        self.facts.filled
    }

    /// Computes the mean of a column's values at each step, NaN where there is none.
    pub fn means(&self, values: &[f64]) -> Vec<f64> {
        let (mut sums, mut counts) = (vec![0.0; self.steps], vec![0_u32; self.steps]);
        for (&step, &value) in self.step_of_row.iter().zip(values) {
            if let (Some(sum), Some(count), false) =
                (sums.get_mut(step as usize), counts.get_mut(step as usize), value.is_nan())
            {
                *sum += value;
                *count += 1;
            }
        }
        sums.iter().zip(counts).map(|(sum, count)| if count == 0 { f64::NAN } else { sum / f64::from(count) }).collect()
    }

    /// Returns the share of rows that repeat the time of another.
    pub fn repeated(&self) -> f64 {
        self.facts.repeats as f64 / self.step_of_row.len().max(1) as f64
    }

    /// Returns the share of rows without a time.
    pub fn untimed(&self) -> f64 {
        self.facts.untimed as f64 / self.step_of_row.len().max(1) as f64
    }

    /// Returns what was done about the times of the column `name`, in words.
    pub fn notes(&self, name: &str) -> Vec<String> {
        /// Share of repeated times above which rows are more than one series.
        const MANY: f64 = 0.1;
        let facts = &self.facts;
        let mut notes = Vec::new();
        if facts.backwards > 0 && facts.backwards >= 9 * facts.forwards {
            notes.push(format!("rows begin with the newest: they are sorted by {name:?}"));
        } else if facts.backwards > 0 {
            notes.push(format!(
                "rows are not in order, {} of them follow a later one: sorted by {name:?}",
                facts.backwards
            ));
        }
        if facts.repeats > 0 {
            let several = match self.repeated() > MANY {
                true => "; if they are several series, give each columns of its own",
                false => "",
            };
            notes.push(format!(
                "{} repeat the time of another in {name:?}: their values are averaged{several}",
                rows(facts.repeats)
            ));
        }
        if facts.untimed > 0 {
            notes.push(format!("{} without a time in {name:?}: left out", rows(facts.untimed)));
        }
        if let Some(pace) = self.pace.filter(|pace| !pace.is_steady || !pace.is_regular) {
            notes.push(format!(
                "rows of {name:?} are {} to {} apart: each is taken as one step",
                duration(pace.spread[0]),
                duration(pace.spread[1])
            ));
        }
        if facts.filled > 0 {
            notes.push(format!(
                "{} missing between rows of {name:?} {} filled in by their neighbors",
                if facts.filled == 1 { "a step".to_owned() } else { format!("{} steps", facts.filled) },
                if facts.filled == 1 { "is" } else { "are" }
            ));
        }
        if facts.holes > 0 {
            notes.push(match facts.holes {
                1 => format!("a hole of {} in {name:?}: no window goes across it", duration(facts.longest)),
                holes => {
                    format!("{holes} holes of up to {} in {name:?}: no window goes across one", duration(facts.longest))
                }
            });
        }
        notes
    }
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// Formats seconds in the largest unit of which there is exactly one, or two at least.
pub(super) fn duration(seconds: f64) -> String {
    let units = [(86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds")];
    if let Some((_, name)) = units.into_iter().find(|&(unit, _)| seconds == unit) {
        return format!("1 {}", name.trim_end_matches('s'));
    }
    let (unit, name) = units.into_iter().find(|&(unit, _)| seconds >= 2.0 * unit).unwrap_or((1.0, "seconds"));
    let text = format!("{:.1}", seconds / unit);
    format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Fills runs of up to `fill` NaNs between two values of a run of steps along a straight line; returns how many.
pub(super) fn fill_between(values: &mut [f64], runs: &[Range<usize>], fill: usize) -> usize {
    let mut filled = 0;
    for run in runs {
        let mut last: Option<usize> = None;
        for at in run.clone() {
            if values[at].is_nan() {
                continue;
            }
            if let Some(last) = last.filter(|last| (2..=fill + 1).contains(&(at - last))) {
                let (from, slope) = (values[last], (values[at] - values[last]) / (at - last) as f64);
                (last + 1..at).for_each(|between| values[between] = from + slope * (between - last) as f64);
                filled += at - last - 1;
            }
            last = Some(at);
        }
    }
    filled
}

/// Splits runs of steps at the steps that are not usable.
pub(super) fn without_steps(runs: &[Range<usize>], is_usable: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut kept = Vec::new();
    for run in runs {
        let mut start = run.start;
        for at in run.clone() {
            if !is_usable(at) {
                if start < at {
                    kept.push(start..at);
                }
                start = at + 1;
            }
        }
        if start < run.end {
            kept.push(start..run.end);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(times: &[f64], fill: usize) -> TimeOrder {
        TimeOrder::of_times(&times.iter().map(|&time| Some(time)).collect::<Vec<_>>(), fill, None)
    }

    #[test]
    fn missing_rows_leave_a_grid_and_another_pace_is_known() {
        // Three of ten are missing, at no regular distance.
        let is_there = |at: &usize| {
            let bits = (*at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (bits ^ (bits >> 27)) % 10 > 2
        };
        let patchy: Vec<f64> = (0..3000).filter(is_there).map(|at| 3600.0 * at as f64).collect();
        let own = line(&patchy, 3);
        assert!(own.pace.is_some_and(|pace| pace.is_regular && pace.is_steady), "{:?}", own.pace);
        assert!(own.facts.filled > 500 && own.steps > 2800, "{:?}", own.facts);
        let hourly = StepPace { seconds: 3600.0, steady: true, is_count: false };
        assert_eq!(own.step_pace(), Some(hourly));
        let of = |step: f64, count: usize| {
            let times: Vec<Option<f64>> = (0..count).map(|at| Some(step * at as f64)).collect();
            TimeOrder::of_times(&times, 3, Some(hourly)).other_pace(hourly)
        };
        for step in [300.0, 1800.0, 7200.0, 86_400.0] {
            assert_eq!(of(step, 600), Some(step));
        }
        assert_eq!(of(3600.0, 600), None);
        assert_eq!(of(3601.0, 3), None);
        // Half of the rows at random: the grid is that of the model.
        let half: Vec<Option<f64>> =
            patchy.iter().enumerate().filter(|(at, _)| at % 3 > 0).map(|(_, &at)| Some(at)).collect();
        let laid = TimeOrder::of_times(&half, 3, Some(hourly));
        assert!(laid.other_pace(hourly).is_none() && laid.facts.filled > 500, "{:?}", laid.facts);
    }

    #[test]
    fn rows_are_sorted_and_repeats_are_one_step() {
        let newest_first: Vec<f64> = (0..50).rev().map(|at| f64::from(at) * 60.0).collect();
        let sorted = line(&newest_first, 0);
        assert_eq!(sorted.step_of_row, (0..50).rev().collect::<Vec<u32>>());
        assert_eq!(sorted.runs, std::slice::from_ref(&(0..50)));
        assert!(sorted.notes("t")[0].contains("newest"), "{:?}", sorted.notes("t"));
        let repeated = line(&[0.0, 60.0, 60.0, 120.0, 180.0, 240.0], 0);
        assert_eq!(repeated.step_of_row, [0, 1, 1, 2, 3, 4]);
        let means = repeated.means(&[1.0, 2.0, 4.0, f64::NAN, 8.0, 9.0]);
        assert!(means[..2] == [1.0, 3.0] && means[2].is_nan() && means[3..] == [8.0, 9.0], "{means:?}");
    }

    #[test]
    fn holes_part_runs_whatever_else_is_wrong() {
        // A repeat in fifty leaves a step missing after it; four days are missing in the middle.
        let stamp = |at: usize| 300.0 * (at - usize::from(at > 0 && at.is_multiple_of(50))) as f64;
        let times: Vec<f64> = (0..400).map(|at| stamp(at) + if at < 200 { 0.0 } else { 345_600.0 }).collect();
        let parted = line(&times, 3);
        assert_eq!(parted.facts.repeats, 6);
        assert_eq!(parted.facts.holes, 1, "{:?}", parted.facts);
        assert_eq!(parted.facts.filled, 7);
        assert_eq!(parted.runs.len(), 2);
        assert_eq!(parted.step_of_row[250], parted.step_of_row[249]);
        assert_eq!(parted.step_of_row[251], parted.step_of_row[249] + 2);
    }

    #[test]
    fn events_at_random_are_no_series_and_stamps_that_jitter_are_one() {
        // A linear congruential generator: uniform in 0..1.
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let jitter: Vec<f64> = (0..2000).map(|at| f64::from(at) * 300.0 + 280.0 * (uniform() - 0.5)).collect();
        let mut now = 0.0;
        let mut event = || {
            now -= 300.0 * (1.0 - uniform()).ln();
            now
        };
        let events: Vec<f64> = (0..2000).map(|_| event()).collect();
        let (jitter, events) = (line(&jitter, 3), line(&events, 3));
        assert!(jitter.pace.is_some_and(|pace| pace.is_regular) && jitter.runs.len() == 1, "{:?}", jitter.facts);
        assert!(events.pace.is_some_and(|pace| !pace.is_regular), "{:?}", events.pace);
        // Working days: a weekend is no hole, two weeks are.
        let day = |at: usize| 86_400.0 * (at / 5 * 7 + at % 5 + if at < 300 { 0 } else { 14 }) as f64;
        let days = line(&(0..600).map(day).collect::<Vec<_>>(), 3);
        assert!(days.pace.is_some_and(|pace| pace.is_regular), "{:?}", days.pace);
        assert_eq!((days.runs.len(), days.facts.filled), (2, 0));
    }

    #[test]
    fn short_stretches_are_filled_and_long_ones_part() {
        let nan = f64::NAN;
        let mut values = [1.0, nan, 3.0, nan, nan, nan, 7.0, nan];
        assert_eq!(fill_between(&mut values, std::slice::from_ref(&(0..8)), 2), 1);
        assert_eq!(values[..3], [1.0, 2.0, 3.0]);
        assert_eq!(without_steps(std::slice::from_ref(&(0..8)), |at| !values[at].is_nan()), [0..3, 6..7]);
    }

    #[test]
    fn durations_are_in_units_that_people_use() {
        for (seconds, text) in [
            (0.5, "0.5 seconds"),
            (3600.0, "1 hour"),
            (90.0, "90 seconds"),
            (300.0, "5 minutes"),
            (345_600.0, "4 days"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
