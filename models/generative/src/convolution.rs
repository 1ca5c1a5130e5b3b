//! The learned encoder: causal convolutions over time.

use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Result, Shape, Tensor, Var};
use candle_nn::{Linear, Module};
use nalgebra::DMatrix;
use rand::Rng;

use crate::encoder::{Posterior, Sight};
use crate::random::{normal_tensor, uniform_tensor};
use crate::times_matrix::{contiguous, data_times_matrix, times_matrix};

/// A stack of causal convolutions with tanh, and a linear head for mean and log standard deviation.
///
/// Counts enter through `√(x + 3/8)`, which makes their variance independent of their mean (Anscombe 1948); other
/// signals as they are. A missing sample enters as 0, and where there can be any, beside each sample stands whether
/// it is missing.
#[derive(Clone, Debug)]
pub struct Convolution {
    pub sight: Sight,
    kernel: usize,
    latent: usize,
    layers: Vec<Layer>,
    /// `[2 M, hidden]`.
    head_weight: Var,
    head_bias: Var,
}

#[derive(Clone, Debug)]
struct Layer {
    /// `[kernel · inputs, hidden]`, oldest sample first.
    weight: Var,
    bias: Var,
}

/// Names of the layers' variables in a weights file; more layers than names are no encoder.
const LAYER_NAMES: [[&str; 2]; MAX_LAYERS] = [["kernel", "kernel_bias"], ["kernel2", "kernel2_bias"]];
pub const MAX_LAYERS: usize = 2;

/// Keeps `q` from collapsing to a point or filling the space before the model has learned anything.
const LOG_STD_RANGE: (f64, f64) = (-6.0, 2.0);

impl Convolution {
    pub fn init(
        rng: &mut impl Rng,
        kernel: usize,
        hidden: usize,
        n_layers: usize,
        sight: Sight,
        latent: usize,
    ) -> Result<Self> {
        let head_bound = (1.0 / hidden as f64).sqrt();
        let zeros = |n: usize| Tensor::zeros(n, DType::F32, &Device::Cpu);
        let log_std_start = Tensor::full(-1.0f32, latent, &Device::Cpu)?;
        let mut layers = Vec::with_capacity(n_layers);
        for depth in 0..n_layers {
            let inputs = if depth == 0 { width(sight) } else { hidden };
            let std = ((kernel * inputs) as f64).sqrt().recip();
            layers.push(Layer {
                weight: Var::from_tensor(&normal_tensor(rng, &[kernel * inputs, hidden], std)?)?,
                bias: Var::from_tensor(&zeros(hidden)?)?,
            });
        }
        Ok(Self {
            sight,
            kernel,
            latent,
            layers,
            head_weight: Var::from_tensor(&uniform_tensor(rng, &[2 * latent, hidden], -head_bound, head_bound)?)?,
            head_bias: Var::from_tensor(&Tensor::cat(&[zeros(latent)?, log_std_start], 0)?)?,
        })
    }

    pub fn context(&self) -> usize {
        self.layers.len() * (self.kernel - 1)
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        let layers = self.layers.iter().zip(LAYER_NAMES);
        let layers = layers.flat_map(|(layer, [weight, bias])| [(weight, &layer.weight), (bias, &layer.bias)]);
        layers.chain([("head", &self.head_weight), ("head_bias", &self.head_bias)]).collect()
    }

    /// Sets mean and spread to the ridge regression of `states: [batch, T, M]` on what each of them has seen of
    /// `y: [batch, context + T, D]`: a unit for each coordinate, driven so weakly that tanh is hardly bent; the other units have
    /// no effect yet. One of two layers has no such start, and stays as it is.
    pub fn start_linear(&self, y: &Tensor, states: &Tensor) -> Result<()> {
        /// Of the unit's output per standard deviation of the state.
        const DRIVE: f64 = 0.3;
        const RIDGE: f64 = 1e-3;
        let m = self.latent;
        let [layer] = &self.layers[..] else { return Ok(()) };
        let (width, hidden) = layer.weight.dims2()?;
        if hidden < m {
            return Ok(());
        }
        let matrix = |tensor: &Tensor| -> Result<DMatrix<f64>> {
            let columns = tensor.dim(D::Minus1)?;
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            Ok(DMatrix::from_row_iterator(values.len() / columns, columns, values.into_iter().map(f64::from)))
        };
        let (seen, states) = (matrix(&self.windows(y)?)?.insert_column(width, 1.0), matrix(states)?);
        let n = seen.nrows() as f64;
        let mut gram = seen.tr_mul(&seen);
        (0..width).for_each(|i| gram[(i, i)] += RIDGE * n);
        let Some(factors) = gram.cholesky() else { return Ok(()) };
        let filters = factors.solve(&seen.tr_mul(&states));
        let left = states - seen * &filters;
        let mut weight = layer.weight.to_vec2::<f32>()?;
        let mut bias = layer.bias.to_vec1::<f32>()?;
        let mut head = vec![vec![0.0f32; hidden]; 2 * m];
        let mut head_bias = vec![0.0f32; 2 * m];
        for i in 0..m {
            for (row, weights) in weight.iter_mut().enumerate() {
                weights[i] = (DRIVE * filters[(row, i)]) as f32;
            }
            bias[i] = (DRIVE * filters[(width, i)]) as f32;
            head[i][i] = DRIVE.recip() as f32;
            head_bias[m + i] = (left.column(i).norm_squared() / n).sqrt().max(1e-3).ln() as f32;
        }
        let cpu = &Device::Cpu;
        layer.weight.set(&Tensor::from_vec(weight.concat(), (width, hidden), cpu)?)?;
        layer.bias.set(&Tensor::from_vec(bias, hidden, cpu)?)?;
        self.head_weight.set(&Tensor::from_vec(head.concat(), (2 * m, hidden), cpu)?)?;
        self.head_bias.set(&Tensor::from_vec(head_bias, 2 * m, cpu)?)
    }

    pub fn encode(&self, y: &Tensor, gaps: bool) -> Result<Posterior> {
        let seen = if gaps { Some(self.seen(y)?) } else { None };
        let mut features = self.layers[0].of(data_times_matrix(&self.windows(y)?, &self.layers[0].weight)?)?;
        for layer in &self.layers[1..] {
            let windows = features.apply_op1(Unfold { kernel: self.kernel })?;
            features = layer.of(times_matrix(&windows, &layer.weight)?)?;
        }
        let head = Linear::new(self.head_weight.as_tensor().clone(), Some(self.head_bias.as_tensor().clone()));
        let head = head.forward(&features)?;
        let mean = head.narrow(D::Minus1, 0, self.latent)?.contiguous()?;
        let log_std = head.narrow(D::Minus1, self.latent, self.latent)?.contiguous()?;
        Ok(Posterior { mean, log_std: Some(log_std.clamp(LOG_STD_RANGE.0, LOG_STD_RANGE.1)?), seen })
    }

    /// Every time's last `kernel` samples side by side, `[batch, T, kernel · width]`, oldest first: the
    /// convolution is then one matrix product. Data needs no gradient, so this is plain copying.
    fn windows(&self, y: &Tensor) -> Result<Tensor> {
        let (batch, length, _) = y.dims3()?;
        let counts = self.sight.observation.is_counts();
        let enter = |x: f32| if counts { (x + 0.375).sqrt() } else { x };
        let values = y.flatten_all()?.to_vec1::<f32>()?;
        let values: Vec<f32> = if self.sight.has_gaps {
            let mut entered = Vec::with_capacity(2 * values.len());
            for row in values.chunks_exact(self.sight.n_channels) {
                entered.extend(row.iter().map(|&x| if x.is_nan() { 0.0 } else { enter(x) }));
                entered.extend(row.iter().map(|x| f32::from(u8::from(x.is_nan()))));
            }
            entered
        } else {
            values.into_iter().map(enter).collect()
        };
        let windows = unfold(&values, [batch, length, width(self.sight)], self.kernel);
        Tensor::from_vec(windows, (batch, length + 1 - self.kernel, self.kernel * width(self.sight)), y.device())
    }

    /// `[batch · T]`: whether any sample that the state depends on is there.
    fn seen(&self, y: &Tensor) -> Result<Vec<bool>> {
        let (batch, length, n_channels) = y.dims3()?;
        let values = y.flatten_all()?.to_vec1::<f32>()?;
        let row_seen: Vec<bool> = values.chunks_exact(n_channels).map(|row| row.iter().any(|x| !x.is_nan())).collect();
        let window = self.context() + 1;
        let sequences = row_seen.chunks_exact(length).take(batch);
        Ok(sequences.flat_map(|rows| rows.windows(window).map(|rows| rows.contains(&true))).collect())
    }
}

/// Numbers that stand for one sample of all channels.
fn width(sight: Sight) -> usize {
    if sight.has_gaps { 2 * sight.n_channels } else { sight.n_channels }
}

impl Layer {
    fn of(&self, convolved: Tensor) -> Result<Tensor> {
        convolved.broadcast_add(&self.bias)?.tanh()
    }
}

/// `[batch, length, width]` → `[batch, length − kernel + 1, kernel · width]`.
pub fn unfold(values: &[f32], [batch, length, width]: [usize; 3], kernel: usize) -> Vec<f32> {
    let n_steps = length + 1 - kernel;
    let mut windows = Vec::with_capacity(batch * n_steps * kernel * width);
    for sequence in values.chunks_exact(length * width) {
        for t in 0..n_steps {
            windows.extend_from_slice(&sequence[t * width..(t + kernel) * width]);
        }
    }
    windows
}

/// [`unfold`], differentiable.
struct Unfold {
    kernel: usize,
}

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, values: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, length, width) = layout.shape().dims3()?;
        let windows = unfold(contiguous(values, layout)?, [batch, length, width], self.kernel);
        Ok((CpuStorage::F32(windows), Shape::from((batch, length + 1 - self.kernel, self.kernel * width))))
    }

    fn bwd(&self, values: &Tensor, _windows: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (batch, length, width) = values.dims3()?;
        let n_steps = length + 1 - self.kernel;
        let grad = grad.flatten_all()?.to_vec1::<f32>()?;
        let mut folded = vec![0.0f32; batch * length * width];
        let windows = grad.chunks_exact(self.kernel * width).enumerate();
        for (index, window) in windows {
            let start = (index / n_steps * length + index % n_steps) * width;
            for (sum, value) in folded[start..].iter_mut().zip(window) {
                *sum += value;
            }
        }
        Ok(Some(Tensor::from_vec(folded, values.shape(), values.device())?))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::observation::ObservationKind;

    fn convolution(kernel: usize, layers: usize, has_gaps: bool) -> Convolution {
        let sight = Sight { observation: ObservationKind::Poisson, n_channels: 3, has_gaps };
        Convolution::init(&mut ChaCha8Rng::seed_from_u64(1), kernel, 5, layers, sight, 2).unwrap()
    }

    fn counts(n_times: usize) -> Vec<f32> {
        (0..3 * n_times).map(|i| (i * i % 7) as f32).collect()
    }

    fn means(convolution: &Convolution, counts: &[f32], gaps: bool) -> Vec<Vec<f32>> {
        let y = Tensor::from_slice(counts, (1, counts.len() / 3, 3), &Device::Cpu).unwrap();
        convolution.encode(&y, gaps).unwrap().mean.squeeze(0).unwrap().to_vec2::<f32>().unwrap()
    }

    #[test]
    fn unfolding_and_folding_are_adjoint() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let x = Var::from_tensor(&normal_tensor(&mut rng, &[2, 6, 3], 1.0).unwrap()).unwrap();
        let w = normal_tensor(&mut rng, &[2, 4, 9], 1.0).unwrap();
        let product = (x.apply_op1(Unfold { kernel: 3 }).unwrap() * &w).unwrap().sum_all().unwrap();
        let folded = product.backward().unwrap().get(&x).unwrap().clone();
        // ⟨U x, w⟩ = ⟨x, Uᵀ w⟩
        let other = (x.as_tensor() * folded).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((product.to_scalar::<f32>().unwrap() - other).abs() < 1e-4);
    }

    #[test]
    fn a_state_depends_on_its_context_and_on_nothing_later() {
        for layers in [1, 2] {
            let convolution = convolution(4, layers, false);
            let context = 3 * layers;
            assert_eq!(convolution.context(), context);
            let before = counts(20);
            let start = means(&convolution, &before, false);
            for changed in 0..20 {
                let mut after = before.clone();
                after[3 * changed] += 5.0;
                for (t, (old, new)) in start.iter().zip(means(&convolution, &after, false)).enumerate() {
                    let depends = (t..=t + context).contains(&changed);
                    assert_eq!(*old != new, depends, "{layers} layers: sample {changed}, state {t}");
                }
            }
        }
    }

    #[test]
    fn a_gap_is_told_from_a_zero_and_from_no_gap() {
        let convolution = convolution(4, 1, true);
        let mut zero = counts(10);
        zero[15] = 0.0;
        let mut gap = zero.clone();
        gap[15] = f32::NAN;
        let (with_zero, with_gap) = (means(&convolution, &zero, true), means(&convolution, &gap, true));
        assert!(with_gap.iter().flatten().all(|z| z.is_finite()));
        assert_ne!(with_zero[3], with_gap[3]);
        assert_eq!(with_zero[6], with_gap[6]);
    }

    #[test]
    fn a_state_with_nothing_to_go_by_is_not_seen() {
        let convolution = convolution(3, 1, true);
        let mut gappy = counts(8);
        gappy[6..15].fill(f32::NAN);
        let y = Tensor::from_vec(gappy, (1, 8, 3), &Device::Cpu).unwrap();
        assert_eq!(convolution.encode(&y, true).unwrap().seen.unwrap(), [true, true, false, true, true, true]);
    }
}
