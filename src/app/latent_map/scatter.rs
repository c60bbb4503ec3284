//! Points of a latent map on the GPU, drawn into a texture when they or the view change, and shown from it every frame.
//!
//! A software driver takes tens of milliseconds for 60,000 points and shares its cores with the training, which would
//! slow down if they were drawn in each frame. While the view moves such a driver draws some of them, and all at rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use egui::Rect;
use egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};
use glam::{Mat4, Vec2, Vec3};

use crate::platform::Instant;

/// Point in the layout of the shader.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct Point {
    pub place: [f32; 3],
    /// Red, green, blue, opacity.
    pub color: [u8; 4],
}

/// View uniform of the shader.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
struct ScatterView {
    to_clip: [[f32; 4]; 4],
    size: [f32; 2],
    radius: f32,
    far: f32,
}

/// Camera relative to the bounds of the points, so that a map that drifts during training stays in view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Camera {
    /// Pan in units of half the extent visible without zoom.
    pub pan: Vec2,
    pub zoom: f32,
    /// Yaw and pitch in radians; `None` in two dimensions.
    pub orbit: Option<[f32; 2]>,
}

impl Default for Camera {
    fn default() -> Self {
        Self { pan: Vec2::ZERO, zoom: 1.0, orbit: None }
    }
}

/// Center and half extent of the points in view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub middle: Vec3,
    pub half: Vec3,
}

impl Camera {
    /// Lowest and highest zoom.
    const ZOOM: [f32; 2] = [0.3, 60.0];

    pub fn is_moved(&self) -> bool {
        self.pan != Vec2::ZERO || self.zoom != 1.0
    }

    /// Returns the transform from latent space to pixels from the center of `size`, x right, y up, z 0..1 near to far.
    pub fn to_pixels(self, bounds: &Bounds, size: Vec2) -> Mat4 {
        let half = bounds.half.max(Vec3::splat(1e-6));
        let turn = |[yaw, pitch]: [f32; 2]| Mat4::from_rotation_x(pitch) * Mat4::from_rotation_y(yaw);
        let turn = self.orbit.map_or(Mat4::IDENTITY, turn);
        let reach = self.reach(bounds);
        let fit = (size / (2.0 * reach)).min_element();
        let shift = self.pan * reach;
        let depth = 0.5 / (half.length() * 1.01);
        Mat4::from_translation(Vec3::new(0.0, 0.0, 0.5))
            * Mat4::from_scale(Vec3::new(fit * self.zoom, fit * self.zoom, -depth))
            * Mat4::from_translation(Vec3::new(-shift.x, -shift.y, 0.0))
            * turn
            * Mat4::from_translation(-bounds.middle)
    }

    /// Pans by `pixels`, y up.
    pub fn drag(&mut self, bounds: &Bounds, size: Vec2, pixels: Vec2) {
        let reach = self.reach(bounds);
        let fit = (size / (2.0 * reach)).min_element();
        self.pan -= pixels / (fit * self.zoom) / reach;
    }

    fn reach(&self, bounds: &Bounds) -> Vec2 {
        let half = bounds.half.max(Vec3::splat(1e-6));
        if self.orbit.is_some() { Vec2::splat(half.max_element() * 1.15) } else { Vec2::new(half.x, half.y) }
    }

    /// Zooms by `factor` around the point `at`, in pixels from the center, y up.
    pub fn zoom_at(&mut self, bounds: &Bounds, size: Vec2, at: Vec2, factor: f32) {
        let before = self.zoom;
        self.zoom = (self.zoom * factor).clamp(Self::ZOOM[0], Self::ZOOM[1]);
        let reach = self.reach(bounds);
        let fit = (size / (2.0 * reach)).min_element();
        // The point under the pointer stays in place.
        self.pan += at / fit * (1.0 / before - 1.0 / self.zoom) / reach;
        if (self.zoom - 1.0).abs() < 1e-3 && self.pan.length() < 1e-3 {
            (self.zoom, self.pan) = (1.0, Vec2::ZERO);
        }
    }

    pub fn turn(&mut self, pixels: Vec2) {
        if let Some([yaw, pitch]) = &mut self.orbit {
            *yaw += pixels.x * 0.01;
            *pitch = (*pitch - pixels.y * 0.01).clamp(-1.5, 1.5);
        }
    }
}

/// Format of the window's surface, a resource of the renderer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetFormat(pub wgpu::TextureFormat);

/// Resource of the renderer that marks a software driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoftwareGpu;

/// Stride of the points drawn while the view moves.
const SOME: usize = 4;

/// Number of points above which a software driver draws only some while the view moves.
const WHILE_MOVING: usize = 15_000;

/// Time without motion after which the view is at rest.
pub(crate) const REST: Duration = Duration::from_millis(150);

/// Draw call of the points for one frame.
pub(crate) struct Scatter {
    /// Number of the map within the window.
    pub map: u8,
    pub points: Arc<Vec<Point>>,
    pub to_pixels: Mat4,
    /// Size in pixels.
    pub size: [u32; 2],
    pub radius: f32,
    /// True if distant points are fainter.
    pub fades: bool,
}

impl Scatter {
    pub fn show(self, painter: &egui::Painter, rect: Rect) {
        painter.add(Callback::new_paint_callback(rect, self));
    }

    fn view(&self) -> ScatterView {
        let size = Vec2::new(self.size[0] as f32, self.size[1] as f32);
        let to_clip = Mat4::from_scale(Vec3::new(2.0 / size.x, 2.0 / size.y, 1.0)) * self.to_pixels;
        let far = if self.fades { 0.35 } else { 1.0 };
        ScatterView { to_clip: to_clip.to_cols_array_2d(), size: size.to_array(), radius: self.radius, far }
    }
}

const PICTURE: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Pipelines, and the textures of all maps.
struct ScatterPipelines {
    layout: wgpu::BindGroupLayout,
    points: wgpu::RenderPipeline,
    /// Pipeline of every fourth point.
    some_points: wgpu::RenderPipeline,
    show: wgpu::RenderPipeline,
    maps: HashMap<u8, DrawnScatter>,
}

/// Map as drawn last.
struct DrawnScatter {
    points: Arc<Vec<Point>>,
    buffer: wgpu::Buffer,
    view: ScatterView,
    /// Time of the last motion, if not all points have been drawn since.
    moving: Option<Instant>,
    uniform: wgpu::Buffer,
    picture: wgpu::TextureView,
    /// Bind group for drawing points, without the texture that is the render target.
    to_draw: wgpu::BindGroup,
    to_show: wgpu::BindGroup,
}

impl ScatterPipelines {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("latent map"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/window/scatter.wgsl").into()),
        });
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("latent map"),
            entries: &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: false,
                        min_binding_size: None,
                    },
                    count: None,
                },
                wgpu::BindGroupLayoutEntry {
                    binding: 1,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Float { filterable: false },
                        view_dimension: wgpu::TextureViewDimension::D2,
                        multisampled: false,
                    },
                    count: None,
                },
            ],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("latent map"),
            bind_group_layouts: &[Some(&layout)],
            ..wgpu::PipelineLayoutDescriptor::default()
        });
        let pipeline = |vertex: &str, fragment: &str, buffers: &[Option<wgpu::VertexBufferLayout<'_>>], format| {
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some("latent map"),
                layout: Some(&pipeline_layout),
                vertex: wgpu::VertexState {
                    module: &shader,
                    entry_point: Some(vertex),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    buffers,
                },
                fragment: Some(wgpu::FragmentState {
                    module: &shader,
                    entry_point: Some(fragment),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    targets: &[Some(wgpu::ColorTargetState {
                        format,
                        blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                        write_mask: wgpu::ColorWrites::ALL,
                    })],
                }),
                primitive: wgpu::PrimitiveState::default(),
                depth_stencil: None,
                multisample: wgpu::MultisampleState::default(),
                multiview_mask: None,
                cache: None,
            })
        };
        let attributes = wgpu::vertex_attr_array![0 => Float32x3, 1 => Unorm8x4];
        let every = |step: usize| {
            let point = wgpu::VertexBufferLayout {
                array_stride: (step * size_of::<Point>()) as u64,
                step_mode: wgpu::VertexStepMode::Instance,
                attributes: &attributes,
            };
            pipeline("point_vertex", "point_fragment", &[Some(point)], PICTURE)
        };
        let (points, some_points) = (every(1), every(SOME));
        let show = pipeline("show_vertex", "show_fragment", &[], target);
        Self { layout, points, some_points, show, maps: HashMap::new() }
    }

    fn make(&self, device: &wgpu::Device, scatter: &Scatter) -> DrawnScatter {
        let view = scatter.view();
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("latent map.points"),
            size: (scatter.points.len().max(1) * size_of::<Point>()) as u64,
            usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("latent map.view"),
            size: size_of::<ScatterView>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let texture = |width: u32, height: u32| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("latent map.picture"),
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: PICTURE,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
                view_formats: &[],
            });
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        let (picture, nothing) = (texture(scatter.size[0].max(1), scatter.size[1].max(1)), texture(1, 1));
        let group = |picture: &wgpu::TextureView| {
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("latent map"),
                layout: &self.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() },
                    wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(picture) },
                ],
            })
        };
        let (to_draw, to_show) = (group(&nothing), group(&picture));
        DrawnScatter {
            points: Arc::clone(&scatter.points),
            buffer,
            view,
            moving: None,
            uniform,
            picture,
            to_draw,
            to_show,
        }
    }
}

impl CallbackTrait for Scatter {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        // Renderers without a window leave no format; theirs is this one.
        let target = resources.get::<TargetFormat>().map_or(PICTURE, |format| format.0);
        let is_software = resources.get::<SoftwareGpu>().is_some();
        let stage = resources.entry::<ScatterPipelines>().or_insert_with(|| ScatterPipelines::new(device, target));
        let view = self.view();
        let before = stage.maps.get(&self.map);
        let same_points = before.is_some_and(|drawn| Arc::ptr_eq(&drawn.points, &self.points));
        let same_view = before.is_some_and(|drawn| drawn.view == view);
        let moved_at = before.and_then(|drawn| drawn.moving);
        if same_points && same_view && moved_at.is_none_or(|at| at.elapsed() < REST) {
            return Vec::new();
        }
        let fits = before.is_some_and(|drawn| drawn.points.len() == self.points.len() && drawn.view.size == view.size);
        if !fits {
            let made = stage.make(device, self);
            queue.write_buffer(&made.buffer, 0, bytemuck::cast_slice(&self.points));
            stage.maps.insert(self.map, made);
        }
        let Some(drawn) = stage.maps.get_mut(&self.map) else { return Vec::new() };
        if !Arc::ptr_eq(&drawn.points, &self.points) {
            queue.write_buffer(&drawn.buffer, 0, bytemuck::cast_slice(&self.points));
            drawn.points = Arc::clone(&self.points);
        }
        let moved_at = if same_points && !same_view { Some(Instant::now()) } else { moved_at };
        let moved_at = moved_at.filter(|at| at.elapsed() < REST);
        let is_moving = is_software && fits && moved_at.is_some() && self.points.len() > WHILE_MOVING;
        drawn.moving = moved_at.filter(|_| is_moving);
        drawn.view = view;
        queue.write_buffer(&drawn.uniform, 0, bytemuck::bytes_of(&view));
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("latent map"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &drawn.picture,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..wgpu::RenderPassDescriptor::default()
        });
        let (pipeline, count) = match is_moving {
            true => (&stage.some_points, self.points.len() / SOME),
            false => (&stage.points, self.points.len()),
        };
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &drawn.to_draw, &[]);
        pass.set_vertex_buffer(0, drawn.buffer.slice(..));
        pass.draw(0..3, 0..count as u32);
        Vec::new()
    }

    fn paint(&self, _: egui::PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        let Some(stage) = resources.get::<ScatterPipelines>() else { return };
        let Some(drawn) = stage.maps.get(&self.map) else { return };
        pass.set_pipeline(&stage.show);
        pass.set_bind_group(0, &drawn.to_show, &[]);
        pass.draw(0..6, 0..1);
    }
}
