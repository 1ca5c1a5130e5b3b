//! How the lists of fixed points and cycles are to be taken: what was looked at, and what may be missing.
//!
//! "Proven" is said of interval arithmetic alone, which rounds outwards. What was enumerated in floating-point numbers is
//! complete up to rounding.

use crate::outputs::{EffortJson, PortraitJson, UnseenJson};
use crate::report::words::number::{count, counted};

pub fn of_fixed_points(found: &PortraitJson) -> String {
    let n = found.fixed_points.len();
    let points = counted(n, "fixed point");
    let proven = found.effort.method == "interval arithmetic";
    let list = match (n, found.fixed_points_complete) {
        (0, true) if proven => "no fixed point exists, which is proven".to_string(),
        (0, true) => "no fixed point; the search was complete up to rounding".to_string(),
        (1, true) if proven => format!("{points}, proven to be the only one"),
        (_, true) if proven => format!("{points}, proven to be all"),
        (_, true) => format!("{points}; the list is complete up to rounding"),
        (0, false) if !found.continua.is_empty() => "no isolated fixed point was found; one may exist".to_string(),
        (0, false) => "no fixed point was found; one may exist".to_string(),
        (_, false) => {
            let missing =
                at_least_missing(found.fixed_points_unseen).unwrap_or_else(|| "there may be more".to_string());
            format!("{points} found{}; {missing}", proven_to_exist(found))
        }
    };
    format!("{list} ({})", effort(&found.effort))
}

/// How many of the points that Newton's method ended at interval arithmetic confirms, one by one.
fn proven_to_exist(found: &PortraitJson) -> String {
    let n = found.fixed_points.len();
    match found.fixed_points.iter().filter(|point| point.certified).count() {
        0 => String::new(),
        1 if n == 1 => ", proven to exist".to_string(),
        certified if certified == n => ", all proven to exist".to_string(),
        certified => format!(", {} of them proven to exist", count(certified)),
    }
}

fn effort(effort: &EffortJson) -> String {
    let boxes = || format!("{} {}", count(effort.boxes), if effort.boxes == 1 { "box" } else { "boxes" });
    let regions = || counted(effort.regions_visited, "linear region");
    match effort.method.as_str() {
        "branch and bound" => format!("{}, {} solved", boxes(), regions()),
        "enumeration" => format!("all patterns of the units tried, {} solved", regions()),
        "interval arithmetic" => format!("{} with interval arithmetic", boxes()),
        "Newton" => {
            let newton = format!("Newton's method from {}", counted(effort.newton_starts, "start"));
            match (effort.boxes, effort.undecided_boxes) {
                (0, _) => newton,
                (_, 0) => format!("{newton}; {} with interval arithmetic", boxes()),
                (_, undecided) => {
                    format!("{newton}; {} with interval arithmetic, {} undecided", boxes(), count(undecided))
                }
            }
        }
        _ => format!("searched: {}, {}", regions(), counted(effort.linear_solves, "linear system")),
    }
}

pub fn of_cycles(found: &PortraitJson) -> String {
    let cycles = match found.cycles.len() {
        0 if !found.cycle_families.is_empty() => "no isolated cycle".to_string(),
        0 => "no cycle".to_string(),
        n => counted(n, "cycle"),
    };
    if matches!(found.effort.method.as_str(), "interval arithmetic" | "Newton") {
        return format!("{cycles} reached from the starts; unstable cycles were not looked for");
    }
    // Cycles begin with period 2.
    let complete = Some(found.cycles_complete_up_to).filter(|&period| period > 1);
    let all = |period: usize| format!("up to period {period} the list is complete up to rounding");
    match (complete, found.cycles_unseen) {
        (Some(period), None) => format!("{cycles}; {}", all(period)),
        (Some(period), Some(unseen)) => {
            let missing = missing_cycles(found, unseen);
            format!("{cycles} found; {}; longer ones were searched in {missing}", all(period))
        }
        (None, Some(unseen)) => format!("{cycles} found; searched in {}", missing_cycles(found, unseen)),
        (None, None) => format!("{cycles} found; there may be more"),
    }
}

/// The effort of the search, and what follows from how often it met what it found: never that there is nothing more.
fn missing_cycles(found: &PortraitJson, unseen: UnseenJson) -> String {
    let steps = counted(found.effort.cycle_steps, "step");
    let searched = found.cycles.iter().filter(|cycle| cycle.period > found.cycles_complete_up_to).count();
    match at_least_missing(Some(unseen)) {
        Some(missing) => format!("{steps}; {missing}"),
        None if searched == 0 => format!("{steps}; that none was met does not exclude any"),
        None => format!("{steps}; there may be more"),
    }
}

/// Chao's bound where it is at least one; less says nothing.
fn at_least_missing(unseen: Option<UnseenJson>) -> Option<String> {
    let estimate = unseen?.estimate.round();
    (estimate >= 1.0).then(|| format!("at least {} not met", count(estimate as usize)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Of `n` fixed points and cycles of these periods.
    fn portrait(n: usize, periods: &[usize], changes: &Value) -> PortraitJson {
        let point = json!({
            "z": [0.5], "multipliers": [[0.5, 0.0]], "time_constants": [null], "turns": [null], "stability": "stable",
            "unstable_dims": 0, "residual": 0.0, "henrici_departure": null, "reactivity": null, "peak_amplification": null
        });
        let cycle = |period: &usize| json!({"period": period, "points": [[0.5]], "multipliers": [[0.5, 0.0]], "stability": "stable", "residual": 0.0});
        let mut whole = json!({
            "dim": 1, "sampling_rate_hz": null, "fixed_points": vec![point; n], "fixed_points_complete": true,
            "effort": {
                "method": "branch and bound", "regions_visited": 3, "boxes": 12, "linear_solves": 4,
                "degenerate_regions": 0, "cycle_polygons": 5, "cycle_steps": 100
            },
            "continua": [], "cycles": periods.iter().map(cycle).collect::<Vec<_>>(), "cycles_complete_up_to": 100,
            "cycles_unseen": null, "attractors": [], "diverged": 0.0, "undecided": 0.0, "n_starts": 0,
            "starts": {"drawn": "", "seed": null, "points": [], "ends": []}, "slice": null
        });
        for (name, value) in changes.as_object().unwrap() {
            match name.as_str() {
                "method" | "newton_starts" | "undecided_boxes" => whole["effort"][name] = value.clone(),
                _ => whole[name] = value.clone(),
            }
        }
        serde_json::from_value(whole).unwrap()
    }

    fn check_points(n: usize, changes: &Value, words: &str) {
        assert_eq!(of_fixed_points(&portrait(n, &[], changes)), words);
    }

    fn check_cycles(periods: &[usize], changes: &Value, words: &str) {
        assert_eq!(of_cycles(&portrait(1, periods, changes)), words);
    }

    fn unseen(estimate: f64) -> Value {
        json!({"estimate": estimate, "lower": 0.0, "upper": 9.0, "restarts": 20})
    }

    #[test]
    fn only_interval_arithmetic_proves() {
        let boxes = "(12 boxes, 3 linear regions solved)";
        check_points(2, &json!({}), &format!("2 fixed points; the list is complete up to rounding {boxes}"));
        check_points(0, &json!({}), &format!("no fixed point; the search was complete up to rounding {boxes}"));
        let intervals = json!({"method": "interval arithmetic"});
        check_points(2, &intervals, "2 fixed points, proven to be all (12 boxes with interval arithmetic)");
        check_points(0, &intervals, "no fixed point exists, which is proven (12 boxes with interval arithmetic)");
    }

    #[test]
    fn a_search_says_what_it_may_have_missed() {
        let searched = "(searched: 3 linear regions, 4 linear systems)";
        let search = |unseen: Value| json!({"method": "region search", "fixed_points_complete": false, "fixed_points_unseen": unseen});
        check_points(2, &search(unseen(0.2)), &format!("2 fixed points found; there may be more {searched}"));
        check_points(2, &search(unseen(3.1)), &format!("2 fixed points found; at least 3 not met {searched}"));
        let line = json!({"fixed_points_complete": false, "continua": [{"z": [0.0], "directions": [[1.0]]}]});
        check_points(0, &line, "no isolated fixed point was found; one may exist (12 boxes, 3 linear regions solved)");
        check_points(0, &search(unseen(0.0)), &format!("no fixed point was found; one may exist {searched}"));
        let newton =
            json!({"method": "Newton", "fixed_points_complete": false, "newton_starts": 700, "undecided_boxes": 2});
        let words = "1 fixed point found; there may be more \
                     (Newton's method from 700 starts; 12 boxes with interval arithmetic, 2 undecided)";
        check_points(1, &newton, words);
        let mut some = portrait(3, &[], &newton);
        some.fixed_points[1].certified = true;
        let begins = |found: &PortraitJson, words: &str| assert!(of_fixed_points(found).starts_with(words));
        begins(&some, "3 fixed points found, 1 of them proven to exist; there may be more");
        some.fixed_points.iter_mut().for_each(|point| point.certified = true);
        begins(&some, "3 fixed points found, all proven to exist; there may be more");
    }

    #[test]
    fn a_search_that_met_no_cycle_excludes_none() {
        check_cycles(&[2], &json!({}), "1 cycle; up to period 100 the list is complete up to rounding");
        let none = "no cycle found; searched in 100 steps; that none was met does not exclude any";
        for complete in [0, 1] {
            check_cycles(&[], &json!({"cycles_complete_up_to": complete, "cycles_unseen": unseen(0.0)}), none);
        }
        let some = json!({"cycles_complete_up_to": 6, "cycles_unseen": unseen(0.0)});
        let all = "up to period 6 the list is complete up to rounding; longer ones were searched in 100 steps";
        check_cycles(&[2], &some, &format!("1 cycle found; {all}; that none was met does not exclude any"));
        check_cycles(&[2, 9], &some, &format!("2 cycles found; {all}; there may be more"));
        let smooth = "1 cycle reached from the starts; unstable cycles were not looked for";
        check_cycles(&[2], &json!({"method": "Newton", "cycles_complete_up_to": 0}), smooth);
    }
}
