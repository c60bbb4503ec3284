// Normalization in stages, those that make statistics and sums (norm_apply.wgsl has the rest). x [images, P, C] in G groups of neighboring channels; statistics are of each image and
// group. Batch normalization is one image of all the batch's pixels with a group for each channel; layer
// normalization is one group.
//   partials   [slots, C, 2]       mean and sum of squared deviations of each slot of pixels and channel
//   statistics [images, G, 2]      mean and biased variance
// A slot never crosses images: slots = images * slots_per_image.
#import lib/index
#import lib/norm/params

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// statistics, or partials, or sums
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read> dout: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> out2: array<f32>;
@group(0) @binding(7) var<uniform> params: NormParams;

fn slot_begin(slot: u32) -> u32 {
    return slot / params.slots_per_image * params.pixels + slot % params.slots_per_image * params.slot_pixels;
}

fn slot_count(slot: u32) -> u32 {
    return min(params.slot_pixels, params.pixels - slot % params.slots_per_image * params.slot_pixels);
}

// out = partials of x. ONE invocation handles one channel of one slot, in two passes.
@compute @workgroup_size(WORKGROUP)
fn norm_partials(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.images * params.slots_per_image * params.channels { return; }
    let slot = item / params.channels;
    let channel = item % params.channels;
    let begin = slot_begin(slot);
    let count = slot_count(slot);
    var sum = 0.0;
    for (var i = 0u; i < count; i += 1u) {
        sum += x[(begin + i) * params.channels + channel];
    }
    let mean = sum / f32(count);
    var squares = 0.0;
    for (var i = 0u; i < count; i += 1u) {
        let deviation = x[(begin + i) * params.channels + channel] - mean;
        squares += deviation * deviation;
    }
    out[item * 2u] = mean;
    out[item * 2u + 1u] = squares;
}

// out = statistics of partials (binding 1). ONE invocation handles one image and group.
@compute @workgroup_size(WORKGROUP)
fn norm_statistics(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.images * params.groups { return; }
    let members = params.channels / params.groups;
    let image = item / params.groups;
    let first_channel = item % params.groups * members;
    let total = f32(params.pixels * members);
    var mean = 0.0;
    for (var i = 0u; i < params.slots_per_image * members; i += 1u) {
        let slot = image * params.slots_per_image + i / members;
        let weight = f32(slot_count(slot)) / total;
        mean += weight * statistics[(slot * params.channels + first_channel + i % members) * 2u];
    }
    var squares = 0.0;
    for (var i = 0u; i < params.slots_per_image * members; i += 1u) {
        let slot = image * params.slots_per_image + i / members;
        let at = (slot * params.channels + first_channel + i % members) * 2u;
        let deviation = statistics[at] - mean;
        squares += statistics[at + 1u] + f32(slot_count(slot)) * deviation * deviation;
    }
    out[item * 2u] = mean;
    out[item * 2u + 1u] = squares / total;
}

// Running statistics [C, 2] (out) move toward the batch's (binding 1), the variance unbiased, as PyTorch has it.
// ONE invocation handles one channel.
@compute @workgroup_size(WORKGROUP)
fn norm_running(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let channel = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if channel >= params.channels { return; }
    let at = channel * 2u;
    let count = f32(params.pixels);
    let unbiased = statistics[at + 1u] * count / max(count - 1.0, 1.0);
    out[at] += params.momentum * (statistics[at] - out[at]);
    out[at + 1u] += params.momentum * (unbiased - out[at + 1u]);
}

// out [slots, C, 2]: sums over each slot of dout and of dout times the normalized x. ONE invocation handles one channel
// of one slot.
@compute @workgroup_size(WORKGROUP)
fn norm_backward_partials(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.images * params.slots_per_image * params.channels { return; }
    let slot = item / params.channels;
    let channel = item % params.channels;
    let begin = slot_begin(slot);
    let count = slot_count(slot);
    let at_set = set_of(slot / params.slots_per_image, channel);
    let mean = statistics[at_set];
    let inverse = inverseSqrt(statistics[at_set + 1u] + params.epsilon);
    var sum = 0.0;
    var weighted = 0.0;
    for (var i = 0u; i < count; i += 1u) {
        let at = (begin + i) * params.channels + channel;
        sum += dout[at];
        weighted += dout[at] * (x[at] - mean) * inverse;
    }
    out[item * 2u] = sum;
    out[item * 2u + 1u] = weighted;
}

// out, out2 [C] = dshift and dscale from the partials (binding 1). ONE invocation handles one channel.
@compute @workgroup_size(WORKGROUP)
fn norm_backward_parameters(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let channel = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if channel >= params.channels { return; }
    var sum = 0.0;
    var weighted = 0.0;
    for (var slot = 0u; slot < params.images * params.slots_per_image; slot += 1u) {
        let at = (slot * params.channels + channel) * 2u;
        sum += statistics[at];
        weighted += statistics[at + 1u];
    }
    out[channel] = sum;
    out2[channel] = weighted;
}

// out [images, G, 2] = means over each image and group of scale dout and of scale dout times the normalized x, from the
// partials (binding 1). ONE invocation handles one image and group.
@compute @workgroup_size(WORKGROUP)
fn norm_backward_sums(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.images * params.groups { return; }
    let members = params.channels / params.groups;
    let image = item / params.groups;
    let first_channel = item % params.groups * members;
    var sum = 0.0;
    var weighted = 0.0;
    for (var i = 0u; i < params.slots_per_image * members; i += 1u) {
        let channel = first_channel + i % members;
        let at = ((image * params.slots_per_image + i / members) * params.channels + channel) * 2u;
        sum += scale[channel] * statistics[at];
        weighted += scale[channel] * statistics[at + 1u];
    }
    let total = f32(params.pixels * members);
    out[item * 2u] = sum / total;
    out[item * 2u + 1u] = weighted / total;
}
