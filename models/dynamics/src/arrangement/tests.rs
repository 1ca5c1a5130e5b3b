//! Cells of arrangements against textbook counts and against points thrown at random.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn count(dim: usize, planes: &[(&[f64], f64)]) -> usize {
    let planes: Vec<_> =
        planes.iter().map(|&(normal, offset)| Hyperplane { normal: normal.to_vec(), offset }).collect();
    let all = cells(dim, &planes, 1_000_000).unwrap();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "a cell appears twice");
    all.len()
}

/// Numbers that no two hyperplanes share, without a generator.
fn scattered(i: usize) -> f64 {
    ((1 + i) as f64).sin() * 43_758.545 % 1.0
}

fn scattered_planes(n: usize, dim: usize, offset: impl Fn(usize) -> f64) -> Vec<Hyperplane> {
    (0..n)
        .map(|k| Hyperplane {
            normal: (0..dim).map(|j| scattered(1 + j + k * k * dim + 7 * j * j * k)).collect(),
            offset: offset(k),
        })
        .collect()
}

#[test]
fn counts_are_the_ones_in_the_textbook() {
    assert_eq!(count(2, &[]), 1);
    assert_eq!(count(1, &[(&[1.0], 0.0), (&[2.0], 1.0), (&[-3.0], 1.0)]), 4);
    // Three lines through a point, three in a triangle, three in parallel, a line thrice.
    assert_eq!(count(2, &[(&[1.0, 0.0], 0.0), (&[0.0, 1.0], 0.0), (&[1.0, 1.0], 0.0)]), 6);
    assert_eq!(count(2, &[(&[1.0, 0.0], 0.0), (&[0.0, 1.0], 0.0), (&[1.0, 1.0], 1.0)]), 7);
    assert_eq!(count(2, &[(&[1.0, 0.0], 0.0), (&[1.0, 0.0], 1.0), (&[-2.0, 0.0], 1.0)]), 4);
    assert_eq!(count(2, &[(&[1.0, 0.0], 1.0), (&[-1.0, 0.0], -1.0), (&[2.0, 0.0], 2.0)]), 2);
    // The braid arrangement xᵢ = xⱼ in four dimensions: one cell per order, 4!.
    let mut braid = Vec::new();
    for i in 0..4 {
        for j in 0..i {
            let mut normal = vec![0.0; 4];
            (normal[i], normal[j]) = (1.0, -1.0);
            braid.push(Hyperplane { normal, offset: 0.0 });
        }
    }
    assert_eq!(cells(4, &braid, 1000).unwrap().len(), 24);
}

/// In general position `Σ C(n, i)`; through one point `2 Σ_{i < d} C(n − 1, i)`.
#[test]
fn general_and_central_arrangements_have_their_numbers_of_cells() {
    for (n, dim) in [(5, 2), (9, 3), (20, 3), (12, 4), (9, 6)] {
        let general = cells(dim, &scattered_planes(n, dim, |k| scattered(3 + 5 * k)), 1_000_000).unwrap();
        assert_eq!(general.len() as u128, cells_in_general_position(n, dim), "{n} in {dim}");
        let central = cells(dim, &scattered_planes(n, dim, |_| 0.0), 1_000_000).unwrap();
        assert_eq!(central.len() as u128, 2 * cells_in_general_position(n - 1, dim - 1), "{n} in {dim}");
    }
}

#[test]
fn too_many_cells_are_refused_beforehand() {
    assert!(cells(3, &scattered_planes(50, 3, scattered), 20_000).is_none());
    assert!(cells(40, &scattered_planes(200, 40, scattered), usize::MAX).is_none());
}

proptest! {
    /// Wherever a point falls, its cell is in the list: planes from few integers, in every special position.
    #[test]
    fn every_point_lies_in_a_listed_cell(
        rows in prop::collection::vec((-2..=2_i8, -2..=2_i8, -2..=2_i8, -1..=1_i8), 0..10),
        points in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64, -9.0..9.0_f64), 300),
    ) {
        let planes: Vec<Hyperplane> = rows
            .iter()
            .filter(|row| (row.0, row.1, row.2) != (0, 0, 0))
            .map(|row| Hyperplane {
                normal: vec![row.0.into(), row.1.into(), row.2.into()],
                offset: row.3.into(),
            })
            .collect();
        let listed: HashSet<_> = cells(3, &planes, 100_000).unwrap().into_iter().collect();
        for point in points {
            // Half of the points close in on the origin, where many planes meet.
            for scale in [1.0, 0.05] {
                let x = [point.0 * scale, point.1 * scale, point.2 * scale];
                let mut signs = ActivationPattern::inactive(planes.len());
                for (k, plane) in planes.iter().enumerate() {
                    signs.set(k, dot(&plane.normal, &x) + plane.offset > 0.0);
                }
                prop_assert!(listed.contains(&signs));
            }
        }
    }
}
