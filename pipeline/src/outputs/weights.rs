//! Learned weights and checkpoints, in safetensors with their plan in the header.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::safetensors::load_buffer;
use candle_core::{DType, Device, Tensor};
use nullcline_models::training::{Checkpoint, EpochRecord};
use nullcline_models::{ModelPlan, SequenceVae};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};

use super::atomic::write_whole;

/// What stands in the header of a model file beside the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WeightsFile {
    pub plan: ModelPlan,
    /// Samples per second of the series the model was fitted to; absent for a plain array.
    pub sampling_rate_hz: Option<f64>,
    pub input_names: Vec<String>,
    pub channel_names: Vec<String>,
}

const HEADER: &str = "nullcline";

pub fn write_model(path: &Path, header: &WeightsFile, model: &SequenceVae) -> Result<()> {
    write(path, header, &model.to_tensors()?)
}

/// Whether a safetensors file has the header of a model of ours.
pub fn is_ours(path: &Path) -> Result<bool> {
    let needed = || format!("need weights in {}", path.display());
    let bytes = std::fs::read(path).with_context(needed)?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).with_context(needed)?;
    Ok(metadata.metadata().as_ref().is_some_and(|fields| fields.contains_key(HEADER)))
}

pub fn read_model(path: &Path) -> Result<(WeightsFile, SequenceVae)> {
    let (header, tensors) = read::<WeightsFile>(path)?;
    let model = SequenceVae::from_tensors(&header.plan, &tensors)
        .with_context(|| format!("need the weights of a model in {}", path.display()))?;
    Ok((header, model))
}

#[derive(Serialize, Deserialize)]
struct CheckpointHeader {
    /// Fingerprint of what is being trained: a checkpoint of other settings is not continued.
    key: String,
    history: Vec<EpochRecord>,
    best_epoch: usize,
    best_score: Option<f64>,
    optimiser_step: usize,
    adaptive_alpha: f64,
    stale: usize,
    score_to_beat: Option<f64>,
}

pub fn write_checkpoint(path: &Path, key: &str, checkpoint: &Checkpoint) -> Result<()> {
    let header = CheckpointHeader {
        key: key.to_string(),
        history: checkpoint.history.clone(),
        best_epoch: checkpoint.best_epoch,
        best_score: Some(checkpoint.best_score).filter(|score| score.is_finite()),
        optimiser_step: checkpoint.optimiser_step,
        adaptive_alpha: checkpoint.adaptive_alpha,
        stale: checkpoint.stale,
        score_to_beat: Some(checkpoint.score_to_beat).filter(|score| score.is_finite()),
    };
    let mut tensors = BTreeMap::new();
    for (part, source) in [("current", &checkpoint.current), ("best", &checkpoint.best)] {
        tensors.extend(source.iter().map(|(name, tensor)| (format!("{part}/{name}"), tensor.clone())));
    }
    write(path, &header, &tensors)
}

/// The checkpoint at `path`, if there is one of the same `key`; a damaged one counts as none.
pub fn read_checkpoint(path: &Path, key: &str) -> Option<Checkpoint> {
    let (header, tensors) = read::<CheckpointHeader>(path).ok()?;
    if header.key != key {
        return None;
    }
    let part = |name: &str| {
        let prefix = format!("{name}/");
        tensors
            .iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_string(), tensor.clone())))
            .collect()
    };
    Some(Checkpoint {
        current: part("current"),
        best: part("best"),
        history: header.history,
        best_epoch: header.best_epoch,
        best_score: header.best_score.unwrap_or(f64::INFINITY),
        optimiser_step: header.optimiser_step,
        adaptive_alpha: header.adaptive_alpha,
        stale: header.stale,
        score_to_beat: header.score_to_beat.unwrap_or(f64::INFINITY),
    })
}

fn write(path: &Path, header: &impl Serialize, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let mut buffers = Vec::new();
    for (name, tensor) in tensors {
        let flat = tensor.flatten_all()?;
        let (dtype, bytes) = match tensor.dtype() {
            DType::F64 => {
                (Dtype::F64, flat.to_vec1::<f64>()?.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
            }
            _ => {
                let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
            }
        };
        buffers.push((name, dtype, tensor.dims().to_vec(), bytes));
    }
    let views: Vec<(&str, TensorView<'_>)> = buffers
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<_>>()?;
    let metadata = HashMap::from([(HEADER.to_string(), serde_json::to_string(header)?)]);
    let bytes = serialize(views, Some(metadata))?;
    write_whole(path, |temporary| Ok(std::fs::write(temporary, &bytes)?))
}

fn read<H: serde::de::DeserializeOwned>(path: &Path) -> Result<(H, BTreeMap<String, Tensor>)> {
    let needed = || format!("need weights written by nullcline in {}", path.display());
    let bytes = std::fs::read(path).with_context(needed)?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).with_context(needed)?;
    let header = metadata.metadata().as_ref().and_then(|fields| fields.get(HEADER)).with_context(needed)?;
    let header = serde_json::from_str(header).with_context(needed)?;
    let tensors = load_buffer(&bytes, &Device::Cpu).with_context(needed)?;
    Ok((header, tensors.into_iter().collect()))
}
