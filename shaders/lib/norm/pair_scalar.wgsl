// Values by place, and the pair that statistics or sums hold for a channel.
#import lib/element_scalar
struct Pair { first: Element, second: Element }

const VALUES: u32 = 1u;

fn statistics_pair(image: u32, channel: u32) -> Pair {
    let at = set_of(image, channel);
    return Pair(statistics[at], statistics[at + 1u]);
}

fn sums_pair(image: u32, channel: u32) -> Pair {
    let at = set_of(image, channel);
    return Pair(sums[at], sums[at + 1u]);
}

fn activated(value: Element) -> Element {
    return activate(ACTIVATION, vec4<f32>(value)).x;
}
