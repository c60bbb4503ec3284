//! Products of matrices on the processor, by the gemm crate: on one thread within a task of ours, or shared out by it.

use std::cell::RefCell;

use rayon::prelude::*;

/// dst [m, n] = lhs [m, k] rhs [k, n] (+ dst where `accumulate`), each matrix with its (row, column) strides, on the thread
/// that asks.
///
/// # Safety
/// The three pointers must be valid for the elements that sizes and strides reach, and dst must overlap neither.
#[expect(clippy::too_many_arguments, reason = "the shape of every BLAS")]
pub(in crate::kernels) unsafe fn product(
    sizes: (usize, usize, usize),
    dst: *mut f32,
    dst_strides: (usize, usize),
    accumulate: bool,
    lhs: *const f32,
    lhs_strides: (usize, usize),
    rhs: *const f32,
    rhs_strides: (usize, usize),
) {
    let alone = gemm::Parallelism::None;
    // SAFETY: the caller's promise.
    unsafe { product_on(alone, sizes, dst, dst_strides, accumulate, lhs, lhs_strides, rhs, rhs_strides) };
}

/// On all threads of the pool. The inner dimension is cut by the caches and never by threads, so that their count
/// changes no bit.
pub(super) const ALL_THREADS: gemm::Parallelism = gemm::Parallelism::Rayon(0);

/// Operations from which a product is shared out by the gemm crate itself: it packs each side once for all threads, where
/// tasks that cut the rows would each pack the other side.
const SHARED_FROM: usize = 1 << 27;

pub(super) fn is_large(m: usize, n: usize, k: usize) -> bool {
    2 * m * n * k >= SHARED_FROM
}

/// # Safety
/// As for [`product`].
#[expect(clippy::too_many_arguments, reason = "the shape of every BLAS")]
pub(super) unsafe fn product_on(
    parallelism: gemm::Parallelism,
    (m, n, k): (usize, usize, usize),
    dst: *mut f32,
    dst_strides: (usize, usize),
    accumulate: bool,
    lhs: *const f32,
    lhs_strides: (usize, usize),
    rhs: *const f32,
    rhs_strides: (usize, usize),
) {
    // Strides of real arrays fit isize.
    let signed = |(row, column): (usize, usize)| (row as isize, column as isize);
    let ((dst_rs, dst_cs), (lhs_rs, lhs_cs), (rhs_rs, rhs_cs)) =
        (signed(dst_strides), signed(lhs_strides), signed(rhs_strides));
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst,
            dst_cs,
            dst_rs,
            accumulate,
            lhs,
            lhs_cs,
            lhs_rs,
            rhs,
            rhs_cs,
            rhs_rs,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

thread_local! {
    /// Weights of a call with rows and columns exchanged; taken out while in use, because a thread may meet another call
    /// while it waits.
    pub(super) static TRANSPOSED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Weights that are worth exchanging before a product: fewer are packed by it as they are.
pub(super) const TRANSPOSE_FROM: usize = 8 * 1024;

/// out [columns, rows] = values [rows, columns], in squares that stay in the first cache: rows a power of two apart would
/// otherwise fall on each other there. Plain loads and stores on purpose: what gathers of wide vectors do is slower.
pub(super) fn transpose(values: &[f32], rows: usize, columns: usize, out: &mut [f32]) {
    const SIDE: usize = 16;
    out[..rows * columns].par_chunks_mut(SIDE * rows).enumerate().with_min_len(4).for_each(|(band, out)| {
        let first = band * SIDE;
        let count = SIDE.min(columns - first);
        for start in (0..rows).step_by(SIDE) {
            let height = SIDE.min(rows - start);
            let mut square = [[0.0_f32; SIDE]; SIDE];
            for row in 0..height {
                let line = &values[(start + row) * columns + first..][..count];
                square.iter_mut().zip(line).for_each(|(column, &value)| column[row] = value);
            }
            for (out, column) in out.chunks_exact_mut(rows).zip(&square) {
                out[start..start + height].copy_from_slice(&column[..height]);
            }
        }
    });
}

/// out = lhs rhs, squares of `side`, by the gemm crate as it is, on the threads of the pool: what the benchmark measures
/// ours against.
pub fn product_alone(side: usize, lhs: &[f32], rhs: &[f32], out: &mut [f32]) {
    let (values, stride) = (side * side, side as isize);
    assert!(lhs.len() >= values && rhs.len() >= values && out.len() >= values);
    // SAFETY: three squares of `side` rows, as checked; `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            side,
            side,
            side,
            out.as_mut_ptr(),
            1,
            stride,
            false,
            lhs.as_ptr(),
            1,
            stride,
            rhs.as_ptr(),
            1,
            stride,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
}

/// Rows (or units, or columns) of the result that one task of the CPU computes: a fixed cut, so that results do not
/// depend on the number of threads.
pub(super) fn rows_per_task(rows: usize) -> usize {
    // Four parts of the usual batch, so that no thread waits long for another; small ones are not worth cutting.
    rows.div_ceil(4).clamp(32, 128)
}
