//! Which instructions this processor has, asked once at run time.

use super::Workspace;
use super::buffers::Pool;
use super::lanes::{Lanes, Portable, Real};

/// Code that can be compiled for several vector types.
pub trait Kernel<R> {
    type Output;
    fn run<L: Lanes<Real = R>>(self) -> Self::Output;
}

/// Numbers that the engine has buffers and vector instructions for.
pub trait Pooled: Real {
    fn pool(workspace: &Workspace) -> &Pool<Self>;
    /// [`Lanes::SUMS`] of the vectors that this processor has.
    fn sums() -> usize;
    /// Whether products of one vector may go in [`Lanes::wide_block`]s.
    fn has_wide_blocks() -> bool {
        false
    }
    /// Runs `kernel` with them.
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output;
}

impl Pooled for f32 {
    fn pool(workspace: &Workspace) -> &Pool<f32> {
        &workspace.single
    }

    fn sums() -> usize {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            return super::avx2::Avx2::SUMS;
        }
        Portable::<f32>::SUMS
    }

    fn has_wide_blocks() -> bool {
        #[cfg(target_arch = "x86_64")]
        return has_avx512();
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }

    fn dispatch<K: Kernel<f32>>(kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if has_avx512() {
            // SAFETY: the processor has all of these features.
            return unsafe { with_avx512(kernel) };
        }
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the processor has both features.
            return unsafe { with_avx2(kernel) };
        }
        kernel.run::<Portable<f32>>()
    }
}

impl Pooled for f64 {
    fn pool(workspace: &Workspace) -> &Pool<f64> {
        &workspace.double
    }

    fn sums() -> usize {
        Portable::<f64>::SUMS
    }

    fn dispatch<K: Kernel<f64>>(kernel: K) -> K::Output {
        kernel.run::<Portable<f64>>()
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx2<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<super::avx2::Avx2>()
}

#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx512() -> bool {
    has_avx2() && std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512dq")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq")]
unsafe fn with_avx512<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<super::avx512::Avx512>()
}
