//! Corruptions of the images that a denoiser takes in. No gradient flows back: these are for data.

use super::call;
use super::conv::image;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::film::FilmWear;
use crate::kernels::{blind_spot, film, jpeg};

/// Film wear: (x `[N, H, W, C]`) -> x with the grain, scratches and dust of film.
#[derive(Clone, Debug)]
pub struct Film {
    /// Strength of each kind of wear.
    pub wear: FilmWear,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl Op for Film {
    fn name(&self) -> &'static str {
        "film"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        image(inputs[0])?;
        Ok(vec![ValueType::f32(inputs[0].shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok((batch, size, channels)) = image(inputs[0]) else { return Vec::new() };
        let kernel = film::FilmKernel { wear: self.wear, batch, size, channels, stream: self.stream };
        vec![call(kernel, &[Input(0)], &[Output(0)])]
    }
}

/// JPEG artifacts: (x `[N, H, W, C]`) -> x coded and decoded, with a quality drawn for each image.
#[derive(Clone, Debug)]
pub struct Jpeg {
    /// Lowest and highest quality, in 1 to 100; both may be drawn.
    pub quality: [u32; 2],
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl Op for Jpeg {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        image(inputs[0])?;
        let [low, high] = self.quality;
        if !(1 <= low && low <= high && high <= 100) {
            return Err(format!("qualities go from 1 to 100, not from {low} to {high}"));
        }
        Ok(vec![ValueType::f32(inputs[0].shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok((batch, size, channels)) = image(inputs[0]) else { return Vec::new() };
        let kernel = jpeg::JpegKernel { quality: self.quality, batch, size, channels, stream: self.stream };
        vec![call(kernel, &[Input(0)], &[Output(0)])]
    }
}

/// Blind spots: (x `[N, H, W, C]`) -> x with a share of its values replaced by neighbors, and a mask of them (1, else
/// 0).
#[derive(Clone, Debug)]
pub struct BlindSpot {
    /// Share of the values that are replaced, in 0..1.
    pub rate: f32,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl Op for BlindSpot {
    fn name(&self) -> &'static str {
        "blind spots"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        image(inputs[0])?;
        Ok(vec![ValueType::f32(inputs[0].shape.extents()); 2])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let Ok((batch, size, channels)) = image(inputs[0]) else { return Vec::new() };
        let kernel = blind_spot::BlindSpotKernel { rate: self.rate, batch, size, channels, stream: self.stream };
        vec![call(kernel, &[Input(0)], &[Output(0), Output(1)])]
    }
}
