//! An orbit on its way, and the chance it meets.

use super::Fate;

/// An orbit on its way.
pub(crate) struct Journey {
    pub(super) z: Vec<f64>,
    pub(super) round: u32,
    /// Whether the transient of this round is over.
    pub(super) is_past_transient: bool,
    /// Whether it was pushed off a point at which it rested.
    pub(super) was_nudged: bool,
    pub(super) noise: Noise,
}

impl Journey {
    /// What only left because it was pushed did not leave by itself.
    pub(super) fn ends_at(&self, fate: Fate) -> Fate {
        if self.was_nudged && matches!(fate, Fate::Diverged) { Fate::Undecided } else { fate }
    }

    pub(super) fn next_round(&mut self, z: Vec<f64>) {
        self.z = z;
        self.round += 1;
        self.is_past_transient = false;
    }
}

/// Numbers between −1 and 1, a stream for each start: whichever thread follows it, it is nudged alike.
///
/// Source: Steele, Lea & Flood (2014), OOPSLA (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Noise(u64);

impl Noise {
    pub fn for_start(salt: u64, index: usize) -> Self {
        let mut seed = Self(salt ^ (index as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        seed.next();
        seed
    }

    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
