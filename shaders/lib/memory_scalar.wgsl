// Operands of any width: four scalars an access, of which the first `count` are there.
@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn counted(value: vec4<f32>, count: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), value, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count));
}

fn load_left(at: u32, count: u32) -> vec4<f32> {
    let last = at + min(count, 4u) - 1u;
    let value = vec4<f32>(left[at], left[min(at + 1u, last)], left[min(at + 2u, last)], left[min(at + 3u, last)]);
    return counted(value, count);
}

fn load_right(at: u32, count: u32) -> vec4<f32> {
    let last = at + min(count, 4u) - 1u;
    let value = vec4<f32>(right[at], right[min(at + 1u, last)], right[min(at + 2u, last)], right[min(at + 3u, last)]);
    return counted(value, count);
}

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
