//! What was not measured, or cannot be told, is NaN: what is there beside it.

use nalgebra::DMatrix;

/// The values that are there.
pub(crate) fn seen<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<f64> {
    values.into_iter().copied().filter(|value| !value.is_nan()).collect()
}

/// Mean of the values that are there; 0 without any.
pub(crate) fn mean_of_seen<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let seen = seen(values);
    seen.iter().sum::<f64>() / seen.len().max(1) as f64
}

/// Whether nothing is missing.
pub(crate) fn is_whole<'a>(values: impl IntoIterator<Item = &'a f64>) -> bool {
    !values.into_iter().any(|value| value.is_nan())
}

/// Of `rows: [T, D]`, at which times nothing is missing.
pub(crate) fn whole_rows(rows: &DMatrix<f64>) -> Vec<bool> {
    rows.row_iter().map(is_whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_counts() {
        let rows = DMatrix::from_row_slice(3, 2, &[1.0, 4.0, f64::NAN, 5.0, 3.0, f64::NAN]);
        assert_eq!(seen(rows.column(0)), [1.0, 3.0]);
        assert_eq!(mean_of_seen(rows.column(1)), 4.5);
        assert_eq!(mean_of_seen(&[f64::NAN]), 0.0);
        assert_eq!(whole_rows(&rows), [true, false, false]);
        assert!(is_whole(&[f64::INFINITY]) && is_whole(&[]) && !is_whole(&[0.0, f64::NAN]));
    }
}
