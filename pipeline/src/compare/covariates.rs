//! What the group test is adjusted for, and who can take part in an adjusted test.

use super::cohort::{Cohort, at_rows, known_rows};
use super::design::Design;
use super::moments::is_constant;

/// The covariates that can be adjusted for. Invariant: complete in `rows`.
pub(super) struct Adjustment {
    pub names: Vec<String>,
    columns: Vec<Vec<f64>>,
    /// Subjects that have every covariate.
    pub rows: Vec<usize>,
}

impl Adjustment {
    /// Chooses among `wanted`, noting each covariate and each subject that cannot be used.
    ///
    /// A covariate that hardly anybody of one group has is given up rather than the group; else a
    /// subject that lacks one stays out of the adjusted test. A missing covariate is never guessed.
    pub(super) fn choose(cohort: &Cohort, wanted: &[String], notes: &mut Vec<String>) -> Self {
        let mut adjustment =
            Self { names: Vec::new(), columns: Vec::new(), rows: (0..cohort.subjects.len()).collect() };
        for name in wanted {
            let column = cohort.covariate(name);
            let known: Vec<usize> = known_rows(&column).collect();
            if let Some(shortage) = cohort.shortage(&known) {
                notes.push(format!("covariate {name}: {shortage} with a value; not adjusted for"));
            } else if is_constant(&at_rows(&column, &known)) {
                notes.push(format!("covariate {name} is the same for all subjects; not adjusted for"));
            } else {
                adjustment.names.push(name.clone());
                adjustment.columns.push(column);
            }
        }
        // First, so that nobody is left out for want of a covariate that cannot be used anyway.
        adjustment.keep_identifiable(cohort, notes);
        adjustment.leave_out_incomplete(cohort, notes);
        adjustment
    }

    /// The model over some of [`Adjustment::rows`]; a covariate that adds nothing among these is
    /// left out, with a note on behalf of `what`. `None` when no degree of freedom would be left.
    pub(super) fn design(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        what: &str,
        notes: &mut Vec<String>,
    ) -> Option<Design> {
        let covariates: Vec<Vec<f64>> = self.columns.iter().map(|column| at_rows(column, rows)).collect();
        let (design, unusable) = Design::new(&cohort.groups_of(rows), &covariates)?;
        notes.extend(unusable.iter().map(|&(position, reason)| {
            let (name, n) = (&self.names[position], rows.len());
            format!("{what}: among its {n} subjects the covariate {name} {reason}; not adjusted for")
        }));
        Some(design)
    }

    fn leave_out_incomplete(&mut self, cohort: &Cohort, notes: &mut Vec<String>) {
        for (row, subject) in cohort.subjects.iter().enumerate() {
            let lacks = |position: &usize| !self.columns[*position][row].is_finite();
            let lacking: Vec<&str> =
                (0..self.names.len()).filter(lacks).map(|position| self.names[position].as_str()).collect();
            if !lacking.is_empty() {
                self.rows.retain(|&kept| kept != row);
                notes.push(format!("{}: no {}; left out of the adjusted tests", subject.subject, lacking.join(", ")));
            }
        }
    }

    fn keep_identifiable(&mut self, cohort: &Cohort, notes: &mut Vec<String>) {
        let known = |row: &usize| self.columns.iter().all(|column| column[*row].is_finite());
        let rows: Vec<usize> = self.rows.iter().copied().filter(known).collect();
        let complete: Vec<Vec<f64>> = self.columns.iter().map(|column| at_rows(column, &rows)).collect();
        let Some((_, unusable)) = Design::new(&cohort.groups_of(&rows), &complete) else {
            return;
        };
        for &(position, reason) in unusable.iter().rev() {
            let name = self.names.remove(position);
            self.columns.remove(position);
            notes.push(format!("covariate {name} {reason}; not adjusted for"));
        }
    }
}
