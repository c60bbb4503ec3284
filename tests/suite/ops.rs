//! Every op on every device, its values and its gradients: the CPU reference against plain f64 loops, the shaders against
//! the reference, and gradients against central differences of the f64 loops. Writes a table of the worst errors.

use std::fmt::Write as _;
use std::sync::Arc;

use hourglass::device::Device;
use hourglass::graph::ops::*;
use hourglass::graph::{
    BufferView, Call, Executable, Graph, GraphError, Init, Location, Plan, SharedBuffer, SharedBuffers, ValueId,
    differentiate,
};
use hourglass::kernels::activation::Activation;
use hourglass::kernels::augment::WarpBounds;
use hourglass::kernels::loss::{LossTerm, ReconstructionLoss};
use hourglass::kernels::pointwise::PointwiseStage;
use hourglass::kernels::random::Distribution;
use hourglass::kernels::{StepState, choice_key};
use hourglass::platform::Wait as _;
use hourglass::random::{normal4, philox4x32, unit_float};
use hourglass::tensor::Shape;

use crate::corruptions::corruption_cases;
use crate::support::{cpu, gpu, noise};

/// Rounding of f32 in sums of up to a few thousand terms, relative to the largest value of the result; softplus, GELU
/// and the like add the 2e-7 of exp and erf.
const VALUE_ERROR: f64 = 1e-5;
/// A gradient is a sum of products of such values; WGSL allows exp and log a few more roundings than the reference has.
const GRADIENT_ERROR: f64 = 5e-5;
/// Step of the central differences: their own error is its square.
const STEP: f64 = 1e-5;
/// Share of the values that a case may call doubtful.
const MOST_DOUBTFUL: f64 = 0.1;
/// Coordinates of each input that are tried.
const COORDINATES: usize = 24;

type Arrays = Vec<Vec<f64>>;
type Build = Box<dyn Fn(&mut Graph, &[ValueId]) -> Result<Vec<ValueId>, GraphError>>;
type Oracle = Box<dyn Fn(&[Vec<f64>]) -> Arrays>;
pub type Doubts = Box<dyn Fn(&[Vec<f64>]) -> Vec<bool>>;
/// Batch, size, channels of each input, filters.
type ConvSizes = (usize, [usize; 2], Vec<usize>, usize, Window);
/// Batch, size and channels of the input, channels of the output, output padding.
type TransposedSizes = (usize, [usize; 2], usize, usize, Window, [usize; 2]);

pub struct Case {
    name: String,
    sizes: String,
    /// Extents and values; they enter the graph as parameters, so that their gradients can be read.
    inputs: Vec<(Vec<usize>, Vec<f32>)>,
    rows: usize,
    build: Build,
    oracle: Oracle,
    /// The first output is partial sums of a loss: their sum is compared, and differentiated as it is.
    is_loss: bool,
    pub differentiable: bool,
    /// Values of the one output that rounding may turn into quite another: left out of comparisons.
    pub doubtful: Option<Doubts>,
}

pub fn case(
    name: &str,
    sizes: String,
    inputs: Vec<(Vec<usize>, Vec<f32>)>,
    build: impl Fn(&mut Graph, &[ValueId]) -> Result<Vec<ValueId>, GraphError> + 'static,
    oracle: impl Fn(&[Vec<f64>]) -> Arrays + 'static,
) -> Case {
    let rows = inputs[0].0[0];
    Case {
        name: name.to_owned(),
        sizes,
        inputs,
        rows,
        build: Box::new(build),
        oracle: Box::new(oracle),
        is_loss: false,
        differentiable: true,
        doubtful: None,
    }
}

/// What one device makes of a case: outputs, and gradients by the inputs.
struct Made {
    outputs: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
}

fn state(case: &Case) -> StepState {
    StepState {
        seed: [3, 5],
        step: 7,
        rows: case.rows as u32,
        beta: 1.0,
        sparsity: 1.0,
        corruption: 1.0,
        ..StepState::default()
    }
}

/// Targets that the outputs of a case are drawn to, so that there is something to differentiate.
fn target(output: usize, count: usize) -> Vec<f32> {
    noise(count, 900 + output as u32)
}

/// `device` with kernels in the form of this place in their lists, and those that have fewer in their last.
fn with_form(device: &Device, plan: &Plan, form: usize) -> Device {
    let Device::Gpu(gpu) = device else { return device.clone() };
    let chosen = |call: &Call| {
        let forms = call.kernel.variants(gpu.target());
        let name = *forms.get(form).or(forms.last())?;
        Some((choice_key(call.kernel.as_ref()), name.to_owned()))
    };
    Device::Gpu(gpu.clone().with_choices(plan.calls.iter().filter_map(chosen).collect()))
}

/// Forms that some kernel of the plan has, at most.
fn most_forms(device: &Device, plan: &Plan) -> usize {
    let Device::Gpu(gpu) = device else { return 1 };
    plan.calls.iter().map(|call| call.kernel.variants(gpu.target()).len()).max().unwrap_or(1).max(1)
}

fn run(case: &Case, device: &Device) -> Made {
    run_forms(case, device).swap_remove(0)
}

/// In every form that a kernel has on a GPU, the usual one first.
fn run_forms(case: &Case, device: &Device) -> Vec<Made> {
    let mut graph = Graph::new();
    let inputs: Vec<ValueId> = case
        .inputs
        .iter()
        .enumerate()
        .map(|(i, (extents, _))| graph.parameter(&format!("p{i}"), extents.clone(), Init::Constant(0.0)))
        .collect();
    let context = format!("{} {}", case.name, case.sizes);
    let outputs = (case.build)(&mut graph, &inputs).unwrap_or_else(|error| panic!("{context}: {error}"));
    let mut losses = Vec::new();
    let mut targets = Vec::new();
    if case.differentiable && case.is_loss {
        losses.push(outputs[0]);
    } else if case.differentiable {
        for (i, &output) in outputs.iter().enumerate() {
            let count = graph.value(output).shape.elements();
            let flat = graph.add(Reshape(Shape::new([1, count])), &[output], "flat").expect("a view");
            let name = format!("t{i}");
            let goal = graph.statistic(&name, [1, count], Init::Constant(0.0));
            targets.push(target(i, count));
            let term = LossTerm { sum_over_values: true, ..LossTerm::mean(ReconstructionLoss::Mse) };
            losses.push(graph.add(ElementLoss::new(term), &[flat, goal], "goal").expect("a loss"));
        }
    }
    if case.differentiable {
        differentiate(&mut graph, &losses).expect("it is differentiable");
    }
    let plan = Plan::new(&graph, &outputs).expect("a plan");
    let run = |device: &Device| {
        let mut externals = SharedBuffers::default();
        externals.allocate(device, SharedBuffer::Parameters, graph.flat_elements() * 4);
        externals.allocate(device, SharedBuffer::Gradients, graph.flat_elements() * 4);
        externals.allocate_for(device, &plan);
        let mut flat = vec![0.0; graph.flat_elements()];
        for (parameter, (_, values)) in graph.parameters().iter().zip(&case.inputs) {
            flat[parameter.offset..parameter.offset + values.len()].copy_from_slice(values);
        }
        externals.write(device, SharedBuffer::Parameters, bytemuck::cast_slice(&flat)).expect("written");
        if !graph.statistics().is_empty() {
            let mut flat = vec![0.0; graph.statistic_elements()];
            let goals = graph.statistics().iter().filter(|statistic| statistic.name.starts_with('t'));
            for (statistic, values) in goals.zip(&targets) {
                flat[statistic.offset..statistic.offset + values.len()].copy_from_slice(values);
            }
            externals.write(device, SharedBuffer::Statistics, bytemuck::cast_slice(&flat)).expect("written");
        }
        let mut executable =
            Executable::new(device, &plan, &externals).unwrap_or_else(|error| panic!("{context}: {error}"));
        executable.run(&[state(case)]).expect("it runs");
        let outputs =
            outputs.iter().map(|&id| executable.read(plan.view(id).expect("kept")).wait().expect("read")).collect();
        let gradient = BufferView {
            place: Location::External(SharedBuffer::Gradients),
            offset: 0,
            bytes: graph.flat_elements() * 4,
        };
        let gradients = match case.differentiable {
            true => {
                let flat = executable.read(gradient).wait().expect("read");
                let part = |p: &hourglass::graph::Parameter| flat[p.offset..p.offset + p.shape.elements()].to_vec();
                graph.parameters().iter().map(part).collect()
            }
            false => Vec::new(),
        };
        Made { outputs, gradients }
    };
    (0..most_forms(device, &plan)).map(|form| run(&with_form(device, &plan, form))).collect()
}

/// The largest difference relative to the largest value; NaN is infinitely wrong.
fn error(actual: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len(), "lengths differ");
    let scale = expected.iter().fold(1e-3_f64, |scale, value| scale.max(value.abs()));
    let worst = actual.iter().zip(expected).map(|(&a, &e)| (f64::from(a) - e).abs());
    worst.fold(0.0, |worst: f64, e| if e.is_nan() { f64::INFINITY } else { worst.max(e) }) / scale
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The number that is differentiated.
fn objective(case: &Case, inputs: &[Vec<f64>]) -> f64 {
    let outputs = (case.oracle)(inputs);
    if case.is_loss {
        // Of several numbers the first is what is trained on.
        return outputs[0][0];
    }
    let squares = outputs.iter().enumerate().flat_map(|(i, output)| {
        let goal = target(i, output.len());
        output.iter().zip(goal).map(|(o, g)| (o - f64::from(g)).powi(2)).collect::<Vec<_>>()
    });
    squares.sum::<f64>() / case.rows as f64
}

#[derive(Default)]
struct Errors {
    reference: f64,
    shader: f64,
    tiled: f64,
    gradient: f64,
}

fn check(case: &Case) -> Errors {
    let context = format!("{} {}", case.name, case.sizes);
    let inputs: Arrays = case.inputs.iter().map(|(_, values)| wide(values)).collect();
    let mut expected = (case.oracle)(&inputs);
    let on_cpu = run(case, &cpu());
    let summed = |outputs: &[Vec<f32>]| -> Vec<Vec<f32>> {
        match case.is_loss {
            true => vec![vec![outputs[0].iter().sum()]],
            false => outputs.to_vec(),
        }
    };
    if case.is_loss {
        expected = vec![vec![expected[0].iter().sum()]];
    }
    let doubts = case.doubtful.as_ref().map_or(Vec::new(), |doubtful| doubtful(&inputs));
    let doubtful = doubts.iter().filter(|&&doubt| doubt).count();
    assert!(doubtful as f64 <= MOST_DOUBTFUL * doubts.len() as f64, "{context}: {doubtful} of {}", doubts.len());
    // In doubt a value is what it should be.
    let settled = |mut outputs: Vec<Vec<f32>>| {
        let values = outputs.iter_mut().flatten().zip(expected.iter().flatten());
        values.zip(&doubts).filter(|(_, doubt)| **doubt).for_each(|((value, sure), _)| *value = *sure as f32);
        outputs
    };
    let mut errors = Errors::default();
    let reference = settled(summed(&on_cpu.outputs));
    for (actual, expected) in reference.iter().zip(&expected) {
        errors.reference = errors.reference.max(error(actual, expected));
    }
    assert!(errors.reference < VALUE_ERROR, "{context}: the reference is off by {:e}", errors.reference);

    let mut all = vec![("reference".to_owned(), on_cpu)];
    if let Some(Device::Gpu(gpu)) = gpu() {
        let both = [("shader", false), ("tiled shader", true)];
        let made = both.map(|(name, tiled)| {
            let made = run_forms(case, &Device::Gpu(gpu.clone().with_tiles(tiled)));
            made.into_iter().enumerate().map(move |(form, made)| (format!("{name} {form}"), tiled, made))
        });
        for (name, tiled, made) in made.into_iter().flatten() {
            let mut worst: f64 = 0.0;
            for (actual, reference) in settled(summed(&made.outputs)).iter().zip(&reference) {
                worst = worst.max(error(actual, &wide(reference)));
            }
            assert!(worst < VALUE_ERROR, "{context}: the {name} is off by {worst:e}");
            let kept = if tiled { &mut errors.tiled } else { &mut errors.shader };
            *kept = kept.max(worst);
            all.push((name, made));
        }
    }
    if case.differentiable {
        for (input, values) in inputs.iter().enumerate() {
            let count = values.len().min(COORDINATES);
            let places: Vec<usize> = (0..count).map(|i| i * values.len() / count).collect();
            let expected: Vec<f64> = places
                .iter()
                .map(|&place| {
                    let at = |value: f64| {
                        let mut moved = inputs.clone();
                        moved[input][place] = value;
                        objective(case, &moved)
                    };
                    (at(values[place] + STEP) - at(values[place] - STEP)) / (2.0 * STEP)
                })
                .collect();
            for (form, made) in &all {
                let actual: Vec<f32> = places.iter().map(|&place| made.gradients[input][place]).collect();
                let worst = error(&actual, &expected);
                assert!(
                    worst < GRADIENT_ERROR,
                    "{context}: gradient by input {input} of the {form} is off by {worst:e}: {actual:?} for {expected:?}"
                );
                errors.gradient = errors.gradient.max(worst);
            }
        }
    }
    errors
}

fn input(extents: &[usize], stream: u32) -> (Vec<usize>, Vec<f32>) {
    (extents.to_vec(), noise(extents.iter().product(), stream))
}

/// Each of the standard activations in f64.
pub fn activate(kind: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match kind {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::LeakyRelu => x.max(0.01 * x),
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::Silu => x * sigmoid(x),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Activation::Gelu => 0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt())),
    }
}

/// By its Taylor series: exact enough for the small arguments here.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / std::f64::consts::PI.sqrt() * sum
}

#[derive(Clone, Copy)]
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: usize,
}

/// For each (output place, tap) that meets an input place: (oy, ox, tap, y, x).
fn meetings(size: [usize; 2], out: [usize; 2], w: Window) -> Vec<(usize, usize, usize, usize, usize)> {
    let mut met = Vec::new();
    for oy in 0..out[0] {
        for ox in 0..out[1] {
            for kh in 0..w.kernel[0] {
                for kw in 0..w.kernel[1] {
                    let y = (oy * w.stride[0] + kh * w.dilation) as isize - w.padding[0] as isize;
                    let x = (ox * w.stride[1] + kw * w.dilation) as isize - w.padding[1] as isize;
                    if (0..size[0] as isize).contains(&y) && (0..size[1] as isize).contains(&x) {
                        met.push((oy, ox, kh * w.kernel[1] + kw, y as usize, x as usize));
                    }
                }
            }
        }
    }
    met
}

fn out_size(size: [usize; 2], w: Window) -> [usize; 2] {
    [0, 1].map(|a| (size[a] + 2 * w.padding[a] - (w.kernel[a] - 1) * w.dilation - 1) / w.stride[a] + 1)
}

fn conv_cases(cases: &mut Vec<Case>) {
    let w = |k: usize, s: usize, p: usize, d: usize| Window {
        kernel: [k; 2],
        stride: [s; 2],
        padding: [p; 2],
        dilation: d,
    };
    let odd = Window { kernel: [3, 5], stride: [2, 1], padding: [1, 2], dilation: 1 };
    let shapes: Vec<ConvSizes> = vec![
        (1, [1, 1], vec![1], 1, w(1, 1, 0, 1)),
        (2, [29, 31], vec![1], 16, w(3, 2, 1, 1)),
        (1, [29, 31], vec![3], 5, w(3, 1, 1, 1)),
        (3, [7, 9], vec![4], 8, w(3, 1, 1, 2)),
        (2, [8, 8], vec![5], 7, w(4, 2, 1, 1)),
        (1, [13, 11], vec![8], 4, w(3, 1, 2, 2)),
        (2, [9, 10], vec![4], 12, odd),
        (2, [6, 5], vec![64], 65, w(1, 1, 0, 1)),
        (1, [9, 9], vec![12], 68, w(3, 2, 1, 1)),
        (2, [7, 6], vec![4, 8], 4, w(3, 1, 1, 1)),
        (1, [7, 6], vec![3, 2], 5, w(3, 1, 1, 1)),
        (1, [40, 33], vec![4], 1, w(5, 3, 2, 1)),
        // More than one of the largest tiles.
        (2, [9, 10], vec![5], 132, w(3, 1, 1, 1)),
        // One to three values a pixel on one side.
        (2, [9, 21], vec![8], 1, w(3, 1, 1, 1)),
        (1, [10, 19], vec![6], 3, w(5, 1, 2, 1)),
        (1, [7, 6], vec![8, 5], 2, w(3, 1, 1, 1)),
        (1, [12, 13], vec![7], 3, odd),
        (2, [9, 7], vec![2], 37, w(3, 1, 1, 1)),
        (2, [29, 31], vec![32], 1, w(3, 1, 1, 1)),
        (1, [20, 19], vec![16], 3, w(5, 1, 2, 1)),
        (1, [12, 11], vec![16, 5], 2, w(3, 2, 1, 1)),
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
                let met = meetings(size, out, window);
                for n in 0..batch {
                    for &(oy, ox, tap, iy, ix) in &met {
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
    let shapes: Vec<TransposedSizes> = vec![
        (1, [1, 1], 1, 1, w(1, 1, 0, 1), [0, 0]),
        (2, [7, 7], 32, 16, w(4, 2, 1, 1), [0, 0]),
        (2, [15, 16], 4, 1, w(4, 2, 1, 1), [0, 0]),
        (1, [7, 5], 3, 5, w(3, 2, 1, 1), [1, 1]),
        (1, [5, 6], 8, 4, w(3, 3, 1, 1), [2, 0]),
        (2, [6, 4], 5, 3, w(3, 2, 2, 2), [1, 1]),
        (1, [6, 4], 4, 8, w(2, 3, 0, 1), [0, 1]),
        (1, [4, 5], 65, 68, w(3, 1, 1, 1), [0, 0]),
        (1, [5, 9], 5, 2, w(3, 2, 1, 1), [1, 1]),
        (1, [4, 6], 6, 3, w(2, 3, 0, 1), [0, 1]),
        (1, [6, 21], 3, 20, w(3, 1, 1, 1), [0, 0]),
        (1, [12, 12], 6, 132, w(3, 1, 1, 1), [0, 0]),
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
                let met = meetings(to, from, window);
                for n in 0..batch {
                    for &(oy, ox, tap, iy, ix) in &met {
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
    for (index, (batch, size, channels, window)) in [
        (2, [29, 31], 5, w(3, 1, 1, 1)),
        (1, [8, 9], 64, w(5, 2, 2, 1)),
        (1, [11, 7], 3, w(3, 1, 2, 2)),
        (1, [1, 1], 1, w(1, 1, 0, 1)),
        (2, [9, 8], 4, odd),
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
                    for (oy, ox, tap, iy, ix) in meetings(size, out, window) {
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
}

fn resample_cases(cases: &mut Vec<Case>) {
    use Resampling::{AveragePool, Bilinear, MaxPool, Nearest, PixelShuffle, PixelUnshuffle};
    let shapes = [
        (Nearest, 2, [29, 31], 3),
        (Nearest, 3, [1, 1], 1),
        (Nearest, 3, [7, 5], 8),
        (Bilinear, 2, [7, 9], 4),
        (Bilinear, 3, [5, 1], 5),
        (AveragePool, 2, [29, 31], 3),
        (AveragePool, 3, [7, 9], 1),
        (AveragePool, 3, [10, 8], 12),
        (MaxPool, 2, [29, 31], 5),
        (MaxPool, 3, [8, 9], 4),
        (PixelShuffle, 2, [7, 5], 12),
        (PixelUnshuffle, 3, [9, 6], 2),
    ];
    for (kind, s, size, c) in shapes {
        let [h, w] = size;
        let n = 2;
        let at = move |x: &[f64], i: usize, y: usize, z: usize, k: usize| x[((i * h + y) * w + z) * c + k];
        cases.push(case(
            Resample { kind, factor: s }.name_for_table(),
            format!("{n}x{size:?}x{c} by {s}"),
            vec![input(&[n, h, w, c], 50)],
            move |graph, ids| Ok(vec![graph.add(Resample { kind, factor: s }, ids, "resample")?]),
            move |arrays| {
                let x = &arrays[0];
                let (oh, ow, oc) = match kind {
                    Nearest | Bilinear => (h * s, w * s, c),
                    AveragePool | MaxPool => (h / s, w / s, c),
                    PixelShuffle => (h * s, w * s, c / s / s),
                    PixelUnshuffle => (h / s, w / s, c * s * s),
                };
                let mut out = Vec::new();
                for i in 0..n {
                    for y in 0..oh {
                        for z in 0..ow {
                            for k in 0..oc {
                                let block = || (0..s * s).map(|b| at(x, i, y * s + b / s, z * s + b % s, k));
                                out.push(match kind {
                                    Nearest => at(x, i, y / s, z / s, k),
                                    AveragePool => block().sum::<f64>() / (s * s) as f64,
                                    MaxPool => block().fold(f64::NEG_INFINITY, f64::max),
                                    PixelShuffle => at(x, i, y / s, z / s, (k * s + y % s) * s + z % s),
                                    PixelUnshuffle => {
                                        let b = k % (s * s);
                                        at(x, i, y * s + b / s, z * s + b % s, k / (s * s))
                                    }
                                    Bilinear => {
                                        let ends = |to: usize, count: usize| {
                                            let center = ((to as f64 + 0.5) / s as f64 - 0.5).max(0.0);
                                            let low = center.floor() as usize;
                                            (low, (low + 1).min(count - 1), center - center.floor())
                                        };
                                        let ((y0, y1, fy), (x0, x1, fx)) = (ends(y, h), ends(z, w));
                                        let row = |r| (1.0 - fx) * at(x, i, r, x0, k) + fx * at(x, i, r, x1, k);
                                        (1.0 - fy) * row(y0) + fy * row(y1)
                                    }
                                });
                            }
                        }
                    }
                }
                vec![out]
            },
        ));
    }
}

trait TableName {
    fn name_for_table(&self) -> &'static str;
}

impl TableName for Resample {
    fn name_for_table(&self) -> &'static str {
        hourglass::graph::Op::name(self)
    }
}

fn norm_cases(cases: &mut Vec<Case>) {
    let batch = Normalization::Batch { momentum: 0.1 };
    let group = |groups| Normalization::Group { groups };
    let shapes: Vec<(Normalization, Vec<usize>)> = vec![
        (batch, vec![65, 7]),
        (batch, vec![3, 29, 31, 5]),
        (batch, vec![2, 40, 40, 4]),
        (group(1), vec![7, 257]),
        (group(1), vec![1, 63]),
        (group(2), vec![2, 13, 11, 6]),
        (group(2), vec![3, 9, 7, 12]),
        (group(3), vec![2, 4, 5, 12]),
        (group(4), vec![1, 64, 65, 4]),
        (group(1), vec![3, 5, 4, 3]),
    ];
    for (index, (kind, extents)) in shapes.into_iter().enumerate() {
        let activation = [Activation::Identity, Activation::Relu, Activation::Tanh][index % 3];
        let channels = *extents.last().expect("channels");
        let inputs = vec![input(&extents, 60), input(&[channels], 61), input(&[channels], 62)];
        let name = if kind == batch { "batch norm" } else { "group norm" };
        let sizes = format!("{extents:?} {kind:?}");
        let samples = extents[0];
        let pixels = extents.iter().product::<usize>() / samples / channels;
        cases.push(case(
            name,
            sizes,
            inputs,
            move |graph, ids| {
                let op = Normalize { kind, epsilon: 1e-5, activation };
                let mut inputs = ids.to_vec();
                if kind == batch {
                    inputs.push(graph.statistic("running", [channels, 2], Init::Pairs([0.0, 1.0])));
                }
                Ok(vec![graph.add_op(Arc::new(op), &inputs, "norm")?[0]])
            },
            move |arrays| {
                let x = &arrays[0];
                let set = |i: usize| match kind {
                    Normalization::Group { groups } => (i / (pixels * channels), i % channels / (channels / groups)),
                    _ => (0, i % channels),
                };
                let mut sums = std::collections::BTreeMap::new();
                for (i, &value) in x.iter().enumerate() {
                    let sum: &mut (f64, f64) = sums.entry(set(i)).or_default();
                    sum.0 += value;
                    sum.1 += 1.0;
                }
                let mut squares = std::collections::BTreeMap::new();
                for (i, &value) in x.iter().enumerate() {
                    let (sum, count) = sums[&set(i)];
                    *squares.entry(set(i)).or_insert(0.0) += (value - sum / count).powi(2) / count;
                }
                let y = x.iter().enumerate().map(|(i, &value)| {
                    let (sum, count) = sums[&set(i)];
                    let normal = (value - sum / count) / (squares[&set(i)] + 1e-5).sqrt();
                    activate(activation, normal * arrays[1][i % channels] + arrays[2][i % channels])
                });
                vec![y.collect()]
            },
        ));
    }
}

/// Words of element `i` of a stream in the tests' state.
fn random(i: usize, stream: u32) -> (f64, f64) {
    let words = philox4x32([(i / 4) as u32, stream, 7, 0], [3, 5]);
    (f64::from(unit_float(words[i % 4])), f64::from(normal4(words)[i % 4]))
}

fn pointwise_cases(cases: &mut Vec<Case>) {
    for count in [1, 7, 63, 64, 65, 257] {
        for kind in Activation::ALL.into_iter().skip(1) {
            let (extents, values) = input(&[count, 1], 70);
            let scaled = values.iter().map(|value| 3.0 * value).collect();
            cases.push(case(
                &format!("activation {}", kind.name()),
                count.to_string(),
                vec![(extents, scaled)],
                move |graph, ids| {
                    Ok(vec![graph.add(Pointwise::one(PointwiseStage::Activate(kind)), ids, "activation")?])
                },
                move |arrays| vec![arrays[0].iter().map(|&x| activate(kind, x)).collect()],
            ));
        }
        cases.push(case(
            "add",
            count.to_string(),
            vec![input(&[count, 1], 71), input(&[count, 1], 72)],
            |graph, ids| Ok(vec![graph.add(Pointwise::one(PointwiseStage::Add), ids, "add")?]),
            |arrays| vec![arrays[0].iter().zip(&arrays[1]).map(|(a, b)| a + b).collect()],
        ));
        let rate = 0.3;
        for (name, stage) in [
            ("dropout", PointwiseStage::Dropout { rate, stream: 4 }),
            ("masking", PointwiseStage::Mask { rate, stream: 4 }),
            ("gaussian noise", PointwiseStage::Gaussian { sigma: rate, stream: 4 }),
            ("salt and pepper", PointwiseStage::SaltAndPepper { rate, stream: 4 }),
        ] {
            cases.push(case(
                name,
                count.to_string(),
                vec![input(&[count, 1], 73)],
                move |graph, ids| Ok(vec![graph.add(Pointwise::one(stage), ids, "random")?]),
                move |arrays| {
                    let rate = f64::from(rate);
                    let changed = arrays[0].iter().enumerate().map(|(i, &x)| {
                        let (u, normal) = random(i, 4);
                        match stage {
                            PointwiseStage::Dropout { .. } if u < rate => 0.0,
                            PointwiseStage::Dropout { .. } => x / (1.0 - rate),
                            PointwiseStage::Mask { .. } if u < rate => 0.0,
                            PointwiseStage::Gaussian { .. } => x + rate * normal,
                            PointwiseStage::SaltAndPepper { .. } if u < rate / 2.0 => 0.0,
                            PointwiseStage::SaltAndPepper { .. } if u >= 1.0 - rate / 2.0 => 1.0,
                            _ => x,
                        }
                    });
                    vec![changed.collect()]
                },
            ));
        }
    }
}

fn structure_cases(cases: &mut Vec<Case>) {
    for (rows, columns, offset, width) in [(1, 1, 0, 1), (7, 65, 3, 62), (63, 4, 2, 1), (9, 68, 8, 24)] {
        cases.push(case(
            "slice",
            format!("{rows}x{columns} at {offset}+{width}"),
            vec![input(&[rows, columns], 80)],
            move |graph, ids| Ok(vec![graph.add(Slice { offset, width }, ids, "slice")?]),
            move |arrays| {
                vec![arrays[0].chunks(columns).flat_map(|row| row[offset..offset + width].to_vec()).collect()]
            },
        ));
    }
    for (n, pixels, c, shared) in [(3, 35, 5, false), (2, 1, 64, false), (4, 9, 3, true), (1, 9000, 4, false)] {
        let rows = if shared { 1 } else { n };
        cases.push(case(
            "broadcast add",
            format!("{n}x{pixels}x{c} + {rows}x{c}"),
            vec![input(&[n, pixels, 1, c], 81), input(&[rows, c], 82)],
            move |graph, ids| Ok(vec![graph.add(AddRows, ids, "broadcast")?]),
            move |arrays| {
                let row = |i: usize| if shared { 0 } else { i / (pixels * c) };
                vec![arrays[0].iter().enumerate().map(|(i, x)| x + arrays[1][row(i) * c + i % c]).collect()]
            },
        ));
    }
    cases.push(case(
        "reshape",
        "5x6".to_owned(),
        vec![input(&[5, 6], 83)],
        |graph, ids| Ok(vec![graph.add(Reshape(Shape::new([5, 2, 3])), ids, "view")?]),
        |arrays| vec![arrays[0].clone()],
    ));
    for (n, c) in [(3, 35), (65, 4)] {
        let mut scaled = case(
            "scale samples",
            format!("{n}x{c}"),
            vec![input(&[n, c], 84), input(&[n, 1], 85)],
            move |graph, ids| Ok(vec![graph.add(ScaleRows, ids, "scale")?]),
            move |arrays| vec![arrays[0].iter().enumerate().map(|(i, x)| x * arrays[1][i / c]).collect()],
        );
        scaled.differentiable = false;
        cases.push(scaled);
    }
    for (size, c) in [([29, 31], 1), ([9, 8], 3)] {
        let bounds = WarpBounds { shift: 2.0, rotate: 0.1, scale: 0.2, mirror: [true, true] };
        let n = 5;
        let mut warped = case(
            "warp",
            format!("{n}x{size:?}x{c}"),
            vec![input(&[n, size[0], size[1], c], 86)],
            move |graph, ids| Ok(vec![graph.add(Warp { bounds, stream: 9 }, ids, "warp")?]),
            move |arrays| vec![warp(&arrays[0], n, size, c, bounds)],
        );
        warped.differentiable = false;
        cases.push(warped);
    }
}

fn warp(x: &[f64], n: usize, [h, w]: [usize; 2], c: usize, bounds: WarpBounds) -> Vec<f64> {
    let mut out = Vec::new();
    for i in 0..n {
        let words = |last| philox4x32([i as u32, 9, 7, last], [3, 5]);
        let draw = words(0).map(|word| 2.0 * f64::from(unit_float(word)) - 1.0);
        let coins = words(1);
        let (sin, cos) = (std::f64::consts::TAU * f64::from(bounds.rotate) * draw[2]).sin_cos();
        let factor = 1.0 / (1.0 + f64::from(bounds.scale) * draw[3]);
        let (cy, cx) = ((h as f64 - 1.0) / 2.0, (w as f64 - 1.0) / 2.0);
        for y in 0..h {
            for z in 0..w {
                let dy = (y as f64 - cy) * if coins[0] & 1 != 0 { -1.0 } else { 1.0 };
                let dx = (z as f64 - cx) * if coins[1] & 1 != 0 { -1.0 } else { 1.0 };
                let fy = factor * (cos * dy - sin * dx) + cy + f64::from(bounds.shift) * draw[0];
                let fx = factor * (sin * dy + cos * dx) + cx + f64::from(bounds.shift) * draw[1];
                for k in 0..c {
                    let at = |r: f64, q: f64| {
                        let inside = r >= 0.0 && q >= 0.0 && r < h as f64 && q < w as f64;
                        if inside { x[((i * h + r as usize) * w + q as usize) * c + k] } else { 0.0 }
                    };
                    let (r, q, sy, sx) = (fy.floor(), fx.floor(), fy - fy.floor(), fx - fx.floor());
                    let row = |r: f64| (1.0 - sx) * at(r, q) + sx * at(r, q + 1.0);
                    out.push((1.0 - sy) * row(r) + sy * row(r + 1.0));
                }
            }
        }
    }
    out
}

fn loss_cases(cases: &mut Vec<Case>) {
    for kind in ReconstructionLoss::ALL {
        for (n, d, sum_over_values) in [(1, 1, false), (7, 65, false), (3, 1030, true)] {
            let (extents, values) = input(&[n, d], 90);
            let term = LossTerm { sum_over_values, variance: 0.5, ..LossTerm::mean(kind) };
            let goal = noise(n * d, 91);
            let goal64: Vec<f64> = goal.iter().map(|&g| 0.5 + 0.5 * f64::from(g)).collect();
            let half: Vec<f32> = goal.iter().map(|&g| 0.5 + 0.5 * g).collect();
            let mut loss = case(
                &format!("loss {kind:?}"),
                format!("{n}x{d} {}", if sum_over_values { "sum" } else { "mean" }),
                vec![(extents, values.iter().map(|v| 2.0 * v).collect()), (vec![n, d], half)],
                move |graph, ids| {
                    let goal = graph.add(StopGradient, &ids[1..], "goal")?;
                    Ok(vec![graph.add(ElementLoss::new(term), &[ids[0], goal], "loss")?])
                },
                move |arrays| {
                    let scale = (n * if sum_over_values { 1 } else { d }) as f64;
                    let values = arrays[0].iter().zip(&goal64).map(|(&y, &x)| {
                        let e: f64 = y - x;
                        let value = match kind {
                            ReconstructionLoss::Mse => e * e,
                            ReconstructionLoss::Bce => y.max(0.0) - y * x + (-y.abs()).exp().ln_1p(),
                            ReconstructionLoss::L1 => e.abs(),
                            ReconstructionLoss::Huber => {
                                if e.abs() <= 1.0 {
                                    e * e / 2.0
                                } else {
                                    e.abs() - 0.5
                                }
                            }
                            ReconstructionLoss::Gaussian => e * e + 0.5 * (std::f64::consts::PI).ln(),
                        };
                        value / scale
                    });
                    vec![vec![values.sum()]]
                },
            );
            loss.is_loss = true;
            cases.push(loss);
        }
    }
    for (n, size, c) in [(1, [11, 11], 1), (2, [29, 31], 1), (1, [13, 12], 3)] {
        let [h, w] = size;
        let unit = |stream| {
            let (extents, values) = input(&[n, h, w, c], stream);
            (extents, values.iter().map(|v| 0.5 + 0.5 * v).collect::<Vec<f32>>())
        };
        let goal = unit(93).1;
        let goal64 = wide(&goal);
        let mut loss = case(
            "loss SSIM",
            format!("{n}x{size:?}x{c}"),
            vec![unit(92), unit(93)],
            move |graph, ids| {
                let goal = graph.add(StopGradient, &ids[1..], "goal")?;
                graph.add_op(Arc::new(SsimLoss { weight: 1.0 }), &[ids[0], goal], "ssim").map(|made| made[..1].to_vec())
            },
            move |arrays| vec![vec![1.0 - ssim(&arrays[0], &goal64, n, size, c)]],
        );
        loss.is_loss = true;
        cases.push(loss);
    }
    for (n, l) in [(1, 1), (65, 2), (7, 20)] {
        let clamp = [-1.5, 1.5];
        let moments = |stream| {
            let (extents, values) = input(&[n, 2 * l], stream);
            (extents, values.iter().map(|v| 2.0 * v).collect::<Vec<f32>>())
        };
        cases.push(case(
            "reparameterized sample",
            format!("{n}x{l}"),
            vec![moments(94)],
            move |graph, ids| Ok(vec![graph.add(SampleLatent { stream: 6, clamp }, ids, "sample")?]),
            move |arrays| {
                let z = (0..n * l).map(|i| {
                    let (row, unit) = (i / l, i % l);
                    let log_variance = arrays[0][(row * 2 + 1) * l + unit].clamp(-1.5, 1.5);
                    arrays[0][row * 2 * l + unit] + (log_variance / 2.0).exp() * random(i, 6).1
                });
                vec![z.collect()]
            },
        ));
        let mut loss = case(
            "KL divergence, free bits",
            format!("{n}x{l}"),
            vec![moments(95)],
            move |graph, ids| {
                let made = graph.add(GaussianKl { clamp, free_bits: 0.6 }, ids, "kl")?;
                Ok(vec![made])
            },
            move |arrays| {
                let mut gated = 0.0;
                let mut plain = 0.0;
                for unit in 0..l {
                    let sum: f64 = (0..n)
                        .map(|row| {
                            let mean = arrays[0][row * 2 * l + unit];
                            let log_variance = arrays[0][(row * 2 + 1) * l + unit].clamp(-1.5, 1.5);
                            0.5 * (mean * mean + log_variance.exp() - 1.0 - log_variance)
                        })
                        .sum();
                    gated += (sum / n as f64).max(0.6);
                    plain += sum / n as f64;
                }
                vec![vec![gated, plain]]
            },
        );
        loss.is_loss = true;
        cases.push(loss);
        let mut mmd = case(
            "maximum mean discrepancy",
            format!("{n}x{l}"),
            vec![input(&[n, l], 96)],
            move |graph, ids| {
                let random = RandomNumbers { extents: vec![n, l], stream: 8, distribution: Distribution::Normal };
                let prior = graph.add(random, &[], "prior")?;
                Ok(vec![graph.add(Mmd { weight: 1.0 }, &[ids[0], prior], "mmd")?])
            },
            move |arrays| {
                let prior: Vec<f64> = (0..n * l).map(|i| random(i, 8).1).collect();
                let row = |values: &[f64], i: usize| values[i * l..(i + 1) * l].to_vec();
                let kernel = |a: &[f64], b: &[f64]| {
                    let d: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
                        .iter()
                        .map(|s| 2.0 * l as f64 * s / (2.0 * l as f64 * s + d))
                        .sum::<f64>()
                };
                let count = n.max(2) as f64;
                let mut total = 0.0;
                for i in 0..n {
                    for j in 0..n {
                        if i != j {
                            total += (kernel(&row(&arrays[0], i), &row(&arrays[0], j))
                                + kernel(&row(&prior, i), &row(&prior, j)))
                                / (count * (count - 1.0));
                        }
                        total -= 2.0 * kernel(&row(&arrays[0], i), &row(&prior, j)) / (count * count);
                    }
                }
                vec![vec![total]]
            },
        );
        mmd.is_loss = true;
        cases.push(mmd);
    }
    for (n, d) in [(1, 3), (65, 7), (600, 65)] {
        let (extents, values) = input(&[n, d], 97);
        let inside = values.iter().map(|v| 0.5 + 0.45 * v).collect();
        let mut loss = case(
            "sparsity KL",
            format!("{n}x{d}"),
            vec![(extents, inside)],
            |graph, ids| graph.add_op(Arc::new(SparsityKl { rate: 0.05 }), ids, "rate").map(|made| made[..1].to_vec()),
            move |arrays| {
                let unit = |unit: usize| {
                    let mean = (0..n).map(|row| arrays[0][row * d + unit]).sum::<f64>() / n as f64;
                    0.05 * (0.05 / mean).ln() + 0.95 * (0.95 / (1.0 - mean)).ln()
                };
                vec![vec![(0..d).map(unit).sum()]]
            },
        );
        loss.is_loss = true;
        cases.push(loss);
    }
    for (n, d, keep) in [(1, 1, 1), (7, 65, 5), (3, 257, 64), (2, 8, 8)] {
        cases.push(case(
            "top k",
            format!("{keep} of {n}x{d}"),
            vec![input(&[n, d], 98)],
            move |graph, ids| Ok(vec![graph.add(TopK { keep, dead_after: None }, ids, "top")?]),
            move |arrays| {
                let rows = arrays[0].chunks(d).flat_map(|row| {
                    let mut order: Vec<usize> = (0..d).collect();
                    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                    let kept = order[..keep].to_vec();
                    (0..d).map(|i| if kept.contains(&i) { row[i] } else { 0.0 }).collect::<Vec<_>>()
                });
                vec![rows.collect()]
            },
        ));
    }
    for (n, pixels, d, entries) in [(1, 1, 1, 1), (3, 5, 7, 9), (2, 9, 4, 65)] {
        let mut quantized = case(
            "quantize",
            format!("{n}x{pixels}x{d} by {entries}"),
            vec![input(&[n, pixels, 1, d], 99), input(&[entries, d], 100)],
            |graph, ids| graph.add_op(Arc::new(QuantizeRows), ids, "codes"),
            move |arrays| {
                let (mut rows, mut codes) = (Vec::new(), Vec::new());
                for z in arrays[0].chunks(d) {
                    let distance = |entry: &[f64]| z.iter().zip(entry).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                    let best = arrays[1].chunks(d).map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                    let best = best.expect("an entry").0;
                    codes.push(best as f64);
                    rows.extend_from_slice(&arrays[1][best * d..(best + 1) * d]);
                }
                vec![rows, codes]
            },
        );
        quantized.differentiable = false;
        cases.push(quantized);
    }
}

fn ssim(a: &[f64], b: &[f64], n: usize, [h, w]: [usize; 2], c: usize) -> f64 {
    let raw: Vec<f64> = (-5..=5).map(|i| (-f64::from(i * i) / 4.5).exp()).collect();
    let total: f64 = raw.iter().sum();
    let (mut sum, mut count) = (0.0, 0.0);
    for i in 0..n {
        for y in 0..h - 10 {
            for x in 0..w - 10 {
                for k in 0..c {
                    let [mut ma, mut mb, mut aa, mut bb, mut ab] = [0.0; 5];
                    for dy in 0..11 {
                        for dx in 0..11 {
                            let weight = raw[dy] * raw[dx] / total / total;
                            let at = ((i * h + y + dy) * w + x + dx) * c + k;
                            ma += weight * a[at];
                            mb += weight * b[at];
                            aa += weight * a[at] * a[at];
                            bb += weight * b[at] * b[at];
                            ab += weight * a[at] * b[at];
                        }
                    }
                    let (va, vb, cov) = (aa - ma * ma, bb - mb * mb, ab - ma * mb);
                    sum +=
                        (2.0 * ma * mb + 1e-4) * (2.0 * cov + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4));
                    count += 1.0;
                }
            }
        }
    }
    sum / count
}

fn dense_cases(cases: &mut Vec<Case>) {
    for (index, (n, d, k)) in
        // The last two are summed in parts of the batch.
        [
            (1, 1, 1),
            (7, 7, 7),
            (63, 65, 64),
            (64, 64, 64),
            (65, 63, 257),
            (128, 256, 2),
            (9, 100, 260),
            (1030, 7, 5),
            (1100, 68, 4),
        ]
        .into_iter()
        .enumerate()
    {
        let activation = [Activation::Relu, Activation::Tanh, Activation::Identity, Activation::Elu][index % 4];
        cases.push(case(
            "dense",
            format!("{n}x{d}x{k}"),
            vec![input(&[n, d], 1), input(&[k, d], 2), input(&[k], 3)],
            move |graph, ids| Ok(vec![graph.add(Dense { activation }, ids, "dense")?]),
            move |arrays| {
                let y = (0..n * k).map(|i| {
                    let (row, unit) = (i / k, i % k);
                    let sum: f64 = (0..d).map(|j| arrays[0][row * d + j] * arrays[1][unit * d + j]).sum();
                    activate(activation, sum + arrays[2][unit])
                });
                vec![y.collect()]
            },
        ));
    }
}

/// A ragged last batch: rows without data add nothing to losses and have no gradient.
fn ragged_cases(cases: &mut Vec<Case>) {
    let (n, rows, d) = (7, 3, 65);
    let goal = noise(n * d, 91);
    let mut loss = case(
        "loss Mse, ragged",
        format!("{rows} of {n}x{d}"),
        vec![input(&[n, d], 90), (vec![n, d], goal.clone())],
        |graph, ids| {
            let goal = graph.add(StopGradient, &ids[1..], "goal")?;
            Ok(vec![graph.add(ElementLoss::new(LossTerm::mean(ReconstructionLoss::Mse)), &[ids[0], goal], "loss")?])
        },
        move |arrays| {
            let squares = arrays[0][..rows * d].iter().zip(&goal).map(|(y, &x)| (y - f64::from(x)).powi(2));
            vec![vec![squares.sum::<f64>() / (rows * d) as f64]]
        },
    );
    (loss.rows, loss.is_loss) = (rows, true);
    cases.push(loss);
}

#[test]
fn every_op_matches_and_its_gradient_too() {
    let mut cases = Vec::new();
    dense_cases(&mut cases);
    conv_cases(&mut cases);
    resample_cases(&mut cases);
    norm_cases(&mut cases);
    pointwise_cases(&mut cases);
    structure_cases(&mut cases);
    loss_cases(&mut cases);
    ragged_cases(&mut cases);
    corruption_cases(&mut cases);
    let mut table = String::from(
        "| op | sizes | CPU reference, f64 loops | shader, CPU reference | tiled shader, CPU reference | gradient, differences |\n|---|---|---|---|---|---|\n",
    );
    let mut merged: Vec<(String, Vec<String>, Errors)> = Vec::new();
    for case in &cases {
        let errors = check(case);
        match merged.iter_mut().find(|(name, ..)| *name == case.name) {
            Some((_, sizes, worst)) => {
                sizes.push(case.sizes.clone());
                worst.reference = worst.reference.max(errors.reference);
                worst.shader = worst.shader.max(errors.shader);
                worst.tiled = worst.tiled.max(errors.tiled);
                worst.gradient = worst.gradient.max(errors.gradient);
            }
            None => merged.push((case.name.clone(), vec![case.sizes.clone()], errors)),
        }
    }
    for (name, sizes, errors) in merged {
        let Errors { reference, shader, tiled, gradient } = errors;
        writeln!(
            table,
            "| {name} | {} | {reference:.1e} | {shader:.1e} | {tiled:.1e} | {gradient:.1e} |",
            sizes.join("; ")
        )
        .expect("text");
    }
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernel-errors.md");
    std::fs::write(&path, &table).expect("the table is written");
    println!("{table}");
}

/// The gradient of a + stop(b) by b is nothing at all, by a what it would be without b.
#[test]
fn nothing_flows_back_through_a_stop() {
    let stopped = case(
        "stop gradient",
        String::new(),
        vec![input(&[5, 6], 87), input(&[5, 6], 88)],
        |graph, ids| {
            let stopped = graph.add(StopGradient, &ids[1..], "stop")?;
            Ok(vec![graph.add(Pointwise::one(PointwiseStage::Add), &[ids[0], stopped], "add")?])
        },
        |_| Vec::new(),
    );
    on_all_devices(|form, device| {
        let made = run(&stopped, device);
        let pairs = made.outputs[0].iter().zip(target(0, 30));
        let expected: Vec<f64> = pairs.map(|(&y, goal)| 2.0 * f64::from(y - goal) / 5.0).collect();
        assert!(error(&made.gradients[0], &expected) < GRADIENT_ERROR, "{form}");
        assert!(made.gradients[1].iter().all(|&gradient| gradient == 0.0), "{form}");
    });
}

/// What PyTorch makes of an op, from tests/fixtures/make_kernels.py.
fn torch(name: &str) -> serde_json::Value {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/kernels.json")).expect("the fixture is JSON");
    fixture["ops"][name].clone()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap_or_else(|_| panic!("no numbers in the fixture: {value}"))
}

fn on_all_devices(mut look: impl FnMut(&str, &Device)) {
    look("cpu", &cpu());
    if let Some(Device::Gpu(gpu)) = gpu() {
        look("gpu", &Device::Gpu(gpu.clone().with_tiles(false)));
        look("gpu, tiled", &Device::Gpu(gpu.with_tiles(true)));
    }
}

#[test]
fn ops_agree_with_pytorch() {
    let conv = |stride: usize, padding: usize, dilation: usize| Conv {
        stride: [stride; 2],
        padding: [padding; 2],
        dilation,
        activation: Activation::Identity,
    };
    let transposed = |output_padding: usize| ConvTranspose {
        stride: [2; 2],
        padding: [1; 2],
        output_padding: [output_padding; 2],
        dilation: 1,
        activation: Activation::Identity,
    };
    let norm = |kind| Normalize { kind, epsilon: 1e-5, activation: Activation::Identity };
    let resample = |kind, factor| Resample { kind, factor };
    let image = [2, 5, 6, 3];
    let conv_inputs =
        |x: [usize; 4], k: usize, side: usize| vec![input(&x, 10), input(&[k, side, side, x[3]], 20), input(&[k], 21)];
    let transposed_inputs =
        |x: [usize; 4], c: usize, side: usize| vec![input(&x, 30), input(&[x[3], side, side, c], 31), input(&[c], 32)];
    let norm_inputs = |x: &[usize]| {
        let channels = *x.last().expect("channels");
        vec![input(x, 60), input(&[channels], 61), input(&[channels], 62)]
    };
    type Inputs = Vec<(Vec<usize>, Vec<f32>)>;
    let ops: Vec<(&str, Inputs, Arc<dyn hourglass::graph::Op>)> = vec![
        ("conv 3x3/2", conv_inputs([2, 29, 31, 3], 2, 3), Arc::new(conv(2, 1, 1))),
        ("conv 3x3 dilated", conv_inputs([1, 7, 9, 4], 8, 3), Arc::new(conv(1, 2, 2))),
        ("conv 4x4/2", conv_inputs([1, 8, 8, 5], 4, 4), Arc::new(conv(2, 1, 1))),
        ("conv_transpose 4x4/2", transposed_inputs([1, 5, 6, 4], 3, 4), Arc::new(transposed(0))),
        ("conv_transpose 3x3/2 outpad", transposed_inputs([1, 4, 5, 3], 4, 3), Arc::new(transposed(1))),
        ("batch norm", norm_inputs(&[3, 4, 5, 6]), Arc::new(norm(Normalization::Batch { momentum: 0.1 }))),
        ("layer norm", norm_inputs(&[7, 65]), Arc::new(norm(Normalization::Group { groups: 1 }))),
        ("group norm", norm_inputs(&[2, 5, 4, 6]), Arc::new(norm(Normalization::Group { groups: 3 }))),
        ("nearest", vec![input(&image, 50)], Arc::new(resample(Resampling::Nearest, 2))),
        ("bilinear", vec![input(&image, 50)], Arc::new(resample(Resampling::Bilinear, 3))),
        ("average pool", vec![input(&image, 50)], Arc::new(resample(Resampling::AveragePool, 2))),
        ("max pool", vec![input(&image, 50)], Arc::new(resample(Resampling::MaxPool, 2))),
        ("pixel shuffle", vec![input(&[2, 3, 4, 8], 50)], Arc::new(resample(Resampling::PixelShuffle, 2))),
        ("pixel unshuffle", vec![input(&[2, 4, 6, 3], 50)], Arc::new(resample(Resampling::PixelUnshuffle, 2))),
    ];
    for (name, inputs, op) in ops {
        let fixture = torch(name);
        let is_batch_norm = name == "batch norm";
        let case = case(
            name,
            String::new(),
            inputs,
            move |graph, ids| {
                let mut ids = ids.to_vec();
                if is_batch_norm {
                    ids.push(graph.statistic("running", [6, 2], Init::Pairs([0.0, 1.0])));
                }
                Ok(vec![graph.add_op(Arc::clone(&op), &ids, "op")?[0]])
            },
            |_| Vec::new(),
        );
        on_all_devices(|form, device| {
            let made = run(&case, device);
            let worst = error(&made.outputs[0], &numbers(&fixture["output"]));
            assert!(worst < VALUE_ERROR, "{name} on {form} is off by {worst:e}");
            for (i, gradient) in made.gradients.iter().enumerate() {
                let worst = error(gradient, &numbers(&fixture["gradients"][i]));
                assert!(worst < GRADIENT_ERROR, "gradient {i} of {name} on {form} is off by {worst:e}");
            }
        });
    }
    for kind in ReconstructionLoss::ALL {
        let name = format!("{kind:?}").to_lowercase();
        let fixture = torch(&name);
        let (extents, values) = input(&[7, 13], 90);
        let (_, goal) = input(&[7, 13], 91);
        let doubled = values.iter().map(|value| 2.0 * value).collect();
        let goal = goal.iter().map(|value| 0.5 + 0.5 * value).collect();
        let term = LossTerm { variance: 0.5, ..LossTerm::mean(kind) };
        let mut case = case(
            &name,
            String::new(),
            vec![(extents.clone(), doubled), (extents, goal)],
            move |graph, ids| {
                let goal = graph.add(StopGradient, &ids[1..], "goal")?;
                Ok(vec![graph.add(ElementLoss::new(term), &[ids[0], goal], "loss")?])
            },
            |_| Vec::new(),
        );
        case.is_loss = true;
        on_all_devices(|form, device| {
            let made = run(&case, device);
            let total: f32 = made.outputs[0].iter().sum();
            let worst = error(&[total], &numbers(&fixture["output"]));
            assert!(worst < VALUE_ERROR, "{name} on {form} is off by {worst:e}");
            let worst = error(&made.gradients[0], &numbers(&fixture["gradients"][0]));
            assert!(worst < GRADIENT_ERROR, "gradient of {name} on {form} is off by {worst:e}");
        });
    }
}

#[test]
fn optimizers_agree_with_pytorch() {
    use hourglass::kernels::optimizer::{ClipFactor, DECAY_BLOCK, GradientSquares, Update, UpdateRule};
    const COUNT: usize = 128;
    let adam = UpdateRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let sgd = |nesterov| UpdateRule::Sgd { momentum: 0.9, nesterov };
    for (name, rule, weight_decay, decoupled, clip) in [
        ("adam", adam, 0.1, false, None),
        ("adamw", adam, 0.1, true, None),
        ("sgd", sgd(false), 0.1, false, None),
        ("sgd nesterov clipped", sgd(true), 0.0, false, Some(0.5)),
    ] {
        let update = Update { rule, count: COUNT, weight_decay, decoupled, clipped: clip.is_some(), average: None };
        on_all_devices(|form, device| {
            let mut flat = vec![noise(COUNT, 12), vec![0.0; COUNT]];
            flat.extend(matches!(rule, UpdateRule::Adam { .. }).then(|| vec![0.0; COUNT]));
            for step in 0..5 {
                let grads = noise(COUNT, 20 + step as u32);
                let (step_size, inv_sqrt_correction) = update.corrections(0.01, step);
                let state = StepState { step_size, inv_sqrt_correction, learning_rate: 0.01, ..StepState::default() };
                let run = crate::support::run_kernel;
                let squares = GradientSquares { count: COUNT };
                let partials = squares.partials();
                let sums = run(device, Arc::new(squares), &[bytemuck::cast_slice(&grads)], &[partials], &[], state);
                let factor = ClipFactor { partials, max_norm: clip.unwrap_or(f32::INFINITY) };
                let factor = run(device, Arc::new(factor), &[bytemuck::cast_slice(&sums[0])], &[2], &[], state);
                let mask = [1.0_f32; COUNT / DECAY_BLOCK];
                let reads =
                    [bytemuck::cast_slice(&grads), bytemuck::cast_slice(&mask), bytemuck::cast_slice(&factor[0])];
                let initial: Vec<&[f32]> = flat.iter().map(Vec::as_slice).collect();
                flat = run(device, Arc::new(update.clone()), &reads, &vec![COUNT; flat.len()], &initial, state);
            }
            let worst = error(&flat[0], &numbers(&torch(name)["output"]));
            assert!(worst < VALUE_ERROR, "{name} on {form} is off by {worst:e}");
        });
    }
}
