//! The same recursion, step by step through candle's autograd: slow, and obviously right.

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::family::{Family, with_family};
use super::{Forcing, LatentFamily, LatentParameters, LatentShape, Strength, Workspace, growth, rollout};
use crate::random::normal_tensor;

fn rollout_by_autograd(case: &Case) -> Result<Tensor> {
    let Case { parameters, states: encoded, inputs, .. } = case;
    let tensors: Vec<Tensor> = parameters.named().into_iter().map(|(_, var)| var.as_tensor().clone()).collect();
    let (batch, n_steps, _) = encoded.dims3()?;
    let mut free: Option<Tensor> = None;
    let mut states = Vec::new();
    for t in 0..n_steps {
        let encoded = encoded.narrow(1, t, 1)?.squeeze(1)?;
        let alpha: Vec<f64> = (0..batch).map(|b| case.alpha_at(b, t)).collect();
        let alpha = Tensor::from_vec(alpha, (batch, 1), &Device::Cpu)?.to_dtype(encoded.dtype())?;
        let forced = match &free {
            None => encoded,
            Some(z) => (z + (encoded - z)?.broadcast_mul(&alpha)?)?,
        };
        let family = &tensors[2..tensors.len() - usize::from(inputs.is_some())];
        let bent = with_family!(parameters.family, F => F::by_candle(family, parameters.shape, &forced))?;
        let mut next = forced.broadcast_mul(&tensors[0])?.broadcast_add(&tensors[1])?.add(&bent)?;
        if let Some(inputs) = inputs {
            let c = tensors.last().expect("C is the last tensor");
            next = (next + inputs.narrow(1, t, 1)?.squeeze(1)?.matmul(&c.t()?)?)?;
        }
        states.push(next.unsqueeze(1)?);
        free = Some(next);
    }
    Tensor::cat(&states, 1)
}

struct Case {
    parameters: LatentParameters,
    states: Var,
    inputs: Option<Var>,
    weights: Tensor,
    alpha: Alpha,
}

#[derive(Clone, Debug)]
enum Alpha {
    Constant(f64),
    Every(usize),
    PerStep(Vec<f32>),
}

impl Case {
    fn new(
        seed: u64,
        family: LatentFamily,
        shape: LatentShape,
        [batch, n_steps]: [usize; 2],
        alpha: Alpha,
        dtype: DType,
    ) -> Case {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let parameters = LatentParameters::init(&mut rng, family, shape).unwrap().for_tests(&mut rng, dtype);
        let mut normal = |dims: &[usize]| {
            Var::from_tensor(&normal_tensor(&mut rng, dims, 1.0).unwrap().to_dtype(dtype).unwrap()).unwrap()
        };
        let states = normal(&[batch, n_steps, shape.latent_dim]);
        let inputs = (shape.input_dim > 0).then(|| normal(&[batch, n_steps, shape.input_dim]));
        let weights = normal(&[batch, n_steps, shape.latent_dim]).as_tensor().clone();
        Case { parameters, states, inputs, weights, alpha }
    }

    fn alpha_at(&self, sequence: usize, step: usize) -> f64 {
        match &self.alpha {
            Alpha::Constant(alpha) => *alpha,
            Alpha::Every(interval) => f64::from(u8::from(step.is_multiple_of(*interval))),
            Alpha::PerStep(table) => f64::from(table[sequence * self.states.dim(1).unwrap() + step]),
        }
    }

    fn forcing(&self) -> Forcing<'_> {
        let strength = match &self.alpha {
            Alpha::Constant(alpha) => Strength::Constant(*alpha),
            Alpha::Every(interval) => Strength::Every(*interval),
            Alpha::PerStep(table) => Strength::PerStep(table),
        };
        Forcing { states: self.states.as_tensor(), strength }
    }

    fn inputs(&self) -> Option<&Tensor> {
        self.inputs.as_ref().map(|inputs| inputs.as_tensor())
    }

    fn fused(&self, threads: usize) -> Result<Tensor> {
        rollout(&Workspace::with_threads(threads), &self.parameters, self.forcing(), self.inputs())
    }

    fn variables(&self) -> Vec<(String, &Var)> {
        let mut named: Vec<(String, &Var)> =
            self.parameters.named().into_iter().map(|(name, var)| (name.to_string(), var)).collect();
        named.push(("forcing".into(), &self.states));
        named.extend(self.inputs.as_ref().map(|inputs| ("inputs".to_string(), inputs)));
        named
    }

    /// `Σ w ⊙ tanh(z)`.
    fn loss(&self, states: &Tensor) -> Tensor {
        (states.tanh().unwrap() * &self.weights).unwrap().sum_all().unwrap()
    }

    /// The loss, and its gradient in every variable.
    fn gradients(&self, states: Tensor) -> (f64, Vec<(String, Vec<f64>)>) {
        let loss = self.loss(&states);
        let gradients = loss.backward().unwrap();
        let values =
            |tensor: &Tensor| tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        let named = self
            .variables()
            .into_iter()
            .map(|(name, var)| (name, values(gradients.get(var).expect("every variable has a gradient"))))
            .collect();
        (values(&loss)[0], named)
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn any_family() -> impl Strategy<Value = LatentFamily> {
    (0..LatentFamily::ALL.len()).prop_map(|i| LatentFamily::ALL[i])
}

/// Shapes around the edges of the register blocks, wide ones included; relu units of an ALRNN are at most its dimensions.
fn any_shape(family: LatentFamily) -> impl Strategy<Value = LatentShape> {
    (1usize..37, 1usize..71, 0usize..4).prop_map(move |(latent_dim, hidden, input_dim)| {
        let hidden_dim = if family == LatentFamily::AlmostLinear { hidden.min(latent_dim) } else { hidden };
        LatentShape { latent_dim, hidden_dim, input_dim }
    })
}

fn any_alpha(batch: usize, n_steps: usize) -> impl Strategy<Value = Alpha> {
    prop_oneof![
        Just(Alpha::Constant(0.0)),
        Just(Alpha::Constant(1.0)),
        (0.0f64..1.0).prop_map(|alpha| Alpha::Constant(f64::from(alpha as f32))),
        (1usize..6).prop_map(Alpha::Every),
        proptest::collection::vec(0.0f32..1.0, batch * n_steps).prop_map(Alpha::PerStep),
    ]
}

fn any_case(dtype: DType, longest: usize) -> impl Strategy<Value = Case> {
    (0u64..1000, any_family(), 1usize..35, 1..longest).prop_flat_map(move |(seed, family, batch, n_steps)| {
        (any_shape(family), any_alpha(batch, n_steps))
            .prop_map(move |(shape, alpha)| Case::new(seed, family, shape, [batch, n_steps], alpha, dtype))
    })
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LatentParameters { family, shape, .. } = &self.parameters;
        write!(f, "{family} {shape:?} {:?} {:?}", self.states.dims(), self.alpha)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_fused_rollout_agrees_with_autograd(case in any_case(DType::F32, 14)) {
        let (fused, fused_gradients) = case.gradients(case.fused(1).unwrap());
        let (slow, slow_gradients) = case.gradients(rollout_by_autograd(&case).unwrap());
        prop_assert!((fused - slow).abs() <= 1e-5 * (1.0 + slow.abs()), "{fused} {slow}");
        for ((name, fused), (_, slow)) in fused_gradients.iter().zip(&slow_gradients) {
            let difference: Vec<f64> = fused.iter().zip(slow).map(|(f, s)| f - s).collect();
            prop_assert!(
                norm(&difference) <= 1e-5 * (1.0 + norm(slow)),
                "{name}: {} of {}", norm(&difference), norm(slow)
            );
        }
    }

    /// In f64 the two differ by rounding alone, so nothing small can hide.
    #[test]
    fn in_f64_it_agrees_to_rounding(case in any_case(DType::F64, 14)) {
        let (_, fused) = case.gradients(case.fused(1).unwrap());
        let (_, slow) = case.gradients(rollout_by_autograd(&case).unwrap());
        for ((name, fused), (_, slow)) in fused.iter().zip(&slow) {
            let difference: Vec<f64> = fused.iter().zip(slow).map(|(f, s)| f - s).collect();
            prop_assert!(norm(&difference) <= 1e-11 * (1.0 + norm(slow)), "{name}: {}", norm(&difference));
        }
    }

    /// Central differences in f64, independent of both backward passes.
    #[test]
    fn the_gradient_agrees_with_finite_differences(case in any_case(DType::F64, 7)) {
        let (_, gradients) = case.gradients(case.fused(1).unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for ((name, gradient), (_, var)) in gradients.iter().zip(case.variables()) {
            let original = var.as_tensor().copy().unwrap();
            let values = original.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            // One direction through all entries at once.
            let direction: Vec<f64> = values.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
            let loss_at = |step: f64| {
                let moved: Vec<f64> = values.iter().zip(&direction).map(|(v, d)| v + step * d).collect();
                var.set(&Tensor::from_vec(moved, original.shape(), original.device()).unwrap()).unwrap();
                case.loss(&case.fused(1).unwrap()).to_scalar::<f64>().unwrap()
            };
            let slopes = [1e-6, 5e-7].map(|step| (loss_at(step) - loss_at(-step)) / (2.0 * step));
            var.set(&original).unwrap();
            // A kink within a step makes the two differ: such a draw says nothing.
            if (slopes[0] - slopes[1]).abs() > 1e-6 * (1.0 + slopes[0].abs()) {
                continue;
            }
            let found: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            prop_assert!(
                (found - slopes[0]).abs() <= 1e-6 * (1.0 + norm(gradient) * norm(&direction)),
                "{name}: {found} {slopes:?}"
            );
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit(case in any_case(DType::F32, 80)) {
        let run = |threads| {
            let states = case.fused(threads).unwrap();
            let bits: Vec<u32> =
                states.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|z| z.to_bits()).collect();
            (bits, case.gradients(states).1)
        };
        prop_assert_eq!(run(1), run(2));
        prop_assert_eq!(run(1), run(3));
    }

    /// Against the product of Jacobians by finite differences of the frozen map's own derivative: here of the
    /// recursion itself, column by column.
    #[test]
    fn growth_is_the_norm_of_the_product_of_jacobians(seed in 0u64..200, family in any_family(), n_steps in 1usize..20) {
        let shape = LatentShape { latent_dim: 3, hidden_dim: 3, input_dim: 0 };
        let case = Case::new(seed, family, shape, [2, n_steps], Alpha::Constant(0.0), DType::F32);
        let found = growth(&Workspace::new(), &case.parameters, case.forcing(), None).unwrap();
        let map = case.parameters.freeze().unwrap().unwrap();
        let mut largest = 0.0f64;
        for b in 0..2 {
            let mut z = case.states.get(b).unwrap().get(0).unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            let mut product = nalgebra::DMatrix::<f64>::identity(3, 3);
            for _ in 0..n_steps {
                use nullcline_dynamics::Map;
                product = map.jacobian(&z) * product;
                let mut next = vec![0.0; 3];
                map.step(&z, &mut next);
                z = next;
            }
            largest = largest.max((product.norm() / 3f64.sqrt()).powf(1.0 / n_steps as f64));
        }
        prop_assert!((found - largest).abs() <= 1e-3 * (1.0 + largest), "{found} {largest}");
    }
}

/// Buffers come back from one rollout to the next, and must not remember it.
#[test]
fn a_used_workspace_gives_the_same_as_a_new_one() {
    let workspace = Workspace::new();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for round in 0..40 {
        let family = LatentFamily::ALL[rng.random_range(0..4)];
        let latent_dim = rng.random_range(1..9);
        let hidden_dim = rng.random_range(1..=latent_dim);
        let shape = LatentShape { latent_dim, hidden_dim, input_dim: rng.random_range(0..3) };
        let sizes = [rng.random_range(1..20), rng.random_range(1..90)];
        let case = Case::new(round, family, shape, sizes, Alpha::Constant(0.4), DType::F32);
        let used = rollout(&workspace, &case.parameters, case.forcing(), case.inputs()).unwrap();
        assert_eq!(case.gradients(used), case.gradients(case.fused(1).unwrap()), "{case:?}");
    }
}

#[test]
fn a_second_gradient_of_the_same_rollout_is_the_same() {
    let shape = LatentShape { latent_dim: 3, hidden_dim: 5, input_dim: 2 };
    let case = Case::new(1, LatentFamily::ClippedShallow, shape, [5, 70], Alpha::Constant(0.2), DType::F32);
    let states = case.fused(1).unwrap();
    assert_eq!(case.gradients(states.clone()), case.gradients(states));
}

#[test]
fn a_wrong_number_of_inputs_is_refused() {
    let shape = LatentShape { latent_dim: 2, hidden_dim: 3, input_dim: 1 };
    let case = Case::new(1, LatentFamily::Shallow, shape, [1, 4], Alpha::Constant(0.5), DType::F32);
    let message = rollout(&Workspace::new(), &case.parameters, case.forcing(), None).unwrap_err().to_string();
    assert!(message.contains("need 1 external inputs, found none"), "{message}");
}

/// A batch that fills no whole vector: what its empty lanes would do, unforced, reaches no gradient, though every direction grows.
#[test]
fn lanes_without_a_sequence_reach_no_gradient() {
    let shape = LatentShape { latent_dim: 2, hidden_dim: 3, input_dim: 0 };
    for batch in [3, 9, 16] {
        let case = Case::new(1, LatentFamily::Shallow, shape, [batch, 300], Alpha::Constant(0.9), DType::F32);
        for (name, variable) in case.variables() {
            if name == "A" {
                variable.set(&variable.ones_like().unwrap().affine(1.7, 0.0).unwrap()).unwrap();
            }
        }
        let (loss, gradients) = case.gradients(case.fused(1).unwrap());
        assert!(loss.is_finite());
        assert!(
            gradients.iter().all(|(_, values)| values.iter().all(|value| value.is_finite())),
            "{batch}: {gradients:?}"
        );
    }
}
