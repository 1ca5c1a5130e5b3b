//! A type that says more than a name, as published weights of neural ODEs do:
//! `neural ODE, vf = W2 tanh(W1 x + b1)+b2, t in [0,1], 70 steps; discrete map F=x+vf/70`.

use anyhow::{Context, Result, bail};

/// A type taken apart.
#[derive(Debug, Default, PartialEq)]
pub struct TypeInWords {
    /// In small letters, without blanks and hyphens, and without what stands in parentheses, which is a remark.
    pub name: String,
    /// Whatever follows the name, clause by clause.
    clauses: Vec<String>,
}

/// What the words after the name of a neural ODE settle.
#[derive(Debug, Default, PartialEq)]
pub struct Settled {
    /// Between its two layers.
    pub activation: Option<String>,
    pub time_step: Option<f64>,
    /// One Euler step is the map.
    pub is_euler: bool,
}

impl TypeInWords {
    pub fn of(text: &str) -> Self {
        let mut clauses = clauses(text).into_iter();
        let first = clauses.next().unwrap_or_default();
        let name = without_parentheses(&first).to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        Self { name, clauses: clauses.collect() }
    }

    /// Fails where the type says more than its name.
    pub fn check_plain(&self) -> Result<()> {
        match self.clauses.first() {
            None => Ok(()),
            Some(clause) => {
                bail!("need a name alone in \"type\" and settings under keys of their own, found {clause:?}")
            }
        }
    }

    /// Every clause must be one of those of the example above: another one would be a setting that is not honoured.
    pub fn settled(&self) -> Result<Settled> {
        let (mut activation, mut span, mut n_steps, mut divisor) = (None, None, None, None);
        for clause in &self.clauses {
            let words: String = clause.to_lowercase().split_whitespace().collect();
            if let Some(field) = words.strip_prefix("vf=w2").and_then(|rest| rest.strip_suffix("(w1x+b1)+b2")) {
                activation = Some(field.to_string());
            } else if let Some(ends) = words.strip_prefix("tin[").and_then(|rest| rest.strip_suffix(']')) {
                let ends = ends.split_once(',').and_then(|(from, to)| Some((number(from)?, number(to)?)));
                span = Some(ends.map(|(from, to)| to - from).context("need times such as \"t in [0,1]\" in \"type\"")?);
            } else if let Some(n) = words.strip_suffix("steps").and_then(number) {
                n_steps = Some(n);
            } else if let Some(n) = EULER_STEP.iter().find_map(|step| number(words.strip_prefix(step)?)) {
                divisor = Some(n);
            } else {
                bail!(
                    "need settings under keys of their own (\"activation\", \"time_step\", \"scheme\"), found {clause:?} in \"type\""
                );
            }
        }
        let time_step = match (span, n_steps, divisor) {
            (None, None, None) => None,
            (None, None, Some(divisor)) => Some(1.0 / divisor),
            (Some(span), Some(n), divisor)
                if divisor.is_none_or(|divisor| (n / span - divisor).abs() < 1e-9 * divisor) =>
            {
                Some(span / n)
            }
            _ => bail!(
                "need times and steps that agree in \"type\", such as \"t in [0,1], 70 steps\", found {:?}",
                self.clauses.join(", ")
            ),
        };
        if time_step.is_some_and(|step| !(step > 0.0 && step.is_finite())) {
            bail!("need steps forwards in time in \"type\", found {:?}", self.clauses.join(", "));
        }
        Ok(Settled { activation, time_step, is_euler: divisor.is_some() })
    }
}

/// `x + f/n`, as it is written.
const EULER_STEP: [&str; 2] = ["discretemapf=x+vf/", "onestep=x+vf(x)/"];

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_i32;
    let mut outside = String::new();
    for c in text.chars() {
        depth += i32::from(c == '(');
        if depth == 0 {
            outside.push(c);
        }
        depth -= i32::from(c == ')' && depth > 0);
    }
    outside
}

/// Parts between commas and semicolons that stand outside brackets.
fn clauses(text: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0_i32, vec![String::new()]);
    for c in text.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' | ';' if depth <= 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is a first part").push(c);
    }
    parts.into_iter().map(|part| part.trim().to_string()).collect()
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|x: &f64| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(text: &str) -> Result<Settled> {
        TypeInWords::of(text).settled()
    }

    #[test]
    fn what_stands_in_parentheses_is_a_remark() {
        let said = TypeInWords::of("GRUCell (no input; input size 1 fed zeros)");
        assert_eq!(said.name, "grucell");
        assert!(said.check_plain().is_ok());
        assert!(TypeInWords::of("GRU, 2 layers").check_plain().is_err());
        for text in ["GRU 2 layers", "GRU (no input) 2 layers"] {
            assert_ne!(TypeInWords::of(text).name, "gru", "{text}");
        }
    }

    #[test]
    fn the_words_of_published_neural_odes() {
        let text = "neural ODE, vf = W2 tanh(W1 x + b1)+b2, t in [0,1], 70 steps; discrete map F=x+vf/70";
        assert_eq!(TypeInWords::of(text).name, "neuralode");
        let found = settled(text).unwrap();
        assert_eq!(found, Settled { activation: Some("tanh".into()), time_step: Some(1.0 / 70.0), is_euler: true });
        assert_eq!(settled("neuralODE, t in [0,10], 70 steps").unwrap().time_step, Some(10.0 / 70.0));
        assert_eq!(settled("neural ODE (1x128 tanh), one step = x + vf(x)/70").unwrap().time_step, Some(1.0 / 70.0));
        assert_eq!(settled("neural ODE").unwrap(), Settled::default());
    }

    #[test]
    fn words_that_would_not_be_honoured_are_refused() {
        for text in [
            "neural ODE, 70 steps",
            "neural ODE, t in [0,10], 70 steps; discrete map F=x+vf/70",
            "neural ODE, t in [1,0], 70 steps",
            "neural ODE, t in [0], 70 steps",
            "neural ODE, dt 0.01",
            "neural ODE, dopri5",
        ] {
            assert!(settled(text).is_err(), "{text}");
        }
    }
}
