//! Numbers as a person writes them: few digits, a unit, a dash for what is absent.

/// What stands for a value that is absent or not a number.
pub const ABSENT: &str = "–";

/// Three significant digits; powers of ten beyond 10⁵ and below 10⁻³.
pub fn number(value: f64) -> String {
    significant(value, 3)
}

/// `digits` significant digits, without trailing zeros after the point being dropped.
pub fn significant(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return ABSENT.to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_string();
    }
    if value == 0.0 {
        return "0".to_string();
    }
    let (mantissa, exponent) = decimal(value, digits);
    if !(-3..5).contains(&exponent) {
        return typographic(&format!("{mantissa} × 10{}", superscript(exponent)));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    typographic(&format!("{value:.decimals$}"))
}

/// As [`number`], without zeros that say nothing: `0.05`, `50`.
pub fn trimmed(value: f64) -> String {
    let text = number(value);
    if !text.contains('.') || text.contains('×') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A fixed number of decimals: for columns whose numbers are compared by eye.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() || value.abs() >= 1e5 {
        return number(value);
    }
    let text = format!("{value:.decimals$}");
    let is_zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    typographic(if is_zero { text.trim_start_matches('-') } else { &text })
}

/// A probability: `< 0.001` rather than a row of zeros.
pub fn probability(value: f64) -> String {
    match value {
        p if p.is_nan() => ABSENT.to_string(),
        p if p < 0.001 => "< 0.001".to_string(),
        p if p < 0.0995 => fixed(p, 3),
        p => fixed(p, 2),
    }
}

/// A share between 0 and 1 as per cent; what is small but not nothing stays visible.
pub fn percent(share: f64) -> String {
    match 100.0 * share {
        x if !x.is_finite() => ABSENT.to_string(),
        x if x > 0.0 && x <= 0.5 => "< 1 %".to_string(),
        x if (99.5..100.0).contains(&x) => "> 99 %".to_string(),
        x => format!("{} %", fixed(x, 0)),
    }
}

/// A duration in the unit that keeps it short: ms, s, min or h.
pub fn duration(secs: f64) -> String {
    match secs.abs() {
        x if x.is_nan() => ABSENT.to_string(),
        x if x.is_infinite() => number(secs),
        x if x > 0.0 && x < 0.9995 => format!("{} ms", number(1e3 * secs)),
        x if x < 120.0 => format!("{} s", number(secs)),
        x if x < 7200.0 => format!("{} min", number(secs / 60.0)),
        _ => format!("{} h", number(secs / 3600.0)),
    }
}

/// A count with thousands set apart: `12 480`.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 subject`, `2 subjects`.
pub fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// `a, b and c`.
pub fn listed<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_string(),
        [init @ .., last] => {
            let init: Vec<&str> = init.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", init.join(", "), last.as_ref())
        }
    }
}

/// `a, b and 3 more`.
pub fn listed_up_to(most: usize, items: &[String]) -> String {
    if items.len() <= most {
        return listed(items);
    }
    let rest = format!("{} more", items.len() - most);
    let shown = items[..most].iter().cloned().chain([rest]);
    listed(&shown.collect::<Vec<_>>())
}

/// `10⁻¹²` without the 10.
pub fn superscript(exponent: i32) -> String {
    exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32(digit as u32 - '0' as u32 + '⁰' as u32).unwrap_or(digit),
        })
        .collect()
}

/// Mantissa and exponent after rounding, so that 9.999 becomes (`10.0` → `1.00`, 1).
fn decimal(value: f64, digits: usize) -> (String, i32) {
    let text = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_string(), exponent.parse().unwrap_or(0))
}

fn typographic(text: &str) -> String {
    text.replacen('-', "−", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let cases = [
            (0.0, "0"),
            (1.23456, "1.23"),
            (-0.012345, "−0.0123"),
            (9.999, "10.0"),
            (1234.5, "1234"),
            (99_999.0, "1.00 × 10⁵"),
            (1.5e-12, "1.50 × 10⁻¹²"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected, "{value:e}");
        }
    }

    #[test]
    fn trimming_takes_only_zeros_after_the_point() {
        let cases = [(0.05, "0.05"), (50.0, "50"), (100.0, "100"), (-2.5, "−2.5"), (0.0, "0")];
        for (value, expected) in cases {
            assert_eq!(trimmed(value), expected);
        }
    }

    #[test]
    fn fixed_never_shows_a_negative_zero() {
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(-0.01, 2), "−0.01");
    }

    #[test]
    fn probabilities_shares_and_durations_read_well() {
        assert_eq!(probability(0.0), "< 0.001");
        assert_eq!(probability(0.0123), "0.012");
        assert_eq!(probability(0.5), "0.50");
        assert_eq!(probability(0.0999), "0.10");
        assert_eq!(percent(0.001), "< 1 %");
        assert_eq!(percent(0.005), "< 1 %");
        assert_eq!(percent(0.999), "> 99 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(duration(0.0123), "12.3 ms");
        assert_eq!(duration(600.0), "10.0 min");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn lists_read_as_english() {
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed::<&str>(&[]), "");
    }
}
