//! Loops in the widest vectors that the processor has.

/// Runs `work` compiled for AVX2 where that is there, which is asked at run time.
///
/// Multiplications and additions stay apart, as without it: the same bits on every processor. Only what is inlined into
/// `work` is compiled anew, so the closure itself and its helpers ask for `#[inline(always)]`.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature.
        return unsafe { with_avx2(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// `target += Σ factorₖ · columnₖ`, with the columns side by side in `columns: [target.len() × factors.len()]`.
#[inline(always)]
pub(crate) fn add_columns(target: &mut [f64], factors: &[f64], columns: &[f64]) {
    let len = target.len();
    if len == 0 {
        return;
    }
    let (by_four, rest) = factors.as_chunks::<4>();
    for (factor, four) in by_four.iter().zip(columns.chunks_exact(4 * len)) {
        let (a, four) = four.split_at(len);
        let (b, four) = four.split_at(len);
        let (c, d) = four.split_at(len);
        for i in 0..len {
            target[i] += (factor[0] * a[i] + factor[1] * b[i]) + (factor[2] * c[i] + factor[3] * d[i]);
        }
    }
    for (factor, column) in rest.iter().zip(columns[4 * by_four.len() * len..].chunks_exact(len)) {
        for (t, x) in target.iter_mut().zip(column) {
            *t += factor * x;
        }
    }
}

/// The products of `vector` with four columns of its length.
#[inline(always)]
pub(crate) fn dot_four(vector: &[f64], columns: &[f64]) -> [f64; 4] {
    let len = vector.len();
    let mut sums = [[0.0; 4]; 4];
    let (whole, rest) = vector.as_chunks::<4>();
    for (column, sums) in columns.chunks_exact(len.max(1)).zip(&mut sums) {
        for (v, c) in whole.iter().zip(column.as_chunks::<4>().0) {
            for lane in 0..4 {
                sums[lane] += v[lane] * c[lane];
            }
        }
    }
    let mut products = sums.map(|lanes| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
    for (column, product) in columns.chunks_exact(len.max(1)).zip(&mut products) {
        for (v, c) in rest.iter().zip(&column[4 * whole.len()..]) {
            *product += v * c;
        }
    }
    products
}
