//! Readback of a buffer without making the device wait: bytes are copied into a staging buffer behind the work already
//! queued, and picked up when they have arrived.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::GpuContext;
use crate::device::DeviceError;

/// Result of a copy, and the task to wake when it is known.
#[derive(Debug, Default)]
struct Arrival {
    result: Option<Result<(), wgpu::BufferAsyncError>>,
    waker: Option<Waker>,
}

/// Reusable staging buffer.
#[derive(Debug)]
pub struct Readback {
    staging: wgpu::Buffer,
    arrival: Option<Arc<Mutex<Arrival>>>,
    bytes: usize,
    capacity: usize,
}

impl Readback {
    /// Creates a staging buffer for copies of up to `capacity` bytes.
    pub fn new(context: &GpuContext, label: &str, capacity: usize) -> Self {
        let staging = context.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: capacity.next_multiple_of(4).max(4) as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { staging, arrival: None, bytes: 0, capacity }
    }

    /// Returns the size in bytes of the largest copy.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Records a copy of `bytes` bytes of `source`, from `offset` on; call [`Self::request`] once it has been
    /// submitted.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder, source: &wgpu::Buffer, offset: usize, bytes: usize) {
        encoder.copy_buffer_to_buffer(source, offset as u64, &self.staging, 0, bytes as u64);
        self.bytes = bytes;
    }

    /// Requests the bytes of the copy that was just submitted.
    pub fn request(&mut self) {
        let arrival = Arc::new(Mutex::new(Arrival::default()));
        let told = Arc::clone(&arrival);
        self.staging.slice(..self.bytes as u64).map_async(wgpu::MapMode::Read, move |result| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.result = Some(result);
            if let Some(waker) = told.waker.take() {
                waker.wake();
            }
        });
        self.arrival = Some(arrival);
    }

    /// Applies `read` to the requested bytes if they have arrived, without waiting; `None` before.
    pub fn take_arrived<R>(
        &mut self,
        context: &GpuContext,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, DeviceError> {
        context.poll(false)?;
        match self.take_result(None) {
            Some(result) => self.finish(context, result, read).map(Some),
            None => Ok(None),
        }
    }

    /// Applies `read` to the requested bytes as soon as they have arrived.
    ///
    /// Nothing else drives a native device, so the future does, and blocks its thread meanwhile; a browser drives its
    /// own, and wakes the future.
    pub async fn take<R>(&mut self, context: &GpuContext, read: impl FnOnce(&[u8]) -> R) -> Result<R, DeviceError> {
        if self.arrival.is_none() {
            return Err(context.failure("reading back", "nothing was asked for".to_owned()));
        }
        let result = poll_fn(|task| {
            if let Some(result) = self.take_result(Some(task.waker())) {
                return Poll::Ready(Ok(result));
            }
            if let Err(error) = context.poll(true) {
                return Poll::Ready(Err(error));
            }
            // Another thread that polls the same device may have picked up the completion and be about to tell of it,
            // so that a wait that has ended does not mean that the result is here.
            self.take_result(Some(task.waker())).map_or(Poll::Pending, |result| Poll::Ready(Ok(result)))
        });
        let result = result.await?;
        self.finish(context, result, read)
    }

    /// Returns the result of the copy, once; before it is known, keeps the waker to call.
    fn take_result(&mut self, waker: Option<&Waker>) -> Option<Result<(), wgpu::BufferAsyncError>> {
        let arrival = self.arrival.as_ref()?;
        let mut told = arrival.lock().unwrap_or_else(PoisonError::into_inner);
        if told.result.is_none() {
            told.waker = waker.cloned();
        }
        told.result.take()
    }

    fn finish<R>(
        &mut self,
        context: &GpuContext,
        result: Result<(), wgpu::BufferAsyncError>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, DeviceError> {
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
        Ok(value)
    }
}
