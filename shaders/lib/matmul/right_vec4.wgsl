@group(0) @binding(1) var<storage, read> right: array<vec4<f32>>;

fn load_right(at: u32, count: u32) -> vec4<f32> {
    return right[at / 4u];
}
