//! What an NWB file holds besides units: for whoever took it for one of spikes.

use super::error::ReadError;
use std::path::Path;

/// Where series lie. Stimuli and analyses are no recordings.
const PLACES: [&str; 2] = ["acquisition", "processing"];
/// A series lies below a module and a container at most, such as `processing/ecephys/LFP/ElectricalSeries`.
const DEEPEST: usize = 4;
const MOST_GROUPS: usize = 500;
const SHOWN: usize = 6;

/// That there are no units, and which series there are instead.
pub(super) fn no_units(file: &hdf5::File, path: &Path) -> ReadError {
    let mut walk = Walk { series: Vec::new(), n_groups: 0 };
    for place in PLACES {
        if let Ok(group) = file.group(place) {
            walk.visit(&group, place, 1);
        }
    }
    let found = match walk.series.len() {
        0 => "neither units nor series".to_owned(),
        n => {
            let more = if n > SHOWN { format!(" and {} more", n - SHOWN) } else { String::new() };
            format!("no units but {}{more}", walk.series[..n.min(SHOWN)].join(", "))
        }
    };
    ReadError::field("sorted spikes in /units", found, path)
}

struct Walk {
    series: Vec<String>,
    n_groups: usize,
}

impl Walk {
    fn visit(&mut self, group: &hdf5::Group, place: &str, depth: usize) {
        for name in group.member_names().unwrap_or_default() {
            let Ok(member) = group.group(&name) else { continue };
            self.n_groups += 1;
            if self.n_groups > MOST_GROUPS {
                return;
            }
            let place = format!("{place}/{name}");
            match described(&member) {
                Some(text) => self.series.push(format!("{place} ({text})")),
                None if depth < DEEPEST => self.visit(&member, &place, depth + 1),
                None => {}
            }
        }
    }
}

/// `300000 × 64 at 1000 Hz`; `None` where the group is no series.
fn described(group: &hdf5::Group) -> Option<String> {
    let dataset = |name: &str| if group.link_exists(name) { group.dataset(name).ok() } else { None };
    let (data, start) = (dataset("data"), dataset("starting_time"));
    if data.is_none() && start.is_none() && dataset("timestamps").is_none() {
        return None;
    }
    let shape = data.map(|data| data.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(" × "));
    let shape = shape.filter(|shape| !shape.is_empty()).unwrap_or_else(|| "no values".to_owned());
    let hz = start.and_then(|start| start.attr("rate").ok()?.read_scalar::<f64>().ok());
    Some(hz.map_or(shape.clone(), |hz| format!("{shape} at {hz} Hz")))
}
