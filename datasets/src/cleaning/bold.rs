//! Cleaning of BOLD series: volumes that count as missing, then drift, confounds and stop band in one regression.

use super::chain::Chain;
use super::confounds::Nuisance;
use super::error::CleaningError;
use super::filter::Band;
use super::filter_design::check_edges;
use super::nuisance::{Design, regress_out};
use super::plan::BoldPlan;

/// Fewer degrees of freedom than this say little about a region, and the steps say so.
const FEW_DEGREES: usize = 20;

pub(super) fn clean(chain: &mut Chain, plan: &BoldPlan) -> Result<(), CleaningError> {
    let nothing = Nuisance::default();
    let nuisance = chain.context.nuisance.as_ref().unwrap_or(&nothing);
    let missing: Vec<usize> = (0..).zip(&nuisance.missing).filter(|&(_, &missing)| missing).map(|(t, _)| t).collect();
    for x in &mut chain.data {
        missing.iter().for_each(|&t| x[t] = f64::NAN);
    }
    if nuisance.n_dummy_scans > 0 {
        chain.steps.push(format!("{} dummy scans are missing", nuisance.n_dummy_scans));
    }
    if let (Some(most), true) = (plan.confounds.max_framewise_displacement_mm, chain.context.nuisance.is_some()) {
        chain
            .steps
            .push(format!("{} volumes after a movement of more than {most} mm are missing", nuisance.n_scrubbed));
    }
    let band = plan.band_hz.map(Band::between);
    if let Some(band) = band {
        let path = || chain.context.path.clone();
        check_edges(band, chain.rate).map_err(|source| CleaningError::Filter { source, path: path() })?;
    }
    let mut taken: Vec<String> = Vec::new();
    taken.extend(plan.detrend.then(|| "a straight line".to_owned()));
    taken.extend(plan.band_hz.map(|[low, high]| format!("frequencies outside {low}–{high} Hz")));
    taken.extend((!nuisance.names.is_empty()).then(|| format!("{} confounds", nuisance.names.len())));
    if taken.is_empty() {
        return Ok(());
    }
    let design = Design { regressors: &nuisance.regressors, line: plan.detrend, band };
    let freedom = regress_out(&mut chain.data, &chain.runs, chain.rate, design).map_err(|full| {
        let path = chain.context.path.clone();
        CleaningError::NoFreedom { n_volumes: full.n_samples, n_regressors: full.rank, path }
    })?;
    let left = freedom.n_samples - freedom.rank;
    let few = if left < FEW_DEGREES { " only" } else { "" };
    let taken = taken.join(", ");
    let of = freedom.n_samples;
    chain
        .steps
        .push(format!("Regressed from each region together: {taken}; {left} of {of} degrees of freedom{few} left"));
    if !nuisance.names.is_empty() {
        chain.steps.push(format!("Confounds: {}", nuisance.names.join(", ")));
    }
    Ok(())
}
