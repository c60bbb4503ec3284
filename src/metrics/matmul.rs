//! Matrix products and distances in f64, cut in pieces of a fixed size: the same bits on any number of threads.

use rayon::prelude::*;

/// View of a matrix in memory, with strides in values from one row and one column to the next.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f64],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Returns a row-major view `[rows, columns]`; values after the last whole row are left out.
    pub fn new(values: &'a [f64], columns: usize) -> Self {
        Self { values, rows: values.len() / columns.max(1), columns, row_stride: columns, column_stride: 1 }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Computes self x other `[rows, other's columns]` on this thread.
    pub fn times(self, other: Matrix<'_>) -> Vec<f64> {
        assert_eq!(self.columns, other.rows, "a product of matrices that do not fit");
        let (m, n, k) = (self.rows, other.columns, self.columns);
        let mut product = vec![0.0; m * n];
        // SAFETY: product is [m, n] and ours; both matrices hold rows x columns values at their strides, as `new` made them.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                product.as_mut_ptr(),
                1,
                n as isize,
                false,
                self.values.as_ptr(),
                self.column_stride as isize,
                self.row_stride as isize,
                other.values.as_ptr(),
                other.column_stride as isize,
                other.row_stride as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        product
    }
}

/// Rows of a piece of queries, and of references: large enough for fast products, small enough for the cache.
const QUERY_ROWS: usize = 128;
const REFERENCE_ROWS: usize = 2048;

/// Calls `each` with every row of `queries` `[n, features]` and its squared Euclidean distances to all rows of
/// `references` `[m, features]`; returns the results in order.
///
/// |q - r|^2 = |q|^2 + |r|^2 - 2 q r, with the mean of the references taken from both, so that little cancels.
pub(super) fn for_each_row<T: Send>(
    queries: &[f32],
    references: &[f32],
    features: usize,
    each: impl Fn(usize, &[f64]) -> T + Sync,
) -> Vec<T> {
    if features == 0 {
        return Vec::new();
    }
    let count = references.len() / features;
    let mut mean = vec![0.0_f64; features];
    for row in references.chunks_exact(features) {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) / count as f64);
    }
    let centered = |rows: &[f32]| -> Vec<f64> {
        rows.chunks_exact(features).flat_map(|row| row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m)).collect()
    };
    let norms =
        |rows: &[f64]| -> Vec<f64> { rows.chunks_exact(features).map(|row| row.iter().map(|x| x * x).sum()).collect() };
    let pieces = queries.par_chunks(QUERY_ROWS * features).enumerate().map(|(piece, rows)| {
        let rows = centered(rows);
        let row_norms = norms(&rows);
        let mut distances = vec![0.0; row_norms.len() * count];
        for (part, others) in references.chunks(REFERENCE_ROWS * features).enumerate() {
            let others = centered(others);
            let other_norms = norms(&others);
            let products = Matrix::new(&rows, features).times(Matrix::new(&others, features).transposed());
            for (row, products) in products.chunks_exact(other_norms.len().max(1)).enumerate() {
                let start = row * count + part * REFERENCE_ROWS;
                for ((distance, product), norm) in distances[start..].iter_mut().zip(products).zip(&other_norms) {
                    *distance = (row_norms[row] + norm - 2.0 * product).max(0.0);
                }
            }
        }
        let row = |row: usize| each(piece * QUERY_ROWS + row, &distances[row * count..(row + 1) * count]);
        (0..row_norms.len()).map(row).collect::<Vec<T>>()
    });
    pieces.collect::<Vec<Vec<T>>>().into_iter().flatten().collect()
}
