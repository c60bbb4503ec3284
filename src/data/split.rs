//! Division of rows into train, validation and test.

use std::collections::BTreeMap;
use std::path::Path;

use super::DataError;
use super::error::unreadable;
use super::spec::{DataSpec, SplitKind};
use crate::error::Setting;
use crate::platform::files;
use crate::random::{permutation_keys, permute, stream};

/// Least number of rows that can be divided in a meaningful way.
const LEAST_ROWS: usize = 10;
/// Windows' lengths that a series takes to be divided, and steps of the shortest.
const WINDOWS: usize = 8;
const LEAST_STEPS: usize = 60;
/// Least number of pictures or recordings to divide, each of which is many rows.
const LEAST_GROUPS: usize = 3;

#[derive(Clone, Copy, Debug)]
pub(super) struct SplitPlan {
    pub validation_fraction: f64,
    pub seed: u64,
    /// True for a detector: windows of a series that are held out lie in one stretch of validation, without test, as its
    /// usual scores are those of steps that many windows hold; and what is far from all other rows is no normal one.
    pub for_detector: bool,
}

/// Rows of the source in order, with the counts of train rows at the start and of validation rows after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowSplit {
    pub order: Vec<u32>,
    pub train: usize,
    pub validation: usize,
    pub kind: SplitKind,
}

/// Attributes of rows that decide their parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowAttributes<'a> {
    pub rows: usize,
    /// Group of each row; rows of a group stay in one part.
    pub groups: Option<&'a [u32]>,
    pub labels: Option<&'a [u16]>,
    /// Part of each row (0, 1, 2) as the source itself has it.
    pub given: Option<&'a [u8]>,
    /// Origin of [`RowAttributes::given`].
    pub given_kind: Option<SplitKind>,
    /// Number of rows before a row that overlap it; `None` unless rows are in the order of time.
    pub overlap: Option<usize>,
    /// First step of each row, rising, and the steps of a row, where rows are windows of a series.
    pub windows: Option<(&'a [u32], usize)>,
    /// Names of rows in lists.
    pub names: Option<&'a [String]>,
}

fn permuted(count: usize, seed: u64, turn: u32) -> Result<Vec<u32>, DataError> {
    let count = u32::try_from(count).map_err(|_| {
        DataError::malformed(format!("{count} rows"), "they are more than this version counts; give at most 4 billion")
    })?;
    let keys = permutation_keys(seed, turn, stream::SPLIT);
    Ok((0..count).map(|place| permute(place, count, keys)).collect())
}

pub(super) fn divide(
    facts: &RowAttributes<'_>,
    options: &DataSpec,
    plan: &SplitPlan,
    place: &str,
) -> Result<RowSplit, DataError> {
    let groups = facts.groups.map_or(facts.rows, |groups| groups.iter().max().map_or(0, |&most| most as usize + 1));
    let least = if facts.groups.is_some() { LEAST_GROUPS } else { LEAST_ROWS };
    let kind = match options.split {
        Some(kind) => kind,
        None if facts.given.is_some() => facts.given_kind.unwrap_or(SplitKind::Given),
        None if options.lists.is_some() => SplitKind::Files,
        None if facts.overlap.is_some() => SplitKind::Time,
        None if facts.labels.is_some() && facts.groups.is_none() => SplitKind::Stratified,
        None => SplitKind::Fraction,
    };
    let divided = match kind {
        SplitKind::Given | SplitKind::Folders => {
            let given = facts.given.ok_or_else(|| DataError::Setting {
                setting: Setting::spec_key("data.split"),
                problem: format!("{place} has no folders named train, validation and test; use \"fraction\""),
            })?;
            by_parts(given, facts, plan)?
        }
        SplitKind::Files => by_parts(&listed(facts, options, place)?, facts, plan)?,
        SplitKind::Time if let Some((starts, window)) = facts.windows => {
            windows_by_time(starts, window, facts.overlap.unwrap_or(0), options, plan)
        }
        _ if groups < least => {
            let what = if facts.groups.is_some() { "files" } else { "rows" };
            return Err(DataError::malformed(
                place,
                format!("{groups} {what} cannot be split in train, validation and test; give at least {least}"),
            ));
        }
        SplitKind::Time => by_time(facts, options, plan),
        SplitKind::Stratified => {
            let labels = facts.labels.ok_or_else(|| DataError::Setting {
                setting: Setting::spec_key("data.split"),
                problem: "it is \"stratified\" and the rows have no labels; name them: setting `data.labels`"
                    .to_owned(),
            })?;
            stratified(labels, options, plan)?
        }
        SplitKind::Fraction => match facts.groups {
            Some(of) => by_groups(of, groups, options, plan)?,
            None => {
                let (test, validation) = shares(facts.rows, options, plan);
                let order = permuted(facts.rows, plan.seed, 0)?;
                RowSplit { order, train: facts.rows - test - validation, validation, kind }
            }
        },
    };
    if let Some((starts, window)) = facts.windows.filter(|_| divided.train == 0 || divided.validation == 0) {
        let steps = starts.last().map_or(0, |&start| start as usize + window);
        let problem = format!(
            "{place} has {} windows of {window} steps, too few for train and validation; use at most {}, or give more \
             steps that follow each other ({} or more)",
            facts.rows,
            (steps / WINDOWS).max(2),
            (WINDOWS * window).max(LEAST_STEPS)
        );
        return Err(DataError::Setting { setting: Setting::spec_key("data.window"), problem });
    }
    if divided.train == 0 || divided.validation == 0 {
        return Err(DataError::malformed(
            place,
            format!(
                "of {} rows {} are train and {} validation; give more, or a smaller {} or {}",
                divided.order.len(),
                divided.train,
                divided.validation,
                Setting::spec_key("data.test_fraction"),
                Setting::spec_key("train.validation_fraction")
            ),
        ));
    }
    Ok(RowSplit { kind, ..divided })
}

/// Rows for test and for validation.
fn shares(rows: usize, options: &DataSpec, plan: &SplitPlan) -> (usize, usize) {
    let test = (rows as f64 * options.test_fraction) as usize;
    let validation = (((rows - test) as f64 * plan.validation_fraction) as usize).max(1);
    (test, validation)
}

/// Rows in the order of their parts.
fn arranged(parts: [Vec<u32>; 3], kind: SplitKind) -> RowSplit {
    let (train, validation) = (parts[0].len(), parts[1].len());
    RowSplit { order: parts.concat(), train, validation, kind }
}

fn by_parts(given: &[u8], facts: &RowAttributes<'_>, plan: &SplitPlan) -> Result<RowSplit, DataError> {
    let mut parts: [Vec<u32>; 3] = Default::default();
    for row in permuted(given.len(), plan.seed, 0)? {
        if let Some(part) = parts.get_mut(usize::from(given[row as usize])) {
            part.push(row);
        }
    }
    if parts[1].is_empty() {
        // Validation is taken from train where the source has none of its own.
        let of = |row: u32| facts.groups.map_or(row, |groups| groups[row as usize]);
        let mut seen: Vec<u32> = parts[0].iter().map(|&row| of(row)).collect();
        seen.sort_unstable();
        seen.dedup();
        let count = ((seen.len() as f64 * plan.validation_fraction) as usize).max(1);
        let turned = permuted(seen.len(), plan.seed, 1)?;
        let chosen: std::collections::HashSet<u32> = turned.iter().take(count).map(|&at| seen[at as usize]).collect();
        let (validation, train) = parts[0].iter().partition(|&&row| chosen.contains(&of(row)));
        (parts[0], parts[1]) = (train, validation);
    }
    Ok(arranged(parts, SplitKind::Given))
}

/// Divides rows by time: the first are train, the last are test. Rows that overlap those of another part belong to
/// none.
fn by_time(facts: &RowAttributes<'_>, options: &DataSpec, plan: &SplitPlan) -> RowSplit {
    let (test, validation) = shares(facts.rows, options, plan);
    let overlap = facts.overlap.unwrap_or(0);
    let train = facts.rows - test - validation;
    let parts = [
        (0..train).collect::<Vec<usize>>(),
        (train + overlap..facts.rows - test).collect(),
        (facts.rows - test + overlap..facts.rows).collect(),
    ];
    arranged(parts.map(|rows| rows.into_iter().map(|row| row as u32).collect()), SplitKind::Time)
}

/// Divides windows of a series by time, the last for test. None shares steps with one of another part, and however few
/// there are, some are held out.
fn windows_by_time(starts: &[u32], window: usize, overlap: usize, options: &DataSpec, plan: &SplitPlan) -> RowSplit {
    /// Windows of validation and of test that are enough, where the shares are smaller than a window is long, and the
    /// share of all that they may be at most.
    const ENOUGH: usize = 8;
    const MOST: usize = 8;
    let rows = starts.len();
    let (mut test, mut validation) = shares(rows, options, plan);
    // Windows that end before the one at `at` begins.
    let before = |at: usize| {
        let start = starts.get(at).map_or(u64::MAX, |&start| u64::from(start));
        starts.partition_point(|&own| u64::from(own) + window as u64 <= start).min(at)
    };
    let held = |share: usize| share.saturating_sub(overlap).max(ENOUGH.min(rows / MOST)).max(1);
    if plan.for_detector {
        // Two windows' lengths, so that there are steps that every window around them holds.
        validation = held(test + validation).max((2 * overlap + 1).min(rows * 2 / 5));
        test = 0;
    } else {
        validation = held(validation);
        test = if test > 0 || options.test_fraction > 0.0 { held(test) } else { 0 };
    }
    let test_start = rows.saturating_sub(test);
    let validation_end = if test > 0 { before(test_start) } else { rows };
    let validation_start = validation_end.saturating_sub(validation);
    let train = before(validation_start);
    let parts = [0..train, validation_start..validation_end, test_start..rows];
    arranged(parts.map(|part| part.map(|row| row as u32).collect()), SplitKind::Time)
}

fn stratified(labels: &[u16], options: &DataSpec, plan: &SplitPlan) -> Result<RowSplit, DataError> {
    let mut classes: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
    for row in permuted(labels.len(), plan.seed, 0)? {
        classes.entry(labels[row as usize]).or_default().push(row);
    }
    let (test, validation) = shares(labels.len(), options, plan);
    let rows = labels.len() as f64;
    // Each class gives its share, and what rounding leaves is carried to the next.
    let (mut given, mut parts): ([f64; 2], [Vec<u32>; 3]) = ([0.0; 2], Default::default());
    for members in classes.values() {
        let (mut members, whole) = (members.as_slice(), members.len() as f64);
        for (part, wanted) in [(2, test), (1, validation)] {
            let due = given[part - 1] + wanted as f64 * whole / rows;
            let take = (due.round().max(0.0) as usize).min(members.len());
            given[part - 1] = due - take as f64;
            let (taken, left) = members.split_at(take);
            parts[part].extend(taken);
            members = left;
        }
        parts[0].extend(members);
    }
    // Classes must not lie one after the other: the first rows of a part are what is shown of it.
    for (turn, part) in parts.iter_mut().enumerate() {
        let turned = permuted(part.len(), plan.seed, 2 + turn as u32)?;
        *part = turned.iter().map(|&at| part[at as usize]).collect();
    }
    Ok(arranged(parts, SplitKind::Stratified))
}

fn by_groups(of: &[u32], groups: usize, options: &DataSpec, plan: &SplitPlan) -> Result<RowSplit, DataError> {
    let (test, validation) = shares(groups, options, plan);
    let test = if options.test_fraction > 0.0 { test.max(1) } else { 0 };
    let turned = permuted(groups, plan.seed, 0)?;
    let mut part_of = vec![0_u8; groups];
    for (place, &group) in turned.iter().enumerate() {
        let from_end = groups - place;
        part_of[group as usize] = if from_end <= test {
            2
        } else if from_end <= test + validation {
            1
        } else {
            0
        };
    }
    let mut parts: [Vec<u32>; 3] = Default::default();
    for row in permuted(of.len(), plan.seed, 1)? {
        parts[usize::from(part_of[of[row as usize] as usize])].push(row);
    }
    Ok(arranged(parts, SplitKind::Fraction))
}

/// Parts by three text files of names or of numbers from 1.
fn listed(facts: &RowAttributes<'_>, options: &DataSpec, place: &str) -> Result<Vec<u8>, DataError> {
    const NOWHERE: u8 = 3;
    let mut parts = vec![NOWHERE; facts.rows];
    let by_name: std::collections::HashMap<&str, Vec<usize>> =
        facts.names.map_or_else(std::collections::HashMap::new, |names| {
            let mut rows: std::collections::HashMap<&str, Vec<usize>> = std::collections::HashMap::new();
            for (row, name) in names.iter().enumerate() {
                // Pieces of a file are named after it: `a/b.png, piece 3`.
                let file = name.split_once(", piece").map_or(name.as_str(), |(file, _)| file);
                // Pages too: `a/b.tif, page 2, piece 3`.
                let file = file.split_once(", page ").map_or(file, |(file, _)| file);
                rows.entry(file).or_default().push(row);
            }
            rows
        });
    for (part, list) in options.lists.iter().flatten().enumerate() {
        let text = files::read_to_string(list).map_err(|error| unreadable(Path::new(list), &error))?;
        for (line, entry) in text.lines().map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty()) {
            let number = || {
                let number = entry.parse::<usize>().ok().filter(|number| (1..=facts.rows).contains(number))?;
                Some(vec![number - 1])
            };
            let rows = by_name.get(entry).cloned().or_else(number).ok_or_else(|| {
                DataError::malformed(
                    list.as_str(),
                    format!("line {}, {entry:?} is no row of {place}; write a name or a number from 1", line + 1),
                )
            })?;
            rows.into_iter().for_each(|row| parts[row] = part as u8);
        }
    }
    Ok(parts)
}
