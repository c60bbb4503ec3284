//! GPUs through wgpu: adapters, shader composition, pipelines, buffers, readback.

mod adapters;
mod clock;
mod composer;
mod context;
mod error_scopes;
mod pipelines;
mod probe;
mod readback;
mod wrong_variants;

pub use self::adapters::{
    Backend, adapter_rank, adapters, backends, chosen_backend, open_first, sorted_adapters, use_backend,
};
pub use self::clock::GpuClock;
pub use self::composer::{ShaderLibrary, ShaderRequest, compose};
pub use self::context::{GpuContext, GpuTarget};
pub use self::error_scopes::catch_errors;
pub use self::readback::Readback;
pub use self::wrong_variants::WrongVariant;
