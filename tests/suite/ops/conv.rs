//! Convolutions: of one or two inputs, transposed, and of each channel by itself.

use hourglass::graph::ops::{Conv, ConvTranspose, DepthwiseConv};
use hourglass::kernels::activation::Activation;

use super::{Case, activate, case, check_family, input};

/// Batch, size, channels of each input, filters.
type ConvSizes = (usize, [usize; 2], Vec<usize>, usize, Window);
/// Batch, size and channels of the input, channels of the output, output padding.
type TransposedSizes = (usize, [usize; 2], usize, usize, Window, [usize; 2]);

#[derive(Clone, Copy)]
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: usize,
}

/// Window that differs on the two axes.
const ODD: Window = Window { kernel: [3, 5], stride: [2, 1], padding: [1, 2], dilation: 1 };

/// Returns a window that is the same on both axes.
fn square(kernel: usize, stride: usize, padding: usize, dilation: usize) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2], dilation }
}

/// Returns (oy, ox, tap, y, x) of each tap of each output place that meets an input place.
fn window_taps(size: [usize; 2], out: [usize; 2], w: Window) -> Vec<(usize, usize, usize, usize, usize)> {
    let mut taps = Vec::new();
    for oy in 0..out[0] {
        for ox in 0..out[1] {
            for kh in 0..w.kernel[0] {
                for kw in 0..w.kernel[1] {
                    let y = (oy * w.stride[0] + kh * w.dilation) as isize - w.padding[0] as isize;
                    let x = (ox * w.stride[1] + kw * w.dilation) as isize - w.padding[1] as isize;
                    if (0..size[0] as isize).contains(&y) && (0..size[1] as isize).contains(&x) {
                        taps.push((oy, ox, kh * w.kernel[1] + kw, y as usize, x as usize));
                    }
                }
            }
        }
    }
    taps
}

/// Returns the size of a convolution's output.
fn out_size(size: [usize; 2], w: Window) -> [usize; 2] {
    [0, 1].map(|a| (size[a] + 2 * w.padding[a] - (w.kernel[a] - 1) * w.dilation - 1) / w.stride[a] + 1)
}

/// Returns convolutions of odd sizes, some of them of two inputs.
fn conv_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: Vec<ConvSizes> = vec![
        (1, [1, 1], vec![1], 1, square(1, 1, 0, 1)),
        (2, [29, 31], vec![1], 16, square(3, 2, 1, 1)),
        (1, [29, 31], vec![3], 5, square(3, 1, 1, 1)),
        (3, [7, 9], vec![4], 8, square(3, 1, 1, 2)),
        (2, [8, 8], vec![5], 7, square(4, 2, 1, 1)),
        (1, [13, 11], vec![8], 4, square(3, 1, 2, 2)),
        (2, [9, 10], vec![4], 12, ODD),
        (2, [6, 5], vec![64], 65, square(1, 1, 0, 1)),
        (1, [9, 9], vec![12], 68, square(3, 2, 1, 1)),
        (2, [7, 6], vec![4, 8], 4, square(3, 1, 1, 1)),
        (1, [7, 6], vec![3, 2], 5, square(3, 1, 1, 1)),
        (1, [40, 33], vec![4], 1, square(5, 3, 2, 1)),
        // More than one of the largest tiles.
        (2, [9, 10], vec![5], 132, square(3, 1, 1, 1)),
        // One to three values a pixel on one side.
        (2, [9, 21], vec![8], 1, square(3, 1, 1, 1)),
        (1, [10, 19], vec![6], 3, square(5, 1, 2, 1)),
        (1, [7, 6], vec![8, 5], 2, square(3, 1, 1, 1)),
        (1, [12, 13], vec![7], 3, ODD),
        (2, [9, 7], vec![2], 37, square(3, 1, 1, 1)),
        (2, [29, 31], vec![32], 1, square(3, 1, 1, 1)),
        (1, [20, 19], vec![16], 3, square(5, 1, 2, 1)),
        (1, [12, 11], vec![16, 5], 2, square(3, 2, 1, 1)),
    ];
    for (index, (batch, size, channels, filters, window)) in shapes.into_iter().enumerate() {
        let activation = [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid][index % 4];
        let all: usize = channels.iter().sum();
        let [kh, kw] = window.kernel;
        let mut inputs: Vec<_> =
            channels.iter().enumerate().map(|(i, &c)| input(&[batch, size[0], size[1], c], 10 + i as u32)).collect();
        inputs.push(input(&[filters, kh, kw, all], 20));
        inputs.push(input(&[filters], 21));
        let out = out_size(size, window);
        let sizes = format!(
            "{batch}x{size:?}x{channels:?} to {filters}, {kh}x{kw}/{:?} pad {:?} dil {}",
            window.stride, window.padding, window.dilation
        );
        let Window { stride, padding, dilation, .. } = window;
        let op = Conv { stride, padding, dilation, activation };
        cases.push(case(
            "conv",
            sizes,
            inputs,
            move |graph, ids| Ok(vec![graph.add(op.clone(), ids, "conv")?]),
            move |arrays| {
                let [sources @ .., weight, bias] = arrays else { panic!("x, weight and bias") };
                let mut y = vec![0.0; batch * out[0] * out[1] * filters];
                let taps = window_taps(size, out, window);
                for n in 0..batch {
                    for &(oy, ox, tap, iy, ix) in &taps {
                        let place = (n * out[0] + oy) * out[1] + ox;
                        for k in 0..filters {
                            let mut first = 0;
                            for (source, &count) in sources.iter().zip(&channels) {
                                for c in 0..count {
                                    y[place * filters + k] += source[((n * size[0] + iy) * size[1] + ix) * count + c]
                                        * weight[(k * kh * kw + tap) * all + first + c];
                                }
                                first += count;
                            }
                        }
                    }
                }
                y.iter_mut().enumerate().for_each(|(i, y)| *y = activate(activation, *y + bias[i % filters]));
                vec![y]
            },
        ));
    }
    cases
}

/// Returns transposed convolutions, with and without output padding.
fn transposed_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: Vec<TransposedSizes> = vec![
        (1, [1, 1], 1, 1, square(1, 1, 0, 1), [0, 0]),
        (2, [7, 7], 32, 16, square(4, 2, 1, 1), [0, 0]),
        (2, [15, 16], 4, 1, square(4, 2, 1, 1), [0, 0]),
        (1, [7, 5], 3, 5, square(3, 2, 1, 1), [1, 1]),
        (1, [5, 6], 8, 4, square(3, 3, 1, 1), [2, 0]),
        (2, [6, 4], 5, 3, square(3, 2, 2, 2), [1, 1]),
        (1, [6, 4], 4, 8, square(2, 3, 0, 1), [0, 1]),
        (1, [4, 5], 65, 68, square(3, 1, 1, 1), [0, 0]),
        (1, [5, 9], 5, 2, square(3, 2, 1, 1), [1, 1]),
        (1, [4, 6], 6, 3, square(2, 3, 0, 1), [0, 1]),
        (1, [6, 21], 3, 20, square(3, 1, 1, 1), [0, 0]),
        (1, [12, 12], 6, 132, square(3, 1, 1, 1), [0, 0]),
    ];
    for (index, (batch, from, inputs_c, outputs_c, window, output_padding)) in shapes.into_iter().enumerate() {
        let activation = [Activation::Relu, Activation::Identity, Activation::Sigmoid][index % 3];
        let [kh, kw] = window.kernel;
        let to = [0, 1].map(|a| {
            (from[a] - 1) * window.stride[a] + (window.kernel[a] - 1) * window.dilation + 1 + output_padding[a]
                - 2 * window.padding[a]
        });
        let inputs = vec![
            input(&[batch, from[0], from[1], inputs_c], 30),
            input(&[inputs_c, kh, kw, outputs_c], 31),
            input(&[outputs_c], 32),
        ];
        let Window { stride, padding, dilation, .. } = window;
        let op = ConvTranspose { stride, padding, output_padding, dilation, activation };
        let sizes = format!("{batch}x{from:?}x{inputs_c} to {to:?}x{outputs_c}, {kh}x{kw}/{}", stride[0]);
        cases.push(case(
            "conv_transpose",
            sizes,
            inputs,
            move |graph, ids| Ok(vec![graph.add(op.clone(), ids, "transposed")?]),
            move |arrays| {
                let mut x = vec![0.0; batch * to[0] * to[1] * outputs_c];
                let taps = window_taps(to, from, window);
                for n in 0..batch {
                    for &(oy, ox, tap, iy, ix) in &taps {
                        for k in 0..inputs_c {
                            let y = arrays[0][((n * from[0] + oy) * from[1] + ox) * inputs_c + k];
                            for c in 0..outputs_c {
                                x[((n * to[0] + iy) * to[1] + ix) * outputs_c + c] +=
                                    y * arrays[1][(k * kh * kw + tap) * outputs_c + c];
                            }
                        }
                    }
                }
                x.iter_mut().enumerate().for_each(|(i, x)| *x = activate(activation, *x + arrays[2][i % outputs_c]));
                vec![x]
            },
        ));
    }
    cases
}

/// Returns depthwise convolutions.
fn depthwise_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, (batch, size, channels, window)) in [
        (2, [29, 31], 5, square(3, 1, 1, 1)),
        (1, [8, 9], 64, square(5, 2, 2, 1)),
        (1, [11, 7], 3, square(3, 1, 2, 2)),
        (1, [1, 1], 1, square(1, 1, 0, 1)),
        (2, [9, 8], 4, ODD),
    ]
    .into_iter()
    .enumerate()
    {
        let activation = [Activation::Identity, Activation::Tanh][index % 2];
        let out = out_size(size, window);
        let [kh, kw] = window.kernel;
        let inputs = vec![
            input(&[batch, size[0], size[1], channels], 40),
            input(&[kh, kw, channels], 41),
            input(&[channels], 42),
        ];
        let Window { stride, padding, dilation, .. } = window;
        let op = DepthwiseConv { stride, padding, dilation, activation };
        cases.push(case(
            "depthwise",
            format!("{batch}x{size:?}x{channels}, {kh}x{kw}/{stride:?} dil {dilation}"),
            inputs,
            move |graph, ids| Ok(vec![graph.add(op.clone(), ids, "depthwise")?]),
            move |arrays| {
                let mut y = vec![0.0; batch * out[0] * out[1] * channels];
                for n in 0..batch {
                    for (oy, ox, tap, iy, ix) in window_taps(size, out, window) {
                        for c in 0..channels {
                            y[((n * out[0] + oy) * out[1] + ox) * channels + c] += arrays[0]
                                [((n * size[0] + iy) * size[1] + ix) * channels + c]
                                * arrays[1][tap * channels + c];
                        }
                    }
                }
                y.iter_mut().enumerate().for_each(|(i, y)| *y = activate(activation, *y + arrays[2][i % channels]));
                vec![y]
            },
        ));
    }
    cases
}

#[test]
fn conv_ops_match_f64_and_their_gradients() {
    check_family("conv", &conv_cases());
}

#[test]
fn transposed_conv_ops_match_f64_and_their_gradients() {
    check_family("conv-transpose", &transposed_cases());
}

#[test]
fn depthwise_conv_ops_match_f64_and_their_gradients() {
    check_family("depthwise", &depthwise_cases());
}
