//! What training keeps, to choose from and to go on from.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::TrainPlan;
use super::optimiser::Optimiser;
use crate::vae::{ModelError, ModelPlan, SequenceVae};

/// One epoch's line in the training curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1: how many epochs are done.
    pub epoch: usize,
    /// Mean loss over the epoch's batches, nats per step: the terms below, as in [`ElboTerms`](crate::ElboTerms), and
    /// penalties.
    pub loss: f64,
    pub prediction: f64,
    pub reconstruction: Option<f64>,
    pub consistency: Option<f64>,
    pub entropy: Option<f64>,
    /// Strength of forcing, from 0 (free) to 1.
    pub alpha: f64,
    pub learning_rate: f64,
    /// Lower is better; present where the model was validated.
    pub validation: Option<f64>,
}

/// Everything training needs to go on as if it had never stopped.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub history: Vec<EpochRecord>,
    /// The model as it is now, with the optimiser's moments under `optimiser.*`.
    pub current: BTreeMap<String, Tensor>,
    /// The model with the best validation score so far.
    pub best: BTreeMap<String, Tensor>,
    pub best_epoch: usize,
    pub best_score: f64,
    pub optimiser_step: usize,
    /// Strength of adaptive forcing.
    pub adaptive_alpha: f64,
    /// Validations since one was better than `score_to_beat` by enough to be noticed, which then became it.
    pub stale: usize,
    pub score_to_beat: f64,
}

impl Checkpoint {
    pub(super) fn restore(&self, plan: &ModelPlan, train: &TrainPlan) -> Result<(SequenceVae, Optimiser), ModelError> {
        let model = SequenceVae::from_tensors(plan, &self.current)?;
        let variables = model.variables();
        let mut moments = Vec::with_capacity(variables.len());
        for (index, var) in variables.iter().enumerate() {
            moments.push([self.moment(index, 1, var)?, self.moment(index, 2, var)?]);
        }
        let TrainPlan { optimiser: kind, weight_decay, .. } = *train;
        Ok((model, Optimiser { kind, weight_decay, step: self.optimiser_step, moments }))
    }

    fn moment(&self, index: usize, order: usize, var: &Var) -> Result<Vec<f32>, ModelError> {
        let name = moment_name(index, order);
        let needed = vec![var.elem_count()];
        match self.current.get(&name) {
            Some(tensor) if tensor.dims() == needed => Ok(tensor.to_vec1::<f32>()?),
            other => {
                let found = other.map_or("nothing".into(), |tensor| format!("{:?}", tensor.dims()));
                Err(ModelError::Weights { name, needed, found })
            }
        }
    }
}

pub(super) fn with_moments(
    mut tensors: BTreeMap<String, Tensor>,
    optimiser: &Optimiser,
) -> Result<BTreeMap<String, Tensor>, ModelError> {
    for (index, moments) in optimiser.moments.iter().enumerate() {
        for (order, values) in (1..).zip(moments) {
            let tensor = Tensor::from_vec(values.clone(), values.len(), &Device::Cpu)?;
            tensors.insert(moment_name(index, order), tensor);
        }
    }
    Ok(tensors)
}

fn moment_name(index: usize, order: usize) -> String {
    format!("optimiser.{index:02}.moment{order}")
}
