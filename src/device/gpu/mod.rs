//! GPUs through wgpu: adapters, shader composition, pipelines, buffers, readback.

mod clock;
mod composer;
mod context;
mod pipelines;
mod readback;

pub use self::clock::GpuClock;
pub use self::composer::{ShaderLibrary, ShaderRequest, compose};
pub use self::context::{GpuContext, GpuTarget, adapters};
pub use self::readback::Readback;
