//! What the pages say: numbers, terms and the sentences that judge.

pub mod findings;
pub mod glossary;
pub mod group;
pub mod number;
pub mod rivals;
pub mod setting;
pub mod subject;
