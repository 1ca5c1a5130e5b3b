//! The pages a person reads: one self-contained HTML file per subject and one for the group.
//!
//! A page is values in ([`SubjectPage`], [`GroupPage`]) and text out. Figures are drawn here as SVG, so
//! that a page prints and reads without scripts; sentences that judge are written in `words`; the
//! templates only arrange. Equal pages give equal bytes.

mod figure;
mod group;
mod html;
mod page;
#[cfg(test)]
mod samples;
mod subject;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub use page::*;

/// One subject as an HTML file: what was read, whether the model reproduces it, what the model does.
pub fn render_subject(page: &SubjectPage) -> Result<String, ReportError> {
    subject::render(page)
}

/// The cohort as an HTML file: who was analysed, what differs between the groups, beside what.
pub fn render_group(page: &GroupPage) -> Result<String, ReportError> {
    group::render(page)
}

/// A page that could not be written. No value of a page causes this; a broken template does.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("need a template that renders, found a broken one: {0}")]
    Template(#[from] minijinja::Error),
    #[error("need values that JSON can carry for the figure: {0}")]
    FigureData(#[from] serde_json::Error),
}
