//! Test of the ability of an adapter to compile and run a shader at all: some are listed and cannot.

use std::sync::mpsc;
use std::time::Duration;

use super::error_scopes::catch_errors;

const SHADER: &str = include_str!("../../../shaders/device/probe.wgsl");

/// Values that the shader writes.
const COUNT: u32 = 64;

/// Time after which a driver is taken to hang; a shader of one workgroup takes milliseconds.
const LONGEST: Duration = Duration::from_secs(20);

/// Compiles and runs one small shader.
///
/// # Errors
/// The driver's own words, in one line.
pub(super) fn probe(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<(), String> {
    catch_errors(device, || run(device, queue))?
}

fn run(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<(), String> {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("probe"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("probe"),
        layout: None,
        module: &module,
        entry_point: Some("probe"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let bytes = u64::from(COUNT) * 4;
    let buffer = |usage| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("probe"),
            size: bytes,
            usage,
            mapped_at_creation: false,
        })
    };
    let out = buffer(wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("probe"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: out.as_entire_binding() }],
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("probe") });
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&out, 0, &staging, 0, bytes);
    queue.submit([encoder.finish()]);
    let (sender, arrival) = mpsc::sync_channel(1);
    // The receiver is gone only when the wait below has given up.
    staging.slice(..).map_async(wgpu::MapMode::Read, move |result| drop(sender.send(result)));
    device
        .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(LONGEST) })
        .map_err(|error| error.to_string())?;
    arrival.recv_timeout(LONGEST).map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let view = staging.slice(..).get_mapped_range().map_err(|error| error.to_string())?;
    let values: Vec<u32> = bytemuck::pod_collect_to_vec(&view);
    let expected = (0..COUNT).rev().map(|lane| 3 * lane + 1);
    if values.into_iter().eq(expected) { Ok(()) } else { Err("it computes wrong results".to_owned()) }
}
