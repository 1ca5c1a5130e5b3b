//! The terms of the field, each in a sentence or two, for who meets them for the first time.

pub struct Term {
    /// How templates ask for it.
    pub key: &'static str,
    /// How it is set, as HTML.
    pub label: &'static str,
    pub meaning: &'static str,
}

pub fn term(key: &str) -> Option<&'static Term> {
    SUBJECT_TERMS.iter().chain(GROUP_TERMS).find(|term| term.key == key)
}

pub const SUBJECT_TERMS: &[Term] = &[
    Term {
        key: "held-out",
        label: "held-out recording",
        meaning: "The last part of the recording. The model never saw it; every score on this page is computed on it.",
    },
    Term {
        key: "free simulation",
        label: "free simulation",
        meaning: "The model started once and then left alone, without being shown the recording again.",
    },
    Term {
        key: "refit",
        label: "refit",
        meaning: "The same model trained again on the same data from another random start. What refits do not agree on should not be believed.",
    },
    Term {
        key: "D_stsp",
        label: "D<sub>stsp</sub>",
        meaning: "State-space divergence: how differently recording and free simulation fill the space of the channels, in nats. 0 is a perfect match; smaller is better.",
    },
    Term {
        key: "D_H",
        label: "D<sub>H</sub>",
        meaning: "Hellinger distance between the power spectra of recording and free simulation, from 0 (same spectrum) to 1 (no overlap); smaller is better.",
    },
    Term {
        key: "PE",
        label: "PE(n)",
        meaning: "Prediction error n steps ahead: the mean squared difference from the recording, where predicting the mean would score 1; smaller is better.",
    },
    Term {
        key: "bits per spike",
        label: "bits per spike",
        meaning: "How much better the model predicts spikes than each unit's mean rate does; larger is better, 0 is no better.",
    },
    Term {
        key: "VAR",
        label: "VAR(p)",
        meaning: "A linear model: each sample is a weighted sum of the p samples before it, plus noise. The rival a nonlinear model has to beat.",
    },
    Term {
        key: "surrogate",
        label: "phase surrogate",
        meaning: "The recording with its phases shuffled: the same power spectrum by construction, and no other structure.",
    },
    Term {
        key: "fixed point",
        label: "fixed point",
        meaning: "A state that the model maps onto itself: left there exactly, it stays there for ever.",
    },
    Term {
        key: "stability",
        label: "stable, saddle, unstable, marginal",
        meaning: "Nearby states return to a stable fixed point and leave an unstable one; a saddle attracts along some directions and repels along others; a marginal one cannot be told from neutral.",
    },
    Term {
        key: "multiplier",
        label: "multiplier",
        meaning: "The factor by which a small deviation along one direction grows in one step: below 1 it shrinks, above 1 it grows. Complex multipliers rotate.",
    },
    Term {
        key: "spectral radius",
        label: "spectral radius",
        meaning: "The largest modulus of a fixed point's multipliers: above 1, some direction grows.",
    },
    Term {
        key: "time constant",
        label: "time constant",
        meaning: "How long the slowest direction takes to shrink, or grow, by a factor of e ≈ 2.7.",
    },
    Term {
        key: "attractor",
        label: "attractor",
        meaning: "Where the model's activity ends up and stays: a point, a cycle, a torus (quasiperiodic) or a chaotic set.",
    },
    Term {
        key: "Lyapunov exponent",
        label: "Lyapunov exponent",
        meaning: "The rate at which neighbouring states drift apart on an attractor, per second: negative on a fixed point, about zero on a cycle, positive in chaos.",
    },
    Term {
        key: "dimension",
        label: "dimension",
        meaning: "Kaplan–Yorke dimension of a chaotic attractor, from its Lyapunov exponents: how many independent numbers it takes, about, to say where on it the activity is.",
    },
    Term {
        key: "basin",
        label: "basin",
        meaning: "All states from which an attractor is reached. Its share is that of starts, drawn from the recording as the model encodes it, that end there.",
    },
    Term {
        key: "diverged",
        label: "diverged, undecided",
        meaning: "Starts from which activity grows without bound, and starts that had not settled when the search ended. They belong to no basin.",
    },
    Term {
        key: "ELBO",
        label: "negative ELBO",
        meaning: "What training minimises: how badly the model explains the data plus how far its latent states stray, in nats per time step.",
    },
];

pub const GROUP_TERMS: &[Term] = &[
    Term {
        key: "faithful",
        label: "faithful",
        meaning: "A refit whose free simulation reproduces the held-out recording well enough to be analysed.",
    },
    Term {
        key: "Hedges' g",
        label: "Hedges’ g",
        meaning: "The difference of the group means in pooled standard deviations, corrected for small samples. About 0.2 is small, 0.5 medium, 0.8 large.",
    },
    Term {
        key: "interval",
        label: "confidence interval",
        meaning: "The range of true effects that these data do not contradict. Where it includes 0, no difference is among them.",
    },
    Term {
        key: "AUC",
        label: "AUC",
        meaning: "The probability that a person of the second group has the larger value than one of the first. 0.5 is chance.",
    },
    Term {
        key: "p",
        label: "p (permutation)",
        meaning: "How often groups formed by chance differ at least as much as the real ones, after adjusting for the covariates.",
    },
    Term {
        key: "FDR q",
        label: "FDR q",
        meaning: "p corrected for the number of features tested (Benjamini–Hochberg). Of the features with q below 0.05, about 5 % are expected to be false.",
    },
    Term {
        key: "ICC",
        label: "ICC",
        meaning: "Agreement of a feature over refits of the same person: 1 is perfect, below 0.5 says more about the random start than about the person.",
    },
    Term {
        key: "PERMANOVA",
        label: "PERMANOVA",
        meaning: "One test for all features together: it asks whether people of different groups are further apart than people of the same group.",
    },
    Term {
        key: "dynamics distance",
        label: "Spectra of the dynamics",
        meaning: "Each model's paths, seen through four successive states, are carried one step on by a linear operator; two models are as far apart as the multipliers of these operators. Other latent coordinates of one model give the same spectrum.",
    },
    Term {
        key: "balanced accuracy",
        label: "balanced accuracy",
        meaning: "Share of people put into the right group by a classifier that had not seen them, averaged over the two groups. 0.5 is guessing.",
    },
    Term {
        key: "simple statistics",
        label: "simple statistics",
        meaning: "Numbers computed from the recording without any model, such as band power or mean correlation. Dynamics has to add something to these.",
    },
    Term {
        key: "covariates",
        label: "covariates",
        meaning: "What is known of each person besides the recording, such as age and sex.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_found_once_and_ends_as_a_sentence() {
        let terms = || SUBJECT_TERMS.iter().chain(GROUP_TERMS);
        for entry in terms() {
            assert_eq!(terms().filter(|other| other.key == entry.key).count(), 1);
            assert!(term(entry.key).is_some() && entry.meaning.ends_with('.'));
        }
    }
}
