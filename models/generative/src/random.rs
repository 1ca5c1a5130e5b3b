//! Random tensors from an explicit generator; candle's own generator cannot be seeded on the CPU.

use candle_core::{Device, Result, Tensor};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

pub fn normal_tensor(rng: &mut impl Rng, shape: &[usize], std: f64) -> Result<Tensor> {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| (rng.sample::<f64, _>(StandardNormal) * std) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

pub fn uniform_tensor(rng: &mut impl Rng, shape: &[usize], low: f64, high: f64) -> Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(low..high) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}
