//! Promises of the pages as wholes.

use super::samples::{self, HOSTILE};
use super::{render_group, render_subject};

/// Every kind of page we know how to make difficult.
fn pages() -> Vec<(&'static str, String)> {
    let subject = |page| render_subject(&page).expect("subject page renders");
    let group = |page| render_group(&page).expect("group page renders");
    vec![
        ("subject", subject(samples::subject())),
        ("unread subject", subject(samples::unread_subject())),
        ("nasty subject", subject(samples::nasty_subject())),
        ("group", group(samples::group(32, 12, 1.4))),
        ("null group", group(samples::group(32, 12, 0.0))),
        ("uncompared group", group(samples::uncompared_group())),
        ("nasty group", group(samples::nasty_group())),
    ]
}

#[test]
fn hostile_names_stay_text() {
    for (name, html) in pages() {
        let scripts = html.matches("<script").count();
        let own = 4 + html.matches("<script type=\"application/json\" class=\"points\">").count();
        assert_eq!(scripts, own, "{name}: a script that is not ours");
        assert_eq!(html.matches("</script").count(), own, "{name}");
        assert!(!html.contains("<img"), "{name}: markup from data");
        assert!(!html.contains("\" onload="), "{name}: an attribute from data");
        assert!(!html.contains(HOSTILE), "{name}: an unescaped name");
        assert!(!html.contains("href=\"javascript:"), "{name}: a link that runs");
    }
}

/// The policy in the head forbids every request; nothing on the page asks for one either.
#[test]
fn nothing_is_fetched() {
    for (name, html) in pages() {
        assert!(html.contains("default-src 'none'"), "{name}");
        let outside: Vec<&str> = html
            .match_indices("http")
            .map(|(at, _)| &html[at..])
            .filter(|rest| !rest.starts_with("http-equiv") && !rest.starts_with("https://doi.org/10."))
            .map(|rest| rest.split(['"', '\'', '<', ' ']).next().unwrap_or(""))
            .collect();
        assert!(outside.is_empty(), "{name}: {outside:?}");
        for loader in ["url(", "@import", "<link", " src=", "srcset", "fetch(", "XMLHttpRequest"] {
            let from_data = html.matches("&lt;img src=x").count() + html.matches("<img src=x").count();
            let found = html.matches(loader).count();
            assert!(found == 0 || (loader == " src=" && found == from_data), "{name}: {loader}");
        }
    }
}

#[test]
fn the_same_page_gives_the_same_bytes() {
    assert_eq!(pages(), pages());
}

#[test]
fn no_number_is_printed_raw() {
    for (name, html) in pages() {
        let text = visible_text(&html);
        for word in ["NaN", "inf", "none", "undefined"] {
            let stray = text.split(|c: char| !c.is_alphanumeric()).any(|found| found == word);
            assert!(!stray, "{name}: `{word}` reached the reader");
        }
        let digits = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
        let longest = digits.filter(|run| run.contains('.')).map(str::len).max().unwrap_or(0);
        assert!(longest <= 9, "{name}: a number with {longest} digits");
    }
}

#[test]
fn figures_hold_finite_pixels() {
    for (name, html) in pages() {
        for attribute in ["x1", "y1", "x2", "y2", "cx", "cy", "d", "width", "height"] {
            for value in html.split(&format!(" {attribute}=\"")).skip(1) {
                let value = value.split('"').next().unwrap_or("");
                assert!(!value.contains("NaN") && !value.contains("inf"), "{name}: {attribute}={value}");
            }
        }
    }
}

#[test]
fn a_null_result_is_called_one() {
    let html = render_group(&samples::group(32, 12, 0.0)).expect("renders");
    assert!(html.contains("A null result"));
}

#[test]
fn a_rival_that_is_as_good_is_named() {
    let html = render_subject(&samples::subject()).expect("renders");
    assert!(html.contains("VAR(5) (0.0512)"), "the linear model has the better spectrum");
    assert!(html.contains("2 of 3 refits reproduce the held-out recording"));
    assert!(html.contains("On D<sub>H</sub> a linear model does as well or better."));
}

/// Another stretch of the same recording is what a model could hope to reach, not something to beat.
#[test]
fn the_recording_itself_is_no_rival() {
    let html = render_subject(&samples::subject()).expect("renders");
    assert!(html.contains("Two stretches of the recording itself differ by"));
    assert!(!html.contains("same recording, earlier ("));
}

/// Where no subject of a group differs from another, g is not defined, and the page still says which group has more.
#[test]
fn a_difference_without_variance_has_a_direction() {
    let mut page = samples::group(32, 12, 1.4);
    let comparison = page.comparison.as_mut().expect("the sample is compared");
    let (other, row) = (comparison.other.clone(), &mut comparison.features[0]);
    row.feature = "attractors".into();
    (row.mean_control, row.mean_other, row.hedges_g, row.q_fdr) = (2.0, 1.0, f64::NAN, 0.001);
    let text = visible_text(&render_group(&page).expect("renders"));
    assert!(
        text.contains(&format!("attractors (lower in {other}, 1.00 against 2.00 in every subject, q = 0.001)")),
        "{text}"
    );
}

/// Text between tags, without style, scripts and titles that browsers keep to themselves.
fn visible_text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        let tag = &rest[open..];
        let end = ["style", "script", "pre"]
            .iter()
            .find(|name| tag[1..].starts_with(**name))
            .and_then(|name| tag.find(&format!("</{name}")))
            .unwrap_or(0);
        let close = tag[end..].find('>').map_or(tag.len(), |at| end + at + 1);
        rest = &tag[close..];
    }
    text + rest
}
