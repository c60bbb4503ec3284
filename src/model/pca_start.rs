//! Weights that make a network PCA of the train part to begin with: the linear path of its layers holds the principal
//! directions, and every branch that is added to it ends in zeros.

use std::collections::HashMap;

use super::layers::{Layer, OutputLayer};
use super::network::Network;
use super::spec::{ModelKind, SpecError};
use super::weights::Weights;
use crate::data::{DataError, DataSet, Part};
use crate::kernels::activation::Activation;
use crate::metrics::Pca;
use crate::nn;

/// Name of the start from PCA, in specs and messages.
pub const PCA_START: &str = "pca";

/// Value on its way through the layers, where all branches are zero.
#[derive(Clone, Debug, PartialEq)]
enum PathValue {
    /// Rows as they came, or as PCA reconstructs them.
    Row,
    /// Latents.
    Code,
    /// Output of a branch, with the layer that it ended in if that is linear.
    Branch(Option<String>),
}

/// Layers of a linear path from the row through the latents to the output.
#[derive(Clone, Debug, PartialEq)]
struct LinearPath {
    /// Layer from the row to the latents.
    encoder: String,
    /// Layer from the latents to the row.
    decoder: String,
    /// Layers that branches end in.
    zeroed: Vec<String>,
}

impl LinearPath {
    /// Finds the linear path of `network`, or says what is in its way.
    fn find(network: &Network) -> Result<Self, SpecError> {
        let problem = |problem: &str| SpecError::Invalid {
            field: "model.start",
            problem: format!(
                "\"{PCA_START}\" needs a linear path beside the curved layers: {problem}; write encoder [\"save row\", ..., \
                 \"dense {features}\", \"add row\", \"latent\"] and decoder [\"dense {features}\", \"save line\", ..., \
                 \"dense {features}\", \"add line\", \"output same\"]",
                features = network.features()
            ),
        };
        let model = &network.spec().model;
        if model.kind != ModelKind::Autoencoder || model.top_k.is_some() || model.residual {
            return Err(problem("a plain autoencoder alone can begin as PCA"));
        }
        let mut walk = PathWalk::new(PathValue::Row, network.features());
        let Some((Layer::Latent { activation: Activation::Identity }, inner)) = model.encoder.split_last() else {
            return Err(problem("the latents have an activation"));
        };
        for (index, layer) in inner.iter().enumerate() {
            walk.step(layer, &format!("encoder.{index}")).map_err(problem)?;
        }
        if walk.value != PathValue::Row {
            return Err(problem("no path leads past the encoder's layers"));
        }
        let encoder = format!("encoder.{}", inner.len());
        walk.value = PathValue::Code;
        let decoder_layers = network.decoder();
        // Beyond 0..1 a clamp is nearer to values in 0..1 than PCA.
        let Some((Layer::Output { form, activation: Activation::Identity | Activation::LeakyClamp }, inner)) =
            decoder_layers.split_last()
        else {
            return Err(problem("the output has an activation other than leaky_clamp"));
        };
        for (index, layer) in inner.iter().enumerate() {
            walk.step(layer, &format!("decoder.{index}")).map_err(problem)?;
        }
        let decoder = match (form, &walk.value, walk.straight) {
            (OutputLayer::Same, PathValue::Row, Some(straight)) => straight,
            (OutputLayer::Dense, PathValue::Code, None) => format!("decoder.{}", inner.len()),
            _ => return Err(problem("no path leads past the decoder's layers")),
        };
        Ok(Self { encoder, decoder, zeroed: walk.zeroed })
    }
}

/// State of the search for a linear path.
struct PathWalk {
    value: PathValue,
    features: usize,
    saved: HashMap<String, PathValue>,
    /// Layer from the latents to a row, once passed.
    straight: Option<String>,
    zeroed: Vec<String>,
}

impl PathWalk {
    fn new(value: PathValue, features: usize) -> Self {
        Self { value, features, saved: HashMap::new(), straight: None, zeroed: Vec::new() }
    }

    fn step(&mut self, layer: &Layer, name: &str) -> Result<(), &'static str> {
        let saved = |of: &str| self.saved.get(of).cloned().ok_or("a saved value is missing");
        self.value = match layer {
            Layer::Save(under) => {
                self.saved.insert(under.clone(), self.value.clone());
                return Ok(());
            }
            Layer::Load(from) => saved(from)?,
            Layer::Add(other) => match (std::mem::replace(&mut self.value, PathValue::Row), saved(other)?) {
                (PathValue::Branch(Some(end)), PathValue::Row) | (PathValue::Row, PathValue::Branch(Some(end))) => {
                    self.zeroed.push(end);
                    PathValue::Row
                }
                _ => return Err("a branch that is added to it ends in no linear layer"),
            },
            Layer::Reshape { .. } | Layer::Dropout { .. } => return Ok(()),
            Layer::Dense { units, activation: Activation::Identity }
                if self.value == PathValue::Code && *units == self.features && self.straight.is_none() =>
            {
                self.straight = Some(name.to_owned());
                PathValue::Row
            }
            Layer::Dense { activation, .. }
            | Layer::Conv { activation, .. }
            | Layer::ConvTranspose { activation, .. }
            | Layer::Depthwise { activation, .. } => {
                PathValue::Branch((*activation == Activation::Identity).then(|| name.to_owned()))
            }
            // A change of resolution alone keeps zeros.
            Layer::Resample { .. } => match &self.value {
                PathValue::Branch(end) => PathValue::Branch(end.clone()),
                _ => PathValue::Branch(None),
            },
            _ => PathValue::Branch(None),
        };
        Ok(())
    }
}

impl Network {
    /// Refuses a `model.start` that the layers do not allow; a file is looked at when it is read.
    ///
    /// # Errors
    /// When the network is to begin as PCA and has no linear path.
    pub fn check_start(&self) -> Result<(), SpecError> {
        if self.spec().model.start.as_deref() == Some(PCA_START) {
            LinearPath::find(self)?;
        }
        Ok(())
    }
}

/// Returns initial weights of `network` with which it is PCA of the train part of `data`; curved layers begin as the
/// `seed` has them.
///
/// Latents are scaled by one factor, to a variance of 1 on average. Latents beyond the directions that the rows have
/// begin at random and are not looked at.
///
/// # Errors
/// When the layers have no linear path, or PCA cannot be fitted.
pub fn pca_start(network: &Network, data: &DataSet, seed: u64) -> Result<Weights, SpecError> {
    let path = LinearPath::find(network)?;
    let mut flat = nn::initial_parameters(network.parameters(), network.flat_elements(), seed);
    let statistics = nn::initial_statistics(network.statistics(), network.statistic_elements(), seed);
    let (latent, features) = (network.latent(), network.features());
    let rows = data.some_f32(Part::Train).map_err(SpecError::Data)?;
    let pca = Pca::fit(&rows, features, latent).map_err(|error| {
        SpecError::Data(DataError::Malformed { place: data.name.clone(), problem: error.to_string() })
    })?;
    let kept = pca.components();
    let projected = pca.project(&rows);
    let power: f64 = projected.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>() / projected.len().max(1) as f64;
    let scale = if power > 0.0 { power.sqrt() as f32 } else { 1.0 };
    let mut set = |name: String, write: &mut dyn FnMut(&mut [f32])| {
        if let Some(found) = network.parameters().iter().find(|parameter| parameter.name == name) {
            write(&mut flat[found.offset..found.offset + found.shape.elements()]);
        }
    };
    for name in &path.zeroed {
        set(format!("{name}.weight"), &mut |weights| weights.fill(0.0));
        set(format!("{name}.bias"), &mut |biases| biases.fill(0.0));
    }
    set(format!("{}.weight", path.encoder), &mut |weights| {
        weights.iter_mut().zip(pca.directions()).for_each(|(weight, &direction)| *weight = direction / scale);
    });
    set(format!("{}.bias", path.encoder), &mut |biases| {
        for (bias, direction) in biases.iter_mut().zip(pca.directions().chunks_exact(features)) {
            let at: f64 = direction.iter().zip(pca.mean()).map(|(&d, &m)| f64::from(d) * f64::from(m)).sum();
            *bias = (-at / f64::from(scale)) as f32;
        }
    });
    set(format!("{}.weight", path.decoder), &mut |weights| {
        for (feature, weights) in weights.chunks_exact_mut(latent).enumerate() {
            for (component, weight) in weights.iter_mut().enumerate() {
                *weight = if component < kept { pca.directions()[component * features + feature] * scale } else { 0.0 };
            }
        }
    });
    set(format!("{}.bias", path.decoder), &mut |biases| biases.copy_from_slice(pca.mean()));
    Ok(Weights { parameters: flat, statistics })
}
