@group(0) @binding(2) var<storage, read> extra: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

fn load_extra(at: u32, count: u32) -> vec4<f32> {
    return extra[at / 4u];
}

fn load_out(at: u32, count: u32) -> vec4<f32> {
    return out[at / 4u];
}

fn store_out(at: u32, value: vec4<f32>, count: u32) {
    out[at / 4u] = value;
}
