//! From JSON or safetensors to named values.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use super::json::from_json;
use super::remarks::is_remark;

/// What stands in a `.json` or `.safetensors` file, by full names with a dot between the levels of nested objects;
/// without remarks.
pub fn entries(path: &Path) -> Result<BTreeMap<String, Value>> {
    let needed = || format!("need weights in {}", path.display());
    let bytes = std::fs::read(path).with_context(needed)?;
    let value = match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => {
            from_safetensors(&bytes).with_context(|| format!("need weights in safetensors in {}", path.display()))?
        }
        _ => from_json(&bytes).with_context(|| format!("need weights in JSON in {}", path.display()))?,
    };
    let Value::Object(fields) = value else {
        bail!("need an object with weights in JSON in {}", path.display());
    };
    let mut entries = BTreeMap::new();
    flatten("", fields, &mut entries).with_context(needed)?;
    entries.retain(|key, value| !is_remark(key, value));
    Ok(entries)
}

fn flatten(prefix: &str, fields: Map<String, Value>, entries: &mut BTreeMap<String, Value>) -> Result<()> {
    for (name, value) in fields {
        let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(fields) => flatten(&name, fields, entries)?,
            // Lists of objects are numbered, as layers are.
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                for (index, item) in items.into_iter().enumerate() {
                    if let Value::Object(fields) = item {
                        flatten(&format!("{name}.{index}"), fields, entries)?;
                    }
                }
            }
            other => put(entries, name, other)?,
        }
    }
    Ok(())
}

fn put(entries: &mut BTreeMap<String, Value>, name: String, value: Value) -> Result<()> {
    if entries.contains_key(&name) {
        bail!("need one {name:?}, found two");
    }
    entries.insert(name, value);
    Ok(())
}

/// The tensors of a file as nested lists, and the words of its header.
fn from_safetensors(bytes: &[u8]) -> Result<Value> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let mut entries = BTreeMap::new();
    for (name, text) in metadata.metadata().iter().flatten() {
        // Numbers stand in the header as text too.
        let number = text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
        entries.insert(name.clone(), number.unwrap_or_else(|| Value::String(text.clone())));
    }
    for (name, tensor) in SafeTensors::deserialize(bytes)?.iter() {
        let values: Vec<f64> = match tensor.dtype() {
            Dtype::F64 => tensor.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::F32 => {
                tensor.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            other => bail!("need numbers of 32 or 64 bits in {name:?}, found {other:?}"),
        };
        // JSON has no such numbers.
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            bail!("need finite numbers in {name:?}, found {} in place {} of {}", values[at], at + 1, values.len());
        }
        put(&mut entries, name.to_string(), nested(&values, tensor.shape()))?;
    }
    Ok(Value::Object(entries.into_iter().collect()))
}

fn nested(values: &[f64], shape: &[usize]) -> Value {
    match shape {
        [] => values.first().copied().map_or(Value::Null, Value::from),
        [_] => Value::Array(values.iter().map(|&x| Value::from(x)).collect()),
        [rows, rest @ ..] => {
            let size = rest.iter().product::<usize>();
            Value::Array((0..*rows).map(|row| nested(&values[row * size..(row + 1) * size], rest)).collect())
        }
    }
}
