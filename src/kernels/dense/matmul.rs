//! Products of matrices on the processor, by the gemm crate: on one thread within a task, or spread over threads by the
//! crate.

use std::cell::RefCell;

use rayon::prelude::*;

/// Computes dst `[m, n]` = lhs `[m, k]` rhs `[k, n]` (+ dst where `accumulate`), each matrix with its (row, column)
/// strides, on the calling thread.
///
/// # Safety
/// The three pointers must be valid for the elements that sizes and strides reach, and dst must overlap neither.
#[expect(clippy::too_many_arguments, reason = "the shape of every BLAS")]
pub(in crate::kernels) unsafe fn matmul(
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
    unsafe { matmul_on(alone, sizes, dst, dst_strides, accumulate, lhs, lhs_strides, rhs, rhs_strides) };
}

/// Parallelism over all threads of the pool. The inner dimension is cut by the caches and never by threads, so that
/// their count changes no bit.
pub(super) const ALL_THREADS: gemm::Parallelism = gemm::Parallelism::Rayon(0);

/// Operations from which the gemm crate itself spreads a product over threads: it packs each side once for all threads,
/// where tasks of rows would each pack the other side.
const SHARED_FROM: usize = 1 << 27;

pub(super) fn is_large(m: usize, n: usize, k: usize) -> bool {
    2 * m * n * k >= SHARED_FROM
}

/// Same as [`matmul`], on the threads of `parallelism`.
///
/// # Safety
/// Same as for [`matmul`].
#[expect(clippy::too_many_arguments, reason = "the shape of every BLAS")]
pub(super) unsafe fn matmul_on(
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
    /// Weights of a call with rows and columns exchanged; taken out while in use, because a thread may meet another
    /// call while it waits.
    pub(super) static TRANSPOSED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Number of weights from which a transpose before the product pays: fewer are packed by it as they are.
pub(super) const TRANSPOSE_FROM: usize = 8 * 1024;

/// Rows and columns that are exchanged at once: lines of the first cache. Rows a power of two apart would otherwise
/// fall on each other there.
const SQUARE: usize = 16;

/// Columns of a task, so that whole lines of the next cache are read.
const BAND: usize = 4 * SQUARE;

/// Transposes values `[rows, columns]` into out `[columns, rows]`.
pub(super) fn transpose(values: &[f32], rows: usize, columns: usize, out: &mut [f32]) {
    out[..rows * columns].par_chunks_mut(BAND * rows).enumerate().for_each(|(band, out)| {
        let width = out.len() / rows;
        for top in (0..rows).step_by(SQUARE) {
            for left in (0..width).step_by(SQUARE) {
                let from = top * columns + band * BAND + left;
                let (height, width) = (SQUARE.min(rows - top), SQUARE.min(width - left));
                let to = &mut out[left * rows + top..];
                if (height, width) == (SQUARE, SQUARE) {
                    transpose_square(&values[from..], columns, to, rows);
                    continue;
                }
                for row in 0..height {
                    let line = &values[from + row * columns..][..width];
                    line.iter().zip(to[row..].iter_mut().step_by(rows)).for_each(|(value, out)| *out = *value);
                }
            }
        }
    });
}

/// Transposes one square of side [`SQUARE`]. `pitch`: from the start of a row to that of the next.
fn transpose_square(values: &[f32], pitch: usize, out: &mut [f32], out_pitch: usize) {
    let mut lines = [[0.0_f32; SQUARE]; SQUARE];
    for (line, values) in lines.iter_mut().zip(values.chunks(pitch)) {
        line.copy_from_slice(&values[..SQUARE]);
    }
    for i in (0..SQUARE).step_by(4) {
        for j in (0..SQUARE).step_by(4) {
            let four = std::array::from_fn(|row| std::array::from_fn(|column| lines[i + row][j + column]));
            for (row, values) in transpose_four(four).iter().enumerate() {
                out[(j + row) * out_pitch + i..][..4].copy_from_slice(values);
            }
        }
    }
}

/// Transposes a square of side 4 in two exchanges of halves, as vector instructions do.
#[inline(always)]
fn transpose_four([a, b, c, d]: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    let (low, high) = ([a[0], c[0], a[1], c[1]], [a[2], c[2], a[3], c[3]]);
    let (low_next, high_next) = ([b[0], d[0], b[1], d[1]], [b[2], d[2], b[3], d[3]]);
    let merge = |x: [f32; 4], y: [f32; 4]| [[x[0], y[0], x[1], y[1]], [x[2], y[2], x[3], y[3]]];
    let ([first, second], [third, fourth]) = (merge(low, low_next), merge(high, high_next));
    [first, second, third, fourth]
}

/// Computes out = lhs rhs of square matrices of `side` rows, by the gemm crate as it is, on the threads of the pool:
/// the baseline of the benchmark.
pub fn matmul_alone(side: usize, lhs: &[f32], rhs: &[f32], out: &mut [f32]) {
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
