//! Chance, as an argument: every stage of every subject draws from a stream of its own.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    Train,
    Judge,
    Analyse,
    Compare,
    Simulate,
}

/// The seed of a whole run.
#[derive(Clone, Copy, Debug)]
pub struct RunSeed(pub u64);

impl RunSeed {
    /// Depends on the run's seed, the stage, the subject and the refit, and on nothing else: not on the
    /// order of the work, and not on who else is in the cohort.
    pub fn derive(self, stage: Stage, subject: &str, refit: usize) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        hash.update(format!("{stage:?}/{subject}/{refit}").as_bytes());
        let digest = hash.finalize();
        u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
    }

    pub fn rng_for(self, stage: Stage, subject: &str, refit: usize) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.derive(stage, subject, refit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_subject_and_refit_has_its_own_stream() {
        let seed = RunSeed(1);
        let drawn = [
            seed.derive(Stage::Train, "01", 1),
            seed.derive(Stage::Train, "01", 2),
            seed.derive(Stage::Train, "02", 1),
            seed.derive(Stage::Judge, "01", 1),
            RunSeed(2).derive(Stage::Train, "01", 1),
        ];
        for (i, left) in drawn.iter().enumerate() {
            assert!(drawn[i + 1..].iter().all(|right| left != right));
        }
        assert_eq!(seed.derive(Stage::Train, "01", 1), drawn[0]);
    }
}
