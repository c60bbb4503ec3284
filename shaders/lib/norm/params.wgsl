// Sizes of a normalization. x [images, P, C] in G groups of neighboring channels; statistics are of each image and group.
struct NormParams {
    images: u32,
    pixels: u32,
    channels: u32,
    groups: u32,
    slots_per_image: u32,
    slot_pixels: u32,
    epsilon: f32,
    momentum: f32,
}

// Place in statistics [images, G, 2] of an image and channel.
fn set_of(image: u32, channel: u32) -> u32 {
    return (image * params.groups + channel / (params.channels / params.groups)) * 2u;
}
