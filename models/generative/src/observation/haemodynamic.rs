//! From neural states to the BOLD signal: the haemodynamic response.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::gamma::ln_gamma;
use crate::times_matrix::contiguous;

/// The response is followed for so long; what comes later is below a thousandth of its peak.
const RESPONSE_SECS: f64 = 32.0;

/// The canonical haemodynamic response at `0, TR, 2 TR, …` up to 32 s, scaled to sum 1.
///
/// `h(t) = g(t; 6) − g(t; 16) / 6` with the gamma density `g(t; k) = t^{k−1} e^{−t} / Γ(k)`, `t` in seconds: it
/// peaks at 5 s and undershoots around 16 s. With sum 1 a state that lasts is seen as it is, and gains are those of
/// the observation weights. One shape for every region and subject: regions that respond earlier or later than it
/// look as if their dynamics did.
///
/// Source: Friston et al. (1998), NeuroImage 7, 30–40; the parameters are SPM's.
pub fn canonical_response(tr_secs: f64) -> Vec<f64> {
    let gamma = |t: f64, shape: f64| ((shape - 1.0) * t.ln() - t - ln_gamma(shape)).exp();
    let n = (RESPONSE_SECS / tr_secs).floor() as usize + 1;
    let at = |k: usize| k as f64 * tr_secs;
    let mut response: Vec<f64> = (0..n).map(|k| gamma(at(k), 6.0) - gamma(at(k), 16.0) / 6.0).collect();
    let sum: f64 = response.iter().sum();
    response.iter_mut().for_each(|h| *h /= sum);
    response
}

/// `y_t = Σ_k h_k z_{t−k}`: `z: [batch, memory + T, M]` → `[batch, T, M]`, differentiable, with `memory + 1`
/// coefficients `h`. The first `memory` states are the past of the first sample.
pub fn convolve(z: &Tensor, response: &[f32]) -> Result<Tensor> {
    let (_, length, _) = z.dims3()?;
    if length < response.len() {
        bail!("need at least {} states for the haemodynamic response, found {length}", response.len());
    }
    z.contiguous()?.apply_op1(Convolve { response: response.to_vec() })
}

struct Convolve {
    response: Vec<f32>,
}

impl Convolve {
    /// Calls `each(k, row of z, row of y)`, rows counted over the whole batch.
    fn pairs(&self, batch: usize, length: usize, mut each: impl FnMut(usize, usize, usize)) {
        let memory = self.response.len() - 1;
        let n_steps = length - memory;
        for sequence in 0..batch {
            for t in 0..n_steps {
                for k in 0..=memory {
                    each(k, sequence * length + t + memory - k, sequence * n_steps + t);
                }
            }
        }
    }
}

impl CustomOp1 for Convolve {
    fn name(&self) -> &'static str {
        "haemodynamic-response"
    }

    fn cpu_fwd(&self, z: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, length, m) = layout.shape().dims3()?;
        let z = contiguous(z, layout)?;
        let n_steps = length + 1 - self.response.len();
        let mut y = vec![0.0f32; batch * n_steps * m];
        self.pairs(batch, length, |k, from, to| {
            for (y, z) in y[to * m..(to + 1) * m].iter_mut().zip(&z[from * m..(from + 1) * m]) {
                *y += self.response[k] * z;
            }
        });
        Ok((CpuStorage::F32(y), Shape::from((batch, n_steps, m))))
    }

    fn bwd(&self, z: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (batch, length, m) = z.dims3()?;
        let grad = grad.flatten_all()?.to_vec1::<f32>()?;
        let mut by_z = vec![0.0f32; batch * length * m];
        self.pairs(batch, length, |k, to, from| {
            for (z, y) in by_z[to * m..(to + 1) * m].iter_mut().zip(&grad[from * m..(from + 1) * m]) {
                *z += self.response[k] * y;
            }
        });
        Ok(Some(Tensor::from_vec(by_z, z.shape(), z.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::random::normal_tensor;

    /// `t⁵ e^−t / 5! − t¹⁵ e^−t / (6 · 15!)` at `t = 0, 2, …, 32` over its sum, with whole factorials in Python.
    #[test]
    fn the_response_is_the_difference_of_two_gamma_densities() {
        let response = canonical_response(2.0);
        assert_eq!(response.len(), EXPECTED.len());
        for (found, expected) in response.iter().zip(EXPECTED) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    const EXPECTED: [f64; 17] = [
        0.0,
        0.08656608099363564,
        0.3748882364716898,
        0.38492338174546215,
        0.21611731564655748,
        0.07686956525508494,
        0.0016201771980006747,
        -0.030607811734045056,
        -0.0373060781329994,
        -0.03083737159887304,
        -0.020516133352120488,
        -0.011644163749061213,
        -0.005820631471825839,
        -0.0026185424981861978,
        -0.0010773237440855712,
        -0.00041044352235731856,
        -0.000146257506876445,
    ];

    #[test]
    fn it_peaks_at_five_seconds_and_undershoots_around_sixteen() {
        let fine = canonical_response(0.01);
        let extreme = |better: fn(&f64, &f64) -> bool| {
            let mut best = 0;
            (1..fine.len()).for_each(|k| {
                if better(&fine[k], &fine[best]) {
                    best = k
                }
            });
            best as f64 * 0.01
        };
        assert!((extreme(|a, b| a > b) - 5.0).abs() < 0.02);
        assert!((extreme(|a, b| a < b) - 15.75).abs() < 0.5);
    }

    #[test]
    fn a_constant_state_is_seen_as_it_is_and_an_impulse_as_the_response() {
        let response: Vec<f32> = canonical_response(2.0).iter().map(|&h| h as f32).collect();
        let memory = response.len() - 1;
        let flat = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let seen = convolve(&Tensor::full(3.0f32, (1, memory + 4, 2), &Device::Cpu).unwrap(), &response).unwrap();
        assert_eq!(seen.dims(), [1, 4, 2]);
        assert!(flat(seen).iter().all(|y| (y - 3.0).abs() < 1e-5));
        let mut impulse = vec![0.0f32; 2 * memory + 1];
        impulse[memory] = 1.0;
        let impulse = Tensor::from_vec(impulse, (1, 2 * memory + 1, 1), &Device::Cpu).unwrap();
        assert_eq!(flat(convolve(&impulse, &response).unwrap()), response);
    }

    #[test]
    fn the_convolution_and_its_gradient_are_adjoint() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let z = Var::from_tensor(&normal_tensor(&mut rng, &[2, 9, 3], 1.0).unwrap()).unwrap();
        let w = normal_tensor(&mut rng, &[2, 6, 3], 1.0).unwrap();
        let product = (convolve(&z, &[0.1, -0.5, 2.0, 0.7]).unwrap() * &w).unwrap().sum_all().unwrap();
        let back = product.backward().unwrap().get(&z).unwrap().clone();
        let other = (z.as_tensor() * back).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((product.to_scalar::<f32>().unwrap() - other).abs() < 1e-4);
    }
}
