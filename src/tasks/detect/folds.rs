//! Rows in folds: each is scored by a model that was not trained on it, so that what is usual, and the threshold, come
//! from more rows than a part held out of few would have.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::data::{DataSet, SourceKind, SplitKind};
use crate::tasks::TaskError;

/// Held-out rows from which one model is enough: they tell a rate of one in a hundred.
const ENOUGH: usize = 100;
/// Further models of few rows, at most and at least.
pub(super) const MOST_FOLDS: usize = 4;
const LEAST_FOLDS: usize = 2;
/// Operations of the training of all further models, at most (about half a minute on two cores), unless
/// [`LEAST_FOLDS`] take more.
const BUDGET: f64 = 1e12;
/// Least train rows of a fold.
const LEAST_ROWS: usize = 2;
/// Parts of held-out rows, each of which is scored by what is usual among the others.
const PARTS: usize = 10;
/// Parts of the held-out rows of a fold, where there are several folds.
const PARTS_OF_FOLD: usize = 4;
/// Held-out rows from which each of them changes what is usual too little to be left out of it.
const MANY: usize = 2000;

/// Returns the held-out rows of `data`: all but those of the train part.
pub(super) fn held(data: &DataSet) -> Range<usize> {
    data.validation.start..data.test.end
}

/// Returns the number of rows of `rows` that stand alone: that of the groups where there are groups.
pub(super) fn standing_alone(data: &DataSet, rows: Range<usize>) -> usize {
    let Some(groups) = &data.groups else { return rows.len() };
    let mut groups = groups.get(rows).unwrap_or_default().to_vec();
    groups.sort_unstable();
    groups.dedup();
    groups.len()
}

/// Returns whether the rows of `data` can be scored by models of several folds, and are so few that they should be.
pub(super) fn are_few(data: &DataSet) -> bool {
    let alone = data.kind != SourceKind::Series && data.options.split != Some(SplitKind::Time);
    alone && standing_alone(data, held(data)) < ENOUGH && standing_alone(data, data.train.clone()) > LEAST_ROWS
}

/// Returns the number of further models for few rows, where training one costs `cost` operations.
pub(super) fn count(cost: f64) -> usize {
    ((BUDGET / cost.max(1.0)) as usize).clamp(LEAST_FOLDS, MOST_FOLDS)
}

/// Returns the number of parts that the held-out rows of a fold are divided in; 1 where they are many.
pub(super) fn parts(data: &DataSet, folds: usize) -> usize {
    let held = held(data);
    match data.kind {
        SourceKind::Series => 1,
        _ if folds > 1 => PARTS_OF_FOLD.min(standing_alone(data, held)).max(1),
        _ if held.len() > MANY => 1,
        _ => PARTS.min(standing_alone(data, held)).max(1),
    }
}

/// Returns the block of each row of `rows`, of `blocks` that are nearly equal; rows of a group are in one block.
pub(super) fn divided(data: &DataSet, rows: Range<usize>, blocks: usize) -> Vec<usize> {
    let groups = data.groups.as_ref().and_then(|groups| groups.get(rows.clone()));
    let Some(groups) = groups else {
        return (0..rows.len()).map(|at| at * blocks / rows.len().max(1)).collect();
    };
    let mut place_of = HashMap::new();
    let mut place = |group: &u32| {
        let next = place_of.len();
        *place_of.entry(*group).or_insert(next)
    };
    let places: Vec<usize> = groups.iter().map(&mut place).collect();
    places.into_iter().map(|place| place * blocks / place_of.len().max(1)).collect()
}

/// Returns the data of `folds` further models: in each, another block of the train rows is held out, and what was held
/// out of the first model is trained on. Every row is held out by one model.
///
/// # Errors
/// If rows cannot be read.
pub(super) fn others(data: &DataSet, folds: usize) -> Result<Vec<Arc<DataSet>>, TaskError> {
    let folds = folds.min(standing_alone(data, data.train.clone()));
    let block_of = divided(data, data.train.clone(), folds);
    let of = |fold: usize| {
        let (out, mut rest): (Vec<usize>, Vec<usize>) =
            data.train.clone().partition(|&row| block_of.get(row - data.train.start) == Some(&fold));
        rest.extend(held(data));
        Ok(Arc::new(data.with_parts(&rest, &out)?))
    };
    (0..folds).map(of).collect()
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::data::{Preparation, Scaling};

    fn rows(count: usize, train: usize) -> DataSet {
        let values = (0..2 * count).map(|i| i as f32).collect();
        let mut preparation = Preparation::new(SourceKind::Array, Scaling::Zscore);
        (preparation.offset, preparation.scale) = (vec![0.0; 2], vec![1.0; 2]);
        let data = DataSet::from_rows(values, 2, &preparation);
        DataSet { train: 0..train, validation: train..train + 1, test: train + 1..count, ..data }
    }

    #[test]
    fn every_row_is_held_out_once_and_scaled_by_the_others() {
        let data = rows(23, 18);
        let mut out: Vec<u32> = (18..23).collect();
        for fold in others(&data, 4).expect("folds") {
            assert_eq!(fold.rows, 23);
            let order = fold.order.as_ref().expect("an order");
            out.extend(&order[held(&fold)]);
            assert!(order[fold.train.clone()].contains(&22), "what the first held out is trained on");
            let train = fold.rows_f32(fold.train.clone()).expect("rows");
            let of_column = |at: usize| train.iter().skip(at).step_by(2).map(|&value| f64::from(value));
            for column in 0..2 {
                let mean = of_column(column).sum::<f64>() / fold.train.len() as f64;
                let variance = of_column(column).map(|value| value * value).sum::<f64>() / fold.train.len() as f64;
                // Single precision of values around 1.
                assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "{mean} and {variance}");
            }
        }
        out.sort_unstable();
        assert_eq!(out, (0..23).collect::<Vec<u32>>());
    }

    #[test]
    fn pieces_of_one_file_are_in_one_block() {
        let data = DataSet { groups: Some(Arc::new((0..20).map(|row| row % 5).collect())), ..rows(20, 16) };
        assert_eq!(standing_alone(&data, 0..20), 5);
        let blocks = divided(&data, 0..16, 4);
        for (row, block) in blocks.iter().enumerate() {
            assert_eq!(*block, blocks[row % 5], "{blocks:?}");
        }
        assert_eq!(blocks.iter().max(), Some(&3));
        assert_eq!(divided(&rows(10, 8), 0..8, 4), [0, 0, 1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn costly_models_have_fewer_folds() {
        assert_eq!([count(1e9), count(3e11), count(1e14)], [MOST_FOLDS, 3, LEAST_FOLDS]);
        assert!(are_few(&rows(300, 250)) && !are_few(&rows(1000, 800)));
    }
}
