//! Which units can be used, and why the others cannot.

use std::collections::BTreeSet;

use super::context::CleaningContext;
use super::error::CleaningError;
use super::plan::{CleaningPlan, SpikesPlan};
use crate::recording::{SpikeTrains, Unit};

/// Columns in which sorters and curators call a cluster `noise`.
const LABELS: [&str; 4] = ["group", "quality", "KSLabel", "label"];

/// Name and reason.
type Exclusion = (String, String);

/// Units of the wanted quality that were observed for long enough and fire often enough, and `(name, reason)` of the
/// others. Rates are over the time in which the unit was observed.
///
/// Fails where the plan asks for a property that no unit has: a misspelt filter must not pass for one that held.
pub(super) fn usable_units<'t>(
    trains: &'t SpikeTrains,
    plan: &CleaningPlan,
    context: &CleaningContext,
) -> Result<(Vec<&'t Unit>, Vec<Exclusion>), CleaningError> {
    check_columns(trains, &plan.spikes, context)?;
    let (mut usable, mut excluded) = (Vec::new(), Vec::new());
    for unit in trains.units() {
        match unwanted(unit, &plan.spikes).or_else(|| rarely_seen(trains, unit, plan)) {
            None => usable.push(unit),
            Some(reason) => excluded.push((unit.name.clone(), reason)),
        }
    }
    Ok((usable, excluded))
}

fn check_columns(trains: &SpikeTrains, plan: &SpikesPlan, context: &CleaningContext) -> Result<(), CleaningError> {
    let known: BTreeSet<&String> = trains.units().iter().flat_map(|unit| unit.properties.keys()).collect();
    let wanted = plan.keep.keys().map(|column| ("spikes.keep", column));
    let wanted = wanted.chain(plan.at_least.keys().map(|column| ("spikes.at_least", column)));
    let mut wanted = wanted.chain(plan.at_most.keys().map(|column| ("spikes.at_most", column)));
    match wanted.find(|(_, column)| !known.contains(column)) {
        None => Ok(()),
        Some((setting, column)) => Err(CleaningError::NoColumn {
            setting,
            column: column.clone(),
            found: known.into_iter().cloned().collect::<Vec<_>>().join(", "),
            path: context.path.clone(),
        }),
    }
}

/// By its properties.
fn unwanted(unit: &Unit, plan: &SpikesPlan) -> Option<String> {
    let text = |column: &str| unit.properties.get(column).map(String::as_str);
    for (column, values) in &plan.keep {
        let found = text(column).unwrap_or("missing");
        if !values.iter().any(|value| value == found) {
            return Some(format!("{column} is {found}"));
        }
    }
    let asked_for = |column: &str| plan.keep.contains_key(column);
    if let Some(column) = LABELS.into_iter().find(|column| text(column) == Some("noise") && !asked_for(column)) {
        return Some(format!("{column} is noise"));
    }
    // The first that says it; what is no number satisfies no limit.
    let number = |column: &str| text(column).and_then(|text| text.parse::<f64>().ok());
    let below = plan
        .at_least
        .iter()
        .find(|&(column, &limit)| number(column).is_none_or(|value| value.is_nan() || value < limit));
    let above = plan
        .at_most
        .iter()
        .find(|&(column, &limit)| number(column).is_none_or(|value| value.is_nan() || value > limit));
    let of = |column: &String| text(column).unwrap_or("missing").to_owned();
    below
        .map(|(column, limit)| format!("{column} is {}, need at least {limit}", of(column)))
        .or_else(|| above.map(|(column, limit)| format!("{column} is {}, need at most {limit}", of(column))))
}

fn rarely_seen(trains: &SpikeTrains, unit: &Unit, plan: &CleaningPlan) -> Option<String> {
    let session_secs = trains.observed.total_secs();
    let observed = trains.observed_of(unit);
    let observed_secs = observed.total_secs();
    if session_secs - observed_secs > plan.max_missing * session_secs * (1.0 + 1e-9) {
        return Some(format!("observed for {observed_secs:.3} of {session_secs:.3} s"));
    }
    let rate_hz = trains.n_spikes_in(unit, &observed) as f64 / observed_secs;
    let min_rate_hz = plan.spikes.min_rate_hz;
    (rate_hz < min_rate_hz)
        .then(|| format!("fires at {rate_hz:.4} Hz over {observed_secs:.0} s, below {min_rate_hz} Hz"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Support;

    #[test]
    fn quality_is_a_filter() {
        let unit = |name: &str, properties: &[(&str, &str)]| {
            let mut unit = Unit::named(name);
            unit.properties = properties.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            (unit, 1)
        };
        let units = vec![
            unit("a", &[("quality", "good"), ("snr", "4.5")]),
            unit("b", &[("quality", "mua"), ("snr", "5")]),
            unit("c", &[("quality", "good"), ("snr", "2")]),
            unit("d", &[("quality", "noise"), ("snr", "9")]),
            unit("e", &[("quality", "good")]),
        ];
        let trains = SpikeTrains::new(units, vec![1.0; 5], Some(Support::between(0.0, 2.0)));
        let names = |plan: &CleaningPlan| {
            let (usable, excluded) = usable_units(&trains, plan, &CleaningContext::default()).unwrap();
            (usable.iter().map(|unit| unit.name.clone()).collect::<String>(), excluded)
        };
        let mut plan = CleaningPlan::default();
        assert_eq!(names(&plan).0, "abce");
        plan.spikes.keep.insert("quality".into(), vec!["good".into()]);
        plan.spikes.at_least.insert("snr".into(), 3.0);
        let (usable, excluded) = names(&plan);
        assert_eq!(usable, "a");
        let reasons: Vec<&str> = excluded.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["quality is mua", "snr is 2, need at least 3", "quality is noise", "snr is missing, need at least 3"]
        );
        plan.spikes.at_most.insert("isi".into(), 0.5);
        let message = usable_units(&trains, &plan, &CleaningContext::default()).unwrap_err().to_string();
        assert!(message.contains("need a column isi for spikes.at_most, found quality, snr"), "{message}");
    }
}
