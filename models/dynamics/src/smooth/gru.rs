use nalgebra::DMatrix;

use super::formula::{Formula, affine};
use super::interval::Interval;
use super::number::{Number, sigmoid_slope};
use crate::weight_checks::{MapError, check_matrix, check_vector};

/// Gated recurrent unit under a constant input.
///
/// ```text
/// r = σ(W_hr h + b_hr + W_ir x + b_ir)      reset
/// u = σ(W_hz h + b_hz + W_iz x + b_iz)      update, PyTorch's z
/// n = tanh(r ⊙ (W_hn h + b_hn) + W_in x + b_in)
/// h′ = (1 − u) ⊙ n + u ⊙ h
/// ```
///
/// Since `u < 1`, `h` rests exactly where `n = h`, so all points of rest lie in `[−1, 1]ᴹ` and the update gate is not
/// needed to find them.
///
/// Source: Cho et al. (2014), EMNLP, 1724–1734; gates and biases in the order of PyTorch's `nn.GRUCell` (r, z, n), where the
/// reset gate acts after the recurrent product.
#[derive(Debug, Clone)]
pub struct Gru {
    /// `[M × M]` each.
    reset: Gate,
    update: Gate,
    /// The bias of the recurrent part, inside the reset gate.
    candidate: Gate,
    /// `W_in x + b_in: [M]`, outside it.
    candidate_drive: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Gate {
    weights: DMatrix<f64>,
    bias: Vec<f64>,
}

impl Gru {
    /// From the tensors of a PyTorch cell: `weight_hh: [3M × M]`, `weight_ih: [3M × K]`, `bias_ih, bias_hh: [3M]`, with the
    /// rows of the reset gate, the update gate and the candidate in this order, and a constant `input: [K]`.
    pub fn from_pytorch(
        weight_ih: &DMatrix<f64>,
        weight_hh: &DMatrix<f64>,
        bias_ih: &[f64],
        bias_hh: &[f64],
        input: &[f64],
    ) -> Result<Self, MapError> {
        let dim = weight_hh.ncols();
        if dim == 0 {
            return Err(MapError::Empty { weights: "weight_hh" });
        }
        check_matrix("weight_hh", weight_hh, (3 * dim, dim))?;
        check_matrix("weight_ih", weight_ih, (3 * dim, input.len()))?;
        check_vector("bias_ih", bias_ih, 3 * dim)?;
        check_vector("bias_hh", bias_hh, 3 * dim)?;
        check_vector("the constant input", input, input.len())?;
        let drive = affine(weight_ih, input, bias_ih);
        let rows = |gate: usize| gate * dim..(gate + 1) * dim;
        let gate = |index: usize, extra: &[f64]| Gate {
            weights: weight_hh.rows(index * dim, dim).into_owned(),
            bias: bias_hh[rows(index)].iter().zip(extra).map(|(b, e)| b + e).collect(),
        };
        Ok(Self {
            reset: gate(0, &drive[rows(0)]),
            update: gate(1, &drive[rows(1)]),
            candidate: gate(2, &vec![0.0; dim]),
            candidate_drive: drive[rows(2)].to_vec(),
        })
    }

    /// `(r, W_hn h + b_hn, n)`, `[M]` each.
    fn candidate<N: Number>(&self, h: &[N]) -> (Vec<N>, Vec<N>, Vec<N>) {
        let reset: Vec<N> = self.reset.drive(h).into_iter().map(N::sigmoid).collect();
        let recurrent = self.candidate.drive(h);
        let candidate = (reset.iter().zip(&recurrent).zip(&self.candidate_drive))
            .map(|((&r, &s), &drive)| (r * s + N::from_f64(drive)).tanh())
            .collect();
        (reset, recurrent, candidate)
    }

    /// `∂n/∂h`, `[M × M]` column after column: `(1 − n²) [r W_hn + s r (1 − r) W_hr]`, with `s = W_hn h + b_hn`.
    fn candidate_slope<N: Number>(&self, reset: &[N], recurrent: &[N], candidate: &[N]) -> Vec<N> {
        let dim = reset.len();
        let gains: Vec<(N, N)> = (0..dim)
            .map(|i| {
                let gain = N::from_f64(1.0) - candidate[i].square();
                (gain * reset[i], gain * recurrent[i] * sigmoid_slope(reset[i]))
            })
            .collect();
        let mut slope = Vec::with_capacity(dim * dim);
        for j in 0..dim {
            let weights = self.candidate.column(j).iter().zip(self.reset.column(j));
            slope.extend(gains.iter().zip(weights).map(|(gain, (&direct, &gated))| gain.0 * direct + gain.1 * gated));
        }
        slope
    }
}

impl Gate {
    fn drive<N: Number>(&self, h: &[N]) -> Vec<N> {
        affine(&self.weights, h, &self.bias)
    }

    /// What unit `j` gives to all.
    fn column(&self, j: usize) -> &[f64] {
        let rows = self.weights.nrows();
        &self.weights.as_slice()[j * rows..(j + 1) * rows]
    }
}

impl Formula for Gru {
    fn dim(&self) -> usize {
        self.candidate_drive.len()
    }

    fn evaluate<N: Number>(&self, h: &[N], value: &mut [N]) {
        let (_, _, candidate) = self.candidate(h);
        for (i, drive) in self.update.drive(h).into_iter().enumerate() {
            value[i] = candidate[i] + drive.sigmoid() * (h[i] - candidate[i]);
        }
    }

    fn derivative<N: Number>(&self, h: &[N]) -> Vec<N> {
        let dim = h.len();
        let (reset, recurrent, candidate) = self.candidate(h);
        let update: Vec<N> = self.update.drive(h).into_iter().map(N::sigmoid).collect();
        let mut slope = self.candidate_slope(&reset, &recurrent, &candidate);
        let gains: Vec<(N, N)> = (0..dim)
            .map(|i| (N::from_f64(1.0) - update[i], (h[i] - candidate[i]) * sigmoid_slope(update[i])))
            .collect();
        for (j, column) in slope.chunks_exact_mut(dim).enumerate() {
            for ((entry, &gain), &weight) in column.iter_mut().zip(&gains).zip(self.update.column(j)) {
                *entry = gain.0 * *entry + gain.1 * weight;
            }
            column[j] = column[j] + update[j];
        }
        slope
    }

    fn rest_residual<N: Number>(&self, h: &[N], residual: &mut [N]) {
        let (_, _, candidate) = self.candidate(h);
        for ((residual, n), &h) in residual.iter_mut().zip(candidate).zip(h) {
            *residual = n - h;
        }
    }

    fn rest_slope<N: Number>(&self, h: &[N]) -> Vec<N> {
        let (reset, recurrent, candidate) = self.candidate(h);
        let mut slope = self.candidate_slope(&reset, &recurrent, &candidate);
        for j in 0..h.len() {
            let on_diagonal = j * h.len() + j;
            slope[on_diagonal] = slope[on_diagonal] - N::from_f64(1.0);
        }
        slope
    }

    fn rest_bounds(&self) -> Option<Vec<Interval>> {
        Some(vec![Interval::new(-1.0, 1.0); self.dim()])
    }

    /// The next state is a mean of the last and of a candidate between −1 and 1: from outside, every step leads inwards.
    fn attracting_box(&self) -> Option<Vec<Interval>> {
        self.rest_bounds()
    }
}
