//! Named arrays, numbers and words, and which of them were used.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use nalgebra::DMatrix;
use serde_json::Value;

use super::file::entries;
use crate::report::words::number::listed_up_to;

/// Keys that a message lists at most.
const MOST_KEYS: usize = 12;

/// Named arrays, numbers and words, whatever the file format.
///
/// Keeps account of what it is asked for: a key that nobody asked for may be a misspelt weight or a setting that is
/// not honoured, and a portrait without it would be that of another network.
pub struct Source {
    /// By their full names, with a dot between the levels of nested objects.
    entries: BTreeMap<String, Value>,
    /// Full names of the entries that were used.
    used: RefCell<BTreeSet<String>>,
    /// The names that were asked for, in that order.
    asked: RefCell<Vec<String>>,
}

impl Source {
    /// From `.json` or `.safetensors`.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { entries: entries(path)?, used: RefCell::default(), asked: RefCell::default() })
    }

    /// Fails where something was not used, and names it beside what a `family` would have used.
    pub fn check_all_used(&self, family: &str) -> Result<()> {
        let (used, asked) = (self.used.borrow(), self.asked.borrow());
        let unused: Vec<String> =
            self.entries.keys().filter(|key| !used.contains(*key)).map(|key| format!("{key:?}")).collect();
        if unused.is_empty() {
            return Ok(());
        }
        let known: Vec<String> = asked.iter().map(|name| format!("{name:?}")).collect();
        bail!(
            "need only what is understood of {family} ({}), found {}",
            known.join(", "),
            listed_up_to(MOST_KEYS, &unused)
        )
    }

    /// The text under `name` at the top level.
    pub fn word(&self, name: &str) -> Result<Option<&str>> {
        self.ask(&[name]);
        match self.entries.get_key_value(name) {
            None => Ok(None),
            Some((key, Value::String(text))) => {
                self.used.borrow_mut().insert(key.clone());
                Ok(Some(text))
            }
            Some((_, other)) => bail!("need a text in {name:?}, found {}", kind(other)),
        }
    }

    /// Whether there is one; asks for nothing.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| matches!(self.look_up(name), Ok(Some(_))))
    }

    /// Rows and columns of a matrix, if there is one under `name` that is one; asks for nothing.
    pub fn shape_of(&self, name: &str) -> Option<(usize, usize)> {
        let (key, value) = self.look_up(name).ok()??;
        Some(as_matrix(key, value).ok()?.shape())
    }

    /// The value under one of `names`; the first of them is the one asked for when there is none.
    pub fn vector(&self, names: &[&str]) -> Result<Vec<f64>> {
        self.optional_vector(names)?.with_context(|| self.lacks(names[0]))
    }

    pub fn optional_vector(&self, names: &[&str]) -> Result<Option<Vec<f64>>> {
        match self.find(names)? {
            None => Ok(None),
            Some((name, Value::Array(values))) => {
                values.iter().map(|x| as_number(name, x)).collect::<Result<_>>().map(Some)
            }
            Some((name, other)) => bail!("need a list of numbers in {name:?}, found {}", kind(other)),
        }
    }

    pub fn matrix(&self, names: &[&str]) -> Result<DMatrix<f64>> {
        Ok(self.optional_matrix(names)?.with_context(|| self.lacks(names[0]))?.1)
    }

    /// With the name under which it was found.
    pub fn optional_matrix(&self, names: &[&str]) -> Result<Option<(&str, DMatrix<f64>)>> {
        self.find(names)?.map(|(name, value)| Ok((name, as_matrix(name, value)?))).transpose()
    }

    pub fn optional_number(&self, names: &[&str]) -> Result<Option<f64>> {
        self.find(names)?.map(|(name, value)| as_number(name, value)).transpose()
    }

    /// A step, a time constant or a leak.
    pub fn optional_positive(&self, names: &[&str]) -> Result<Option<f64>> {
        match self.optional_number(names)? {
            Some(value) if value <= 0.0 => bail!("need a positive {:?}, found {value}", names[0]),
            value => Ok(value),
        }
    }

    /// A size that the file says beside its weights must be theirs, under whichever of `names` it stands.
    pub fn check_size(&self, names: &[&str], of_weights: usize) -> Result<()> {
        for &name in names {
            if let Some(said) = self.optional_number(&[name])?.filter(|&said| said != of_weights as f64) {
                bail!("need {name:?} of {of_weights}, as the weights have, found {said}");
            }
        }
        Ok(())
    }

    /// A list of numbers, or one number for all `n` of them.
    pub fn vector_or_number(&self, names: &[&str], n: usize) -> Result<Vec<f64>> {
        match self.find(names)? {
            Some((name, value @ Value::Number(_))) => Ok(vec![as_number(name, value)?; n]),
            _ => self.vector(names),
        }
    }

    /// The raw value under `name`.
    pub fn value(&self, name: &str) -> Result<&Value> {
        Ok(self.find(&[name])?.with_context(|| self.lacks(name))?.1)
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

    /// What was needed, and what stands there: perhaps the same under another name.
    fn lacks(&self, name: &str) -> String {
        let keys: Vec<String> = self.entries.keys().map(|key| format!("{key:?}")).collect();
        format!("need {name:?}, found only {}", listed_up_to(MOST_KEYS, &keys))
    }

    /// The first of `names` that there is, used from now on; with an alternative beside it, one of the two stays unused.
    fn find(&self, names: &[&str]) -> Result<Option<(&str, &Value)>> {
        self.ask(names);
        for name in names {
            if let Some((key, value)) = self.look_up(name)? {
                self.used.borrow_mut().insert(key.to_string());
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }

    fn ask(&self, names: &[&str]) {
        let mut asked = self.asked.borrow_mut();
        for name in names {
            if !asked.iter().any(|known| known == name) {
                asked.push((*name).to_string());
            }
        }
    }

    /// The entry of which the name is `name`, or ends in a dot and it (or it and `_l0`, as PyTorch calls a first layer).
    fn look_up(&self, name: &str) -> Result<Option<(&str, &Value)>> {
        if let Some((key, value)) = self.entries.get_key_value(name) {
            return Ok(Some((key, value)));
        }
        let is_it = |key: &str| {
            let last = key.strip_suffix("_l0").unwrap_or(key);
            last.rsplit_once('.').map_or(last, |(_, last)| last) == name
        };
        let mut found = self.entries.iter().filter(|(key, _)| is_it(key));
        let Some((key, value)) = found.next() else { return Ok(None) };
        match found.next() {
            None => Ok(Some((key, value))),
            Some((other, _)) => bail!("need one {name:?}, found {key:?} and {other:?}"),
        }
    }
}

fn as_matrix(name: &str, value: &Value) -> Result<DMatrix<f64>> {
    let Value::Array(rows) = value else {
        bail!("need a list of rows in {name:?}, found {}", kind(value));
    };
    let mut values = Vec::new();
    let mut n_columns = None;
    for (at, row) in (1..).zip(rows) {
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
    Ok(DMatrix::from_row_iterator(rows.len(), n_columns.unwrap_or(0), values))
}

fn as_number(name: &str, value: &Value) -> Result<f64> {
    match value.as_f64() {
        Some(x) if x.is_finite() => Ok(x),
        _ => bail!("need numbers in {name:?}, found {}", kind(value)),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_string(),
        Value::Object(_) => "an object".to_string(),
    }
}
