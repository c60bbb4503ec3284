// A chain of up to four stages, element by element, four at a time.
//   first [count]   operand_a, operand_b, operand_c [count]: what binary stages read, in their order   out [count]
// Random stages take word i % 4 of block (i / 4, stream, step, 0) for element i: the backward pass makes the same again.
// Shot noise takes a second block, with 1 in the last place.
#import lib/step
#import lib/index
#import lib/activation
#import lib/random/philox
#import lib/random/normal
#import lib/random/poisson

struct PointwiseParams {
    count: u32,
    padding1: u32,
    padding2: u32,
    padding3: u32,
    amounts: vec4<f32>,
    streams: vec4<u32>,
}

const WORKGROUP: u32 = 64u;

const NOTHING: u32 = 0u;
const ACTIVATE: u32 = 1u;
// value * activation'(operand)
const ACTIVATE_BACKWARD: u32 = 2u;
const ADD: u32 = 3u;
// value * the step's strength of corruption
const CORRUPTION_STRENGTH: u32 = 4u;
const SCALE: u32 = 5u;
// Zero with probability rate, else value / (1 - rate); the step may have another rate for all.
const DROPOUT: u32 = 6u;
// Zero with probability rate.
const MASK: u32 = 7u;
// value + amount * normal
const GAUSSIAN: u32 = 8u;
// 0 or 1 with probability rate / 2 each.
const SALT_AND_PEPPER: u32 = 9u;
// The gradient through salt and pepper: zero where it struck.
const SALT_AND_PEPPER_BACKWARD: u32 = 10u;
// Zero where the operand is.
const KEEP_WHERE_NONZERO: u32 = 11u;
// Poisson(max(value, 0) * light) / light, where amount / strength^2 is the light
const SHOT_NOISE: u32 = 12u;

const STAGE_0: u32 = 1u; // spec
const STAGE_1: u32 = 0u; // spec
const STAGE_2: u32 = 0u; // spec
const STAGE_3: u32 = 0u; // spec
const ACTIVATION_0: u32 = 0u; // spec
const ACTIVATION_1: u32 = 0u; // spec
const ACTIVATION_2: u32 = 0u; // spec
const ACTIVATION_3: u32 = 0u; // spec
// Which operand a stage reads.
const OPERAND_0: u32 = 0u; // spec
const OPERAND_1: u32 = 0u; // spec
const OPERAND_2: u32 = 0u; // spec
const OPERAND_3: u32 = 0u; // spec

@group(0) @binding(0) var<storage, read> first: array<f32>;
@group(0) @binding(1) var<storage, read> operand_a: array<f32>;
@group(0) @binding(2) var<storage, read> operand_b: array<f32>;
@group(0) @binding(3) var<storage, read> operand_c: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<uniform> params: PointwiseParams;

fn load_operand(operand: u32, at: u32) -> vec4<f32> {
    let last = params.count - 1u;
    let i = vec4<u32>(at, min(at + 1u, last), min(at + 2u, last), min(at + 3u, last));
    if operand == 0u { return vec4<f32>(operand_a[i.x], operand_a[i.y], operand_a[i.z], operand_a[i.w]); }
    if operand == 1u { return vec4<f32>(operand_b[i.x], operand_b[i.y], operand_b[i.z], operand_b[i.w]); }
    return vec4<f32>(operand_c[i.x], operand_c[i.y], operand_c[i.z], operand_c[i.w]);
}

// From this rate on counts are rounded normal numbers: the sum of the exact way would take ever longer and its first
// term vanish in f32, while mean and variance are right and the skewness that is missing is 1 / sqrt(rate), below 0.19.
const NORMAL_FROM_RATE: f32 = 30.0;
// As strength goes to 0 light grows without bound; beyond this the noise is below 4e-5.
const MOST_LIGHT: f32 = 1e9;

// The normal numbers come from a block of their own: two elements that shared words would not be independent.
fn shot_noise(amount: f32, stream: u32, at: u32, value: vec4<f32>) -> vec4<f32> {
    let strength = step_state.corruption;
    if strength <= 0.0 { return value; }
    let light = amount / max(strength * strength, amount / MOST_LIGHT);
    let rate = max(value, vec4<f32>(0.0)) * light;
    let u = unit_float(philox4x32(vec4<u32>(at / 4u, stream, step_state.step, 0u), step_state.seed));
    let normal = normal4(philox4x32(vec4<u32>(at / 4u, stream, step_state.step, 1u), step_state.seed));
    var count = max(floor(rate + sqrt(rate) * normal + 0.5), vec4<f32>(0.0));
    for (var lane = 0u; lane < 4u; lane += 1u) {
        if rate[lane] < NORMAL_FROM_RATE { count[lane] = poisson_by_inversion(rate[lane], u[lane]); }
    }
    return count / light;
}

fn apply(kind: u32, activation: u32, operand: u32, amount: f32, stream: u32, at: u32, value: vec4<f32>) -> vec4<f32> {
    if kind == NOTHING { return value; }
    if kind == ACTIVATE { return activate(activation, value); }
    if kind == ACTIVATE_BACKWARD { return activate_backward(activation, value, load_operand(operand, at)); }
    if kind == ADD { return value + load_operand(operand, at); }
    if kind == CORRUPTION_STRENGTH { return value * step_state.corruption; }
    if kind == KEEP_WHERE_NONZERO {
        return select(value, vec4<f32>(0.0), load_operand(operand, at) == vec4<f32>(0.0));
    }
    if kind == SCALE { return value * amount; }
    if kind == SHOT_NOISE { return shot_noise(amount, stream, at, value); }
    let words = philox4x32(vec4<u32>(at / 4u, stream, step_state.step, 0u), step_state.seed);
    if kind == GAUSSIAN { return value + amount * step_state.corruption * normal4(words); }
    let u = unit_float(words);
    if kind == DROPOUT {
        let share = select(amount, step_state.dropout - 1.0, step_state.dropout >= 1.0);
        return select(value / (1.0 - share), vec4<f32>(0.0), u < vec4<f32>(share));
    }
    let rate = amount * step_state.corruption;
    if kind == MASK { return select(value, vec4<f32>(0.0), u < vec4<f32>(rate)); }
    let pepper = u < vec4<f32>(0.5 * rate);
    let salt = u >= vec4<f32>(1.0 - 0.5 * rate);
    if kind == SALT_AND_PEPPER {
        return select(select(value, vec4<f32>(1.0), salt), vec4<f32>(0.0), pepper);
    }
    return select(value, vec4<f32>(0.0), pepper | salt);
}

// ONE invocation handles four elements.
@compute @workgroup_size(WORKGROUP)
fn pointwise(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let at = (linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index) * 4u;
    if at >= params.count { return; }
    let last = params.count - 1u;
    var value = vec4<f32>(first[at], first[min(at + 1u, last)], first[min(at + 2u, last)], first[min(at + 3u, last)]);
    value = apply(STAGE_0, ACTIVATION_0, OPERAND_0, params.amounts.x, params.streams.x, at, value);
    value = apply(STAGE_1, ACTIVATION_1, OPERAND_1, params.amounts.y, params.streams.y, at, value);
    value = apply(STAGE_2, ACTIVATION_2, OPERAND_2, params.amounts.z, params.streams.z, at, value);
    value = apply(STAGE_3, ACTIVATION_3, OPERAND_3, params.amounts.w, params.streams.w, at, value);
    out[at] = value.x;
    if at + 1u < params.count { out[at + 1u] = value.y; }
    if at + 2u < params.count { out[at + 2u] = value.z; }
    if at + 3u < params.count { out[at + 3u] = value.w; }
}
