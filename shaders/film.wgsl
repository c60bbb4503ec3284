// What film does to a picture: grain, scratches and dust.
//   x, out [N, H, W, C]
// Grain: value + grain * strength * (1/4 + 3 m (1 - m)) * g, where m is the mean of the channels within 0..1 (so that
// grain is four times as strong in the middle as near black and white) and g the same in all of them: normal numbers at
// every pixel, and one pixel beyond the edges, under the kernel (1 2 1)' (1 2 1) / 6, whose squares add up to 1.
// Scratches and dust: counts are Poisson numbers with a mean of scratches * strength and dust * strength, at most 32;
// each mark is laid over the last, light (1) or dark (0), by its opacity and how far it covers the pixel's center.
// Blocks of Philox: (tile, stream, step, 0) for the four normal numbers of 2x2 pixels, (image, stream, step, 1) for the
// counts, (mark, stream, step, 2) and (mark, stream, step, 3) for scratches and dust.
// ONE invocation makes one pixel.
#import lib/step
#import lib/index
#import lib/random/philox
#import lib/random/normal
#import lib/random/poisson

struct FilmParams {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    stream: u32,
    grain: f32,
    scratches: f32,
    dust: f32,
}

const WORKGROUP: u32 = 64u;
const MOST_MARKS: u32 = 32u;

const GRAIN: u32 = 0u;
const COUNTS: u32 = 1u;
const SCRATCH: u32 = 2u;
const SPECK: u32 = 3u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: FilmParams;

fn words(counter: u32, purpose: u32) -> vec4<u32> {
    return philox4x32(vec4<u32>(counter, params.stream, step_state.step, purpose), step_state.seed);
}

// (1 2 1) / sqrt(6) at offset 0, 1, 2; zero elsewhere.
fn grain_weight(offset: vec2<u32>) -> vec2<f32> {
    let inside = select(vec2<f32>(0.0), vec2<f32>(0.40824829), offset <= vec2<u32>(2u));
    return select(inside, vec2<f32>(0.81649658), offset == vec2<u32>(1u));
}

// Unit variance at every pixel. The window's three rows and columns always lie in two tiles of two.
fn grain(image: u32, row: u32, column: u32) -> f32 {
    let tiles = vec2<u32>((params.height + 3u) / 2u, (params.width + 3u) / 2u);
    let first = vec2<u32>(row, column) / 2u;
    var sum = 0.0;
    for (var i = 0u; i < 4u; i += 1u) {
        let tile = first + vec2<u32>(i / 2u, i % 2u);
        let normal = normal4(words((image * tiles.x + tile.x) * tiles.y + tile.y, GRAIN));
        // Offsets before the window wrap round to large numbers, whose weight is zero too.
        let upper = grain_weight(tile * 2u - vec2<u32>(row, column));
        let lower = grain_weight(tile * 2u + vec2<u32>(1u) - vec2<u32>(row, column));
        let above = upper.y * normal.x + lower.y * normal.y;
        let below = upper.y * normal.z + lower.y * normal.w;
        sum += upper.x * above + lower.x * below;
    }
    return sum;
}

// What a mark makes of a pixel: value + share * (tone - value).
struct Mark { share: f32, tone: f32 }

// Two numbers in [0, 1) of 16 bits from each word.
fn upper_halves(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words >> vec4<u32>(16u)) / 65536.0;
}

fn lower_halves(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words & vec4<u32>(0xffffu)) / 65536.0;
}

// A line that leans up to 0.08 to either side, a fifth to the whole of the height long, 0.6 to 1.6 pixels wide.
fn scratch(mark: u32, place: vec2<f32>, size: vec2<f32>) -> Mark {
    let drawn = words(mark, SCRATCH);
    let a = upper_halves(drawn);
    let b = lower_halves(drawn);
    let along = place.x - a.x * size.x;
    let lean = 0.08 * (2.0 * a.z - 1.0);
    let across = place.y - a.y * size.y - lean * along;
    let half_length = (0.1 + 0.4 * a.w) * size.x;
    let half_width = 0.3 + 0.5 * b.x;
    let cover = clamp(half_width + 0.5 - abs(across), 0.0, 1.0) * clamp(half_length + 0.5 - abs(along), 0.0, 1.0);
    return Mark(cover * (0.4 + 0.6 * b.z), select(0.0, 1.0, b.y >= 0.5));
}

// A blob, (1 - d^2 / r^2)^2 within its radius r of 1 pixel to 1 and 0.06 of the smaller side, small ones more often.
fn speck(mark: u32, place: vec2<f32>, size: vec2<f32>) -> Mark {
    let drawn = words(mark, SPECK);
    let a = upper_halves(drawn);
    let b = lower_halves(drawn);
    let away = place - a.xy * size;
    let radius = 1.0 + 0.06 * min(size.x, size.y) * a.z * a.z;
    let inside = max(1.0 - dot(away, away) / (radius * radius), 0.0);
    return Mark(inside * inside * (0.5 + 0.5 * b.z), select(0.0, 1.0, b.y >= 0.5));
}

@compute @workgroup_size(WORKGROUP)
fn film(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let item = linear_workgroup(workgroup_id, num_workgroups) * WORKGROUP + local_index;
    if item >= params.batch * params.height * params.width { return; }
    let column = item % params.width;
    let row = item / params.width % params.height;
    let image = item / params.width / params.height;
    let at = item * params.channels;

    var added = 0.0;
    if params.grain > 0.0 {
        var sum = 0.0;
        for (var channel = 0u; channel < params.channels; channel += 1u) { sum += x[at + channel]; }
        let mean = clamp(sum / f32(params.channels), 0.0, 1.0);
        added = params.grain * step_state.corruption * (0.25 + 3.0 * mean * (1.0 - mean)) * grain(image, row, column);
    }
    // All marks together: value * kept + laid.
    var kept = 1.0;
    var laid = 0.0;
    let place = vec2<f32>(f32(row), f32(column)) + 0.5;
    let size = vec2<f32>(f32(params.height), f32(params.width));
    let drawn = unit_float(words(image, COUNTS));
    let rates = min(vec2<f32>(params.scratches, params.dust) * step_state.corruption, vec2<f32>(f32(MOST_MARKS)));
    let scratches = min(u32(poisson_by_inversion(rates.x, drawn.x)), MOST_MARKS);
    let specks = min(u32(poisson_by_inversion(rates.y, drawn.y)), MOST_MARKS);
    for (var i = 0u; i < scratches + specks; i += 1u) {
        var mark: Mark;
        if i < scratches {
            mark = scratch(image * MOST_MARKS + i, place, size);
        } else {
            mark = speck(image * MOST_MARKS + i - scratches, place, size);
        }
        kept *= 1.0 - mark.share;
        laid += mark.share * (mark.tone - laid);
    }
    for (var channel = 0u; channel < params.channels; channel += 1u) {
        out[at + channel] = (x[at + channel] + added) * kept + laid;
    }
}
