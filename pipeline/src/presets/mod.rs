//! Named settings for `fit`: run files that come with the program, and nothing else.

use anyhow::{Context, Result, bail};

use crate::plan::RunPlan;

const PRESETS: [(&str, &str); 5] = [
    ("ecg", include_str!("ecg.toml")),
    ("lorenz63", include_str!("lorenz63.toml")),
    ("lorenz63-counts", include_str!("lorenz63-counts.toml")),
    ("eeg", include_str!("eeg.toml")),
    ("fmri", include_str!("fmri.toml")),
];

/// The settings called `name`.
pub fn preset(name: &str) -> Result<RunPlan> {
    match PRESETS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => RunPlan::parse(text).with_context(|| format!("preset {name:?}")),
        None => bail!("need one of the presets {}, found {name:?}", names().join(", ")),
    }
}

pub fn names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_run_file() {
        for name in names() {
            preset(name).unwrap();
        }
    }

    #[test]
    fn an_unknown_preset_is_told_which_there_are() {
        let message = preset("ekg").unwrap_err().to_string();
        assert!(message.contains("ecg, lorenz63") && message.contains("\"ekg\""), "{message}");
    }
}
