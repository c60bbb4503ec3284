//! Decoder that mirrors the encoder, for specs that name none.

use super::layers::{Layer, OutputLayer};
use super::shape::DataShape;
use crate::graph::ops::Resampling;
use crate::kernels::activation::Activation;
use crate::nn::ConvGeometry;

/// Shape of a value on its way through the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ActivationShape {
    Rows(usize),
    Image([usize; 2], usize),
}

impl ActivationShape {
    fn values(self) -> usize {
        match self {
            Self::Rows(values) => values,
            Self::Image([height, width], channels) => height * width * channels,
        }
    }
}

/// Returns the layers from the latents back to the data, the last an `output sigmoid`; or names the layer that has no
/// way back.
///
/// Dense layers and convolutions are gone through backwards, with the activations that their inputs had; pooling
/// becomes upsampling. Normalization and dropout are not repeated.
pub(super) fn mirrored(encoder: &[Layer], data: DataShape) -> Result<Vec<Layer>, String> {
    let mut form = match data.image {
        Some(image) => ActivationShape::Image([image.height, image.width], image.channels),
        None => ActivationShape::Rows(data.features),
    };
    // For each step of the way: what came in, and the layer.
    let mut steps: Vec<(ActivationShape, &Layer)> = Vec::new();
    for layer in encoder {
        let before = form;
        form = match (layer, form) {
            (Layer::Dense { units, .. }, _) => ActivationShape::Rows(*units),
            (Layer::Conv { geometry, with: None, .. }, ActivationShape::Image(size, _)) => {
                let mut out = [0; 2];
                for axis in 0..2 {
                    let reach = (geometry.kernel[axis] - 1) * geometry.dilation + 1;
                    let padded = size[axis] + 2 * geometry.padding[axis];
                    out[axis] = padded.checked_sub(reach).ok_or("the kernel is larger than the image")?
                        / geometry.stride[axis]
                        + 1;
                }
                ActivationShape::Image(out, geometry.filters)
            }
            (
                Layer::Resample { kind: Resampling::AveragePool | Resampling::MaxPool, factor },
                ActivationShape::Image(size, c),
            ) => ActivationShape::Image(size.map(|side| side / factor), c),
            (Layer::Latent { .. }, _) => ActivationShape::Rows(0),
            (Layer::Normalize { .. } | Layer::Dropout { .. } | Layer::Activate(_) | Layer::Condition, same) => same,
            _ => return Err(format!("`{layer}` has no way back; name the decoder's layers")),
        };
        steps.push((before, layer));
    }
    let mut decoder = Vec::new();
    for (index, &(before, layer)) in steps.iter().enumerate().rev() {
        // What made the value that this layer took in decides its activation on the way back.
        let earlier = steps[..index].iter().rev().find_map(|(_, layer)| layer.activation());
        let activation = earlier.unwrap_or(Activation::Identity);
        let first = before == steps[0].0 && steps[..index].iter().all(|(_, l)| !is_weighted(l));
        match (layer, before) {
            (Layer::Dense { .. } | Layer::Latent { .. }, _) if first => {
                decoder.push(Layer::Output { form: OutputLayer::Dense, activation: Activation::Sigmoid });
            }
            (Layer::Dense { .. } | Layer::Latent { .. }, _) => {
                decoder.push(Layer::Dense { units: before.values(), activation });
                if let ActivationShape::Image([height, width], channels) = before {
                    decoder.push(Layer::Reshape { height, width, channels });
                }
            }
            (Layer::Conv { geometry, .. }, ActivationShape::Image(size, channels)) => {
                let geometry = way_back(geometry, size, channels);
                decoder.push(if first {
                    Layer::Output { form: OutputLayer::ConvTranspose(geometry), activation: Activation::Sigmoid }
                } else {
                    Layer::ConvTranspose { geometry, activation }
                });
            }
            (Layer::Resample { factor, .. }, ActivationShape::Image(size, _)) => {
                if size.iter().any(|side| side % factor != 0) {
                    return Err(format!("`{layer}` drops an edge that has no way back; name the decoder's layers"));
                }
                decoder.push(Layer::Resample { kind: Resampling::Nearest, factor: *factor });
            }
            _ => {}
        }
    }
    if !matches!(decoder.last(), Some(Layer::Output { .. })) {
        decoder.push(Layer::Output { form: OutputLayer::Same, activation: Activation::Sigmoid });
    }
    Ok(decoder)
}

fn is_weighted(layer: &Layer) -> bool {
    matches!(layer, Layer::Dense { .. } | Layer::Conv { .. } | Layer::Latent { .. } | Layer::Resample { .. })
}

/// Returns the transposed convolution that leads back to `size` and `channels`. Where a stride of 2 and an even side
/// allow, its kernel is a multiple of the stride: all places are then reached by as many taps (Odena et al. 2016).
fn way_back(geometry: &ConvGeometry, size: [usize; 2], channels: usize) -> ConvGeometry {
    let mut back = ConvGeometry { filters: channels, output_padding: [0; 2], ..*geometry };
    for (axis, &side) in size.iter().enumerate() {
        let even = geometry.stride[axis] == 2 && side.is_multiple_of(2);
        if even && geometry.kernel[axis] == 3 && geometry.padding[axis] == 1 && geometry.dilation == 1 {
            back.kernel[axis] = 4;
        } else {
            let reach = (geometry.kernel[axis] - 1) * geometry.dilation + 1;
            back.output_padding[axis] = (side + 2 * geometry.padding[axis] - reach) % geometry.stride[axis];
        }
    }
    back
}
