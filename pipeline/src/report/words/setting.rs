//! How names from tables and formulas are set for reading.

/// `slowest_time_constant` as a person writes it.
pub fn feature_name(column: &str) -> String {
    column.replace('_', " ")
}

/// Escaped text in which `D_stsp` and `D_H` have their index below the line.
pub fn with_indices(escaped: &str) -> String {
    escaped.replace("D_stsp", "D<sub>stsp</sub>").replace("D_H", "D<sub>H</sub>")
}

/// The same inside an image.
pub fn with_indices_svg(escaped: &str) -> String {
    let below =
        |index: &str| format!("D<tspan class=\"index\" dy=\"3\">{index}</tspan><tspan dy=\"-3\">\u{200b}</tspan>");
    escaped.replace("D_stsp", &below("stsp")).replace("D_H", &below("H"))
}
