//! Weights of smooth maps and parameters of flows made elsewhere.

use anyhow::{Context, Result, bail};
use nalgebra::DMatrix;
use nullcline_dynamics::{
    Activation, CurrentRnn, EulerStep, Formula, Gru, IntegrationPlan, Layer, Mlp, Monomial, Polynomial, Relaxation,
    SmoothField, SmoothMap, SmoothSystem, TanhRnn, TimeStepMap,
};
use serde::Deserialize;

use super::piecewise_linear::{LowRank, driven};
use super::source::Source;

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

pub fn read(source: &Source, family: Family, input: Option<&[f64]>) -> Result<Box<dyn SmoothSystem>> {
    Ok(match family {
        Family::TanhRnn => tanh_rnn(source, input)?,
        Family::Gru => Box::new(SmoothMap(gru(source, input)?)),
        Family::LowRankTanh => {
            let LowRank { a, v, u, b, h } = LowRank::read(source, input)?;
            Box::new(SmoothMap(Mlp::low_rank(a, v, u, b, h, Activation::Tanh)?))
        }
        Family::NeuralOde => stepped(source, mlp(source, input)?)?,
        Family::Polynomial if input.is_some() => bail!("need the input of a polynomial among its constant terms"),
        Family::Polynomial => stepped(source, polynomial(source)?)?,
    })
}

/// `"form": "rates"` (the default) or `"currents"`; `"alpha"`, or `"dt"` and `"tau"`, for leaky units; `"scheme": "flow"` for continuous time.
fn tanh_rnn(source: &Source, input: Option<&[f64]>) -> Result<Box<dyn SmoothSystem>> {
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
    if let Some(input) = input {
        add(driven(source, &["weight_ih", "W_in", "C"], input, dim, "units")?, "input")?;
    }
    let tau = source.optional_number(&["tau"])?;
    let is_flow = source.word("scheme") == Some("flow");
    let leak = match (source.optional_number(&["alpha"])?, source.optional_number(&["dt"])?, tau) {
        _ if is_flow => 1.0,
        (Some(alpha), _, _) => alpha,
        (None, Some(dt), Some(tau)) => dt / tau,
        (None, None, None) => 1.0,
        (None, Some(_), None) => bail!("need \"tau\" beside \"dt\""),
        (None, None, Some(_)) => bail!("need \"dt\" beside \"tau\""),
    };
    let currents = match source.word("form").unwrap_or("rates") {
        "rates" => false,
        "currents" => true,
        other => bail!("need the \"form\" rates or currents, found {other:?}"),
    };
    let time_constant = tau.unwrap_or(1.0);
    Ok(match (currents, is_flow) {
        (false, false) => Box::new(SmoothMap(TanhRnn::new(weights, bias, leak)?)),
        (true, false) => Box::new(SmoothMap(CurrentRnn::new(weights, bias, leak)?)),
        (false, true) => {
            let target = TanhRnn::new(weights, bias, leak)?;
            stepped(source, Relaxation { target, time_constant: not_zero("tau", time_constant)? })?
        }
        (true, true) => {
            let target = CurrentRnn::new(weights, bias, leak)?;
            stepped(source, Relaxation { target, time_constant: not_zero("tau", time_constant)? })?
        }
    })
}

fn gru(source: &Source, input: Option<&[f64]>) -> Result<Gru> {
    let weight_hh = source.matrix(&["weight_hh"])?;
    let rows = weight_hh.nrows();
    let weight_ih = source.optional_matrix(&["weight_ih"])?.unwrap_or_else(|| DMatrix::zeros(rows, 0));
    let bias =
        |name: &str| -> Result<Vec<f64>> { Ok(source.optional_vector(&[name])?.unwrap_or_else(|| vec![0.0; rows])) };
    let silence = vec![0.0; weight_ih.ncols()];
    let input = input.unwrap_or(&silence);
    if input.len() != weight_ih.ncols() {
        bail!("need an input of {} as \"weight_ih\" has columns, found {}", weight_ih.ncols(), input.len());
    }
    Ok(Gru::from_pytorch(&weight_ih, &weight_hh, &bias("bias_ih")?, &bias("bias_hh")?, input)?)
}

fn mlp(source: &Source, input: Option<&[f64]>) -> Result<Mlp> {
    let mut layers = Vec::new();
    for name in source.layers()? {
        let weights = source.matrix(&[&format!("{name}.weight")])?;
        let bias = source.optional_vector(&[&format!("{name}.bias")])?.unwrap_or_else(|| vec![0.0; weights.nrows()]);
        layers.push(Layer { weights, bias });
    }
    let activation = match source.word("activation").unwrap_or("tanh").to_lowercase().as_str() {
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        "relu" => Activation::Relu,
        other => bail!("need the \"activation\" tanh, sigmoid or relu, found {other:?}"),
    };
    let dim = layers[0].weights.ncols();
    if let Some(input) = input {
        let drive = driven(source, &["C"], input, dim, "dimensions")?;
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
    let terms: Vec<Vec<Term>> = serde_json::from_value(source.value("terms")?.clone())
        .context("need \"terms\" in JSON: for each component a list of [coefficient, [powers]]")?;
    let monomials = terms.into_iter().map(|component| {
        component.into_iter().map(|Term(coefficient, powers)| Monomial { coefficient, powers }).collect()
    });
    Ok(Polynomial::new(monomials.collect())?)
}

/// The map of a velocity, by `"scheme"`: `flow` (the default) follows it for `"time_step"`, `euler` takes one step of that length, `map` takes the
/// formula for the map itself.
///
/// A type that says in words how many steps make one unit of time ("neural ODE, …, 70 steps") means Euler steps.
fn stepped<F: Formula + 'static>(source: &Source, velocity: F) -> Result<Box<dyn SmoothSystem>> {
    let steps_in_words = source.word("type").and_then(steps_per_unit);
    let time_step = source.optional_number(&["time_step", "dt"])?.or(steps_in_words.map(|n| 1.0 / n));
    let scheme = source.word("scheme").unwrap_or(if steps_in_words.is_some() { "euler" } else { "flow" });
    if scheme == "map" {
        return Ok(Box::new(SmoothMap(velocity)));
    }
    let time_step = time_step.context("need the \"time_step\" of the map, in the unit of time of the flow")?;
    let time_step = not_zero("time_step", time_step)?;
    match scheme {
        "euler" => Ok(Box::new(SmoothMap(EulerStep { velocity, time_step }))),
        "flow" => {
            let plan = IntegrationPlan { relative_tolerance: 1e-9, absolute_tolerance: 1e-11, max_steps: 10_000 };
            Ok(Box::new(TimeStepMap { field: SmoothField(velocity), time_step, plan }))
        }
        other => bail!("need the \"scheme\" flow, euler or map, found {other:?}"),
    }
}

/// The number before the word "steps".
fn steps_per_unit(text: &str) -> Option<f64> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == "steps").and_then(|pair| pair[0].parse().ok()).filter(|&n: &f64| n > 0.0)
}

fn not_zero(name: &str, value: f64) -> Result<f64> {
    if value == 0.0 {
        bail!("need a {name:?} that is not zero")
    }
    Ok(value)
}
