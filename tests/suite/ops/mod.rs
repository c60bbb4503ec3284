//! Every op on every device, its values and its gradients, a file for each family: the CPU reference against plain f64
//! loops, the shaders against the reference, and gradients against central differences of the f64 loops. Each family
//! writes its rows of the table of worst errors.

mod conv;
mod corruption;
mod dense;
mod latent;
mod loss;
mod normalization;
mod pointwise;
mod pytorch;
mod resampling;
mod structure;
mod warp;

use std::fmt::Write as _;
use std::path::Path;

use hourglass::device::Device;
use hourglass::graph::ops::{ElementLoss, Reshape};
use hourglass::graph::{
    BufferView, Call, Executable, Graph, GraphError, Init, Location, Parameter, Plan, SharedBuffer, SharedBuffers,
    ValueId, differentiate,
};
use hourglass::kernels::activation::Activation;
use hourglass::kernels::loss::{LossTerm, ReconstructionLoss};
use hourglass::kernels::{StepState, choice_key};
use hourglass::platform::Wait as _;
use hourglass::random::{normal4, philox4x32, unit_float};
use hourglass::tensor::Shape;

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

/// Op at one size, with the f64 loops that say what it computes.
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

/// Returns a case of one op, differentiable and without doubtful values.
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

/// Values of the outputs that one device computes for a case, and gradients by its inputs.
struct Outputs {
    values: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
}

/// Returns the state of a step that all cases run in.
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

/// Returns targets that the outputs of a case are drawn to, so that there is something to differentiate.
fn target(output: usize, count: usize) -> Vec<f32> {
    noise(count, 900 + output as u32)
}

/// Returns `device` with each kernel in the variant of this place in its list, or in its last where it has fewer.
fn with_variant(device: &Device, plan: &Plan, variant: usize) -> Device {
    let Device::Gpu(gpu) = device else { return device.clone() };
    let chosen = |call: &Call| {
        let variants = call.kernel.variants(gpu.target());
        let name = *variants.get(variant).or(variants.last())?;
        Some((choice_key(call.kernel.as_ref()), name.to_owned()))
    };
    Device::Gpu(gpu.clone().with_choices(plan.calls.iter().filter_map(chosen).collect()))
}

/// Returns the most variants that a kernel of the plan has.
fn most_variants(device: &Device, plan: &Plan) -> usize {
    let Device::Gpu(gpu) = device else { return 1 };
    plan.calls.iter().map(|call| call.kernel.variants(gpu.target()).len()).max().unwrap_or(1).max(1)
}

/// Runs a case in the default variant of its kernels.
fn run(case: &Case, device: &Device) -> Outputs {
    run_variants(case, device).swap_remove(0)
}

/// Runs a case in every variant that its kernels have on a GPU, the default first.
fn run_variants(case: &Case, device: &Device) -> Vec<Outputs> {
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
        let values =
            outputs.iter().map(|&id| executable.read(plan.view(id).expect("kept")).wait().expect("read")).collect();
        let gradient = BufferView {
            place: Location::External(SharedBuffer::Gradients),
            offset: 0,
            bytes: graph.flat_elements() * 4,
        };
        let gradients = match case.differentiable {
            true => {
                let flat = executable.read(gradient).wait().expect("read");
                let part = |p: &Parameter| flat[p.offset..p.offset + p.shape.elements()].to_vec();
                graph.parameters().iter().map(part).collect()
            }
            false => Vec::new(),
        };
        Outputs { values, gradients }
    };
    (0..most_variants(device, &plan)).map(|variant| run(&with_variant(device, &plan, variant))).collect()
}

/// Returns the largest difference relative to the largest value; NaN is infinitely wrong.
fn error(actual: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len(), "lengths differ");
    let scale = expected.iter().fold(1e-3_f64, |scale, value| scale.max(value.abs()));
    let worst = actual.iter().zip(expected).map(|(&a, &e)| (f64::from(a) - e).abs());
    worst.fold(0.0, |worst: f64, e| if e.is_nan() { f64::INFINITY } else { worst.max(e) }) / scale
}

fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Computes the number that is differentiated.
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

/// Worst errors of the values on each device, and of the gradients on all.
#[derive(Default)]
struct Errors {
    reference: f64,
    shader: f64,
    tiled: f64,
    gradient: f64,
}

/// Compares a case with its oracle on every device, in values and gradients. Returns the worst errors.
fn check_case(case: &Case) -> Errors {
    let context = format!("{} {}", case.name, case.sizes);
    let inputs: Arrays = case.inputs.iter().map(|(_, values)| to_f64(values)).collect();
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
    // Doubtful values count as the expected ones.
    let settled = |mut outputs: Vec<Vec<f32>>| {
        let values = outputs.iter_mut().flatten().zip(expected.iter().flatten());
        values.zip(&doubts).filter(|(_, doubt)| **doubt).for_each(|((value, sure), _)| *value = *sure as f32);
        outputs
    };
    let mut errors = Errors::default();
    let reference = settled(summed(&on_cpu.values));
    for (actual, expected) in reference.iter().zip(&expected) {
        errors.reference = errors.reference.max(error(actual, expected));
    }
    assert!(errors.reference < VALUE_ERROR, "{context}: the reference is off by {:e}", errors.reference);

    let mut all = vec![("reference".to_owned(), on_cpu)];
    if let Some(Device::Gpu(gpu)) = gpu() {
        for (name, tiled) in [("shader", false), ("tiled shader", true)] {
            let variants = run_variants(case, &Device::Gpu(gpu.clone().with_tiles(tiled)));
            for (variant, outputs) in variants.into_iter().enumerate() {
                let mut worst: f64 = 0.0;
                for (actual, reference) in settled(summed(&outputs.values)).iter().zip(&reference) {
                    worst = worst.max(error(actual, &to_f64(reference)));
                }
                assert!(worst < VALUE_ERROR, "{context}: the {name} {variant} is off by {worst:e}");
                let kept = if tiled { &mut errors.tiled } else { &mut errors.shader };
                *kept = kept.max(worst);
                all.push((format!("{name} {variant}"), outputs));
            }
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
            for (name, outputs) in &all {
                let actual: Vec<f32> = places.iter().map(|&place| outputs.gradients[input][place]).collect();
                let worst = error(&actual, &expected);
                assert!(
                    worst < GRADIENT_ERROR,
                    "{context}: gradient by input {input} of the {name} is off by {worst:e}: {actual:?} for \
                     {expected:?}"
                );
                errors.gradient = errors.gradient.max(worst);
            }
        }
    }
    errors
}

/// Checks the cases of a family and prints their rows of the error table, one for each op.
fn check_family(family: &str, cases: &[Case]) {
    let mut table = String::from(
        "| op | sizes | CPU reference, f64 loops | shader, CPU reference | tiled shader, CPU reference \
         | gradient, differences |\n|---|---|---|---|---|---|\n",
    );
    let mut merged: Vec<(String, Vec<String>, Errors)> = Vec::new();
    for case in cases {
        let errors = check_case(case);
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
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kernel-errors-{family}.md"));
    std::fs::write(&path, &table).expect("the table is written");
    println!("{table}");
}

/// Returns noise of these extents as an input.
fn input(extents: &[usize], stream: u32) -> (Vec<usize>, Vec<f32>) {
    (extents.to_vec(), noise(extents.iter().product(), stream))
}

/// Computes a standard activation in f64.
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
        Activation::LeakyClamp => x.clamp(0.0, 1.0) + 0.01 * (x - x.clamp(0.0, 1.0)),
        other => panic!("{other:?} has no formula here"),
    }
}

/// Computes the error function by its Taylor series: exact enough for the small arguments here.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / std::f64::consts::PI.sqrt() * sum
}

/// Returns the uniform and the normal number of element `i` of a stream in the state of the cases.
fn random(i: usize, stream: u32) -> (f64, f64) {
    let words = philox4x32([(i / 4) as u32, stream, 7, 0], [3, 5]);
    (f64::from(unit_float(words[i % 4])), f64::from(normal4(words)[i % 4]))
}

/// Calls `check` with each device and its name.
fn on_all_devices(mut check: impl FnMut(&str, &Device)) {
    check("cpu", &cpu());
    if let Some(Device::Gpu(gpu)) = gpu() {
        check("gpu", &Device::Gpu(gpu.clone().with_tiles(false)));
        check("gpu, tiled", &Device::Gpu(gpu.with_tiles(true)));
    }
}
