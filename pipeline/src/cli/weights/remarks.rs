//! Keys of a weight file that cannot change the dynamics, and may therefore stand there without being used.

use serde_json::Value;

/// What a file says about itself.
const ABOUT: &[&str] = &[
    "author",
    "authors",
    "citation",
    "comment",
    "comments",
    "created",
    "dataset",
    "date",
    "description",
    "doi",
    "file",
    "format",
    "id",
    "info",
    "licence",
    "license",
    "meta",
    "metadata",
    "name",
    "note",
    "notes",
    "reference",
    "references",
    "remark",
    "remarks",
    "seed",
    "source",
    "subject",
    "task",
    "title",
    "url",
    "version",
];
/// What leads from the state to the observations.
const READOUTS: &[&str] = &["readout", "w_out"];
/// What somebody found before.
const FINDINGS: &[&str] =
    &["eigenvalues", "expected", "fixed_points", "fixed_points_found_here", "max_abs_eig", "n_stable"];

/// Which keys are remarks, as `portrait --help` tells it.
pub fn remarks() -> String {
    let [about, readouts, findings] = [ABOUT, READOUTS, FINDINGS].map(in_lines);
    format!(
        "{about};\n{readouts}, which do not act on the state; what was found before:\n{findings};\n\
         a text called dynamics; whatever begins with _; and everything below one of these"
    )
}

/// A list for a terminal of the usual width.
fn in_lines(names: &[&str]) -> String {
    names.chunks(10).map(|line| line.join(", ")).collect::<Vec<_>>().join(",\n")
}

/// Whether the entry `key`, with a dot between the levels, is or lies below a remark.
pub fn is_remark(key: &str, value: &Value) -> bool {
    let is_named = |part: &str| {
        let part = part.to_lowercase();
        part.starts_with('_') || [ABOUT, READOUTS, FINDINGS].iter().any(|names| names.contains(&part.as_str()))
    };
    // Weights may lie under this name, as those of a module may; a text is the equation that somebody wrote down.
    let is_equation = value.is_string() && key == "dynamics";
    is_equation || key.split('.').any(is_named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_cannot_act_is_a_remark() {
        let number = json!(0.5);
        for key in ["comment", "Comment", "metadata.alpha", "readout.weight", "decoder.readout.0.weight", "_alpha"] {
            assert!(is_remark(key, &number), "{key}");
        }
        for key in ["alpha", "b_h1", "cell.weight_hh_l1", "nonlinearity", "dynamics", "dynamics.W"] {
            assert!(!is_remark(key, &number), "{key}");
        }
        assert!(is_remark("dynamics", &json!("z' = tanh(W z)")));
    }
}
