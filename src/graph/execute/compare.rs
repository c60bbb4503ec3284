//! Comparison of a kernel on a device with its CPU reference: for the self-test, and before a variant is timed.

use std::sync::Arc;

use half::f16;

use super::cpu::CallBuffers;
use super::timing::{timing_noise, timing_state};
use crate::device::Device;
use crate::graph::{BufferView, Executable, GraphError, Location, Plan, SharedBuffers};
use crate::kernels::{Element, Kernel, KernelTolerance, StepState};
use crate::platform::Wait as _;

/// Runs `kernel` once on `device`.
///
/// Returns the written buffers.
pub fn run_kernel(
    device: &Device,
    kernel: Arc<dyn Kernel>,
    buffers: &CallBuffers,
    state: &StepState,
) -> Result<Vec<Vec<f32>>, GraphError> {
    let sizes = |buffers: &[Vec<f32>]| buffers.iter().map(|values| 4 * values.len()).collect::<Vec<_>>();
    let (reads, writes) = (sizes(&buffers.reads), sizes(&buffers.before));
    let plan = Plan::from_kernel(kernel, &reads, &writes);
    let mut executable = Executable::new(device, &plan, &SharedBuffers::default())?;
    for (block, values) in buffers.reads.iter().chain(&buffers.before).enumerate() {
        executable.write_block(block, bytemuck::cast_slice(values))?;
    }
    executable.run(std::slice::from_ref(state))?;
    let first = reads.len();
    let view = |(index, &bytes)| BufferView { place: Location::Block(first + index), offset: 0, bytes };
    writes.iter().enumerate().map(|write| executable.read(view(write)).wait()).collect()
}

/// Difference between results of a kernel and those of its CPU reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deviation {
    /// Largest difference over the largest magnitude of its buffer, of the values that count; infinite for a NaN or an
    /// infinity where the reference has none.
    pub worst: f64,
    /// Bound on `worst`.
    pub allowed: f64,
}

impl Deviation {
    /// Returns whether the largest difference is within its bound.
    pub fn is_within(&self) -> bool {
        self.worst <= self.allowed
    }

    /// Compares written buffers. Of a kernel whose results may turn on a rounding the share of
    /// [`KernelTolerance::ambiguous`] is left out, the furthest first.
    pub fn between(results: &[Vec<f32>], reference: &[Vec<f32>], tolerance: KernelTolerance) -> Self {
        let magnitude =
            |values: &[f64]| values.iter().filter(|x| x.is_finite()).fold(0.0_f64, |most, x| most.max(x.abs()));
        let read = |words: &Vec<f32>| values(words, tolerance.element);
        let (mut worst, mut before) = (0.0_f64, 0.0_f64);
        for (index, (results, reference)) in results.iter().zip(reference).enumerate() {
            let (results, reference) = (read(results), read(reference));
            let own = magnitude(&reference);
            let largest = if index == 1 && tolerance.bias_cancels { own.max(before) } else { own };
            before = own;
            let scale = if largest > 0.0 { largest } else { 1.0 };
            let difference = |(&result, &expected): (&f64, &f64)| {
                let same = result == expected || result.is_nan() && expected.is_nan();
                let difference = if same { 0.0 } else { (result - expected).abs() / scale };
                if difference.is_nan() { f64::INFINITY } else { difference }
            };
            let mut differences: Vec<f64> = results.iter().zip(&reference).map(difference).collect();
            let left_out = (tolerance.ambiguous * differences.len() as f64).ceil() as usize;
            if left_out > 0 && left_out < differences.len() {
                differences.select_nth_unstable_by(left_out, |a, b| b.total_cmp(a));
                differences.drain(..left_out);
            }
            worst = differences.into_iter().fold(worst, f64::max);
        }
        Self { worst, allowed: tolerance.relative }
    }
}

/// Values of a buffer that is read as words of 32 bits.
fn values(words: &[f32], element: Element) -> Vec<f64> {
    match element {
        Element::F32 => words.iter().map(|&word| f64::from(word)).collect(),
        Element::F16 => {
            let halves: &[u16] = bytemuck::cast_slice(words);
            halves.iter().map(|&bits| f16::from_bits(bits).to_f64()).collect()
        }
        Element::Word => words.iter().map(|word| f64::from(word.to_bits())).collect(),
    }
}

/// Compares `kernel` on `device` with its CPU reference on `reference`, both on noise in buffers of these sizes in
/// bytes, with `rows` rows in the batch.
pub fn compare_on_noise(
    device: &Device,
    reference: &Device,
    kernel: &Arc<dyn Kernel>,
    (reads, writes): (&[usize], &[usize]),
    rows: usize,
) -> Result<Deviation, GraphError> {
    let mut streams = 0..;
    let mut noise = |sizes: &[usize]| -> Vec<Vec<f32>> {
        let fill = |(&bytes, stream)| bytemuck::pod_collect_to_vec(&timing_noise(bytes, stream));
        sizes.iter().zip(&mut streams).map(fill).collect()
    };
    let (buffers, state) = (CallBuffers { reads: noise(reads), before: noise(writes) }, timing_state(rows));
    let expected = run_kernel(reference, Arc::clone(kernel), &buffers, &state)?;
    let results = run_kernel(device, Arc::clone(kernel), &buffers, &state)?;
    Ok(Deviation::between(&results, &expected, kernel.tolerance()))
}
