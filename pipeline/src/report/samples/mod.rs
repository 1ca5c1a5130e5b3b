//! Pages to test with: what a lab would see, and what it should never have to.

mod group;
mod nasty_subject;
mod subject;

pub use group::{group, nasty_group, uncompared_group};
pub use nasty_subject::nasty_subject;
pub use subject::{subject, unread_subject};

use crate::report::Colophon;

/// A name that would run as a script, end a script element or leave an attribute.
pub const HOSTILE: &str =
    "</script><script>alert(1)</script>\" onload='alert(2)' <img src=x> &amp; javascript:alert(3)";

/// Repeatable noise, roughly normal.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn colophon() -> Colophon {
    Colophon {
        version: "0.1.0".into(),
        command: "nullcline run bids/ out/ participant --random-seed 20240607 --n-cpus 8".into(),
        seed: 20_240_607,
        settings:
            "[fit]\nmodel = \"shPLRNN\"\nlatent_dim = 8\nhidden_units = 64\nrefits = 3\n\n[analysis]\nstarts = 1000\n"
                .into(),
        references: vec![
            (
                "generalised teacher forcing".into(),
                "Hess, Monfared, Brenner & Durstewitz (2023), ICML, 13017–13049.".into(),
            ),
            ("fixed points".into(), "Eisenmann et al. (2023), NeurIPS 36. doi:10.1234/example.17".into()),
        ],
    }
}

fn nasty_colophon() -> Colophon {
    Colophon {
        version: HOSTILE.into(),
        command: HOSTILE.into(),
        seed: u64::MAX,
        settings: HOSTILE.into(),
        references: vec![(HOSTILE.into(), format!("{HOSTILE} doi:10.1/\"><script>alert(4)</script>"))],
    }
}
