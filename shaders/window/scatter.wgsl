// Points of the latent map, drawn into a picture of their own when they or the view change; every frame shows the picture.
//   point: a place in the latent space and a color; ONE instance of three vertices is a triangle around it
// `points` makes round, softly bordered discs with premultiplied alpha; `show` copies the picture pixel for pixel.

struct View {
    // From latent space to clip space; orthographic.
    to_clip: mat4x4<f32>,
    // Pixels of the picture.
    size: vec2<f32>,
    // Of a point, in pixels.
    radius: f32,
    // How much of its strength a point at the far end keeps.
    far: f32,
}

struct Point {
    @builtin(position) position: vec4<f32>,
    // From the middle, in pixels.
    @location(0) offset: vec2<f32>,
    @location(1) color: vec4<f32>,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var picture: texture_2d<f32>;

const CORNERS = array<vec2<f32>, 6>(
    vec2<f32>(-1.0, -1.0), vec2<f32>(1.0, -1.0), vec2<f32>(1.0, 1.0),
    vec2<f32>(-1.0, -1.0), vec2<f32>(1.0, 1.0), vec2<f32>(-1.0, 1.0),
);

// Around a disc of radius 1: half the triangles of a square, which are what many small discs cost.
const AROUND = array<vec2<f32>, 3>(vec2<f32>(0.0, 2.0), vec2<f32>(-1.7320508, -1.0), vec2<f32>(1.7320508, -1.0));

@vertex
fn point_vertex(
    @builtin(vertex_index) corner: u32,
    @location(0) place: vec3<f32>,
    @location(1) color: vec4<f32>,
) -> Point {
    var corners = AROUND;
    let middle = view.to_clip * vec4<f32>(place, 1.0);
    var point: Point;
    point.offset = corners[corner] * (view.radius + 1.0);
    point.position = vec4<f32>(middle.xy + 2.0 * point.offset / view.size, 0.5, 1.0);
    let strength = mix(1.0, view.far, clamp(middle.z, 0.0, 1.0));
    point.color = vec4<f32>(color.rgb, color.a * strength);
    return point;
}

@fragment
fn point_fragment(point: Point) -> @location(0) vec4<f32> {
    let coverage = clamp(view.radius + 0.5 - length(point.offset), 0.0, 1.0) * point.color.a;
    return vec4<f32>(point.color.rgb * coverage, coverage);
}

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>,
}

@vertex
fn show_vertex(@builtin(vertex_index) corner: u32) -> Corner {
    var corners = CORNERS;
    var out: Corner;
    out.position = vec4<f32>(corners[corner], 0.5, 1.0);
    out.place = (corners[corner] * vec2<f32>(0.5, -0.5) + 0.5) * view.size;
    return out;
}

@fragment
fn show_fragment(corner: Corner) -> @location(0) vec4<f32> {
    return textureLoad(picture, vec2<i32>(corner.place), 0);
}
