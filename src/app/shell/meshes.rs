//! Shaders for egui's meshes without unneeded texture samples.
//!
//! egui's fragment shader can sample its texture in three ways and uses one of them; a software driver computes all
//! three for every pixel, even of a plain fill. Here a texture is sampled once, and large fills not at all.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use egui::epaint::textures::{TextureFilter, TextureOptions, TextureWrapMode, TexturesDelta};
use egui::epaint::{ClippedPrimitive, Mesh, Primitive, WHITE_UV};
use egui::{Rect, TextureId, Vec2};
use egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};

use crate::app::latent_map::scatter::TargetFormat;

/// Least area of a fill, in square points, that gets the fill shader; for smaller ones a change of shader costs more
/// than it saves.
const LEAST_AREA: f32 = 1500.0;

/// Vertex in clip space, with texture coordinates and a premultiplied color.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Corner {
    place: [f32; 2],
    texel: [f32; 2],
    color: [u8; 4],
}

/// Consecutive triangles of a mesh that are all fills, or all not.
struct TriangleRun {
    triangles: Range<usize>,
    is_fill: bool,
    area: f32,
}

fn runs(mesh: &Mesh) -> Vec<TriangleRun> {
    let mut runs: Vec<TriangleRun> = Vec::new();
    for (index, triangle) in mesh.indices.chunks_exact(3).enumerate() {
        let [a, b, c] = [0, 1, 2].map(|corner| mesh.vertices[triangle[corner] as usize]);
        let is_fill = mesh.texture_id == TextureId::default() && [a, b, c].iter().all(|vertex| vertex.uv == WHITE_UV);
        let (across, down) = (b.pos - a.pos, c.pos - a.pos);
        let area = (across.x * down.y - across.y * down.x).abs() / 2.0;
        match runs.last_mut().filter(|run| run.is_fill == is_fill) {
            Some(run) => {
                run.triangles.end = index + 1;
                run.area += area;
            }
            None => runs.push(TriangleRun { triangles: index..index + 1, is_fill, area }),
        }
    }
    runs
}

/// Returns whether a run is worth a change of shader.
fn stands_alone(run: &TriangleRun) -> bool {
    run.is_fill && run.area >= LEAST_AREA
}

/// All triangles of a frame.
#[derive(Debug, Default)]
struct Triangles {
    corners: Vec<Corner>,
    indices: Vec<u32>,
}

/// Shader of a piece of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    Fill,
    Picture(TextureId),
}

/// Replaces meshes by draw calls of these shaders, for a window of `size` points; meshes with unknown textures stay as
/// they are.
pub(crate) fn drawn_here(
    primitives: Vec<ClippedPrimitive>,
    size: Vec2,
    has_texture: impl Fn(TextureId) -> bool,
) -> Vec<ClippedPrimitive> {
    // Result for each primitive; a piece of a mesh is an index range until all triangles are known.
    enum Piece {
        As(Primitive),
        Drawn(Paint, Range<u32>),
    }
    let mut all = Triangles::default();
    let mut pieces: Vec<(Rect, Piece)> = Vec::new();
    for ClippedPrimitive { clip_rect, primitive } in primitives {
        let mesh = match primitive {
            Primitive::Mesh(mesh) if has_texture(mesh.texture_id) => mesh,
            other => {
                pieces.push((clip_rect, Piece::As(other)));
                continue;
            }
        };
        let (first_corner, first_index) = (all.corners.len() as u32, all.indices.len() as u32);
        all.corners.extend(mesh.vertices.iter().map(|vertex| Corner {
            place: [2.0 * vertex.pos.x / size.x - 1.0, 1.0 - 2.0 * vertex.pos.y / size.y],
            texel: [vertex.uv.x, vertex.uv.y],
            color: vertex.color.to_array(),
        }));
        all.indices.extend(mesh.indices.iter().map(|index| first_corner + index));
        let mut before: Option<Paint> = None;
        for run in runs(&mesh) {
            let paint = if stands_alone(&run) { Paint::Fill } else { Paint::Picture(mesh.texture_id) };
            let [start, end] =
                [run.triangles.start, run.triangles.end].map(|triangle| first_index + 3 * triangle as u32);
            match pieces.last_mut() {
                Some((_, Piece::Drawn(_, range))) if before == Some(paint) => range.end = end,
                _ => pieces.push((clip_rect, Piece::Drawn(paint, start..end))),
            }
            before = Some(paint);
        }
    }
    let (whole, triangles) = (Rect::from_min_size(egui::Pos2::ZERO, size), Arc::new(all));
    let place = |(clip_rect, piece)| {
        let primitive = match piece {
            Piece::As(primitive) => primitive,
            Piece::Drawn(paint, range) => {
                let drawn = DrawnMesh { triangles: Arc::clone(&triangles), paint, range };
                Primitive::Callback(Callback::new_paint_callback(whole, drawn))
            }
        };
        ClippedPrimitive { clip_rect, primitive }
    };
    pieces.into_iter().map(place).collect()
}

/// Range of the triangles of a frame.
struct DrawnMesh {
    triangles: Arc<Triangles>,
    paint: Paint,
    range: Range<u32>,
}

struct Bound {
    texture: wgpu::Texture,
    group: wgpu::BindGroup,
}

/// Bind groups of egui's textures for these shaders, by texture id.
pub(crate) struct MeshTextures {
    layout: wgpu::BindGroupLayout,
    /// Samplers: nearest and linear.
    samplers: [wgpu::Sampler; 2],
    bound: BTreeMap<TextureId, Bound>,
}

impl MeshTextures {
    fn new(device: &wgpu::Device) -> Self {
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("picture"),
            entries: &[
                entry(
                    0,
                    wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Float { filterable: true },
                        view_dimension: wgpu::TextureViewDimension::D2,
                        multisampled: false,
                    },
                ),
                entry(1, wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering)),
            ],
        });
        let samplers = [wgpu::FilterMode::Nearest, wgpu::FilterMode::Linear].map(|filter| {
            device.create_sampler(&wgpu::SamplerDescriptor {
                label: Some("picture"),
                mag_filter: filter,
                min_filter: filter,
                ..wgpu::SamplerDescriptor::default()
            })
        });
        Self { layout, samplers, bound: BTreeMap::new() }
    }

    fn bind(&mut self, device: &wgpu::Device, id: TextureId, texture: &wgpu::Texture, options: TextureOptions) {
        if self.bound.get(&id).is_some_and(|bound| bound.texture == *texture) {
            return;
        }
        // Options that no texture of this window uses are left to egui's own shader.
        if options.magnification != options.minification || options.wrap_mode != TextureWrapMode::ClampToEdge {
            self.bound.remove(&id);
            return;
        }
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let sampler = &self.samplers[usize::from(options.magnification == TextureFilter::Linear)];
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(&view) },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::Sampler(sampler) },
            ],
        });
        self.bound.insert(id, Bound { texture: texture.clone(), group });
    }
}

/// Uploads changed textures of egui and converts `primitives` for these shaders. Textures to free stay in `delta` for
/// the painter.
pub(crate) fn prepared(
    primitives: Vec<ClippedPrimitive>,
    size: Vec2,
    delta: &mut TexturesDelta,
    state: &RenderState,
) -> Vec<ClippedPrimitive> {
    let mut renderer = state.renderer.write();
    for (id, changes) in delta.set.drain() {
        for change in changes {
            renderer.update_texture(&state.device, &state.queue, id, &change);
        }
    }
    let mut textures =
        renderer.callback_resources.remove::<MeshTextures>().unwrap_or_else(|| MeshTextures::new(&state.device));
    textures.bound.retain(|id, _| renderer.texture(id).is_some());
    for primitive in &primitives {
        if let Primitive::Mesh(mesh) = &primitive.primitive
            && let Some(known) = renderer.texture(&mesh.texture_id)
            && let (Some(texture), Some(options)) = (&known.texture, known.options)
        {
            textures.bind(&state.device, mesh.texture_id, texture, options);
        }
    }
    let drawn = drawn_here(primitives, size, |id| textures.bound.contains_key(&id));
    renderer.callback_resources.insert(textures);
    drawn
}

struct MeshPipelines {
    fills: wgpu::RenderPipeline,
    pictures: wgpu::RenderPipeline,
    /// Vertices of this frame.
    corners: wgpu::Buffer,
    indices: wgpu::Buffer,
}

/// Creates a buffer of at least `bytes`, rounded up so that later frames can reuse it.
fn buffer_for(device: &wgpu::Device, bytes: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("meshes"),
        size: bytes.next_power_of_two().max(64 * 1024) as u64,
        usage: usage | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

impl MeshPipelines {
    fn new(device: &wgpu::Device, format: wgpu::TextureFormat, pictures: &wgpu::BindGroupLayout) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("meshes"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/window/meshes.wgsl").into()),
        });
        let attributes = wgpu::vertex_attr_array![0 => Float32x2, 1 => Float32x2, 2 => Unorm8x4];
        // Blending of egui: the window's own alpha is kept.
        let component = |src_factor| wgpu::BlendComponent {
            src_factor,
            dst_factor: wgpu::BlendFactor::OneMinusSrcAlpha,
            operation: wgpu::BlendOperation::Add,
        };
        let pipeline = |fragment: &str, groups: &[Option<&wgpu::BindGroupLayout>]| {
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some("meshes"),
                bind_group_layouts: groups,
                ..wgpu::PipelineLayoutDescriptor::default()
            });
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some("meshes"),
                layout: Some(&layout),
                vertex: wgpu::VertexState {
                    module: &shader,
                    entry_point: Some("mesh_vertex"),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    buffers: &[Some(wgpu::VertexBufferLayout {
                        array_stride: size_of::<Corner>() as u64,
                        step_mode: wgpu::VertexStepMode::Vertex,
                        attributes: &attributes,
                    })],
                },
                fragment: Some(wgpu::FragmentState {
                    module: &shader,
                    entry_point: Some(fragment),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    targets: &[Some(wgpu::ColorTargetState {
                        format,
                        blend: Some(wgpu::BlendState {
                            color: component(wgpu::BlendFactor::One),
                            alpha: wgpu::BlendComponent {
                                dst_factor: wgpu::BlendFactor::One,
                                ..component(wgpu::BlendFactor::OneMinusDstAlpha)
                            },
                        }),
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
        Self {
            fills: pipeline("fill_fragment", &[]),
            pictures: pipeline("picture_fragment", &[Some(pictures)]),
            corners: buffer_for(device, 0, wgpu::BufferUsages::VERTEX),
            indices: buffer_for(device, 0, wgpu::BufferUsages::INDEX),
        }
    }
}

/// Writes `bytes` to `buffer`, replaced by a larger one if needed.
fn upload(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &mut wgpu::Buffer,
    usage: wgpu::BufferUsages,
    bytes: &[u8],
) {
    if buffer.size() < bytes.len() as u64 {
        *buffer = buffer_for(device, bytes.len(), usage);
    }
    queue.write_buffer(buffer, 0, bytes);
}

impl CallbackTrait for DrawnMesh {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _: &ScreenDescriptor,
        _: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        // The first piece of the frame uploads the triangles of all.
        if self.range.start == 0
            && let Some(TargetFormat(format)) = resources.get::<TargetFormat>().copied()
            && let Some(layout) = resources.get::<MeshTextures>().map(|textures| textures.layout.clone())
        {
            let stage =
                resources.entry::<MeshPipelines>().or_insert_with(|| MeshPipelines::new(device, format, &layout));
            let Triangles { corners, indices } = &*self.triangles;
            let (vertex, index) = (wgpu::BufferUsages::VERTEX, wgpu::BufferUsages::INDEX);
            upload(device, queue, &mut stage.corners, vertex, bytemuck::cast_slice(corners));
            upload(device, queue, &mut stage.indices, index, bytemuck::cast_slice(indices));
        }
        Vec::new()
    }

    fn paint(&self, _: egui::PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        let (Some(stage), Some(textures)) = (resources.get::<MeshPipelines>(), resources.get::<MeshTextures>()) else {
            return;
        };
        match self.paint {
            Paint::Fill => pass.set_pipeline(&stage.fills),
            Paint::Picture(id) => {
                let Some(bound) = textures.bound.get(&id) else { return };
                pass.set_pipeline(&stage.pictures);
                pass.set_bind_group(0, &bound.group, &[]);
            }
        }
        pass.set_vertex_buffer(0, stage.corners.slice(..));
        pass.set_index_buffer(stage.indices.slice(..), wgpu::IndexFormat::Uint32);
        pass.draw_indexed(self.range.clone(), 0, 0..1);
    }
}

#[cfg(test)]
mod tests {
    use egui::epaint::{ClippedPrimitive, Mesh, Primitive};
    use egui::{Color32, Rect, TextureId, pos2, vec2};

    use super::{drawn_here, runs, stands_alone};

    fn square(side: f32) -> Rect {
        Rect::from_min_size(pos2(10.0, 10.0), vec2(side, side))
    }

    /// Large fills stand alone, the order stays, and no triangle is lost or doubled.
    #[test]
    fn large_fills_stand_alone_in_their_places() {
        let glyph = Rect::from_min_max(pos2(0.1, 0.1), pos2(0.2, 0.2));
        let mut mesh = Mesh::with_texture(TextureId::default());
        mesh.add_colored_rect(square(5.0), Color32::RED);
        mesh.add_rect_with_uv(square(90.0), glyph, Color32::WHITE);
        mesh.add_colored_rect(square(80.0), Color32::BLUE);
        mesh.add_rect_with_uv(square(90.0), glyph, Color32::WHITE);
        let runs = runs(&mesh);
        let made: Vec<_> = runs.iter().map(|run| (run.triangles.clone(), stands_alone(run))).collect();
        assert_eq!(made, [(0..2, false), (2..4, false), (4..6, true), (6..8, false)]);
    }

    /// Meshes become pieces, in order; those with unknown textures are left to egui.
    #[test]
    fn meshes_of_unknown_textures_stay() {
        let clip_rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(400.0, 300.0));
        let mesh_of = |id| {
            let mut mesh = Mesh::with_texture(id);
            mesh.add_rect_with_uv(square(20.0), square(1.0), Color32::WHITE);
            ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(mesh) }
        };
        let primitives = [TextureId::default(), TextureId::User(1), TextureId::default()].map(mesh_of);
        let made = drawn_here(primitives.to_vec(), clip_rect.size(), |id| id == TextureId::default());
        let stays: Vec<bool> = made.iter().map(|made| matches!(made.primitive, Primitive::Mesh(_))).collect();
        assert_eq!(stays, [false, true, false]);
    }
}
