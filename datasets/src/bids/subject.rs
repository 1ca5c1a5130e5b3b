//! Who was measured.

use std::fmt;
use std::str::FromStr;

/// A subject's label, without `sub-`. Invariant: one or more ASCII letters and digits.
///
/// `Display` gives `sub-X`, the spelling of folders and tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId {
    label: String,
}

impl SubjectId {
    /// Reads `X` or `sub-X`.
    pub fn parse(text: &str) -> Result<Self, NotASubject> {
        let label = text.strip_prefix("sub-").unwrap_or(text);
        if label.is_empty() || !label.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NotASubject { found: text.to_owned() });
        }
        Ok(Self { label: label.to_owned() })
    }

    /// The label without `sub-`.
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` so that tables can align it.
        f.pad(&format!("sub-{}", self.label))
    }
}

impl FromStr for SubjectId {
    type Err = NotASubject;

    fn from_str(text: &str) -> Result<Self, NotASubject> {
        Self::parse(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("need a subject label of letters and digits, such as sub-01, found {found:?}")]
pub struct NotASubject {
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_alphanumeric_with_or_without_prefix() {
        for text in ["sch004", "sub-sch004"] {
            assert_eq!(SubjectId::parse(text).unwrap().to_string(), "sub-sch004");
        }
        for text in ["", "sub-", "a b", "sub-a_b", "../x", "é"] {
            assert!(SubjectId::parse(text).is_err(), "{text:?}");
        }
    }
}
