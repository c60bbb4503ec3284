// Triangles of the window: in clip space, with a premultiplied color, and a texture where they are not plain fills.

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec4<f32>,
    @location(1) texel: vec2<f32>,
}

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var picture_sampler: sampler;

@vertex
fn mesh_vertex(
    @location(0) place: vec2<f32>, @location(1) texel: vec2<f32>, @location(2) color: vec4<f32>,
) -> Corner {
    return Corner(vec4<f32>(place, 0.5, 1.0), color, texel);
}

// Handed on as it is.
@fragment
fn fill_fragment(corner: Corner) -> @location(0) vec4<f32> {
    return corner.color;
}

// No picture of the window has smaller copies of itself: there is but one level to look at.
@fragment
fn picture_fragment(corner: Corner) -> @location(0) vec4<f32> {
    return corner.color * textureSampleLevel(picture, picture_sampler, corner.texel, 0.0);
}
