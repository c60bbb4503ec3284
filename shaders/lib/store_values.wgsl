// What an update does with the new parameters: keeps them.
fn store(at: u32, value: vec4<f32>) {
    values[at] = value;
}
