// What an update does with the new parameters: keeps them, and moves their average after them.
fn store(at: u32, value: vec4<f32>) {
    values[at] = value;
    averages[at] += (1.0 - params.average) * (value - averages[at]);
}
