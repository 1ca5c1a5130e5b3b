//! nullcline: from recordings of a cohort to an honest comparison of its dynamics.

pub mod compare;
pub mod report;
