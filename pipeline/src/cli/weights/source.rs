//! Named arrays and words, from JSON or safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nalgebra::DMatrix;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

/// Named arrays and words, whatever the file format.
pub struct Source {
    /// By their full names, with a dot between the levels of nested objects.
    entries: BTreeMap<String, Value>,
}

impl Source {
    /// From `.json` or `.safetensors`.
    pub fn read(path: &Path) -> Result<Self> {
        let needed = || format!("need weights in {}", path.display());
        let bytes = std::fs::read(path).with_context(needed)?;
        let value = match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => from_safetensors(&bytes)
                .with_context(|| format!("need weights in safetensors in {}", path.display()))?,
            _ => {
                serde_json::from_slice(&bytes).with_context(|| format!("need weights in JSON in {}", path.display()))?
            }
        };
        let Value::Object(fields) = value else {
            bail!("need an object with weights in JSON in {}", path.display());
        };
        let mut entries = BTreeMap::new();
        flatten("", fields, &mut entries);
        Ok(Self { entries })
    }

    /// The text under `name` at the top level.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.entries.get(name)?.as_str()
    }

    pub fn has(&self, name: &str) -> bool {
        matches!(self.find(&[name]), Ok(Some(_)))
    }

    /// Rows and columns of a matrix, if there is one under `name` that is one.
    pub fn shape_of(&self, name: &str) -> Option<(usize, usize)> {
        Some(self.optional_matrix(&[name]).ok()??.shape())
    }

    /// The value under one of `names`; the first of them is the one asked for when there is none.
    pub fn vector(&self, names: &[&str]) -> Result<Vec<f64>> {
        self.optional_vector(names)?.with_context(|| format!("need {:?}", names[0]))
    }

    pub fn optional_vector(&self, names: &[&str]) -> Result<Option<Vec<f64>>> {
        let Some((name, value)) = self.find(names)? else { return Ok(None) };
        match value {
            Value::Array(values) => values.iter().map(|x| as_number(name, x)).collect::<Result<_>>().map(Some),
            other => bail!("need a list of numbers in {name:?}, found {}", kind(other)),
        }
    }

    pub fn matrix(&self, names: &[&str]) -> Result<DMatrix<f64>> {
        self.optional_matrix(names)?.with_context(|| format!("need {:?}", names[0]))
    }

    pub fn optional_matrix(&self, names: &[&str]) -> Result<Option<DMatrix<f64>>> {
        let Some((name, value)) = self.find(names)? else { return Ok(None) };
        let Value::Array(rows) = value else {
            bail!("need a list of rows in {name:?}, found {}", kind(value));
        };
        let mut values = Vec::new();
        let mut n_columns = None;
        for (at, row) in rows.iter().enumerate() {
            let Value::Array(row) = row else {
                bail!("need a list of rows in {name:?}, found {} in row {at}", kind(row));
            };
            let expected = *n_columns.get_or_insert(row.len());
            if row.len() != expected {
                bail!("need rows of {expected} in {name:?}, found {} in row {at}", row.len());
            }
            for x in row {
                values.push(as_number(name, x)?);
            }
        }
        Ok(Some(DMatrix::from_row_iterator(rows.len(), n_columns.unwrap_or(0), values)))
    }

    pub fn optional_number(&self, names: &[&str]) -> Result<Option<f64>> {
        match self.find(names)? {
            None => Ok(None),
            Some((name, value)) => as_number(name, value).map(Some),
        }
    }

    /// The raw value under `name`.
    pub fn value(&self, name: &str) -> Result<&Value> {
        Ok(self.find(&[name])?.with_context(|| format!("need {name:?}"))?.1)
    }

    /// Layers of a sequential network: the stem of `stem.0.weight`, `stem.2.weight`, … and the numbers, in order.
    pub fn layers(&self) -> Result<Vec<String>> {
        let mut stems: BTreeMap<&str, BTreeMap<usize, &str>> = BTreeMap::new();
        for name in self.entries.keys() {
            let Some(layer) = name.strip_suffix(".weight") else { continue };
            let (stem, number) = layer.rsplit_once('.').unwrap_or(("", layer));
            if let Ok(number) = number.parse() {
                stems.entry(stem).or_default().insert(number, layer);
            }
        }
        match stems.len() {
            0 => bail!(
                "need the layers of the network, as \"layers\": [{{\"weight\", \"bias\"}}] or named \"0.weight\", \"0.bias\", …"
            ),
            1 => Ok(stems.into_values().flat_map(BTreeMap::into_values).map(str::to_string).collect()),
            _ => bail!("need one network, found {}", stems.into_keys().collect::<Vec<_>>().join(" and ")),
        }
    }

    /// The entry of which the name is one of `names`, or ends in a dot and it (or it and `_l0`, as PyTorch calls a first layer).
    fn find(&self, names: &[&str]) -> Result<Option<(&str, &Value)>> {
        for name in names {
            if let Some((key, value)) = self.entries.get_key_value(*name) {
                return Ok(Some((key, value)));
            }
            let is_it = |key: &str| {
                let last = key.strip_suffix("_l0").unwrap_or(key);
                last.rsplit_once('.').map_or(last, |(_, last)| last) == *name
            };
            let mut found = self.entries.iter().filter(|(key, _)| is_it(key));
            if let Some((key, value)) = found.next() {
                if let Some((other, _)) = found.next() {
                    bail!("need one {name:?}, found {key:?} and {other:?}");
                }
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }
}

fn flatten(prefix: &str, fields: Map<String, Value>, entries: &mut BTreeMap<String, Value>) {
    for (name, value) in fields {
        let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(fields) => flatten(&name, fields, entries),
            // Lists of objects are numbered, as layers are.
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                for (index, item) in items.into_iter().enumerate() {
                    if let Value::Object(fields) = item {
                        flatten(&format!("{name}.{index}"), fields, entries);
                    }
                }
            }
            other => {
                entries.insert(name, other);
            }
        }
    }
}

fn as_number(name: &str, value: &Value) -> Result<f64> {
    match value.as_f64() {
        Some(x) if x.is_finite() => Ok(x),
        _ => bail!("need numbers in JSON in {name:?}, found {}", kind(value)),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null (not a number)".to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_string(),
        Value::Object(_) => "an object".to_string(),
    }
}

/// The tensors of a file as nested lists, and the words of its header.
fn from_safetensors(bytes: &[u8]) -> Result<Value> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let mut fields = Map::new();
    for (name, text) in metadata.metadata().iter().flatten() {
        // Numbers stand in the header as text too.
        let number = text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
        fields.insert(name.clone(), number.unwrap_or_else(|| Value::String(text.clone())));
    }
    for (name, tensor) in SafeTensors::deserialize(bytes)?.iter() {
        let values: Vec<f64> = match tensor.dtype() {
            Dtype::F64 => tensor.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::F32 => {
                tensor.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            other => bail!("need numbers of 32 or 64 bits in {name:?}, found {other:?}"),
        };
        fields.insert(name.to_string(), nested(&values, tensor.shape()));
    }
    Ok(Value::Object(fields))
}

fn nested(values: &[f64], shape: &[usize]) -> Value {
    match shape {
        // What is not finite becomes null, and is refused where it is read.
        [] => values.first().copied().and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number),
        [_] => Value::Array(values.iter().map(|&x| nested(&[x], &[])).collect()),
        [rows, rest @ ..] => {
            let size = rest.iter().product::<usize>();
            Value::Array((0..*rows).map(|row| nested(&values[row * size..(row + 1) * size], rest)).collect())
        }
    }
}
