// The stages of a normalization that touch every value (the others are in norm.wgsl):
//   norm_apply            out = activation((x - mean) / sqrt(variance + epsilon) * scale + shift)
//   norm_backward_apply   out = gradient by x, from dout, x, statistics, scale and sums
// ONE invocation handles one channel, or four where their number allows, of PIXELS pixels of an image that follow each
// other: what is the same for all of them is loaded once.
#import lib/index
#import lib/activation
#import lib/norm/params
#import lib/norm/pair_scalar

const WORKGROUP: u32 = 64u;
const PIXELS: u32 = 8u;
const ACTIVATION: u32 = 0u; // spec

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<Element>;
@group(0) @binding(3) var<storage, read> shift: array<Element>;
@group(0) @binding(4) var<storage, read> dout: array<Element>;
@group(0) @binding(5) var<storage, read_write> out: array<Element>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;
@group(0) @binding(7) var<uniform> params: NormParams;

// Elements of a pixel, the one at hand, and the pixels (over all images) that it is handled of.
struct Run { elements: u32, element: u32, image: u32, begin: u32, end: u32 }

fn run_of(item: u32) -> Run {
    let elements = params.channels / VALUES;
    let runs = (params.pixels + PIXELS - 1u) / PIXELS;
    let image = item / elements / runs;
    let first = item / elements % runs * PIXELS;
    let end = min(first + PIXELS, params.pixels);
    return Run(elements, item % elements, image, image * params.pixels + first, image * params.pixels + end);
}

@compute @workgroup_size(WORKGROUP)
fn norm_apply(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let run = run_of(linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index);
    if run.image >= params.images { return; }
    let pair = statistics_pair(run.image, run.element * VALUES);
    let inverse = inverseSqrt(pair.second + params.epsilon);
    let scale_here = scale[run.element];
    let shift_here = shift[run.element];
    for (var pixel = run.begin; pixel < run.end; pixel += 1u) {
        let at = pixel * run.elements + run.element;
        let normal = (x[at] - pair.first) * inverse;
        out[at] = activated(normal * scale_here + shift_here);
    }
}

@compute @workgroup_size(WORKGROUP)
fn norm_backward_apply(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let run = run_of(linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index);
    if run.image >= params.images { return; }
    let pair = statistics_pair(run.image, run.element * VALUES);
    let mean_gradient = sums_pair(run.image, run.element * VALUES);
    let inverse = inverseSqrt(pair.second + params.epsilon);
    let scale_here = scale[run.element];
    for (var pixel = run.begin; pixel < run.end; pixel += 1u) {
        let at = pixel * run.elements + run.element;
        let normal = (x[at] - pair.first) * inverse;
        out[at] = inverse * (scale_here * dout[at] - mean_gradient.first - normal * mean_gradient.second);
    }
}
