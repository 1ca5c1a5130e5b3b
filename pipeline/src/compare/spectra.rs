//! Subjects as points whose distances are those of their dynamics, whatever the latent coordinates.

use nalgebra::{Complex, DMatrix, SymmetricEigen};
use nullcline_dynamics::distance_between_spectra;

/// Axes that carry less than this share of the first are rounding.
const NEGLIGIBLE: f64 = 1e-9;

/// One column over the subjects for each principal coordinate, from the spectra of their refits.
///
/// All refits of all subjects are placed by classical scaling, so that their Euclidean distances are as nearly as possible
/// the distances between their spectra, `d² = Σₖ |λₖ − μₖ|² / r` over the cheapest pairing; a subject lies at the mean of its
/// refits. Directions in which the distances are not Euclidean are left out. Empty where all refits are alike.
/// Costs `O(N² r³ + N³)` for `N` refits with `r` multipliers.
///
/// Source: Gower (1966), Biometrika 53, 325–338, for the scaling; Redman et al. (2024), NeurIPS, for the distance.
pub(super) fn principal_coordinates(subjects: &[&[Vec<[f64; 2]>]]) -> Vec<Vec<f64>> {
    let complex = |spectrum: &Vec<[f64; 2]>| spectrum.iter().map(|&[re, im]| Complex::new(re, im)).collect();
    let refits: Vec<Vec<Complex<f64>>> = subjects.iter().flat_map(|spectra| spectra.iter().map(complex)).collect();
    let n = refits.len();
    if n == 0 {
        return Vec::new();
    }
    let mut squared = DMatrix::zeros(n, n);
    for i in 0..n {
        for j in 0..i {
            let distance = distance_between_spectra(&refits[i], &refits[j]);
            squared[(i, j)] = distance * distance;
            squared[(j, i)] = squared[(i, j)];
        }
    }
    let means = squared.row_mean();
    let mean = means.mean();
    let inner = DMatrix::from_fn(n, n, |i, j| -0.5 * (squared[(i, j)] - means[i] - means[j] + mean));
    let eigen = SymmetricEigen::new(inner);
    let largest = eigen.eigenvalues.iter().fold(0.0_f64, |most, &value| most.max(value));
    let mut axes: Vec<usize> = (0..n).filter(|&k| eigen.eigenvalues[k] > NEGLIGIBLE * largest).collect();
    axes.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    let place = |k: usize| {
        let mut at = 0;
        let means = subjects.iter().map(|spectra| {
            let own = eigen.eigenvectors.view((at, k), (spectra.len(), 1));
            at += spectra.len();
            own.mean() * eigen.eigenvalues[k].sqrt()
        });
        means.collect()
    };
    axes.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spectra of one multiplier: distances in the plane, which two coordinates hold exactly.
    #[test]
    fn distances_in_the_plane_are_kept() {
        let places = [[0.9, 0.1], [0.5, -0.4], [-0.2, 0.3], [0.7, 0.7]];
        let subjects: Vec<Vec<Vec<[f64; 2]>>> = places.iter().map(|&place| vec![vec![place]]).collect();
        let all: Vec<&[Vec<[f64; 2]>]> = subjects.iter().map(Vec::as_slice).collect();
        let columns = principal_coordinates(&all);
        assert_eq!(columns.len(), 2);
        for i in 0..4 {
            for j in 0..4 {
                let found = columns.iter().map(|column| (column[i] - column[j]).powi(2)).sum::<f64>().sqrt();
                let expected = (places[i][0] - places[j][0]).hypot(places[i][1] - places[j][1]);
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
        // A subject lies between its refits.
        let merged = vec![vec![places[0]], vec![places[1]]];
        let columns = principal_coordinates(&[merged.as_slice(), all[2], all[3]]);
        let middle = [0.7, -0.15];
        let found = columns.iter().map(|column| (column[0] - column[1]).powi(2)).sum::<f64>().sqrt();
        assert!((found - (middle[0] + 0.2_f64).hypot(middle[1] - 0.3)).abs() < 1e-12);
    }

    #[test]
    fn where_all_are_alike_there_is_no_axis() {
        let same = vec![vec![[0.5, 0.1]]; 2];
        assert!(principal_coordinates(&[same.as_slice(); 3]).is_empty());
        assert!(principal_coordinates(&[]).is_empty());
    }
}
