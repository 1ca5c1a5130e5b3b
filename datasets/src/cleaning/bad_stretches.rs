//! Stretches of a recording that somebody marked bad.

use std::collections::BTreeMap;

use super::chain::Chain;
use super::context::CleaningContext;
use crate::bids::events::Event;
use crate::recording::{Annotation, remarks};

/// What annotations and the events table say of the recording itself.
pub(super) struct BadStretches {
    /// Where nothing was recorded: what stands there is filling, and no filter may see it.
    skipped: Vec<Event>,
    /// Recorded, and not to be used.
    bad: Vec<Event>,
}

impl BadStretches {
    pub fn of(annotations: &[Annotation], context: &CleaningContext) -> Self {
        let of_file = annotations.iter().filter(|annotation| remarks::is_bad(&annotation.text)).map(Event::of);
        let of_table = context.bad_stretches.iter().filter(|event| !remarks::is_join(&event.kind)).cloned();
        let all = of_file.chain(of_table).filter(|event| event.duration_secs > 0.0);
        let (skipped, bad) = all.partition(|event| remarks::is_skip(&event.kind));
        Self { skipped, bad }
    }

    /// Before the filters.
    pub fn mask_skipped(&self, chain: &mut Chain) {
        mask(&self.skipped, chain, "not recorded");
    }

    /// After the filters, as a filter that stops at each of them would have little left to go by; before anything that judges
    /// channels or seconds by what they hold.
    pub fn mask_bad(&self, is_kept: bool, chain: &mut Chain) {
        match is_kept && !self.bad.is_empty() {
            true => chain.steps.push(format!("Kept although marked bad: {}", summary(&self.bad))),
            false => mask(&self.bad, chain, "marked bad"),
        }
    }
}

fn mask(stretches: &[Event], chain: &mut Chain, why: &str) {
    let mut is_masked = vec![false; chain.runs.n_times()];
    for event in stretches {
        let during = [event.onset_secs, event.onset_secs + event.duration_secs];
        chain.runs.between(during, chain.rate).into_iter().for_each(|range| is_masked[range].fill(true));
    }
    let masked: Vec<usize> = (0..).zip(is_masked).filter_map(|(t, is_masked)| is_masked.then_some(t)).collect();
    if masked.is_empty() {
        return;
    }
    for x in &mut chain.data {
        masked.iter().for_each(|&t| x[t] = f64::NAN);
    }
    let secs = masked.len() as f64 / chain.rate.hz();
    chain.steps.push(format!("{secs:.3} s {why} are missing: {}", summary(stretches)));
}

/// `BAD_blink (2), BAD_muscle`
fn summary(stretches: &[Event]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in stretches {
        *counts.entry(&event.kind).or_default() += 1;
    }
    let kinds = counts.into_iter().map(|(kind, n)| if n == 1 { kind.to_owned() } else { format!("{kind} ({n})") });
    kinds.collect::<Vec<_>>().join(", ")
}
