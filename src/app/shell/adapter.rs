//! Choice of the window's adapter: the first that compiles a pipeline and draws with it.

use crate::device::gpu::{adapter_rank, catch_errors, open_first};

/// Returns the first adapter that can draw to `surface`, the best kind first, with the names of those passed over.
///
/// # Errors
/// In words, where none can.
pub(super) fn first_that_draws(
    adapters: &[wgpu::Adapter],
    surface: Option<&wgpu::Surface<'_>>,
) -> Result<(wgpu::Adapter, Vec<String>), String> {
    let mut candidates: Vec<&wgpu::Adapter> =
        adapters.iter().filter(|adapter| surface.is_none_or(|surface| adapter.is_surface_supported(surface))).collect();
    candidates.sort_by_key(|adapter| adapter_rank(&adapter.get_info()));
    let named = candidates.into_iter().map(|adapter| {
        let info = adapter.get_info();
        (format!("{} ({})", info.name, info.backend), adapter)
    });
    let open = |adapter: &wgpu::Adapter| draw(adapter).map(|()| adapter.clone());
    open_first(named, open).map_err(|passed_over| match passed_over.len() {
        0 => "no adapter can draw to this display".to_owned(),
        _ => format!("no adapter can draw, {}", passed_over.join("; ")),
    })
}

/// Shader of a triangle over the whole target, in one color.
const SHADER: &str = include_str!("../../../shaders/window/probe.wgsl");

/// Draws one pixel.
///
/// # Errors
/// The driver's own words, in one line.
fn draw(adapter: &wgpu::Adapter) -> Result<(), String> {
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("window probe"),
        required_limits: wgpu::Limits::downlevel_defaults(),
        ..wgpu::DeviceDescriptor::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| error.to_string())?;
    let waited = catch_errors(&device, || {
        submit(&device, &queue);
        device.poll(wgpu::PollType::wait_indefinitely())
    })?;
    waited.map(drop).map_err(|error| error.to_string())
}

fn submit(device: &wgpu::Device, queue: &wgpu::Queue) {
    let format = wgpu::TextureFormat::Rgba8Unorm;
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("window probe"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("window probe"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vertex"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fragment"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(format.into())],
        }),
        multiview_mask: None,
        cache: None,
    });
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("window probe"),
        size: wgpu::Extent3d { width: 1, height: 1, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("window probe") });
    {
        let attachment = wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("window probe"),
            color_attachments: &[Some(attachment)],
            ..wgpu::RenderPassDescriptor::default()
        });
        pass.set_pipeline(&pipeline);
        pass.draw(0..3, 0..1);
    }
    queue.submit([encoder.finish()]);
}
