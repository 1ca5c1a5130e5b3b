//! Features of a map's dynamics that survive a change of latent coordinates: numbers, kinds, multipliers,
//! periods, exponents, shares. Only these are compared between subjects.

use std::collections::BTreeMap;

use nullcline_dynamics::{
    AttractorKind, Map, Portrait, Stability, frequency_per_step, multipliers, time_constant_steps,
};

use crate::outputs::PortraitJson;

/// (name, unit, what it is)
pub const FEATURES: &[(&str, &str, &str)] = &[
    ("attractors", "count", "Attractors reached from states encoded from the recording."),
    ("basin_entropy", "bits", "How evenly the starts are shared between attractors; 0 when one takes all."),
    ("chaotic_share", "share of starts", "Starts whose orbit becomes chaotic."),
    ("cycle_share", "share of starts", "Starts whose orbit becomes periodic."),
    ("fixed_point_share", "share of starts", "Starts whose orbit comes to rest at a stable fixed point."),
    ("fixed_points", "count", "Fixed points of the map, stable or not."),
    (
        "frequency",
        "Hz",
        "Dominant rotation: 1 / period of the largest basin's cycle or closed curve, or the frequency of its fixed point's slowest rotating multiplier.",
    ),
    (
        "kaplan_yorke_dimension",
        "dimensions",
        "Fractal dimension of the attractor with the largest basin, from its Lyapunov exponents.",
    ),
    (
        "largest_lyapunov",
        "nats/s",
        "Largest Lyapunov exponent, averaged over attractors by basin share; positive means sensitive to small differences.",
    ),
    (
        "local_spectral_radius",
        "",
        "Largest multiplier of the Jacobian, averaged along the recording; above 1 means locally expanding.",
    ),
    ("saddle_fixed_points", "count", "Fixed points with both contracting and expanding directions."),
    ("slowest_time_constant", "log10 s", "Slowest decay towards an attracting fixed point."),
    ("stable_fixed_points", "count", "Fixed points that attract."),
];

/// (name, unit, what it is) of the rivals that `datasets` computes from the signal itself.
pub const SIMPLE_STATISTICS: &[(&str, &str, &str)] = &[
    ("delta_power", "share", "Share of the power in 1–4 Hz, mean over channels."),
    ("theta_power", "share", "Share of the power in 4–8 Hz, mean over channels."),
    ("alpha_power", "share", "Share of the power in 8–13 Hz, mean over channels."),
    ("beta_power", "share", "Share of the power in 13–30 Hz, mean over channels."),
    ("spectral_entropy", "0 to 1", "How evenly the power is spread over frequencies, mean over channels."),
    ("log_sd", "ln of the unit", "Logarithm of the signal's standard deviation, mean over channels."),
    ("mean_abs_correlation", "", "Absolute correlation between channels, mean over pairs."),
    ("mean_correlation", "", "Correlation between channels (spikes: of counts in about 1 s), mean over pairs."),
    ("lag1_autocorrelation", "", "Correlation of a channel with itself one sample later, mean over channels."),
    ("global_sd", "of the standardised signal", "Standard deviation of the mean over all channels."),
    ("mean_rate_hz", "Hz", "Firing rate, mean over units."),
    ("population_cv", "", "Coefficient of variation of the summed activity of all units."),
    ("fano_factor", "", "Variance of the counts over their mean, mean over units."),
];

/// Features of one refit. A feature that is undefined for this map (a time constant without a stable
/// fixed point) is absent. `encoded` are states along the recording.
pub fn dynamics_features(
    portrait: &Portrait,
    map: &dyn Map,
    encoded: &[Vec<f64>],
    sampling_rate_hz: f64,
) -> BTreeMap<String, f64> {
    let mut features = BTreeMap::new();
    let mut set = |name: &str, value: f64| {
        debug_assert!(FEATURES.iter().any(|(known, _, _)| *known == name), "{name}");
        if value.is_finite() {
            features.insert(name.to_string(), value);
        }
    };
    let points = &portrait.fixed_points.found;
    let attractors = &portrait.attractors.attractors;
    let count = |wanted: fn(&Stability) -> bool| points.iter().filter(|p| wanted(&p.stability)).count() as f64;
    set("fixed_points", points.len() as f64);
    set("stable_fixed_points", count(|s| matches!(s, Stability::Stable)));
    set("saddle_fixed_points", count(|s| matches!(s, Stability::Saddle { .. })));
    set("attractors", attractors.len() as f64);
    let share_of = |wanted: fn(&AttractorKind) -> bool| -> f64 {
        // Not `sum`, which is −0 for nothing.
        attractors.iter().filter(|a| wanted(&a.kind)).fold(0.0, |sum, a| sum + a.basin.share())
    };
    set("fixed_point_share", share_of(|kind| matches!(kind, AttractorKind::FixedPoint)));
    set("cycle_share", share_of(|kind| matches!(kind, AttractorKind::Cycle { .. } | AttractorKind::LimitCycle)));
    set("chaotic_share", share_of(|kind| matches!(kind, AttractorKind::Chaotic)));
    let settled: f64 = attractors.iter().map(|a| a.basin.share()).sum();
    if settled > 0.0 {
        let shares = attractors.iter().map(|a| a.basin.share() / settled).filter(|&p| p > 0.0);
        set("basin_entropy", shares.map(|p| -p * p.log2()).sum::<f64>().max(0.0));
        let exponents = attractors.iter().filter_map(|a| Some((a.basin.share(), *a.lyapunov.first()?)));
        let weighted: f64 = exponents.map(|(share, exponent)| share * exponent).sum();
        set("largest_lyapunov", weighted / settled * sampling_rate_hz);
    }
    if let Some(largest) = attractors.first() {
        if let Some(dimension) = largest.kaplan_yorke {
            set("kaplan_yorke_dimension", dimension.value);
        }
        set("frequency", dominant_frequency(largest, map) * sampling_rate_hz);
    }
    let slowest = points
        .iter()
        .filter(|point| point.stability == Stability::Stable)
        .filter_map(|point| time_constant_steps(*point.multipliers.first()?))
        .fold(f64::NAN, f64::max);
    set("slowest_time_constant", (slowest / sampling_rate_hz).log10());
    let radii: Vec<f64> =
        encoded.iter().filter_map(|z| multipliers(&map.jacobian(z)).ok()?.first().map(|m| m.norm())).collect();
    set("local_spectral_radius", radii.iter().sum::<f64>() / radii.len() as f64);
    features
}

/// Rotations per step of an attractor; NaN where it has none to name.
fn dominant_frequency(attractor: &nullcline_dynamics::Attractor, map: &dyn Map) -> f64 {
    match attractor.kind {
        AttractorKind::Cycle { .. } | AttractorKind::LimitCycle | AttractorKind::Quasiperiodic => {
            attractor.period_steps.map_or(f64::NAN, |steps| 1.0 / steps)
        }
        AttractorKind::FixedPoint => multipliers(&map.jacobian(&attractor.center))
            .ok()
            .and_then(|found| found.iter().map(|&m| frequency_per_step(m)).find(|&f| f > 0.0))
            .unwrap_or(f64::NAN),
        AttractorKind::Chaotic => f64::NAN,
    }
}

/// `2 attractors: fixed point (62 %), cycle of 14 steps (38 %)`.
pub fn describe_attractors(portrait: &PortraitJson) -> String {
    let each: Vec<String> = portrait
        .attractors
        .iter()
        .map(|attractor| {
            let kind = match (attractor.kind.as_str(), attractor.period) {
                ("cycle", Some(period)) => format!("cycle of {period} steps"),
                _ if attractor.continuum => "continuum of fixed points".to_string(),
                (kind, _) => kind.to_string(),
            };
            format!("{kind} ({:.0} %)", 100.0 * attractor.basin_fraction)
        })
        .collect();
    match each.as_slice() {
        [] => "no attractor was reached".to_string(),
        [one] => format!("1 attractor: {one}"),
        many if many.len() > 4 => format!("{} attractors: {}, …", many.len(), many[..4].join(", ")),
        many => format!("{} attractors: {}", many.len(), many.join(", ")),
    }
}
