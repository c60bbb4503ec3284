//! GPUs through wgpu: adapters, shader composition, pipelines, buffers, readback.

mod clock;
mod composer;
mod context;
mod pipelines;
mod readback;

pub use clock::GpuClock;
pub use composer::{ShaderRequest, compose, shader_files};
pub use context::{GpuContext, GpuTarget, adapters};
pub use readback::Readback;
