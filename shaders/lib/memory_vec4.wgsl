// Operands whose rows are multiples of 4: every access is a whole vec4 (`count` is 4 or more, `at` a multiple of 4).
@group(0) @binding(0) var<storage, read> left: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> right: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> extra: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

fn load_left(at: u32, count: u32) -> vec4<f32> {
    return left[at / 4u];
}

fn load_right(at: u32, count: u32) -> vec4<f32> {
    return right[at / 4u];
}

fn load_extra(at: u32, count: u32) -> vec4<f32> {
    return extra[at / 4u];
}

fn load_out(at: u32, count: u32) -> vec4<f32> {
    return out[at / 4u];
}

fn store_out(at: u32, value: vec4<f32>, count: u32) {
    out[at / 4u] = value;
}
