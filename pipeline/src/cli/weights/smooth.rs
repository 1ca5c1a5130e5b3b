//! Weights of smooth maps and parameters of flows made elsewhere.

use anyhow::{Context, Result, anyhow, bail};
use nalgebra::DMatrix;
use nullcline_dynamics::{
    Activation, CurrentRnn, EulerStep, Formula, Gru, IntegrationPlan, Layer, Mlp, Monomial, Polynomial, Relaxation,
    SmoothField, SmoothMap, SmoothSystem, TanhRnn, TimeStepMap,
};
use serde::Deserialize;

use super::piecewise_linear::{LowRank, driven};
use super::source::Source;
use super::type_in_words::Settled;

#[derive(Clone, Copy)]
pub enum Family {
    /// `W, b`; `weight_hh, bias_ih, bias_hh` of PyTorch
    TanhRnn,
    /// `weight_ih, weight_hh, bias_ih, bias_hh` of PyTorch
    Gru,
    /// `a, V, U, b`
    LowRankTanh,
    /// Layers; a flow, or its Euler map
    NeuralOde,
    /// Terms; a flow, its Euler map, or a map
    Polynomial,
}

/// `settled` is what the type of a neural ODE says beside its name.
pub fn read(
    source: &Source,
    family: Family,
    settled: &Settled,
    input: Option<&[f64]>,
) -> Result<Box<dyn SmoothSystem>> {
    Ok(match family {
        Family::TanhRnn => tanh_rnn(source, input)?,
        Family::Gru => Box::new(SmoothMap(gru(source, input)?)),
        Family::LowRankTanh => {
            let LowRank { a, v, u, b, h } = LowRank::read(source, input)?;
            Box::new(SmoothMap(Mlp::low_rank(a, v, u, b, h, Activation::Tanh)?))
        }
        Family::NeuralOde => stepped(source, mlp(source, settled, input)?, settled)?,
        Family::Polynomial if input.is_some() => bail!("need the input of a polynomial among its constant terms"),
        Family::Polynomial => stepped(source, polynomial(source)?, settled)?,
    })
}

/// `"form": "rates"` (the default) or `"currents"`; `"alpha"`, or `"dt"` and `"tau"`, for leaky units; `"scheme": "flow"` for continuous time.
fn tanh_rnn(source: &Source, input: Option<&[f64]>) -> Result<Box<dyn SmoothSystem>> {
    match source.word("activation")? {
        Some(other) if !other.eq_ignore_ascii_case("tanh") => {
            bail!("need the \"activation\" tanh of a tanhRNN, found {other:?}")
        }
        _ => {}
    }
    let weights = source.matrix(&["W", "weight_hh", "W_hh"])?;
    let dim = weights.nrows();
    let mut bias = vec![0.0; dim];
    let mut add = |term: Vec<f64>, name: &str| -> Result<()> {
        if term.len() != dim {
            bail!("need {dim} numbers in {name:?}, found {}", term.len());
        }
        bias.iter_mut().zip(term).for_each(|(b, t)| *b += t);
        Ok(())
    };
    for name in ["b", "bias_ih", "bias_hh"] {
        if let Some(term) = source.optional_vector(&[name])? {
            add(term, name)?;
        }
    }
    if let Some(drive) = driven(source, &["weight_ih", "W_in", "C"], input, dim, "units")? {
        add(drive, "input")?;
    }
    let currents = match source.word("form")?.unwrap_or("rates") {
        "rates" => false,
        "currents" => true,
        other => bail!("need the \"form\" rates or currents, found {other:?}"),
    };
    if source.word("scheme")?.is_none_or(|scheme| scheme == "map") {
        let leak = leak(source)?;
        return Ok(match currents {
            false => Box::new(SmoothMap(TanhRnn::new(weights, bias, leak)?)),
            true => Box::new(SmoothMap(CurrentRnn::new(weights, bias, leak)?)),
        });
    }
    let time_constant = source.optional_positive(&["tau"])?.unwrap_or(1.0);
    let settled = Settled::default();
    match currents {
        false => stepped(source, Relaxation { target: TanhRnn::new(weights, bias, 1.0)?, time_constant }, &settled),
        true => stepped(source, Relaxation { target: CurrentRnn::new(weights, bias, 1.0)?, time_constant }, &settled),
    }
}

/// `α = Δt/τ`; units without one follow their drive at once. Given as `"alpha"`, a `"dt"` beside it is not used, and told.
fn leak(source: &Source) -> Result<f64> {
    if let Some(alpha) = source.optional_positive(&["alpha"])? {
        return Ok(alpha);
    }
    match (source.optional_positive(&["dt"])?, source.optional_positive(&["tau"])?) {
        (None, None) => Ok(1.0),
        (Some(dt), Some(tau)) => Ok(dt / tau),
        (Some(_), None) => bail!("need \"tau\" beside \"dt\""),
        (None, Some(_)) => bail!("need \"dt\" beside \"tau\""),
    }
}

fn gru(source: &Source, input: Option<&[f64]>) -> Result<Gru> {
    let weight_hh = source.matrix(&["weight_hh"])?;
    let rows = weight_hh.nrows();
    let weight_ih =
        source.optional_matrix(&["weight_ih"])?.map_or_else(|| DMatrix::zeros(rows, 0), |(_, weights)| weights);
    let bias =
        |name: &str| -> Result<Vec<f64>> { Ok(source.optional_vector(&[name])?.unwrap_or_else(|| vec![0.0; rows])) };
    let silence = vec![0.0; weight_ih.ncols()];
    let input = input.unwrap_or(&silence);
    if input.len() != weight_ih.ncols() {
        if weight_ih.ncols() == 0 {
            bail!("need \"weight_ih\" for an input of {}", input.len());
        }
        bail!("need an input of {} as \"weight_ih\" has columns, found {}", weight_ih.ncols(), input.len());
    }
    Ok(Gru::from_pytorch(&weight_ih, &weight_hh, &bias("bias_ih")?, &bias("bias_hh")?, input)?)
}

fn mlp(source: &Source, settled: &Settled, input: Option<&[f64]>) -> Result<Mlp> {
    let mut layers = Vec::new();
    for name in source.layers()? {
        let weights = source.matrix(&[&format!("{name}.weight")])?;
        let bias = source.optional_vector(&[&format!("{name}.bias")])?.unwrap_or_else(|| vec![0.0; weights.nrows()]);
        layers.push(Layer { weights, bias });
    }
    let in_words = settled.activation.as_deref();
    let activation = source.word("activation")?.map(str::to_lowercase);
    if let (Some(key), Some(words)) = (activation.as_deref(), in_words)
        && key != words
    {
        bail!("need one \"activation\", found {key:?} and, in \"type\", {words:?}");
    }
    let activation = match activation.as_deref().or(in_words).unwrap_or("tanh") {
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        "relu" => Activation::Relu,
        other => bail!("need the \"activation\" tanh, sigmoid or relu, found {other:?}"),
    };
    let dim = layers[0].weights.ncols();
    if let Some(drive) = driven(source, &["C"], input, dim, "dimensions")? {
        let last = layers.last_mut().context("need a layer")?;
        last.bias.iter_mut().zip(drive).for_each(|(b, drive)| *b += drive);
    }
    let linear = source.optional_vector(&["a"])?.unwrap_or_else(|| vec![0.0; dim]);
    if linear.len() != dim {
        bail!("need {dim} numbers in \"a\", as the first layer has columns, found {}", linear.len());
    }
    Ok(Mlp::new(linear, layers, activation)?)
}

/// `"terms": [[[c, [p, …]], …], …]`: for each component its monomials, a coefficient and the power of each variable.
fn polynomial(source: &Source) -> Result<Polynomial> {
    #[derive(Deserialize)]
    struct Term(f64, Vec<u32>);
    let terms: Vec<Vec<Term>> = serde_json::from_value(source.value("terms")?.clone()).map_err(|_| {
        anyhow!("need in \"terms\", for each component, a list of [coefficient, [power of each variable]]")
    })?;
    let monomials = terms.into_iter().map(|component| {
        component.into_iter().map(|Term(coefficient, powers)| Monomial { coefficient, powers }).collect()
    });
    Ok(Polynomial::new(monomials.collect())?)
}

/// The map of a velocity, by `"scheme"`: `flow` (the default) follows it for `"time_step"`, `euler` takes one step of that length, `map` takes the
/// formula for the map itself. What the type says in words holds where there is no such key.
fn stepped<F: Formula + 'static>(source: &Source, velocity: F, settled: &Settled) -> Result<Box<dyn SmoothSystem>> {
    let scheme = source.word("scheme")?.unwrap_or(if settled.is_euler { "euler" } else { "flow" });
    if scheme == "map" {
        if let Some(words) = settled.time_step {
            bail!("need no time step for the \"scheme\" map, found, in \"type\", {words}");
        }
        return Ok(Box::new(SmoothMap(velocity)));
    }
    let time_step = source.optional_positive(&["time_step", "dt"])?;
    if let (Some(key), Some(words)) = (time_step, settled.time_step)
        && (key - words).abs() > 1e-9 * words
    {
        bail!("need one \"time_step\", found {key} and, in \"type\", {words}");
    }
    let time_step = time_step
        .or(settled.time_step)
        .context("need the \"time_step\" of the map, in the unit of time of the flow")?;
    match scheme {
        "euler" => Ok(Box::new(SmoothMap(EulerStep { velocity, time_step }))),
        "flow" => {
            let plan = IntegrationPlan { relative_tolerance: 1e-9, absolute_tolerance: 1e-11, max_steps: 10_000 };
            Ok(Box::new(TimeStepMap { field: SmoothField(velocity), time_step, plan }))
        }
        other => bail!("need the \"scheme\" flow, euler or map, found {other:?}"),
    }
}
