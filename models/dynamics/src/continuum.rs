//! Points of rest that belong to one line, ring or sheet of fixed points.

use crate::geometry::distance;
use crate::map::Map;

/// Groups of indices into `points`, each connected through neighbours between which the map rests as well: an orbit
/// from half way between them comes to rest between them, and at neither of them.
///
/// Neighbours are those of the minimum spanning tree (Prim 1957), so that a continuum sampled by `n` orbits costs `n`
/// more orbits of `settling_steps` and `O(n² M)` for distances.
pub(crate) fn connected(map: &dyn Map, points: &[Vec<f64>], settling_steps: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of = vec![None; points.len()];
    // For every point that is not yet in the tree: the nearest one that is, and its distance.
    let mut link = vec![(0, f64::INFINITY); points.len()];
    let closest = |link: &[(usize, f64)], group_of: &[Option<usize>]| {
        let outside = (0..link.len()).filter(|&i| group_of[i].is_none());
        outside.min_by(|&a, &b| link[a].1.total_cmp(&link[b].1))
    };
    while let Some(added) = closest(&link, &group_of) {
        let (neighbour, gap) = link[added];
        let joined = group_of[neighbour]
            .filter(|_| gap == 0.0 || rests_between(map, &points[added], &points[neighbour], settling_steps));
        let group = joined.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(added);
        group_of[added] = Some(group);
        for (other, link) in link.iter_mut().enumerate() {
            let gap = distance(&points[added], &points[other]);
            if gap < link.1 {
                *link = (added, gap);
            }
        }
    }
    groups
}

fn rests_between(map: &dyn Map, a: &[f64], b: &[f64], settling_steps: usize) -> bool {
    let gap = distance(a, b);
    let middle: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / 2.0 + b / 2.0).collect();
    let settled = map.iterate(&middle, settling_steps);
    let mut next = vec![0.0; settled.len()];
    map.step(&settled, &mut next);
    let lies_between = |end: &[f64]| (0.1 * gap..=gap).contains(&distance(&settled, end));
    distance(&settled, &next) <= 1e-3 * gap && lies_between(a) && lies_between(b)
}
