//! The same recursion, step by step through candle's autograd: slow, and obviously right.

use candle_core::{Result, Tensor};

use super::{Forcing, LatentFamily, LatentParameters, rollout};

fn rollout_by_autograd(parameters: &LatentParameters, forcing: Forcing<'_>, inputs: Option<&Tensor>) -> Result<Tensor> {
    let (_, n_steps, _) = forcing.states.dims3()?;
    let mut free: Option<Tensor> = None;
    let mut states = Vec::new();
    for t in 0..n_steps {
        let encoded = forcing.states.narrow(1, t, 1)?.squeeze(1)?;
        let forced = match &free {
            None => encoded,
            Some(z) => ((z * (1.0 - forcing.alpha))? + (encoded * forcing.alpha)?)?,
        };
        let drive = forced.matmul(&parameters.w2.t()?)?;
        let shifted = drive.broadcast_add(&parameters.h2)?.relu()?;
        let active = match parameters.family {
            LatentFamily::Shallow => shifted,
            LatentFamily::ClippedShallow => (shifted - drive.relu()?)?,
        };
        let mut next = forced
            .broadcast_mul(&parameters.a)?
            .add(&active.matmul(&parameters.w1.t()?)?)?
            .broadcast_add(&parameters.h1)?;
        if let (Some(c), Some(inputs)) = (&parameters.c, inputs) {
            next = (next + inputs.narrow(1, t, 1)?.squeeze(1)?.matmul(&c.t()?)?)?;
        }
        states.push(next.unsqueeze(1)?);
        free = Some(next);
    }
    Tensor::cat(&states, 1)
}

mod tests {
    use candle_core::{DType, Var};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::latent::LatentShape;
    use crate::random::normal_tensor;

    struct Case {
        parameters: LatentParameters,
        states: Var,
        inputs: Option<Var>,
        weights: Tensor,
        alpha: f64,
    }

    fn case(seed: u64, family: LatentFamily, shape: LatentShape, batch: usize, n_steps: usize, alpha: f64) -> Case {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut parameters = LatentParameters::init(&mut rng, family, shape).unwrap();
        let m = shape.latent_dim;
        // Untrained input weights are zero, which would hide a wrong gradient of the inputs.
        parameters.c = (shape.input_dim > 0)
            .then(|| Var::from_tensor(&normal_tensor(&mut rng, &[m, shape.input_dim], 0.5).unwrap()).unwrap());
        let mut normal = |dims: &[usize]| Var::from_tensor(&normal_tensor(&mut rng, dims, 1.0).unwrap()).unwrap();
        let states = normal(&[batch, n_steps, m]);
        let inputs = (shape.input_dim > 0).then(|| normal(&[batch, n_steps, shape.input_dim]));
        let weights = normal(&[batch, n_steps, m]).as_tensor().clone();
        Case { parameters, states, inputs, weights, alpha }
    }

    type Drive = fn(&LatentParameters, Forcing<'_>, Option<&Tensor>) -> Result<Tensor>;

    /// Loss `Σ w ⊙ tanh(z)`, and its gradient in every variable.
    fn loss_and_gradients(case: &Case, drive: Drive) -> (f32, Vec<(String, Vec<f32>)>) {
        let forcing = Forcing { states: case.states.as_tensor(), alpha: case.alpha };
        let inputs = case.inputs.as_ref().map(|inputs| inputs.as_tensor());
        let states = drive(&case.parameters, forcing, inputs).unwrap();
        let loss = (states.tanh().unwrap() * &case.weights).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        let mut named: Vec<(String, &Var)> =
            case.parameters.named().into_iter().map(|(name, var)| (name.to_string(), var)).collect();
        named.push(("forcing".into(), &case.states));
        named.extend(case.inputs.as_ref().map(|inputs| ("inputs".to_string(), inputs)));
        let gradients = named
            .into_iter()
            .map(|(name, var)| {
                let gradient = gradients.get(var).expect("every variable has a gradient");
                (name, gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            })
            .collect();
        (loss.to_scalar::<f32>().unwrap(), gradients)
    }

    fn norm(values: &[f32]) -> f32 {
        values.iter().map(|v| v * v).sum::<f32>().sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_fused_rollout_agrees_with_autograd(
            seed in 0u64..1000,
            clipped in any::<bool>(),
            latent_dim in 1usize..5,
            hidden_dim in 1usize..9,
            input_dim in 0usize..3,
            batch in 1usize..4,
            n_steps in 1usize..12,
            alpha in prop_oneof![Just(0.0), Just(1.0), 0.0f64..1.0],
        ) {
            let family = if clipped { LatentFamily::ClippedShallow } else { LatentFamily::Shallow };
            let shape = LatentShape { latent_dim, hidden_dim, input_dim };
            let case = case(seed, family, shape, batch, n_steps, alpha);
            let (fused, fused_gradients) = loss_and_gradients(&case, rollout);
            let (slow, slow_gradients) = loss_and_gradients(&case, rollout_by_autograd);
            prop_assert!((fused - slow).abs() <= 1e-5 * (1.0 + slow.abs()), "{fused} {slow}");
            for ((name, fused), (_, slow)) in fused_gradients.iter().zip(&slow_gradients) {
                let difference: Vec<f32> = fused.iter().zip(slow).map(|(f, s)| f - s).collect();
                prop_assert!(
                    norm(&difference) <= 1e-5 * (1.0 + norm(slow)),
                    "{name}: {} of {}", norm(&difference), norm(slow)
                );
            }
        }
    }

    /// Central differences in f32 are rough, yet independent of both backward passes.
    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let shape = LatentShape { latent_dim: 3, hidden_dim: 6, input_dim: 2 };
        let case = case(7, LatentFamily::Shallow, shape, 2, 6, 0.3);
        let (_, gradients) = loss_and_gradients(&case, rollout);
        let named = case.parameters.named();
        for ((name, gradient), (_, var)) in gradients.iter().zip(named) {
            let original = var.as_tensor().copy().unwrap();
            let values = original.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for index in [0, values.len() / 2, values.len() - 1] {
                let loss_at = |step: f32| {
                    let mut moved = values.clone();
                    moved[index] += step;
                    let moved = Tensor::from_vec(moved, original.shape(), original.device()).unwrap();
                    var.set(&moved).unwrap();
                    f64::from(loss_and_gradients(&case, rollout).0)
                };
                let step = 2e-3;
                let slope = (loss_at(step) - loss_at(-step)) / (2.0 * f64::from(step));
                var.set(&original).unwrap();
                let found = f64::from(gradient[index]);
                assert!((found - slope).abs() <= 2e-2 * (1.0 + slope.abs()), "{name}[{index}]: {found} {slope}");
            }
        }
    }

    #[test]
    fn a_wrong_number_of_inputs_is_refused() {
        let shape = LatentShape { latent_dim: 2, hidden_dim: 3, input_dim: 1 };
        let case = case(1, LatentFamily::Shallow, shape, 1, 4, 0.5);
        let forcing = Forcing { states: case.states.as_tensor(), alpha: 0.5 };
        let message = rollout(&case.parameters, forcing, None).unwrap_err().to_string();
        assert!(message.contains("need 1 external inputs, found none"), "{message}");
        assert_eq!(case.states.dtype(), DType::F32);
    }
}
