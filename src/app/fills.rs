//! Large fills, drawn without a texture.
//!
//! egui's fragment shader can sample its texture in three ways and takes one of them; a software driver computes all
//! three for every pixel, of a plain fill too. The large ones are half of what a frame paints: they are taken out of the
//! meshes and drawn, in their places, by a shader that only hands on the color.

use std::ops::Range;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use egui::epaint::{ClippedPrimitive, Mesh, Primitive, Vertex, WHITE_UV};
use egui::{Rect, TextureId, Vec2};
use egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};

use super::scatter::TargetFormat;

/// Fills below this, in square points, stay where they are: to draw them apart would cost more than it saves.
const LEAST_AREA: f32 = 1500.0;

/// A corner of a triangle, in clip space, with a premultiplied color.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Corner {
    place: [f32; 2],
    color: [u8; 4],
}

/// Triangles of a mesh that follow each other and are all fills, or all not.
struct Run {
    triangles: Range<usize>,
    is_fill: bool,
    area: f32,
}

fn runs(mesh: &Mesh) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
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
            None => runs.push(Run { triangles: index..index + 1, is_fill, area }),
        }
    }
    runs
}

fn corners(mesh: &Mesh, triangles: Range<usize>) -> impl Iterator<Item = Vertex> {
    mesh.indices[3 * triangles.start..3 * triangles.end].iter().map(|&index| mesh.vertices[index as usize])
}

/// The same pictures with the large fills drawn apart, in a window of `size` points.
pub(super) fn drawn_apart(primitives: Vec<ClippedPrimitive>, size: Vec2) -> Vec<ClippedPrimitive> {
    let mut apart: Vec<Corner> = Vec::new();
    // What comes of each mesh; a fill is a range of the corners until all of them are known.
    enum Piece {
        As(Primitive),
        Fill(Range<u32>),
    }
    let mut pieces: Vec<(Rect, Piece)> = Vec::new();
    for ClippedPrimitive { clip_rect, primitive } in primitives {
        let mesh = match primitive {
            Primitive::Mesh(mesh) => mesh,
            callback @ Primitive::Callback(_) => {
                pieces.push((clip_rect, Piece::As(callback)));
                continue;
            }
        };
        let runs = runs(&mesh);
        if !runs.iter().any(|run| run.is_fill && run.area >= LEAST_AREA) {
            pieces.push((clip_rect, Piece::As(Primitive::Mesh(mesh))));
            continue;
        }
        let mut rest = Mesh::with_texture(mesh.texture_id);
        for run in runs {
            if run.is_fill && run.area >= LEAST_AREA {
                if !rest.indices.is_empty() {
                    let before = std::mem::replace(&mut rest, Mesh::with_texture(mesh.texture_id));
                    pieces.push((clip_rect, Piece::As(Primitive::Mesh(before))));
                }
                let start = apart.len() as u32;
                apart.extend(corners(&mesh, run.triangles).map(|vertex| Corner {
                    place: [2.0 * vertex.pos.x / size.x - 1.0, 1.0 - 2.0 * vertex.pos.y / size.y],
                    color: vertex.color.to_array(),
                }));
                pieces.push((clip_rect, Piece::Fill(start..apart.len() as u32)));
            } else {
                let start = rest.vertices.len() as u32;
                rest.vertices.extend(corners(&mesh, run.triangles));
                rest.indices.extend(start..rest.vertices.len() as u32);
            }
        }
        if !rest.indices.is_empty() {
            pieces.push((clip_rect, Piece::As(Primitive::Mesh(rest))));
        }
    }
    let (whole, corners) = (Rect::from_min_size(egui::Pos2::ZERO, size), Arc::new(apart));
    let place = |(clip_rect, piece)| {
        let primitive = match piece {
            Piece::As(primitive) => primitive,
            Piece::Fill(range) => {
                let fill = Fill { corners: Arc::clone(&corners), range };
                Primitive::Callback(Callback::new_paint_callback(whole, fill))
            }
        };
        ClippedPrimitive { clip_rect, primitive }
    };
    pieces.into_iter().map(place).collect()
}

/// A range of a frame's corners.
struct Fill {
    corners: Arc<Vec<Corner>>,
    range: Range<u32>,
}

struct Stage {
    pipeline: wgpu::RenderPipeline,
    /// Corners of this frame.
    buffer: wgpu::Buffer,
}

fn buffer_for(device: &wgpu::Device, corners: usize) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("fills"),
        size: (corners.next_power_of_two().max(1024) * size_of::<Corner>()) as u64,
        usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

impl Stage {
    fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("fills"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/window/fills.wgsl").into()),
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("fills"),
            ..wgpu::PipelineLayoutDescriptor::default()
        });
        let attributes = wgpu::vertex_attr_array![0 => Float32x2, 1 => Unorm8x4];
        // As egui blends: the window's own alpha stays what it is.
        let component = |src_factor| wgpu::BlendComponent {
            src_factor,
            dst_factor: wgpu::BlendFactor::OneMinusSrcAlpha,
            operation: wgpu::BlendOperation::Add,
        };
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("fills"),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("fill_vertex"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[Some(wgpu::VertexBufferLayout {
                    array_stride: size_of::<Corner>() as u64,
                    step_mode: wgpu::VertexStepMode::Vertex,
                    attributes: &attributes,
                })],
            },
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fill_fragment"),
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
        });
        Self { pipeline, buffer: buffer_for(device, 0) }
    }
}

impl CallbackTrait for Fill {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _: &ScreenDescriptor,
        _: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        // The first of the frame brings the corners of all.
        if self.range.start == 0
            && let Some(TargetFormat(format)) = resources.get::<TargetFormat>().copied()
        {
            let stage = resources.entry::<Stage>().or_insert_with(|| Stage::new(device, format));
            let bytes: &[u8] = bytemuck::cast_slice(&self.corners);
            if stage.buffer.size() < bytes.len() as u64 {
                stage.buffer = buffer_for(device, self.corners.len());
            }
            queue.write_buffer(&stage.buffer, 0, bytes);
        }
        Vec::new()
    }

    fn paint(&self, _: egui::PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        let Some(stage) = resources.get::<Stage>() else { return };
        pass.set_pipeline(&stage.pipeline);
        pass.set_vertex_buffer(0, stage.buffer.slice(..));
        pass.draw(self.range.clone(), 0..1);
    }
}

#[cfg(test)]
mod tests {
    use egui::epaint::{ClippedPrimitive, Mesh, Primitive};
    use egui::{Color32, Rect, TextureId, pos2, vec2};

    use super::drawn_apart;

    /// Large fills leave the mesh, the order stays, and no triangle is lost or doubled.
    #[test]
    fn large_fills_are_drawn_apart_in_their_places() {
        let clip_rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(400.0, 300.0));
        let square = |side: f32| Rect::from_min_size(pos2(10.0, 10.0), vec2(side, side));
        let glyph = Rect::from_min_max(pos2(0.1, 0.1), pos2(0.2, 0.2));
        let mut mesh = Mesh::with_texture(TextureId::default());
        mesh.add_colored_rect(square(5.0), Color32::RED);
        mesh.add_rect_with_uv(square(90.0), glyph, Color32::WHITE);
        mesh.add_colored_rect(square(80.0), Color32::BLUE);
        mesh.add_rect_with_uv(square(90.0), glyph, Color32::WHITE);
        let mut picture = Mesh::with_texture(TextureId::User(1));
        picture.add_rect_with_uv(square(200.0), glyph, Color32::WHITE);
        let primitives = [mesh, picture].map(|mesh| ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(mesh) });
        let made = drawn_apart(primitives.to_vec(), clip_rect.size());
        let kinds: Vec<Option<usize>> = made
            .iter()
            .map(|made| match &made.primitive {
                Primitive::Mesh(mesh) => Some(mesh.indices.len() / 3),
                Primitive::Callback(_) => None,
            })
            .collect();
        assert_eq!(kinds, [Some(4), None, Some(2), Some(2)]);
    }
}
