// Pictures as JPEG leaves them (ITU T.81): blocks of 8x8, discrete cosine transform, quantization, and back.
//   x, out [N, H, W, C]
// The pixels are levels 0..255, rounded, as a file's are; edges are repeated up to whole blocks. Three channels are
// coded as luminance and two chrominances of the same size (T.871), any other count each as luminance. What is decoded
// is clamped to 0..1 and not rounded.
// The quality of image n is drawn from low..high by block (n, stream, step, 0).
// ONE invocation codes one block of all channels.
#import lib/step
#import lib/index
#import lib/random/philox

struct JpegParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    stream: u32,
    low: u32,
    high: u32,
    padding: u32,
}

const WORKGROUP: u32 = 32u;

// cos(k pi / 16)
const C1: f32 = 0.98078528;
const C2: f32 = 0.92387953;
const C3: f32 = 0.83146961;
const C5: f32 = 0.55557023;
const C6: f32 = 0.38268343;
const C7: f32 = 0.19509032;

// T.81, table K.1, by rows of two.
const LUMINANCE = array<vec4<u32>, 16>(
    vec4<u32>(16u, 11u, 10u, 16u), vec4<u32>(24u, 40u, 51u, 61u),
    vec4<u32>(12u, 12u, 14u, 19u), vec4<u32>(26u, 58u, 60u, 55u),
    vec4<u32>(14u, 13u, 16u, 24u), vec4<u32>(40u, 57u, 69u, 56u),
    vec4<u32>(14u, 17u, 22u, 29u), vec4<u32>(51u, 87u, 80u, 62u),
    vec4<u32>(18u, 22u, 37u, 56u), vec4<u32>(68u, 109u, 103u, 77u),
    vec4<u32>(24u, 35u, 55u, 64u), vec4<u32>(81u, 104u, 113u, 92u),
    vec4<u32>(49u, 64u, 78u, 87u), vec4<u32>(103u, 121u, 120u, 101u),
    vec4<u32>(72u, 92u, 95u, 98u), vec4<u32>(112u, 100u, 103u, 99u),
);

// T.81, table K.2.
const CHROMINANCE = array<vec4<u32>, 16>(
    vec4<u32>(17u, 18u, 24u, 47u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(18u, 21u, 26u, 66u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(24u, 26u, 56u, 99u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(47u, 66u, 99u, 99u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(99u, 99u, 99u, 99u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(99u, 99u, 99u, 99u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(99u, 99u, 99u, 99u), vec4<u32>(99u, 99u, 99u, 99u),
    vec4<u32>(99u, 99u, 99u, 99u), vec4<u32>(99u, 99u, 99u, 99u),
);

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: JpegParams;

fn level(at: u32) -> i32 {
    return i32(floor(clamp(x[at], 0.0, 1.0) * 255.0 + 0.5));
}

// A pixel's value of one component, about 0. Colors turn in whole numbers of 1/65536: the same on every device. The
// chrominances' halves are rounded down, so that 127.5 does not become 128.
fn component_of(pixel: u32, component: u32) -> f32 {
    let at = pixel * params.channels;
    if params.channels != 3u { return f32(level(at + component) - 128); }
    let r = level(at);
    let g = level(at + 1u);
    let b = level(at + 2u);
    if component == 0u { return f32(((19595 * r + 38470 * g + 7471 * b + 32768) >> 16u) - 128); }
    if component == 1u { return f32((32768 * b - 11058 * r - 21710 * g + 32767) >> 16u); }
    return f32((32768 * r - 27439 * g - 5329 * b + 32767) >> 16u);
}

// Each invocation's block, eight rows of two vec4: in workgroup memory, because arrays in registers that are indexed by
// loops spill on GPUs and take software adapters ten seconds to compile. No invocation looks at another's.
var<workgroup> blocks: array<vec4<f32>, 512>;

// Neighboring invocations lie side by side.
fn slot(quad: u32, lane: u32) -> u32 {
    return quad * WORKGROUP + lane;
}

// Each column's cosine transform, without its norms: frequencies 0 and 4 add and subtract whole numbers, exactly.
fn transform_columns(lane: u32) {
    for (var half = 0u; half < 2u; half += 1u) {
        let x0 = blocks[slot(half, lane)];
        let x1 = blocks[slot(2u + half, lane)];
        let x2 = blocks[slot(4u + half, lane)];
        let x3 = blocks[slot(6u + half, lane)];
        let x4 = blocks[slot(8u + half, lane)];
        let x5 = blocks[slot(10u + half, lane)];
        let x6 = blocks[slot(12u + half, lane)];
        let x7 = blocks[slot(14u + half, lane)];
        let a0 = x0 + x7;
        let a1 = x1 + x6;
        let a2 = x2 + x5;
        let a3 = x3 + x4;
        let b0 = x0 - x7;
        let b1 = x1 - x6;
        let b2 = x2 - x5;
        let b3 = x3 - x4;
        blocks[slot(half, lane)] = (a0 + a3) + (a1 + a2);
        blocks[slot(2u + half, lane)] = C1 * b0 + C3 * b1 + C5 * b2 + C7 * b3;
        blocks[slot(4u + half, lane)] = C2 * (a0 - a3) + C6 * (a1 - a2);
        blocks[slot(6u + half, lane)] = C3 * b0 - C7 * b1 - C1 * b2 - C5 * b3;
        blocks[slot(8u + half, lane)] = (a0 + a3) - (a1 + a2);
        blocks[slot(10u + half, lane)] = C5 * b0 - C1 * b1 + C7 * b2 + C3 * b3;
        blocks[slot(12u + half, lane)] = C6 * (a0 - a3) - C2 * (a1 - a2);
        blocks[slot(14u + half, lane)] = C7 * b0 - C5 * b1 + C3 * b2 - C1 * b3;
    }
}

// The sums of those cosines again.
fn restore_columns(lane: u32) {
    for (var half = 0u; half < 2u; half += 1u) {
        let first = blocks[slot(half, lane)];
        let h1 = blocks[slot(2u + half, lane)];
        let h2 = blocks[slot(4u + half, lane)];
        let h3 = blocks[slot(6u + half, lane)];
        let fourth = blocks[slot(8u + half, lane)];
        let h5 = blocks[slot(10u + half, lane)];
        let h6 = blocks[slot(12u + half, lane)];
        let h7 = blocks[slot(14u + half, lane)];
        let h0 = first + fourth;
        let h4 = first - fourth;
        let e0 = h0 + (C2 * h2 + C6 * h6);
        let e1 = h4 + (C6 * h2 - C2 * h6);
        let e2 = h4 - (C6 * h2 - C2 * h6);
        let e3 = h0 - (C2 * h2 + C6 * h6);
        let o0 = C1 * h1 + C3 * h3 + C5 * h5 + C7 * h7;
        let o1 = C3 * h1 - C7 * h3 - C1 * h5 - C5 * h7;
        let o2 = C5 * h1 - C1 * h3 + C7 * h5 + C3 * h7;
        let o3 = C7 * h1 - C5 * h3 + C3 * h5 - C1 * h7;
        blocks[slot(half, lane)] = e0 + o0;
        blocks[slot(2u + half, lane)] = e1 + o1;
        blocks[slot(4u + half, lane)] = e2 + o2;
        blocks[slot(6u + half, lane)] = e3 + o3;
        blocks[slot(8u + half, lane)] = e3 - o3;
        blocks[slot(10u + half, lane)] = e2 - o2;
        blocks[slot(12u + half, lane)] = e1 - o1;
        blocks[slot(14u + half, lane)] = e0 - o0;
    }
}

// A quarter of the block from this vec4 on, turned.
fn turned_quarter(first: u32, lane: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        blocks[slot(first, lane)],
        blocks[slot(first + 2u, lane)],
        blocks[slot(first + 4u, lane)],
        blocks[slot(first + 6u, lane)],
    ));
}

fn put_quarter(first: u32, lane: u32, values: mat4x4<f32>) {
    blocks[slot(first, lane)] = values[0];
    blocks[slot(first + 2u, lane)] = values[1];
    blocks[slot(first + 4u, lane)] = values[2];
    blocks[slot(first + 6u, lane)] = values[3];
}

fn transpose_block(lane: u32) {
    put_quarter(0u, lane, turned_quarter(0u, lane));
    put_quarter(9u, lane, turned_quarter(9u, lane));
    let upper_right = turned_quarter(1u, lane);
    put_quarter(1u, lane, turned_quarter(8u, lane));
    put_quarter(8u, lane, upper_right);
}

// The nearest multiple of q, halves away from 0. Division may be off by a few roundings, and flat blocks lie on halves
// at many a quality: the quotient is put right by products of whole numbers, so that all devices agree on them.
fn quantized(value: vec4<f32>, q: vec4<f32>) -> vec4<f32> {
    let shifted = abs(value) + 0.5 * q;
    var count = floor(shifted / q);
    count += select(vec4<f32>(0.0), vec4<f32>(1.0), (count + 1.0) * q <= shifted);
    count -= select(vec4<f32>(0.0), vec4<f32>(1.0), count * q > shifted);
    return sign(value) * count * q;
}

// Annex K's tables at another quality, as the Independent JPEG Group does it: half the steps at 75, all 1 at 100.
fn steps_of(table: vec4<u32>, quality: u32) -> vec4<f32> {
    let percent = select(200u - 2u * quality, 5000u / quality, quality < 50u);
    return vec4<f32>(clamp((table * percent + 50u) / 100u, vec4<u32>(1u), vec4<u32>(255u)));
}

@compute @workgroup_size(WORKGROUP)
fn jpeg(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = (params.height + 7u) / 8u;
    let columns = (params.width + 7u) / 8u;
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + lane;
    if item >= params.batch * rows * columns { return; }
    let left = item % columns * 8u;
    let top = item / columns % rows * 8u;
    let image = item / columns / rows;
    let drawn = unit_float(philox4x32(vec4<u32>(image, params.stream, step_state.step, 0u), step_state.seed));
    let choices = params.high - params.low + 1u;
    let quality = params.low + min(u32(drawn.x * f32(choices)), choices - 1u);
    let color = params.channels == 3u;
    let last_row = min(top + 8u, params.height);
    let last_column = min(left + 8u, params.width);

    for (var component = 0u; component < params.channels; component += 1u) {
        for (var y = 0u; y < 8u; y += 1u) {
            let line = (image * params.height + min(top + y, params.height - 1u)) * params.width;
            for (var half = 0u; half < 2u; half += 1u) {
                let beside = vec4<u32>(left + 4u * half) + vec4<u32>(0u, 1u, 2u, 3u);
                let pixel = line + min(beside, vec4<u32>(params.width - 1u));
                blocks[slot(2u * y + half, lane)] = vec4<f32>(
                    component_of(pixel.x, component), component_of(pixel.y, component),
                    component_of(pixel.z, component), component_of(pixel.w, component),
                );
            }
        }
        for (var turn = 0u; turn < 2u; turn += 1u) {
            transform_columns(lane);
            transpose_block(lane);
        }
        for (var i = 0u; i < 16u; i += 1u) {
            var table = LUMINANCE[i];
            if color && component > 0u { table = CHROMINANCE[i]; }
            // Products of the two directions' norms: 1 / sqrt(8) of frequencies 0 and 4, 1/2 of the others.
            var norm = vec4<f32>(0.17677670, 0.25, 0.25, 0.25);
            if i % 8u < 2u { norm = vec4<f32>(0.125, 0.17677670, 0.17677670, 0.17677670); }
            blocks[slot(i, lane)] = norm * quantized(norm * blocks[slot(i, lane)], steps_of(table, quality));
        }
        for (var turn = 0u; turn < 2u; turn += 1u) {
            restore_columns(lane);
            transpose_block(lane);
        }
        for (var row = top; row < last_row; row += 1u) {
            for (var column = left; column < last_column; column += 1u) {
                let place = 8u * (row - top) + column - left;
                let at = ((image * params.height + row) * params.width + column) * params.channels;
                var value = blocks[slot(place / 4u, lane)][place % 4u];
                if !color { value = clamp((value + 128.0) / 255.0, 0.0, 1.0); }
                out[at + component] = value;
            }
        }
    }
    if !color { return; }
    for (var row = top; row < last_row; row += 1u) {
        for (var column = left; column < last_column; column += 1u) {
            let at = ((image * params.height + row) * params.width + column) * 3u;
            let y = out[at] + 128.0;
            let cb = out[at + 1u];
            let cr = out[at + 2u];
            out[at] = clamp((y + 1.402 * cr) / 255.0, 0.0, 1.0);
            out[at + 1u] = clamp((y - 0.344136 * cb - 0.714136 * cr) / 255.0, 0.0, 1.0);
            out[at + 2u] = clamp((y + 1.772 * cb) / 255.0, 0.0, 1.0);
        }
    }
}
