// Large fills of the window: triangles in clip space with a premultiplied color, handed on as it is.

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec4<f32>,
}

@vertex
fn fill_vertex(@location(0) place: vec2<f32>, @location(1) color: vec4<f32>) -> Corner {
    return Corner(vec4<f32>(place, 0.5, 1.0), color);
}

@fragment
fn fill_fragment(corner: Corner) -> @location(0) vec4<f32> {
    return corner.color;
}
