/// Which hinges of a piecewise-linear map are on: the name of one linear region.
///
/// One bit per hinge, in the order of the map's hinges. Also the sign vector of a cell of a hyperplane
/// arrangement, which is the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActivationPattern {
    words: Box<[u64]>,
    len: usize,
}

impl ActivationPattern {
    /// All `len` hinges off.
    pub fn inactive(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)].into_boxed_slice(), len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether hinge `index` is on; a hinge beyond the last is off.
    pub fn is_active(&self, index: usize) -> bool {
        index < self.len && self.words[index / 64] >> (index % 64) & 1 == 1
    }

    /// Turns one hinge on or off; a hinge beyond the last is ignored.
    pub fn set(&mut self, index: usize, active: bool) {
        if index < self.len {
            let bit = 1 << (index % 64);
            if active {
                self.words[index / 64] |= bit;
            } else {
                self.words[index / 64] &= !bit;
            }
        }
    }

    /// The region across one border.
    pub fn with_flipped(&self, index: usize) -> Self {
        let mut other = self.clone();
        other.set(index, !self.is_active(index));
        other
    }

    /// The hinges that are on, ascending.
    pub fn active(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(64 * index + bit)
            })
        })
    }

    /// 64 bits that two patterns share by chance only, never zero; the same on every machine.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mixed = self.words.iter().fold(self.len as u64, |mixed, word| {
            let mut x = (mixed ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            x = (x ^ x >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
            x ^ x >> 29
        });
        mixed | 1 << 63
    }

    /// The same bits among `len` hinges; new ones are off.
    pub(crate) fn resized(&self, len: usize) -> Self {
        let mut resized = Self::inactive(len);
        for (new, &old) in resized.words.iter_mut().zip(&self.words) {
            *new = old;
        }
        (len..self.len.min(64 * resized.words.len()))
            .for_each(|index| resized.words[index / 64] &= !(1 << (index % 64)));
        resized
    }

    /// Whether two patterns are the same in all hinges before `end`.
    pub(crate) fn agrees_before(&self, end: usize, other: &Self) -> bool {
        let (whole, rest) = (end / 64, end % 64);
        let mask = (1_u64 << rest) - 1;
        self.words[..whole] == other.words[..whole]
            && (rest == 0 || (self.words[whole] ^ other.words[whole]) & mask == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_their_bits_across_words() {
        let mut pattern = ActivationPattern::inactive(130);
        for index in [0, 63, 64, 129, 500] {
            pattern.set(index, true);
        }
        assert_eq!(pattern.active().collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!(pattern.resized(65).active().collect::<Vec<_>>(), [0, 63, 64]);
        assert_eq!(pattern.resized(64).resized(300).active().collect::<Vec<_>>(), [0, 63]);
        let other = pattern.with_flipped(64);
        assert!(pattern.agrees_before(64, &other) && !pattern.agrees_before(65, &other));
        assert!(!other.is_active(64) && !other.is_active(500));
    }
}
