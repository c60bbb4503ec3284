//! Native window: winit, wgpu, settings, desktop services.

mod adapter;
pub(crate) mod desktop;
mod frame_log;
mod meshes;
pub(crate) mod settings;
pub(crate) mod window;
mod window_icon;
