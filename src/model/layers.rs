//! Layers as they are written in a spec: `dense 256 relu`, `latent`, `output sigmoid`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::kernels::activation::Activation;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// `dense UNITS [ACTIVATION]`
    Dense { units: usize, activation: Activation },
    /// `latent`: the linear layer to the latent numbers; the encoder's last.
    Latent,
    /// `output [ACTIVATION]`: the dense layer to as many values as the data has; the decoder's last.
    Output { activation: Activation },
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let activation = |words: &[&str]| match words {
            [] => Ok(Activation::Identity),
            [name] => Activation::from_name(name).ok_or_else(|| {
                let known = Activation::ALL.map(Activation::name).join(", ");
                format!("`{text}` names no activation known here; use one of {known}")
            }),
            _ => Err(format!("`{text}` has words too many; write for example `dense 256 relu`")),
        };
        match words[..] {
            ["dense", units, ref rest @ ..] => {
                let units = units
                    .parse()
                    .ok()
                    .filter(|units| (1..=1_000_000).contains(units))
                    .ok_or_else(|| format!("`{text}` needs a count of units from 1 to 1000000"))?;
                Ok(Self::Dense { units, activation: activation(rest)? })
            }
            ["latent"] => Ok(Self::Latent),
            ["output", ref rest @ ..] => Ok(Self::Output { activation: activation(rest)? }),
            _ => {
                Err(format!("`{text}` is no layer; use `dense UNITS [ACTIVATION]`, `latent` or `output [ACTIVATION]`"))
            }
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, activation) = match self {
            Self::Dense { units, activation } => (format!("dense {units}"), *activation),
            Self::Latent => ("latent".to_owned(), Activation::Identity),
            Self::Output { activation } => ("output".to_owned(), *activation),
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
