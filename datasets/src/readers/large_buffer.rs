//! Memory for long vectors, asked for in the largest pages that the system has.
//!
//! A vector of a hundred megabytes is touched for the first time while it is filled, and each of its 25,000 small pages
//! then stops the reader for a moment. With pages of two megabytes that took half of the time of reading a file that
//! is in memory already.

/// `n` zeros, none of which takes memory before it is written to.
pub(super) fn zeroed<T: bytemuck::Zeroable + Clone>(n: usize) -> Vec<T> {
    let numbers = vec![T::zeroed(); n];
    prefer_large_pages(&numbers);
    numbers
}

/// Room for `n` values.
pub(super) fn with_capacity<T>(n: usize) -> Vec<T> {
    let values = Vec::with_capacity(n);
    prefer_large_pages(&values);
    values
}

/// Shorter vectors share their pages with others, or come from memory that was touched before.
#[cfg(target_os = "linux")]
const LEAST_BYTES: usize = 1 << 20;

/// Asks that the memory of `values`, when it is first written to, come in large pages.
#[cfg(target_os = "linux")]
pub(super) fn prefer_large_pages<T>(values: &Vec<T>) {
    let n_bytes = values.capacity() * size_of::<T>();
    if n_bytes < LEAST_BYTES {
        return;
    }
    // SAFETY: `sysconf` reads a constant of the system.
    let Ok(page_bytes) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else { return };
    // Whole pages, from that of the first byte to that of the last: neighbouring vectors then lie in one area, whose
    // large pages may cross from one to the other.
    let first = values.as_ptr().addr();
    let start = first - first % page_bytes;
    let end = (first + n_bytes).next_multiple_of(page_bytes);
    // SAFETY: every page of the range holds a byte of a live allocation, so it is mapped; the advice changes neither
    // what is in it nor who may use it. Whether it is followed is of no consequence.
    unsafe { libc::madvise(values.as_ptr().with_addr(start).cast_mut().cast(), end - start, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn prefer_large_pages<T>(_values: &Vec<T>) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where the length is no multiple of a page.
    #[test]
    fn buffers_hold_what_they_are_asked_for() {
        for n in [0, 1, 100_000, 700_001] {
            assert!(zeroed::<f64>(n) == vec![0.0; n], "{n}");
            let mut room: Vec<f32> = with_capacity(n);
            let start = room.as_ptr();
            room.extend((0..n).map(|i| i as f32));
            assert!(room.as_ptr() == start && room.last().is_none_or(|&last| last == (n - 1) as f32), "{n}");
        }
    }
}
