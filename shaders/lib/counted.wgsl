// The first `count` components; zero beyond.
fn counted(value: vec4<f32>, count: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), value, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count));
}
