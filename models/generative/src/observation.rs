//! From latent states to observations: `p(x | z)`.

use std::f64::consts::TAU;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{Linear, Module};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObservationKind {
    /// `x ~ N(B z + b, diag σ²)`.
    Gaussian,
    /// `x ~ Poisson(exp(B z + b))`, counts per bin.
    Poisson,
}

/// `B: [D, M]`, `b: [D]`, and for the Gaussian the learned `log σ: [D]`.
#[derive(Clone, Debug)]
pub struct Observation {
    pub kind: ObservationKind,
    pub weight: Var,
    pub bias: Var,
    pub log_std: Option<Var>,
}

/// Beyond this many expected counts a bin is a runaway, not a rate; it also keeps exp finite.
const MAX_LOG_RATE: f64 = 8.0;
/// Below this the likelihood of a channel that is fitted exactly would grow without bound.
const MIN_LOG_STD: f64 = -4.0;

impl Observation {
    /// Gaussian: `z` starts as the principal components of the standardised data, `y: [T, D]`, each
    /// with unit variance. Poisson: every unit starts at its mean rate, with small random loadings.
    pub fn init(
        rng: &mut impl rand::Rng,
        kind: ObservationKind,
        training: &DMatrix<f64>,
        latent_dim: usize,
    ) -> Result<Self> {
        let observed_dim = training.ncols();
        let tensor = |values: Vec<f32>, shape: (usize, usize)| Tensor::from_vec(values, shape, &Device::Cpu);
        let mean: Vec<f64> = training.column_iter().map(|column| column.mean()).collect();
        match kind {
            ObservationKind::Gaussian => {
                let rows: Vec<f32> = training.transpose().iter().map(|&v| v as f32).collect();
                let principal = crate::Projection::principal(&rows, observed_dim, latent_dim);
                let scores = principal.apply(&rows);
                let mut weight =
                    crate::random::normal_tensor(rng, &[observed_dim, latent_dim], 0.01)?.to_vec2::<f32>()?;
                for component in 0..principal.n_components() {
                    let std = scores.column(component).variance().sqrt();
                    for (channel, row) in weight.iter_mut().enumerate() {
                        row[component] += (principal.axes[(channel, component)] * std / principal.scale) as f32;
                    }
                }
                Ok(Self {
                    kind,
                    weight: Var::from_tensor(&tensor(weight.concat(), (observed_dim, latent_dim))?)?,
                    bias: Var::from_vec(
                        mean.iter().map(|&m| m as f32).collect::<Vec<_>>(),
                        observed_dim,
                        &Device::Cpu,
                    )?,
                    log_std: Some(Var::from_tensor(&Tensor::full(-0.5f32, observed_dim, &Device::Cpu)?)?),
                })
            }
            ObservationKind::Poisson => {
                let log_rates: Vec<f32> = mean.iter().map(|&m| m.max(1e-4).ln() as f32).collect();
                Ok(Self {
                    kind,
                    weight: Var::from_tensor(&crate::random::normal_tensor(rng, &[observed_dim, latent_dim], 0.2)?)?,
                    bias: Var::from_vec(log_rates, observed_dim, &Device::Cpu)?,
                    log_std: None,
                })
            }
        }
    }

    /// `B z + b`: the mean, or the log rate. `z: [batch, time, M]` → `[batch, time, D]`.
    pub fn linear_predictor(&self, z: &Tensor) -> Result<Tensor> {
        let linear = Linear::new(self.weight.as_tensor().clone(), Some(self.bias.as_tensor().clone()));
        let predictor = linear.forward(&z.contiguous()?)?;
        match self.kind {
            ObservationKind::Gaussian => Ok(predictor),
            ObservationKind::Poisson => predictor.clamp(-MAX_LOG_RATE * 2.0, MAX_LOG_RATE),
        }
    }

    /// `x: [batch, time, D]`, `z: [batch, time, M]` → `[batch, time]`, in nats.
    pub fn log_prob(&self, x: &Tensor, z: &Tensor) -> Result<Tensor> {
        let predictor = self.linear_predictor(z)?;
        match &self.log_std {
            Some(log_std) => {
                let log_std = log_std.maximum(MIN_LOG_STD)?;
                let scaled = (x - predictor)?.broadcast_mul(&log_std.neg()?.exp()?)?;
                let per_channel = (scaled.sqr()? * -0.5)?.broadcast_sub(&log_std)?;
                (per_channel - 0.5 * TAU.ln())?.sum(D::Minus1)
            }
            None => {
                let counts = ((x * &predictor)? - predictor.exp()?)?;
                (counts - log_factorial(x)?)?.sum(D::Minus1)
            }
        }
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        let mut named = vec![("B", &self.weight), ("b", &self.bias)];
        named.extend(self.log_std.as_ref().map(|log_std| ("log_std", log_std)));
        named
    }

    /// `B: [D, M]` and `b: [D]` in f64.
    pub fn freeze(&self) -> Result<(DMatrix<f64>, Vec<f64>)> {
        let (rows, columns) = self.weight.dims2()?;
        let weight = self.weight.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        let bias = self.bias.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        Ok((DMatrix::from_row_slice(rows, columns, &weight), bias))
    }
}

/// `f64` version of the Poisson link, with the same bound.
pub fn rate(log_rate: f64) -> f64 {
    log_rate.clamp(-2.0 * MAX_LOG_RATE, MAX_LOG_RATE).exp()
}

/// `ln x!` of whole counts, elementwise, without gradient.
fn log_factorial(counts: &Tensor) -> Result<Tensor> {
    let values = counts.flatten_all()?.to_vec1::<f32>()?;
    let largest = values.iter().copied().fold(0.0, f32::max) as usize;
    let mut table = vec![0.0f64; largest + 1];
    for n in 1..table.len() {
        table[n] = table[n - 1] + (n as f64).ln();
    }
    let logs: Vec<f32> = values.iter().map(|&n| table[n.max(0.0) as usize] as f32).collect();
    Tensor::from_vec(logs, counts.shape(), counts.device())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn observation(kind: ObservationKind, weight: f32, bias: f32) -> Observation {
        let one = |value: f32| Var::from_vec(vec![value], 1, &Device::Cpu).unwrap();
        Observation {
            kind,
            weight: Var::from_vec(vec![weight], (1, 1), &Device::Cpu).unwrap(),
            bias: one(bias),
            log_std: (kind == ObservationKind::Gaussian).then(|| one(0.3)),
        }
    }

    fn probability(observation: &Observation, x: f32, z: f32) -> f64 {
        let at = |value: f32| Tensor::from_vec(vec![value], (1, 1, 1), &Device::Cpu).unwrap();
        let log_prob = observation.log_prob(&at(x), &at(z)).unwrap();
        f64::from(log_prob.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]).exp()
    }

    #[test]
    fn poisson_probabilities_sum_to_one_and_have_the_mean_of_the_link() {
        let poisson = observation(ObservationKind::Poisson, 0.7, 0.2);
        let terms: Vec<f64> = (0..60).map(|n| probability(&poisson, n as f32, 1.3)).collect();
        let total: f64 = terms.iter().sum();
        let mean: f64 = terms.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
        assert!((total - 1.0).abs() < 1e-5, "{total}");
        assert!((mean - (0.7f64 * 1.3 + 0.2).exp()).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn the_gaussian_density_integrates_to_one_and_has_its_standard_deviation() {
        let gaussian = observation(ObservationKind::Gaussian, 2.0, -1.0);
        let (step, centre) = (0.01f64, 2.0 * 0.4 - 1.0);
        let grid = (-1000..1000).map(|i| centre + f64::from(i) * step);
        let (mut total, mut variance) = (0.0, 0.0);
        for x in grid {
            let mass = probability(&gaussian, x as f32, 0.4) * step;
            total += mass;
            variance += mass * (x - centre).powi(2);
        }
        assert!((total - 1.0).abs() < 1e-4, "{total}");
        assert!((variance.sqrt() - 0.3f64.exp()).abs() < 1e-3, "{}", variance.sqrt());
    }

    #[test]
    fn a_gaussian_starts_with_latents_of_unit_variance() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let data = DMatrix::from_fn(400, 3, |t, i| (0.1 * (i + 1) as f64 * t as f64).sin() * (i + 1) as f64);
        let start = Observation::init(&mut rng, ObservationKind::Gaussian, &data, 2).unwrap();
        let (weight, bias) = start.freeze().unwrap();
        let centred = DMatrix::from_fn(400, 3, |t, i| data[(t, i)] - bias[i]);
        let latent = centred * weight.pseudo_inverse(1e-9).unwrap().transpose();
        for variance in latent.row_variance().iter() {
            assert!((variance - 1.0).abs() < 0.1, "{variance}");
        }
    }
}
