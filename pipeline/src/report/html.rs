//! Templates in, one self-contained page out: no request leaves the file that a reader opens.

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context};

use super::figure::{escape, marker_key};
use super::words::glossary::{self, Term};
use super::words::number;
use super::words::setting::with_indices;

/// One section of a page: an entry of the contents and the markup below it.
pub struct Section {
    id: &'static str,
    title: &'static str,
    html: Value,
}

/// What stands above the sections.
#[derive(serde::Serialize)]
pub struct Head {
    /// `Subject report`, `Group report`.
    pub kind: &'static str,
    pub title: String,
    /// Name and value, beside the title.
    pub facts: Vec<(String, String)>,
    /// `good`, `doubtful` or `bad`, with the sentence it colours.
    pub verdict: Option<(&'static str, String)>,
    pub version: String,
}

pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    pub fn new() -> Result<Templates, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        add_filters(&mut environment);
        Ok(Templates { environment })
    }

    pub fn section(
        &self,
        id: &'static str,
        title: &'static str,
        template: &str,
        values: Value,
    ) -> Result<Section, Error> {
        Ok(Section { id, title, html: self.fragment(template, values)? })
    }

    /// A piece of a section, to be placed in its template.
    pub fn fragment(&self, template: &str, values: Value) -> Result<Value, Error> {
        Ok(safe(self.environment.get_template(template)?.render(values)?))
    }

    pub fn page(&self, head: &Head, sections: &[Section]) -> Result<String, Error> {
        let scripts: Vec<Value> = SCRIPTS.iter().map(|source| safe(*source)).collect();
        self.environment.get_template("layout.html")?.render(context! {
            head => serialised(head),
            sections => sections.iter().map(|section| context! {
                id => section.id,
                title => section.title,
                html => section.html.clone(),
            }).collect::<Vec<_>>(),
            style => safe(include_str!("style.css")),
            scripts,
        })
    }
}

/// Markup of our own making, exempt from escaping.
pub fn safe(markup: impl Into<String>) -> Value {
    Value::from_safe_string(markup.into())
}

/// A value of the page, field by field; its text is escaped where it is shown.
pub fn serialised(value: &impl serde::Serialize) -> Value {
    Value::from(Serde(value))
}

/// Markup that may be missing.
pub fn safe_or_none(markup: Option<String>) -> Value {
    markup.map_or(Value::from(()), safe)
}

/// A link that can only lead to a file beside this one, whatever the name holds.
pub fn relative(link: &str) -> String {
    format!("./{link}")
}

/// Glossary entries as the template wants them.
pub fn terms(lists: &[&'static [Term]]) -> Value {
    lists
        .iter()
        .flat_map(|terms| terms.iter())
        .map(|term| context! { label => safe(term.label), meaning => term.meaning })
        .collect()
}

const SOURCES: [(&str, &str); 18] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("terms.html", include_str!("templates/terms.html")),
    ("colophon.html", include_str!("templates/colophon.html")),
    ("subject/recording.html", include_str!("templates/subject/recording.html")),
    ("subject/scores.html", include_str!("templates/subject/scores.html")),
    ("subject/portrait.html", include_str!("templates/subject/portrait.html")),
    ("subject/fixed_points.html", include_str!("templates/subject/fixed_points.html")),
    ("subject/attractors.html", include_str!("templates/subject/attractors.html")),
    ("subject/training.html", include_str!("templates/subject/training.html")),
    ("group/findings.html", include_str!("templates/group/findings.html")),
    ("group/subjects.html", include_str!("templates/group/subjects.html")),
    ("group/reproduction.html", include_str!("templates/group/reproduction.html")),
    ("group/differences.html", include_str!("templates/group/differences.html")),
    ("group/table.html", include_str!("templates/group/table.html")),
    ("group/strips.html", include_str!("templates/group/strips.html")),
    ("group/rivals.html", include_str!("templates/group/rivals.html")),
    ("group/caveats.html", include_str!("templates/group/caveats.html")),
    ("group/methods.html", include_str!("templates/group/methods.html")),
];

const SCRIPTS: [&str; 4] = [
    include_str!("scripts/hover.js"),
    include_str!("scripts/rotate.js"),
    include_str!("scripts/select.js"),
    include_str!("scripts/sort.js"),
];

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("num", |value: Value| shown(&value, number::number));
    environment.add_filter("pct", |value: Value| shown(&value, number::percent));
    environment.add_filter("prob", |value: Value| shown(&value, number::probability));
    environment.add_filter("dur", |value: Value| shown(&value, number::duration));
    environment.add_filter("fix", |value: Value, decimals: usize| shown(&value, |x| number::fixed(x, decimals)));
    environment.add_filter("count", number::count);
    environment.add_filter("sortkey", |value: Value| finite(&value).map_or(String::new(), |x| format!("{x:e}")));
    environment.add_filter("marker", |stability: &str| safe(marker_key(stability)));
    environment.add_filter("cited", |citation: &str| safe(cited(citation)));
    environment.add_filter("term", abbreviation);
    environment.add_filter("prose", |text: &str| safe(with_indices(&escape(text))));
    environment.add_filter("trim0", |value: Value| shown(&value, number::trimmed));
}

fn shown(value: &Value, format: impl Fn(f64) -> String) -> String {
    f64::try_from(value.clone()).map_or(number::ABSENT.to_string(), format)
}

fn finite(value: &Value) -> Option<f64> {
    f64::try_from(value.clone()).ok().filter(|x| x.is_finite())
}

/// A term with its meaning on hover; `shown` replaces its usual label.
fn abbreviation(key: &str, shown: Option<&str>) -> Result<Value, Error> {
    let term =
        glossary::term(key).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no term `{key}`")))?;
    let label = shown.map_or(term.label.to_string(), escape);
    let title = escape(term.meaning);
    Ok(safe(format!("<abbr title=\"{title}\">{label}</abbr>")))
}

/// A citation with its DOI as a link; everything else stays text.
fn cited(citation: &str) -> String {
    let words = citation.split(' ').map(|word| {
        let doi = ["https://doi.org/", "http://doi.org/", "doi.org/", "doi:"]
            .into_iter()
            .find_map(|prefix| word.strip_prefix(prefix))
            .filter(|doi| doi.starts_with("10."));
        match doi.map(|doi| doi.trim_end_matches(['.', ',', ';'])) {
            Some(doi) => {
                let doi = escape(doi);
                format!("<a href=\"https://doi.org/{doi}\">doi:{doi}</a>")
            }
            None => escape(word),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
