//! An error as one line for a person: what was attempted, then why it failed.

/// The chain of causes, each said once: many errors already name their cause in their own words.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !line.contains(&cause) {
            let separator = if line.is_empty() { "" } else { ": " };
            line = line + separator + &cause;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow!("no\n  space").context("need to write x: no space").context("the page of sub-01");
        assert_eq!(one_line(&error), "the page of sub-01: need to write x: no space");
        assert_eq!(one_line(&anyhow!("empty").context("read")), "read: empty");
    }
}
