//! Layers as they are written in a spec: `dense 256 relu`, `conv 32 3x3 stride 2 relu`, `latent`, `output sigmoid`.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::graph::ops::Resampling;
use crate::kernels::activation::Activation;
use crate::nn::ConvGeometry;
use crate::platform::perhaps;

/// Grammar of the layers, for errors and help.
pub const GRAMMAR: &str = "`dense UNITS`, `conv FILTERS KxK [stride S] [pad P] [dilation D] [with NAME]`, \
     `conv_transpose FILTERS KxK [stride S] [pad P] [outpad P]`, `depthwise KxK [stride S]`, `tied N`, `batchnorm`, \
     `layernorm`, `groupnorm G`, `dropout RATE`, `upsample S`, `bilinear S`, `avgpool S`, `maxpool S`, `shuffle S`, \
     `unshuffle S`, `reshape HxWxC`, `save NAME`, `add NAME`, `load NAME`, `condition`, an activation alone, `latent`, \
     `output [conv KxK|conv_transpose KxK|tied N|same]`; most may end in an activation";

/// Kind of a normalization layer, by the values that share a mean and a variance.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum NormKind {
    /// Batch normalization: each channel over the batch and its pixels, with running statistics for evaluation (Ioffe &
    /// Szegedy 2015).
    Batch,
    /// Layer normalization: each sample over all channels and pixels.
    Layer,
    /// Group normalization: each sample and group of neighboring channels over its pixels (Wu & He 2018). The count of
    /// groups is a divisor of that of the channels.
    Group(usize),
}

/// Last layer of a decoder, by its way to the shape of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum OutputLayer {
    /// Dense layer with a unit for each value of a row.
    Dense,
    /// Convolution with a filter for each channel of the images.
    Conv(ConvGeometry),
    /// Transposed convolution with a filter for each channel of the images.
    ConvTranspose(ConvGeometry),
    /// Transposed weights of the dense layer of this index in the encoder, from 0.
    Tied(usize),
    /// No weights: the shape is right already.
    Same,
}

/// Layer of an encoder or decoder; [`GRAMMAR`] lists the words of each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Dense layer; images are flattened.
    Dense {
        /// Width of the output.
        units: usize,
        /// Activation of the output.
        activation: Activation,
    },
    /// Dense layer with the transposed weights of one of the encoder.
    Tied {
        /// Index of that layer in the encoder, from 0.
        layer: usize,
        /// Activation of the output.
        activation: Activation,
    },
    /// Convolution of images.
    Conv {
        /// Filters and windows.
        geometry: ConvGeometry,
        /// Activation of the output.
        activation: Activation,
        /// Name of a saved value that is read beside the input, side by side in channels.
        with: Option<String>,
    },
    /// Transposed convolution of images.
    ConvTranspose {
        /// Filters and windows, with output padding.
        geometry: ConvGeometry,
        /// Activation of the output.
        activation: Activation,
    },
    /// Convolution of each channel by itself.
    Depthwise {
        /// Windows; `filters` is not used.
        geometry: ConvGeometry,
        /// Activation of the output.
        activation: Activation,
    },
    /// Normalization, with a learned gain and bias for each channel.
    Normalize {
        /// Values that share a mean and a variance.
        kind: NormKind,
        /// Activation of the output.
        activation: Activation,
    },
    /// Activation alone.
    Activate(Activation),
    /// Dropout in training; the identity elsewhere.
    Dropout {
        /// Share of values set to 0, from 0 to below 1; the others are divided by 1 - rate.
        rate: f64,
    },
    /// Change of the resolution of images by a whole factor.
    Resample {
        /// Upsampling, pooling or shuffling of pixels.
        kind: Resampling,
        /// Factor of each side, from 1 to 64.
        factor: usize,
    },
    /// Rows seen as images.
    Reshape {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// Values of a pixel.
        channels: usize,
    },
    /// Keeps the value under a name.
    Save(String),
    /// Adds a saved value.
    Add(String),
    /// Goes on from a saved value, in place of the last one.
    Load(String),
    /// Adds a learned linear map of the condition to the channels of every pixel.
    Condition,
    /// Layer to the latents, the last of an encoder.
    Latent {
        /// Activation of the latents; only a plain autoencoder may have one.
        activation: Activation,
    },
    /// Layer to as many values as the data has, the last of a decoder.
    Output {
        /// Way to the shape of the data.
        form: OutputLayer,
        /// Activation of the reconstruction.
        activation: Activation,
    },
}

impl Layer {
    /// Returns the activation at the end of the layer, if any.
    pub fn activation(&self) -> Option<Activation> {
        let activation = match self {
            Self::Dense { activation, .. }
            | Self::Tied { activation, .. }
            | Self::Conv { activation, .. }
            | Self::ConvTranspose { activation, .. }
            | Self::Depthwise { activation, .. }
            | Self::Normalize { activation, .. }
            | Self::Latent { activation }
            | Self::Output { activation, .. }
            | Self::Activate(activation) => *activation,
            _ => Activation::Identity,
        };
        (activation != Activation::Identity).then_some(activation)
    }
}

/// Reads the words of a layer from left to right.
struct Words<'t> {
    text: &'t str,
    words: Vec<&'t str>,
    next: usize,
}

impl<'t> Words<'t> {
    fn take(&mut self) -> Option<&'t str> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word
    }

    fn peek(&self) -> Option<&'t str> {
        self.words.get(self.next).copied()
    }

    fn count(&mut self, what: &str, most: usize) -> Result<usize, String> {
        self.take()
            .and_then(|word| word.parse().ok())
            .filter(|count| (1..=most).contains(count))
            .ok_or_else(|| format!("`{}` needs {what} from 1 to {most}", self.text))
    }

    /// Reads a pair of sides: `3` or `3x5`.
    fn pair(&mut self, what: &str, least: usize) -> Result<[usize; 2], String> {
        let problem = || format!("`{}` needs {what} such as 3 or 3x3, at most 1024", self.text);
        let word = self.words.get(self.next).copied().ok_or_else(problem)?;
        self.next += 1;
        let (down, along) = word.split_once('x').unwrap_or((word, word));
        let side = |text: &str| text.parse().ok().filter(|side| (least..=1024).contains(side)).ok_or_else(problem);
        Ok([side(down)?, side(along)?])
    }

    fn name(&mut self) -> Result<String, String> {
        let name = self.take().filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        name.map(str::to_owned).ok_or_else(|| format!("`{}` needs a name of letters and digits", self.text))
    }

    /// Reads the kernel and the options after it, up to an activation.
    fn geometry(&mut self, filters: usize) -> Result<(ConvGeometry, Option<String>), String> {
        let kernel = self.pair("a kernel", 1)?;
        let (mut stride, mut padding, mut output_padding, mut dilation) = ([1, 1], None, [0, 0], 1);
        let mut with = None;
        loop {
            match self.peek() {
                Some("stride") => {
                    self.next += 1;
                    stride = self.pair("a stride", 1)?;
                }
                Some("pad") => {
                    self.next += 1;
                    padding = Some(self.pair("a padding", 0)?);
                }
                Some("outpad") => {
                    self.next += 1;
                    output_padding = self.pair("an output padding", 0)?;
                }
                Some("dilation") => {
                    self.next += 1;
                    dilation = self.count("a dilation", 64)?;
                }
                Some("with") => {
                    self.next += 1;
                    with = Some(self.name()?);
                }
                _ => break,
            }
        }
        // Without a word on it: the size stays the same at stride 1.
        let padding = padding.unwrap_or(kernel.map(|side| (side - 1) / 2 * dilation));
        Ok((ConvGeometry { filters, kernel, stride, padding, output_padding, dilation }, with))
    }

    /// Reads the activation that may end a layer, and refuses any word after it.
    fn activation(&mut self) -> Result<Activation, String> {
        let activation = match self.take() {
            None => Activation::Identity,
            Some(name) => Activation::from_name(name).ok_or_else(|| {
                let known = Activation::ALL.map(Activation::name);
                let near = perhaps(name, known);
                format!("`{}` names no activation known here{near}; use one of {}", self.text, known.join(", "))
            })?,
        };
        self.end()?;
        Ok(activation)
    }

    fn end(&self) -> Result<(), String> {
        if self.next < self.words.len() {
            return Err(format!("`{}` has words too many; write for example `dense 256 relu`", self.text));
        }
        Ok(())
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: usize = 1_000_000;
        const CHANNELS: usize = 65_536;
        let mut words = Words { text, words: text.split_whitespace().collect(), next: 0 };
        let name = words.take().unwrap_or_default();
        let layer = match name {
            "dense" => Self::Dense { units: words.count("a count of units", UNITS)?, activation: words.activation()? },
            "tied" => {
                let layer = words.take().and_then(|word| word.parse().ok());
                let layer = layer.ok_or_else(|| format!("`{text}` needs the number of a layer of the encoder"))?;
                Self::Tied { layer, activation: words.activation()? }
            }
            "conv" => {
                let filters = words.count("a count of filters", CHANNELS)?;
                let (geometry, with) = words.geometry(filters)?;
                Self::Conv { geometry, activation: words.activation()?, with }
            }
            "conv_transpose" => {
                let filters = words.count("a count of filters", CHANNELS)?;
                let (geometry, _) = words.geometry(filters)?;
                Self::ConvTranspose { geometry, activation: words.activation()? }
            }
            "depthwise" => {
                let (geometry, _) = words.geometry(1)?;
                Self::Depthwise { geometry, activation: words.activation()? }
            }
            "batchnorm" => Self::Normalize { kind: NormKind::Batch, activation: words.activation()? },
            "layernorm" => Self::Normalize { kind: NormKind::Layer, activation: words.activation()? },
            "groupnorm" => {
                let groups = words.count("a count of groups", CHANNELS)?;
                Self::Normalize { kind: NormKind::Group(groups), activation: words.activation()? }
            }
            "dropout" => {
                let rate = words.take().and_then(|word| word.parse().ok()).filter(|rate| (0.0..1.0).contains(rate));
                let rate = rate.ok_or_else(|| format!("`{text}` needs a rate from 0 to below 1"))?;
                Self::Dropout { rate }
            }
            "upsample" | "bilinear" | "avgpool" | "maxpool" | "shuffle" | "unshuffle" => {
                let kind = match name {
                    "upsample" => Resampling::Nearest,
                    "bilinear" => Resampling::Bilinear,
                    "avgpool" => Resampling::AveragePool,
                    "maxpool" => Resampling::MaxPool,
                    "shuffle" => Resampling::PixelShuffle,
                    _ => Resampling::PixelUnshuffle,
                };
                Self::Resample { kind, factor: words.count("a factor", 64)? }
            }
            "reshape" => {
                let sides: Option<Vec<usize>> =
                    words.take().map(|word| word.split('x').map_while(|side| side.parse().ok()).collect());
                match sides.as_deref() {
                    Some(&[height, width, channels]) if height * width * channels > 0 => {
                        Self::Reshape { height, width, channels }
                    }
                    _ => return Err(format!("`{text}` needs height, width and channels such as 7x7x32")),
                }
            }
            "save" => Self::Save(words.name()?),
            "add" => Self::Add(words.name()?),
            "load" => Self::Load(words.name()?),
            "condition" => Self::Condition,
            "latent" => Self::Latent { activation: words.activation()? },
            "output" => {
                let form = match words.peek() {
                    Some("conv") => {
                        words.next += 1;
                        OutputLayer::Conv(words.geometry(1)?.0)
                    }
                    Some("conv_transpose") => {
                        words.next += 1;
                        OutputLayer::ConvTranspose(words.geometry(1)?.0)
                    }
                    Some("tied") => {
                        words.next += 1;
                        let layer = words.take().and_then(|word| word.parse().ok());
                        OutputLayer::Tied(layer.ok_or_else(|| format!("`{text}` needs the number of a layer"))?)
                    }
                    Some("same") => {
                        words.next += 1;
                        OutputLayer::Same
                    }
                    _ => OutputLayer::Dense,
                };
                Self::Output { form, activation: words.activation()? }
            }
            _ => match Activation::from_name(name) {
                Some(activation) => Self::Activate(activation),
                None => {
                    let known = GRAMMAR.split('`').skip(1).step_by(2).filter_map(|form| form.split(' ').next());
                    let known = known.chain(Activation::ALL.map(Activation::name));
                    let near = perhaps(name, known);
                    return Err(format!("`{text}` is no layer{near}; use {GRAMMAR}"));
                }
            },
        };
        words.end()?;
        Ok(layer)
    }
}

fn pair([down, along]: [usize; 2]) -> String {
    if down == along { down.to_string() } else { format!("{down}x{along}") }
}

fn geometry_words(geometry: &ConvGeometry) -> String {
    let [kh, kw] = geometry.kernel;
    let mut text = format!("{kh}x{kw}");
    if geometry.stride != [1, 1] {
        text += &format!(" stride {}", pair(geometry.stride));
    }
    if geometry.padding != geometry.kernel.map(|side| (side - 1) / 2 * geometry.dilation) {
        text += &format!(" pad {}", pair(geometry.padding));
    }
    if geometry.output_padding != [0, 0] {
        text += &format!(" outpad {}", pair(geometry.output_padding));
    }
    if geometry.dilation != 1 {
        text += &format!(" dilation {}", geometry.dilation);
    }
    text
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = Activation::Identity;
        let (name, activation) = match self {
            Self::Dense { units, activation } => (format!("dense {units}"), *activation),
            Self::Tied { layer, activation } => (format!("tied {layer}"), *activation),
            Self::Conv { geometry, activation, with } => {
                let with = with.as_ref().map_or(String::new(), |name| format!(" with {name}"));
                (format!("conv {} {}{with}", geometry.filters, geometry_words(geometry)), *activation)
            }
            Self::ConvTranspose { geometry, activation } => {
                (format!("conv_transpose {} {}", geometry.filters, geometry_words(geometry)), *activation)
            }
            Self::Depthwise { geometry, activation } => {
                (format!("depthwise {}", geometry_words(geometry)), *activation)
            }
            Self::Normalize { kind, activation } => {
                let name = match kind {
                    NormKind::Batch => "batchnorm".to_owned(),
                    NormKind::Layer => "layernorm".to_owned(),
                    NormKind::Group(groups) => format!("groupnorm {groups}"),
                };
                (name, *activation)
            }
            Self::Activate(activation) => (activation.name().to_owned(), none),
            Self::Dropout { rate } => (format!("dropout {rate}"), none),
            Self::Resample { kind, factor } => {
                let name = match kind {
                    Resampling::Nearest => "upsample",
                    Resampling::Bilinear => "bilinear",
                    Resampling::AveragePool => "avgpool",
                    Resampling::MaxPool => "maxpool",
                    Resampling::PixelShuffle => "shuffle",
                    Resampling::PixelUnshuffle => "unshuffle",
                };
                (format!("{name} {factor}"), none)
            }
            Self::Reshape { height, width, channels } => (format!("reshape {height}x{width}x{channels}"), none),
            Self::Save(name) => (format!("save {name}"), none),
            Self::Add(name) => (format!("add {name}"), none),
            Self::Load(name) => (format!("load {name}"), none),
            Self::Condition => ("condition".to_owned(), none),
            Self::Latent { activation } => ("latent".to_owned(), *activation),
            Self::Output { form, activation } => {
                let name = match form {
                    OutputLayer::Dense => "output".to_owned(),
                    OutputLayer::Conv(geometry) => format!("output conv {}", geometry_words(geometry)),
                    OutputLayer::ConvTranspose(geometry) => {
                        format!("output conv_transpose {}", geometry_words(geometry))
                    }
                    OutputLayer::Tied(layer) => format!("output tied {layer}"),
                    OutputLayer::Same => "output same".to_owned(),
                };
                (name, *activation)
            }
        };
        f.write_str(&name)?;
        if activation != Activation::Identity {
            write!(f, " {}", activation.name())?;
        }
        Ok(())
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
