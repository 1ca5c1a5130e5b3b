//! Sequences side by side in the lanes of a vector, and back.

use super::lanes::{LANES, Lanes};

/// Sequences `[lane][n]` to rows `[n][V · LANES]`; lanes without a sequence become 0.
#[inline(always)]
pub fn interleave<L: Lanes, const V: usize>(sequences: &[&[L::Real]], rows: &mut [L::Real]) {
    let count = rows.len() / (V * LANES);
    for v in 0..V {
        let own = &sequences[(v * LANES).min(sequences.len())..sequences.len().min((v + 1) * LANES)];
        let mut n = 0;
        if own.len() == LANES {
            while n + LANES <= count {
                // SAFETY: every slice is checked to hold the eight numbers that are moved.
                unsafe {
                    let block = std::array::from_fn(|i| L::load(own[i][n..n + LANES].as_ptr()));
                    for (k, row) in L::transpose(block).into_iter().enumerate() {
                        row.store(rows[((n + k) * V + v) * LANES..][..LANES].as_mut_ptr());
                    }
                }
                n += LANES;
            }
        }
        for n in n..count {
            for (i, entry) in rows[(n * V + v) * LANES..][..LANES].iter_mut().enumerate() {
                *entry = own.get(i).map_or(L::Real::default(), |sequence| sequence[n]);
            }
        }
    }
}

/// Rows `[n][V · LANES]` back to sequences `[lane][n]`.
#[inline(always)]
pub fn deinterleave<L: Lanes, const V: usize>(rows: &[L::Real], sequences: &mut [&mut [L::Real]]) {
    let count = rows.len() / (V * LANES);
    for (v, own) in sequences.chunks_mut(LANES).enumerate() {
        let mut n = 0;
        if own.len() == LANES {
            while n + LANES <= count {
                // SAFETY: as in `interleave`.
                unsafe {
                    let block = std::array::from_fn(|k| L::load(rows[((n + k) * V + v) * LANES..][..LANES].as_ptr()));
                    for (sequence, column) in own.iter_mut().zip(L::transpose(block)) {
                        column.store(sequence[n..n + LANES].as_mut_ptr());
                    }
                }
                n += LANES;
            }
        }
        for n in n..count {
            for (i, sequence) in own.iter_mut().enumerate() {
                sequence[n] = rows[(n * V + v) * LANES + i];
            }
        }
    }
}
