@group(0) @binding(0) var<storage, read> left: array<vec4<f32>>;

fn load_left(at: u32, count: u32) -> vec4<f32> {
    return left[at / 4u];
}
