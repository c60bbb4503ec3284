@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn load_extra(at: u32, count: u32) -> vec4<f32> {
    let last = at + min(count, 4u) - 1u;
    return vec4<f32>(extra[at], extra[min(at + 1u, last)], extra[min(at + 2u, last)], extra[min(at + 3u, last)]);
}

fn load_out(at: u32, count: u32) -> vec4<f32> {
    let last = at + min(count, 4u) - 1u;
    return vec4<f32>(out[at], out[min(at + 1u, last)], out[min(at + 2u, last)], out[min(at + 3u, last)]);
}

fn store_out(at: u32, value: vec4<f32>, count: u32) {
    out[at] = value.x;
    if count > 1u { out[at + 1u] = value.y; }
    if count > 2u { out[at + 2u] = value.z; }
    if count > 3u { out[at + 3u] = value.w; }
}
