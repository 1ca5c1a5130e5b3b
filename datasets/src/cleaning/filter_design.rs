//! Butterworth and notch filters as second-order sections.

use std::f64::consts::PI;

use realfft::num_complex::Complex64;

use crate::recording::SampleRate;

/// What a filter lets through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Band {
    LowPass { hz: f64 },
    HighPass { hz: f64 },
    BandPass { low_hz: f64, high_hz: f64 },
}

impl Band {
    /// `[low, high]` in Hz; a low of 0 is a low-pass, an infinite high a high-pass.
    pub fn between([low_hz, high_hz]: [f64; 2]) -> Self {
        if low_hz <= 0.0 {
            Band::LowPass { hz: high_hz }
        } else if high_hz == f64::INFINITY {
            Band::HighPass { hz: low_hz }
        } else {
            Band::BandPass { low_hz, high_hz }
        }
    }

    /// Whether a frequency lies strictly inside.
    pub fn contains(self, hz: f64) -> bool {
        match self {
            Band::LowPass { hz: edge } => hz < edge,
            Band::HighPass { hz: edge } => hz > edge,
            Band::BandPass { low_hz, high_hz } => low_hz < hz && hz < high_hz,
        }
    }
}

/// One second-order section: `y = (b₀ + b₁z⁻¹ + b₂z⁻²) / (1 + a₁z⁻¹ + a₂z⁻²) · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Section {
    /// `b₀, b₁, b₂`
    pub b: [f64; 3],
    /// `a₁, a₂`
    pub a: [f64; 2],
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterError {
    #[error("need filter edges between 0 and {nyquist_hz} Hz, rising, found {found}")]
    OutOfRange { nyquist_hz: f64, found: String },
    #[error("need more than {needed} samples to filter without edge effects, found {found}")]
    TooFewSamples { needed: usize, found: usize },
}

/// Digital Butterworth filter by the bilinear transform, edges at −3 dB.
///
/// `order` is that of the low-pass prototype, so a band-pass has twice as many poles. Poles of the prototype are
/// `exp(iπ(2k + n + 1) / 2n)`; `s → s/ω` (low), `ω/s` (high), `(s² + ω₁ω₂) / (s(ω₂ − ω₁))` (band), with edges
/// pre-warped to `ω = tan(πf / rate)`, then `z = (1 + s) / (1 − s)`. Fails unless `0 < edges < rate / 2`, rising.
///
/// Source: Oppenheim & Schafer, Discrete-Time Signal Processing, ch. 7; same conventions as scipy's `butter`.
pub fn butterworth(order: usize, band: Band, rate: SampleRate) -> Result<Vec<Section>, FilterError> {
    let warp = |hz: f64| (PI * hz / rate.hz()).tan();
    check_edges(band, rate)?;
    // The half of the prototype's poles with Im ≥ 0; the others are their conjugates.
    let upper_poles = (0..order.div_ceil(2))
        .map(|k| Complex64::from_polar(1.0, PI * (2 * k + order + 1) as f64 / (2 * order) as f64))
        .map(|pole| if order % 2 == 1 && pole.im.abs() < 1e-12 { Complex64::new(-1.0, 0.0) } else { pole });
    let mut sections = Vec::new();
    for pole in upper_poles {
        let is_real = pole.im == 0.0;
        match band {
            Band::LowPass { hz } => sections.push(edge_section(pole * warp(hz), is_real, -1.0)),
            Band::HighPass { hz } => sections.push(edge_section(warp(hz) / pole, is_real, 1.0)),
            Band::BandPass { low_hz, high_hz } => {
                let (low, high) = (warp(low_hz), warp(high_hz));
                let half = pole * (high - low) / 2.0;
                let root = (half * half - low * high).sqrt();
                let centre = Complex64::from_polar(1.0, 2.0 * (low * high).sqrt().atan());
                let pairs: &[[Complex64; 2]] = if is_real {
                    &[[half + root, half - root]]
                } else {
                    &[[half + root, (half + root).conj()], [half - root, (half - root).conj()]]
                };
                sections.extend(pairs.iter().map(|&pair| band_section(pair.map(bilinear), centre)));
            }
        }
    }
    Ok(sections)
}

/// Second-order notch at `hz`, `hz / quality` wide at −3 dB, as scipy's `iirnotch`.
pub fn notch(hz: f64, quality: f64, rate: SampleRate) -> Result<Vec<Section>, FilterError> {
    check_edges(Band::LowPass { hz }, rate)?;
    let centre = 2.0 * PI * hz / rate.hz();
    let gain = 1.0 / (1.0 + (centre / quality / 2.0).tan());
    let b = [gain, -2.0 * gain * centre.cos(), gain];
    Ok(vec![Section { b, a: [b[1], 2.0 * gain - 1.0] }])
}

pub(super) fn check_edges(band: Band, rate: SampleRate) -> Result<(), FilterError> {
    let nyquist_hz = rate.hz() / 2.0;
    let inside = |hz: f64| hz > 0.0 && hz < nyquist_hz;
    let (ok, found) = match band {
        Band::LowPass { hz } | Band::HighPass { hz } => (inside(hz), format!("{hz} Hz")),
        Band::BandPass { low_hz, high_hz } => {
            (inside(low_hz) && inside(high_hz) && low_hz < high_hz, format!("{low_hz}–{high_hz} Hz"))
        }
    };
    if ok { Ok(()) } else { Err(FilterError::OutOfRange { nyquist_hz, found }) }
}

fn bilinear(s: Complex64) -> Complex64 {
    (1.0 + s) / (1.0 - s)
}

/// A low-pass (`zero` −1) or high-pass (`zero` +1) section with unit gain at the far end of its band.
fn edge_section(pole: Complex64, is_real: bool, zero: f64) -> Section {
    let z = bilinear(pole);
    // Where the gain is one: z = 1 for low-pass, −1 for high-pass.
    let at = -zero;
    if is_real {
        let gain = (1.0 - z.re * at) / 2.0;
        return Section { b: [gain, -zero * gain, 0.0], a: [-z.re, 0.0] };
    }
    let a = [-2.0 * z.re, z.norm_sqr()];
    let gain = (1.0 + a[0] * at + a[1]) / 4.0;
    Section { b: [gain, -2.0 * zero * gain, gain], a }
}

/// Zeros at ±1 and unit gain at the band's geometric centre.
fn band_section([p, q]: [Complex64; 2], centre: Complex64) -> Section {
    let a = [-(p + q).re, (p * q).re];
    let delay = centre.conj();
    let response = (1.0 - delay * delay) / (1.0 + a[0] * delay + a[1] * delay * delay);
    let gain = 1.0 / response.norm();
    Section { b: [gain, 0.0, -gain], a }
}
