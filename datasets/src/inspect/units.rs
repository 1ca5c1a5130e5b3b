//! What a recording holds of sorted units.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Inspection, Outline};
use crate::recording::{Modality, SpikeTrains};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitsInspection {
    pub n: usize,
    pub n_spikes: Vec<usize>,
    /// `None` for a unit without spikes.
    pub first_spike_s: Vec<Option<f64>>,
    pub trials: usize,
    pub details: Vec<UnitDetails>,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitDetails {
    pub name: String,
    /// Over the time in which it was observed; null where that is none.
    pub rate_hz: f64,
    /// Spikes in equal parts of the session.
    #[serde(skip)]
    pub counts: Outline,
    pub properties: BTreeMap<String, String>,
}

impl Inspection {
    pub(super) fn of_spikes(format: &'static str, trains: &SpikeTrains) -> Self {
        let units = trains.units();
        let [start, stop] = trains.observed.span_secs().unwrap_or([0.0, 0.0]);
        let details = units.iter().map(|unit| {
            let spikes = trains.spikes_of(unit);
            let observed = trains.observed_of(unit);
            const PARTS: usize = 20;
            let edge = |part: usize| start + (stop - start) * part as f64 / PARTS as f64;
            let before = |secs: f64| spikes.partition_point(|&t| t < secs);
            let counts = (0..PARTS).map(|part| (before(edge(part + 1)) - before(edge(part))) as f64);
            UnitDetails {
                name: unit.name.clone(),
                rate_hz: trains.n_spikes_in(unit, &observed) as f64 / observed.total_secs(),
                counts: Outline::of_counts(&counts.collect::<Vec<_>>()),
                properties: unit.properties.clone(),
            }
        });
        Self {
            modality: Some(Modality::Spikes),
            warnings: trains.warnings.clone(),
            recorded: Some(trains.observed.clone()),
            units: Some(UnitsInspection {
                n: units.len(),
                n_spikes: units.iter().map(|unit| unit.n_spikes()).collect(),
                first_spike_s: units.iter().map(|unit| trains.spikes_of(unit).first().copied()).collect(),
                trials: trains.trials.len(),
                details: details.collect(),
            }),
            ..Self::nothing(format)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Support, Unit};

    /// Two of four spikes in the 2 s for which the unit was observed and the session valid.
    #[test]
    fn rates_are_over_what_was_observed() {
        let mut unit = Unit::named("a");
        unit.observed = Some(Support::new([[0.0, 1.0], [4.0, 6.0]]));
        let trains = SpikeTrains::new(vec![(unit, 4)], vec![0.5, 2.0, 4.5, 5.5], Some(Support::between(0.0, 5.0)));
        let units = Inspection::of_spikes("NWB", &trains).units.unwrap();
        assert_eq!((units.n_spikes[0], units.details[0].rate_hz), (4, 1.0));
    }
}
