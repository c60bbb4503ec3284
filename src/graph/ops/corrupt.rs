//! What happens to pictures before a denoiser sees them. Nothing flows back: these are for data.

use super::call;
use super::conv::image;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::film::FilmWear;
use crate::kernels::{blind_spot, film, jpeg};

/// (x `[N, H, W, C]`) -> x with the grain, scratches and dust of film.
#[derive(Clone, Debug)]
pub struct Film {
    pub wear: FilmWear,
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

/// (x `[N, H, W, C]`) -> x as JPEG leaves it, of a quality drawn for each image between two.
#[derive(Clone, Debug)]
pub struct Jpeg {
    pub quality: [u32; 2],
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

/// (x `[N, H, W, C]`) -> x with a share of its values replaced by neighbors, and where they are (1, else 0).
#[derive(Clone, Debug)]
pub struct BlindSpot {
    pub rate: f32,
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
