//! Time of one kernel: for the benchmark, and for the choice among its variants.

use std::sync::Arc;
use std::time::Duration;

use crate::device::Device;
use crate::graph::{Executable, GraphError, MAX_STEPS_PER_SUBMISSION, Plan, SharedBuffers};
use crate::kernels::{Kernel, StepState};
use crate::platform::Instant;
use crate::random::{philox4x32, unit_float};

/// Numbers of ordinary size, never zeros: hardware can be faster on zeros.
pub fn timing_noise(bytes: usize, stream: u32) -> Vec<u8> {
    let mut out = vec![0; bytes.next_multiple_of(16)];
    for (block, quad) in (0..).zip(out.chunks_exact_mut(16)) {
        for (value, word) in quad.chunks_exact_mut(4).zip(philox4x32([block, stream, 0, 0], [7, 7])) {
            value.copy_from_slice(&(unit_float(word) - 0.5).to_le_bytes());
        }
    }
    out.truncate(bytes);
    out
}

/// Returns the state of a step in the middle of a run, with `rows` rows in the batch.
pub fn timing_state(rows: usize) -> StepState {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    StepState {
        rows,
        part_rows: rows,
        step_size: 1e-4,
        inv_sqrt_correction: 1.0,
        beta: 1.0,
        sparsity: 1.0,
        corruption: 1.0,
        ..StepState::default()
    }
}

/// Median seconds of one run of `kernel`, with buffers of these sizes in bytes and `rows` rows in its batch, over five
/// batches of runs that take about `sample` each, after a warm-up.
pub fn time_kernel(
    device: &Device,
    kernel: Arc<dyn Kernel>,
    (reads, writes): (&[usize], &[usize]),
    rows: usize,
    sample: Duration,
) -> Result<f64, GraphError> {
    let plan = Plan::from_kernel(kernel, reads, writes);
    let mut executable = Executable::new(device, &plan, &SharedBuffers::default())?;
    for (block, &bytes) in reads.iter().chain(writes).enumerate() {
        executable.write_block(block, &timing_noise(bytes, block as u32))?;
    }
    let state = timing_state(rows);
    let mut time = |runs: usize| -> Result<f64, GraphError> {
        let states = vec![state; runs];
        let started = Instant::now();
        executable.run(&states)?;
        executable.wait()?;
        let elapsed = started.elapsed().as_secs_f64();
        // The device's own clock where there is one: it leaves out recording and submission.
        let secs = executable.device_seconds()?;
        Ok(secs.unwrap_or(elapsed) / runs as f64)
    };
    time(1)?;
    let once = time(1)?;
    let runs = (sample.as_secs_f64() / once.max(1e-7)).clamp(1.0, MAX_STEPS_PER_SUBMISSION as f64) as usize;
    let mut samples = (0..5).map(|_| time(runs)).collect::<Result<Vec<_>, _>>()?;
    samples.sort_by(f64::total_cmp);
    Ok(samples[samples.len() / 2])
}
