//! Durations of passes by the GPU's own clock. Timestamps at pass boundaries are the ones that every GPU offers.

use super::{GpuContext, Readback};
use crate::device::DeviceError;
use crate::platform::Wait;

/// Timestamps at begin and end of passes, of each the last one that was recorded with its number.
#[derive(Debug)]
pub struct GpuClock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: Readback,
    passes: usize,
    /// Seconds per tick.
    period: f64,
}

/// Bytes of a pass: two timestamps of 64 bits.
const PASS_BYTES: usize = 16;

/// Upper bound of the passes of one clock: every device's set of queries holds two for each.
const MOST_PASSES: usize = 2048;

impl GpuClock {
    /// Creates a clock for `passes` passes, or as many as there may be; `None` where the device offers no timestamps.
    pub fn new(context: &GpuContext, passes: usize) -> Option<Self> {
        let device = context.device();
        let passes = passes.clamp(1, MOST_PASSES);
        let bytes = passes * PASS_BYTES;
        device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Self {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("pass.timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * passes as u32,
            }),
            resolved: device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("pass.timestamps"),
                size: bytes as u64,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            readback: Readback::new(context, "pass.timestamps.readback", bytes),
            passes,
            period: f64::from(context.queue().get_timestamp_period()) * 1e-9,
        })
    }

    /// Returns the timestamps for the descriptor of pass `index`; `None` beyond the last pass of the clock.
    pub fn pass_writes(&self, index: usize) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        (index < self.passes).then(|| wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * index as u32),
            end_of_pass_write_index: Some(2 * index as u32 + 1),
        })
    }

    /// Records the resolution of all timestamps, after the passes.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2 * self.passes as u32, &self.resolved, 0);
    }

    /// Waits for all work and returns begin and end of each pass, in seconds from an arbitrary origin.
    pub fn spans(&mut self, context: &GpuContext) -> Result<Vec<[f64; 2]>, DeviceError> {
        let mut encoder =
            context.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("timestamps") });
        self.readback.copy(&mut encoder, &self.resolved, 0, self.passes * PASS_BYTES);
        context.queue().submit([encoder.finish()]);
        self.readback.request();
        let ticks = self.readback.take(context, bytemuck::pod_collect_to_vec::<u8, u64>).wait()?;
        let origin = ticks.first().copied().unwrap_or(0);
        // Differences first: a clock that has run for days has no room for fractions in an f64.
        let seconds = |tick: u64| tick.wrapping_sub(origin) as i64 as f64 * self.period;
        Ok(ticks.chunks_exact(2).map(|pass| [seconds(pass[0]), seconds(pass[1])]).collect())
    }

    /// Waits for all work and returns the first pass's duration in seconds; `None` for a clock that ran backwards, as
    /// some do when a device changes its power state.
    pub fn seconds(&mut self, context: &GpuContext) -> Result<Option<f64>, DeviceError> {
        let spans = self.spans(context)?;
        Ok(spans.first().map(|[begin, end]| end - begin).filter(|&secs| secs >= 0.0))
    }
}
