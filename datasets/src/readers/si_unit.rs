//! Units as files write them, turned into SI units.

/// The SI unit and how much of it one of `written` is; `None` where `written` is no unit that is known here.
///
/// Takes any SI prefix from femto to mega, micro as `u`, `µ` or `μ`, and the spellings of the volt that EEG
/// software uses. Degrees, percent, bare letters that mean different things to different writers ("C", "G") and
/// whatever else stays unknown: the caller keeps it as written and says so.
pub(super) fn si_unit(written: &str) -> Option<(&'static str, f64)> {
    // What a micro sign in UTF-8 becomes where the rest of the text is Latin-1.
    let written = written.strip_prefix('Â').unwrap_or(written);
    // As EEG software writes it: names, and any case where nothing else is meant.
    let spelled = match written {
        "Volt" | "volt" | "Volts" | "volts" | "v" => Some(1.0),
        "millivolt" | "mv" => Some(1e-3),
        "microvolt" | "microvolts" | "microV" | "muV" | "uv" | "UV" | "µv" | "μv" => Some(1e-6),
        "nv" => Some(1e-9),
        _ => None,
    };
    if let Some(factor) = spelled {
        return Some(("V", factor));
    }
    const SYMBOLS: [(&str, &str); 12] = [
        ("V", "V"),
        ("A", "A"),
        ("S", "S"),
        ("T", "T"),
        ("T/m", "T/m"),
        ("Hz", "Hz"),
        ("s", "s"),
        ("m", "m"),
        ("N", "N"),
        ("Pa", "Pa"),
        ("Ω", "Ω"),
        ("Ohm", "Ω"),
    ];
    let per_centimetre = written.strip_suffix("/cm").map(|rest| format!("{rest}/m"));
    let (written, factor) = match &per_centimetre {
        Some(per_metre) => (per_metre.as_str(), 100.0),
        None => (written, 1.0),
    };
    SYMBOLS.iter().find_map(|&(symbol, si)| {
        let prefix = written.strip_suffix(symbol)?;
        Some((si, prefix_factor(prefix)? * factor))
    })
}

fn prefix_factor(prefix: &str) -> Option<f64> {
    Some(match prefix {
        "" => 1.0,
        "M" => 1e6,
        "k" => 1e3,
        "m" => 1e-3,
        "u" | "µ" | "μ" => 1e-6,
        "n" => 1e-9,
        "p" => 1e-12,
        "f" => 1e-15,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_spellings() {
        let check = |written: &str, unit: &str, factor: f64| {
            let (found, found_factor) = si_unit(written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(found, unit, "{written}");
            assert!((found_factor / factor - 1.0).abs() < 1e-12, "{written}: {found_factor}");
        };
        for written in ["uV", "µV", "μV", "ÂµV", "microV", "uv", "UV"] {
            check(written, "V", 1e-6);
        }
        check("mV", "V", 1e-3);
        check("V", "V", 1.0);
        check("µS", "S", 1e-6);
        check("fT", "T", 1e-15);
        check("fT/cm", "T/m", 1e-13);
        check("kOhm", "Ω", 1e3);
        check("ms", "s", 1e-3);
        for unknown in ["", "C", "degC", "%", "ARU", "BS", "mmHg", "bpm", "G", "l/min", "Boolean"] {
            assert_eq!(si_unit(unknown), None, "{unknown}");
        }
    }
}
