//! Weight gradient of few filters on the processor: a tap's channels stay in registers while a line passes. Unrolled
//! windows would be multiplied by one to three columns there, which is no work for a matrix product.

use std::ops::Range;

use super::ConvShape;

/// Largest number of filters summed here: more are a matrix product.
const MOST: usize = 3;

/// Channels that are summed together.
const BLOCK: usize = 16;

/// Places whose sums are kept apart: additions that need not wait for each other.
const CHAINS: usize = 4;

pub(super) fn can_sum(shape: &ConvShape) -> bool {
    shape.filters <= MOST && shape.channels.is_multiple_of(BLOCK)
}

/// Adds the contributions of the places in `rows` to out `[K, taps, C]`.
#[inline(always)]
pub(super) fn add_weights(shape: &ConvShape, x: &[f32], dy: &[f32], rows: Range<usize>, out: &mut [f32]) {
    let (channels, filters, [out_height, out_width]) = (shape.channels, shape.filters, shape.out_size);
    let mut row = rows.start;
    while row < rows.end {
        // What there is of one line of y.
        let (image, oy, ox) = (row / (out_height * out_width), row / out_width % out_height, row % out_width);
        let end = rows.end.min(row + out_width - ox);
        for (index, out) in out.chunks_exact_mut(channels).enumerate() {
            let (filter, tap) = (index / shape.taps(), index % shape.taps());
            let [down, along] = [tap / shape.kernel[1], tap % shape.kernel[1]].map(|at| at * shape.dilation);
            let y = (oy * shape.stride[0] + down).wrapping_sub(shape.padding[0]);
            // Places whose window lies within the line of x at this tap.
            let first = shape.padding[1].saturating_sub(along).div_ceil(shape.stride[1]).max(ox);
            let last = (shape.size[1] + shape.padding[1]).saturating_sub(along).div_ceil(shape.stride[1]);
            let last = last.min(ox + end - row);
            if y >= shape.size[0] || first >= last {
                continue;
            }
            let gradients = &dy[(row + first - ox) * filters + filter..][..(last - first - 1) * filters + 1];
            let column = first * shape.stride[1] + along - shape.padding[1];
            let line = &x[((image * shape.size[0] + y) * shape.size[1] + column) * channels..];
            for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
                add_line(&line[block * BLOCK..], shape.stride[1] * channels, gradients, filters, out);
            }
        }
        row = end;
    }
}

/// Adds to out `[BLOCK]` the sum over places of the gradient times the values there; places are `pitch` apart in
/// `line`, gradients `step`.
#[inline(always)]
fn add_line(line: &[f32], pitch: usize, gradients: &[f32], step: usize, out: &mut [f32]) {
    let mut sums = [[0.0_f32; BLOCK]; CHAINS];
    let add = |sums: &mut [f32; BLOCK], place: usize| {
        let gradient = gradients[place * step];
        let values = &line[place * pitch..][..BLOCK];
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += gradient * value);
    };
    let places = gradients.len().div_ceil(step);
    let whole = places / CHAINS * CHAINS;
    for place in (0..whole).step_by(CHAINS) {
        sums.iter_mut().enumerate().for_each(|(chain, sums)| add(sums, place + chain));
    }
    for place in whole..places {
        add(&mut sums[0], place);
    }
    for (i, out) in out.iter_mut().enumerate() {
        *out += (sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]);
    }
}
