//! How long a pass took by the GPU's own clock. Timestamps at pass boundaries are the ones that every GPU offers.

use super::{GpuContext, Readback};
use crate::device::DeviceError;

/// Begin and end of the last pass that was recorded with it.
#[derive(Debug)]
pub struct GpuClock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: Readback,
    /// Nanoseconds a tick.
    period: f64,
}

/// Two timestamps of 64 bits.
const BYTES: usize = 16;

impl GpuClock {
    /// `None` where the device offers no timestamps.
    pub fn new(context: &GpuContext) -> Option<Self> {
        let device = context.device();
        device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Self {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("pass.timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("pass.timestamps"),
                size: BYTES as u64,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            readback: Readback::new(context, "pass.timestamps.readback", BYTES),
            period: f64::from(context.queue().get_timestamp_period()),
        })
    }

    /// For the descriptor of the pass.
    pub fn pass_writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// After the pass.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
    }

    /// Waits for all work and gives the last pass's seconds; `None` for a clock that ran backwards, as some do when
    /// a device changes its power state.
    pub fn seconds(&mut self, context: &GpuContext) -> Result<Option<f64>, DeviceError> {
        let mut encoder =
            context.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("timestamps") });
        self.readback.copy(&mut encoder, &self.resolved, 0, BYTES);
        context.queue().submit([encoder.finish()]);
        self.readback.request();
        let ticks = self.readback.take(context, true, bytemuck::pod_collect_to_vec::<u8, u64>)?;
        Ok(ticks.and_then(|ticks| match ticks[..] {
            [begin, end] => end.checked_sub(begin).map(|ticks| ticks as f64 * self.period * 1e-9),
            _ => None,
        }))
    }
}
