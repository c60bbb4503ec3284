//! Trained numbers of a model as devices have them.

use serde::{Deserialize, Serialize};

/// Trained numbers of a model, in the flat buffers that its [`Network`](super::Network) lays out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Parameters `[Network::flat_elements]`, padding included.
    pub parameters: Vec<f32>,
    /// Statistics `[Network::statistic_elements]`: running means, codebooks and the like; empty where the network has
    /// none.
    pub statistics: Vec<f32>,
}
