//! Rows of the held-out parts that are in the train part too, equal or nearly equal: metrics on them are not those on
//! new rows.

use serde::Serialize;

use super::{DataError, DataSet, Part};
use crate::random::{key, normal4, philox4x32};

/// Random projections by which rows are compared first.
const PROJECTIONS: usize = 32;
/// Most rows compared, of the train part and of the held-out parts.
const TRAIN_ROWS: usize = 60_000;
const HELD_ROWS: usize = 4_000;
/// Largest distance of near duplicates, as a share of the usual distance between rows.
const NEAR: f64 = 0.02;
/// Least values of a row for near duplicates: rows of fewer are near each other anyway, and only equal ones are
/// counted.
const LEAST_VALUES: usize = 32;
/// Most pairs that are named.
const SHOWN: usize = 3;

/// Counts and examples of held-out rows that are also train rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Duplicates {
    /// Held-out rows that were compared.
    pub compared: usize,
    /// Compared rows that are equal to a train row.
    pub equal: usize,
    /// Compared rows that are nearly equal to a train row, the equal ones left out.
    pub near: usize,
    /// Names of some of these rows, each with that of its train row.
    pub examples: Vec<(String, String)>,
}

/// Compares validation and test rows with train rows.
///
/// Distances between random projections estimate those between rows (Johnson & Lindenstrauss 1984); the nearest train
/// row by them is compared in full.
pub fn near_duplicates(data: &DataSet) -> Result<Duplicates, DataError> {
    use rayon::prelude::*;
    let features = data.features;
    let most = ((1_usize << 28) / features).max(1);
    let train = data.part(Part::Train);
    let train = train.start..train.end.min(train.start + TRAIN_ROWS.min(most));
    let held: Vec<usize> = [Part::Validation, Part::Test]
        .into_iter()
        .flat_map(|part| data.part(part).take(HELD_ROWS.min(most) / 2))
        .collect();
    if held.is_empty() || train.is_empty() {
        return Ok(Duplicates::default());
    }
    let train_rows = data.rows_f32(train.clone())?;
    let mut held_rows = Vec::with_capacity(held.len() * features);
    for &row in &held {
        held_rows.extend(data.rows_f32(row..row + 1)?);
    }

    let directions: Vec<f32> = (0..(features * PROJECTIONS).div_ceil(4) as u32)
        .flat_map(|block| normal4(philox4x32([block, 0, 0, 11], key(1))))
        .collect();
    let project = |rows: &[f32]| -> Vec<[f32; PROJECTIONS]> {
        rows.par_chunks_exact(features)
            .map(|row| {
                let mut sums = [0.0; PROJECTIONS];
                for (&value, weights) in row.iter().zip(directions.chunks_exact(PROJECTIONS)) {
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
                }
                sums
            })
            .collect()
    };
    let (seen, asked) = (project(&train_rows), project(&held_rows));
    // The usual squared distance: twice the variance, summed over values.
    let usual: f64 = (0..features)
        .into_par_iter()
        .map(|feature| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for row in train_rows.chunks_exact(features) {
                let value = f64::from(row[feature]);
                (sum, squares) = (sum + value, squares + value * value);
            }
            let count = train.len().max(1) as f64;
            2.0 * (squares / count - (sum / count).powi(2))
        })
        .sum();
    let bound = if features >= LEAST_VALUES { NEAR * NEAR * usual } else { 0.0 };
    let found: Vec<Option<(usize, bool)>> = asked
        .par_iter()
        .enumerate()
        .map(|(at, asked)| {
            let distance =
                |other: &[f32; PROJECTIONS]| -> f32 { asked.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum() };
            let nearest = seen.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
            let own = &held_rows[at * features..(at + 1) * features];
            let other = &train_rows[nearest * features..(nearest + 1) * features];
            let squared: f64 = own.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            (squared <= bound).then_some((nearest, squared == 0.0))
        })
        .collect();
    let pairs: Vec<(usize, usize, bool)> =
        found.iter().enumerate().filter_map(|(at, pair)| pair.map(|(train, equal)| (at, train, equal))).collect();
    let equal = pairs.iter().filter(|(.., equal)| *equal).count();
    let examples = pairs
        .iter()
        .take(SHOWN)
        .map(|&(at, other, _)| (data.row_name(held[at]), data.row_name(train.start + other)))
        .collect();
    Ok(Duplicates { compared: held.len(), equal, near: pairs.len() - equal, examples })
}
