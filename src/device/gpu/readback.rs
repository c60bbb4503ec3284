//! Reading a buffer without making the device wait: bytes are copied into a staging buffer behind the work already
//! queued, and picked up when they have arrived.

use std::sync::mpsc;
use std::time::Duration;

use super::GpuContext;
use crate::device::DeviceError;

/// Longest time that a completed copy may take to be announced by another thread that polls; it is microseconds unless
/// that thread is not scheduled.
const LONGEST_DELIVERY: Duration = Duration::from_secs(30);

/// One staging buffer, used again and again.
#[derive(Debug)]
pub struct Readback {
    staging: wgpu::Buffer,
    arrival: Option<mpsc::Receiver<Result<(), wgpu::BufferAsyncError>>>,
    bytes: usize,
    capacity: usize,
}

impl Readback {
    pub fn new(context: &GpuContext, label: &str, capacity: usize) -> Self {
        let staging = context.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: capacity.next_multiple_of(4).max(4) as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { staging, arrival: None, bytes: 0, capacity }
    }

    /// Bytes that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Adds the copy to `encoder`; call [`Self::request`] once it has been submitted.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder, source: &wgpu::Buffer, offset: usize, bytes: usize) {
        encoder.copy_buffer_to_buffer(source, offset as u64, &self.staging, 0, bytes as u64);
        self.bytes = bytes;
    }

    /// Asks for the copy that was just submitted.
    pub fn request(&mut self) {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.staging.slice(..self.bytes as u64).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only when nobody wants the bytes any more.
            let _ = sender.send(result);
        });
        self.arrival = Some(receiver);
    }

    /// The bytes if they have arrived; waits for them where `wait`.
    pub fn take<R>(
        &mut self,
        context: &GpuContext,
        wait: bool,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, DeviceError> {
        let Some(arrival) = &self.arrival else { return Ok(None) };
        context.poll(wait)?;
        // Another thread that polls the same device may have picked up the completion and be about to call it, so that a
        // wait that has ended does not mean that the message is here.
        let patience = if wait { LONGEST_DELIVERY } else { Duration::ZERO };
        let result = match arrival.recv_timeout(patience) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) if !wait => return Ok(None),
            Err(error) => return Err(context.failure("reading back", error.to_string())),
        };
        self.arrival = None;
        result.map_err(|error| context.failure("reading back", error.to_string()))?;
        let value = {
            let view = self
                .staging
                .slice(..self.bytes as u64)
                .get_mapped_range()
                .map_err(|error| context.failure("reading back", error.to_string()))?;
            read(&view)
        };
        self.staging.unmap();
        Ok(Some(value))
    }
}
