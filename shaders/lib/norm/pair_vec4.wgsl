// The same for four neighboring channels.
#import lib/element_vec4
struct Pair { first: Element, second: Element }

const VALUES: u32 = 4u;

fn sets_of(image: u32, channel: u32) -> vec4<u32> {
    return vec4<u32>(
        set_of(image, channel), set_of(image, channel + 1u), set_of(image, channel + 2u), set_of(image, channel + 3u),
    );
}

fn statistics_pair(image: u32, channel: u32) -> Pair {
    let at = sets_of(image, channel);
    return Pair(
        vec4<f32>(statistics[at.x], statistics[at.y], statistics[at.z], statistics[at.w]),
        vec4<f32>(statistics[at.x + 1u], statistics[at.y + 1u], statistics[at.z + 1u], statistics[at.w + 1u]),
    );
}

fn sums_pair(image: u32, channel: u32) -> Pair {
    let at = sets_of(image, channel);
    return Pair(
        vec4<f32>(sums[at.x], sums[at.y], sums[at.z], sums[at.w]),
        vec4<f32>(sums[at.x + 1u], sums[at.y + 1u], sums[at.z + 1u], sums[at.w + 1u]),
    );
}

fn activated(value: Element) -> Element {
    return activate(ACTIVATION, value);
}
