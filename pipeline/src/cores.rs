//! Cores of this machine, and threads on them.
//!
//! `main` leaves rayon's global pool one thread, so that candle starts none of its own inside a model's; work that is meant for many
//! cores is therefore installed in a pool made here.

use anyhow::Result;
use rayon::ThreadPool;

/// Cores this process may use.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A pool of `n_cpus` threads, at least one.
pub fn pool(n_cpus: usize) -> Result<ThreadPool> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(n_cpus.max(1)).build()?)
}

/// What `work` answers, with all cores at its disposal.
pub fn on_all<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    pool(available())?.install(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_all_cores_has_them_all_and_its_error_comes_back() {
        assert_eq!(on_all(|| Ok(rayon::current_num_threads())).unwrap(), available());
        assert_eq!(on_all(|| -> Result<()> { anyhow::bail!("no") }).unwrap_err().to_string(), "no");
        assert_eq!(pool(0).unwrap().current_num_threads(), 1);
    }
}
