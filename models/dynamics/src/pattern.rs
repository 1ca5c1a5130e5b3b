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
        (0..self.len).filter(|&index| self.is_active(index))
    }
}
