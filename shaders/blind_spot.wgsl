// Blind spots: a share of the values is replaced by neighbors, so that a network cannot learn to repeat what it sees there
// (Krull, Buchholz & Jug 2019, "Noise2Void").
//   x, out, spots [N, H, W, C]
// A value is a spot with probability rate. It becomes one of the other values of its channel in the window of five by five
// around it, each as likely; at the edges the window is moved inside, and in smaller images it is as large as they are.
// spots is 1 there and 0 elsewhere; an image of one pixel keeps it.
// Block of Philox (element, stream, step, 0): the first word says whether, the second which.
// ONE invocation makes one value.
#import lib/step
#import lib/index
#import lib/random/philox

struct BlindSpotParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    stream: u32,
    rate: f32,
    padding1: u32,
    padding2: u32,
}

const WORKGROUP: u32 = 64u;
const WINDOW: u32 = 5u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> spots: array<f32>;
@group(0) @binding(3) var<uniform> params: BlindSpotParams;

@compute @workgroup_size(WORKGROUP)
fn blind_spot(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    let size = vec2<u32>(params.height, params.width);
    if item >= params.batch * size.x * size.y * params.channels { return; }
    let pixel = item / params.channels;
    let place = vec2<u32>(pixel / size.y % size.x, pixel % size.y);

    let words = philox4x32(vec4<u32>(item, params.stream, step_state.step, 0u), step_state.seed);
    let window = min(size, vec2<u32>(WINDOW));
    let start = min(max(place, vec2<u32>(WINDOW / 2u)) - WINDOW / 2u, size - window);
    let own = (place.x - start.x) * window.y + place.y - start.y;
    let others = window.x * window.y - 1u;
    var source = item;
    var spot = 0.0;
    if unit_float(words).x < params.rate && others > 0u {
        // Sixteen bits choose among at most twenty-four.
        let drawn = (words.y >> 16u) * others >> 16u;
        let chosen = drawn + select(0u, 1u, drawn >= own);
        let at = start + vec2<u32>(chosen / window.y, chosen % window.y);
        let first = pixel - (place.x * size.y + place.y);
        source = (first + at.x * size.y + at.y) * params.channels + item % params.channels;
        spot = 1.0;
    }
    out[item] = x[source];
    spots[item] = spot;
}
