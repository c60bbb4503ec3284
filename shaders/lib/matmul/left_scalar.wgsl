#import lib/counted

@group(0) @binding(0) var<storage, read> left: array<f32>;

fn load_left(at: u32, count: u32) -> vec4<f32> {
    let last = at + min(count, 4u) - 1u;
    let value = vec4<f32>(left[at], left[min(at + 1u, last)], left[min(at + 2u, last)], left[min(at + 3u, last)]);
    return counted(value, count);
}
