//! Rectified Adam and AdamW, with their state in the open so that training can be interrupted and continued.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// Rectified Adam: Liu et al. (2020), ICLR, algorithm 2, with the threshold 5 that PyTorch uses.
    #[default]
    Radam,
    /// Adam with decoupled weight decay: Loshchilov & Hutter (2019), ICLR, algorithm 2.
    Adamw,
}

/// β₁ .9, β₂ .999, ε 1e-8.
#[derive(Clone, Debug)]
pub struct Optimiser {
    pub kind: OptimiserKind,
    /// Share of every weight that a step takes away, times the learning rate.
    pub weight_decay: f64,
    pub step: usize,
    /// First and second moment of each variable's gradient, in the order of the variables.
    pub moments: Vec<[Vec<f32>; 2]>,
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl Optimiser {
    pub fn new(kind: OptimiserKind, weight_decay: f64, variables: &[Var]) -> Self {
        let moments = variables.iter().map(|var| [(); 2].map(|()| vec![0.0; var.elem_count()])).collect();
        Self { kind, weight_decay, step: 0, moments }
    }

    /// One update of `variables`; gradients longer than `max_norm` in total are scaled down to it. Returns the
    /// gradient's norm; where that is not finite, nothing is updated.
    pub fn update(
        &mut self,
        variables: &[Var],
        gradients: &GradStore,
        learning_rate: f64,
        max_norm: f64,
    ) -> Result<f64> {
        let mut values = Vec::with_capacity(variables.len());
        for var in variables {
            values.push(match gradients.get(var) {
                Some(gradient) => gradient.flatten_all()?.to_vec1::<f32>()?,
                None => vec![0.0; var.elem_count()],
            });
        }
        let norm = values.iter().flatten().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        let shrink = if norm > max_norm { max_norm / norm } else { 1.0 } as f32;
        self.step += 1;
        let step_size = StepSize::at(self.kind, self.step, learning_rate);
        let keep = (1.0 - learning_rate * self.weight_decay) as f32;
        for ((var, gradient), [first, second]) in variables.iter().zip(&values).zip(&mut self.moments) {
            let mut weights = var.flatten_all()?.to_vec1::<f32>()?;
            for (((w, &g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = g * shrink;
                *m = BETA_1 as f32 * *m + (1.0 - BETA_1 as f32) * g;
                *v = BETA_2 as f32 * *v + (1.0 - BETA_2 as f32) * g * g;
                *w = *w * keep - step_size.of(*m, *v);
            }
            var.set(&Tensor::from_vec(weights, var.shape(), var.device())?)?;
        }
        Ok(norm)
    }
}

enum StepSize {
    /// Too few steps for the second moment to mean anything: plain momentum.
    Momentum {
        rate: f32,
    },
    Adaptive {
        rate: f32,
        second_correction: f32,
    },
}

impl StepSize {
    fn at(kind: OptimiserKind, step: usize, learning_rate: f64) -> Self {
        let t = step as f64;
        let first_correction = 1.0 - BETA_1.powf(t);
        let decay = BETA_2.powf(t);
        if kind == OptimiserKind::Adamw {
            return StepSize::Adaptive {
                rate: (learning_rate / first_correction) as f32,
                second_correction: (1.0 - decay).sqrt() as f32,
            };
        }
        let longest = 2.0 / (1.0 - BETA_2) - 1.0;
        let length = longest - 2.0 * t * decay / (1.0 - decay);
        if length <= 5.0 {
            return StepSize::Momentum { rate: (learning_rate / first_correction) as f32 };
        }
        let rectification =
            ((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)).sqrt();
        StepSize::Adaptive {
            rate: (learning_rate * rectification / first_correction) as f32,
            second_correction: (1.0 - decay).sqrt() as f32,
        }
    }

    fn of(&self, first: f32, second: f32) -> f32 {
        match *self {
            StepSize::Momentum { rate } => rate * first,
            StepSize::Adaptive { rate, second_correction } => {
                rate * first * second_correction / (second.sqrt() + EPSILON as f32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// `Σ (w − [1, −2])²` from zero, worked out by hand: plain momentum while ρ_t ≤ 5.
    #[test]
    fn the_first_steps_are_plain_momentum() {
        let var = Var::from_vec(vec![0.0f32, 0.0], 2, &Device::Cpu).unwrap();
        let target = Tensor::new(&[1.0f32, -2.0], &Device::Cpu).unwrap();
        let mut optimiser = Optimiser::new(OptimiserKind::Radam, 0.0, std::slice::from_ref(&var));
        let mut step = || {
            let loss = (var.as_tensor() - &target).unwrap().sqr().unwrap().sum_all().unwrap();
            optimiser.update(std::slice::from_ref(&var), &loss.backward().unwrap(), 0.1, f64::INFINITY).unwrap();
            var.to_vec1::<f32>().unwrap()
        };
        // m = 0.1 g, corrected by 1 / (1 − 0.9): the step is 0.1 g with g = [−2, 4].
        let first = step();
        assert!((first[0] - 0.2).abs() < 1e-6 && (first[1] + 0.4).abs() < 1e-6, "{first:?}");
        // m = 0.09 g₁ + 0.1 g₂ with g₂ = [−1.6, 3.2], corrected by 1 / 0.19.
        let second = step();
        let expected = 0.2 + 0.1 * (0.09 * 2.0 + 0.1 * 1.6) / 0.19;
        assert!((f64::from(second[0]) - expected).abs() < 1e-6, "{second:?}");
    }

    #[test]
    fn it_reaches_the_minimum_of_a_badly_scaled_bowl() {
        let var = Var::from_vec(vec![1.0f32, 1.0], 2, &Device::Cpu).unwrap();
        let scales = Tensor::new(&[1.0f32, 10.0], &Device::Cpu).unwrap();
        let mut optimiser = Optimiser::new(OptimiserKind::Radam, 0.0, std::slice::from_ref(&var));
        for step in 0..2000 {
            let loss = (var.sqr().unwrap() * &scales).unwrap().sum_all().unwrap();
            let rate = 0.05 * (1.0 - f64::from(step) / 2000.0);
            optimiser.update(std::slice::from_ref(&var), &loss.backward().unwrap(), rate, 1e3).unwrap();
        }
        let reached = var.to_vec1::<f32>().unwrap();
        assert!(reached.iter().all(|w| w.abs() < 1e-2), "{reached:?}");
    }

    /// Worked out by hand: the first step of Adam is the learning rate times the sign of the gradient (ε aside), and
    /// the decay acts on the weight, not on the gradient.
    #[test]
    fn the_first_step_of_adamw_decays_the_weight_by_itself() {
        let var = Var::from_vec(vec![2.0f32, -1.0], 2, &Device::Cpu).unwrap();
        let mut optimiser = Optimiser::new(OptimiserKind::Adamw, 0.5, std::slice::from_ref(&var));
        let loss = (var.as_tensor() * Tensor::new(&[3.0f32, 0.25], &Device::Cpu).unwrap()).unwrap().sum_all().unwrap();
        optimiser.update(std::slice::from_ref(&var), &loss.backward().unwrap(), 0.1, f64::INFINITY).unwrap();
        let reached = var.to_vec1::<f32>().unwrap();
        assert!(
            (reached[0] - (2.0 * 0.95 - 0.1)).abs() < 1e-6 && (reached[1] - (-0.95 - 0.1)).abs() < 1e-6,
            "{reached:?}"
        );
    }
}
