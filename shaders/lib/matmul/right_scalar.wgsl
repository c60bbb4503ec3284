#import lib/counted

@group(0) @binding(1) var<storage, read> right: array<f32>;

fn load_right(at: u32, count: u32) -> vec4<f32> {
    let last = at + min(count, 4u) - 1u;
    let value = vec4<f32>(right[at], right[min(at + 1u, last)], right[min(at + 2u, last)], right[min(at + 3u, last)]);
    return counted(value, count);
}
