//! Who belongs where, and where each subject's page lies.

use std::collections::BTreeMap;

use crate::report::GroupPage;
use crate::report::html::relative;

pub struct Cohort<'a> {
    /// Names of the groups; the first two have a colour.
    pub groups: Vec<&'a str>,
    links: BTreeMap<&'a str, String>,
}

impl<'a> Cohort<'a> {
    pub fn of(page: &'a GroupPage) -> Cohort<'a> {
        let mut groups: Vec<&str> = page
            .comparison
            .iter()
            .flat_map(|comparison| [comparison.control.as_str(), comparison.other.as_str()])
            .collect();
        let mut others: Vec<&str> =
            page.subjects.iter().map(|row| row.group.as_str()).filter(|group| !groups.contains(group)).collect();
        others.sort_unstable();
        others.dedup();
        groups.extend(others);
        let links = page
            .subjects
            .iter()
            .filter_map(|row| Some((row.subject.as_str(), relative(row.link.as_deref()?))))
            .collect();
        Cohort { groups, links }
    }

    /// The colour of a group: `control`, `other` or `neither`.
    pub fn class(&self, group: &str) -> &'static str {
        match self.groups.iter().position(|name| *name == group) {
            Some(0) => "control",
            Some(1) => "other",
            _ => "neither",
        }
    }

    pub fn link(&self, subject: &str) -> Option<String> {
        self.links.get(subject).cloned()
    }
}
