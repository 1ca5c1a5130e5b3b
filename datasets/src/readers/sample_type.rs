//! How one sample is stored, and what becomes of it.

/// How one sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SampleType {
    I8,
    U8,
    I16,
    U16,
    I24,
    U24,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Of the first two bytes; the caller has checked that they are there, as for the rest.
    pub fn u16(self, bytes: &[u8]) -> u16 {
        let bytes = [bytes[0], bytes[1]];
        if self == Self::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    pub fn u32(self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self == Self::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }
}

/// From stored numbers to SI units: `(stored − zero) · gain + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scaling {
    pub zero: f64,
    pub gain: f64,
    pub offset: f64,
}

impl Scaling {
    pub const NONE: Self = Self::by(1.0);

    pub const fn by(gain: f64) -> Self {
        Self { zero: 0.0, gain, offset: 0.0 }
    }
}

impl SampleType {
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I24 | Self::U24 => 3,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// What is decoded at a time.
pub(super) const STRETCH: usize = 1024;
pub(super) type Stretch = [f64; STRETCH];

/// All numbers in `bytes`, unscaled.
pub(super) fn decode_numbers(bytes: &[u8], sample_type: SampleType, order: ByteOrder) -> Vec<f64> {
    let n = bytes.len() / sample_type.bytes();
    let mut numbers = vec![0.0; n];
    // Without scaling: bit by bit, a negative zero as well.
    Decoder { sample_type, order, scaling: Scaling::NONE }.numbers(bytes, sample_type.bytes(), &mut numbers, |x| x);
    numbers
}

#[derive(Clone, Copy)]
pub(super) struct Decoder {
    pub sample_type: SampleType,
    pub order: ByteOrder,
    pub scaling: Scaling,
}

impl Decoder {
    /// `n` samples, `stride` bytes apart, scaled; `take` gets them a stretch at a time.
    pub fn decode(self, bytes: &[u8], stride: usize, n: usize, stretch: &mut Stretch, mut take: impl FnMut(&[f64])) {
        let Scaling { zero, gain, offset } = self.scaling;
        for first in (0..n).step_by(STRETCH) {
            let stretch = &mut stretch[..STRETCH.min(n - first)];
            self.numbers(&bytes[first * stride..], stride, stretch, |stored| (stored - zero) * gain + offset);
            take(stretch);
        }
    }

    fn numbers(self, bytes: &[u8], stride: usize, numbers: &mut [f64], map: impl Fn(f64) -> f64) {
        macro_rules! of {
            ($number:ty) => {
                match self.order {
                    ByteOrder::Little => fill(bytes, stride, numbers, |b| map(<$number>::from_le_bytes(b) as f64)),
                    ByteOrder::Big => fill(bytes, stride, numbers, |b| map(<$number>::from_be_bytes(b) as f64)),
                }
            };
        }
        match self.sample_type {
            SampleType::I8 => of!(i8),
            SampleType::U8 => of!(u8),
            SampleType::I16 => of!(i16),
            SampleType::U16 => of!(u16),
            SampleType::I32 => of!(i32),
            SampleType::U32 => of!(u32),
            SampleType::I64 => of!(i64),
            SampleType::U64 => of!(u64),
            SampleType::F32 => of!(f32),
            SampleType::F64 => of!(f64),
            // Into the upper three bytes, so that the shift back carries the sign.
            SampleType::I24 => match self.order {
                ByteOrder::Little => {
                    fill(bytes, stride, numbers, |[a, b, c]| map(f64::from(i32::from_le_bytes([0, a, b, c]) >> 8)))
                }
                ByteOrder::Big => {
                    fill(bytes, stride, numbers, |[a, b, c]| map(f64::from(i32::from_be_bytes([a, b, c, 0]) >> 8)))
                }
            },
            SampleType::U24 => match self.order {
                ByteOrder::Little => {
                    fill(bytes, stride, numbers, |[a, b, c]| map(f64::from(u32::from_le_bytes([a, b, c, 0]))))
                }
                ByteOrder::Big => {
                    fill(bytes, stride, numbers, |[a, b, c]| map(f64::from(u32::from_be_bytes([0, a, b, c]))))
                }
            },
        }
    }
}

/// `bytes` start with the first number and hold all of them, `stride` bytes apart.
#[inline]
fn fill<const N: usize>(bytes: &[u8], stride: usize, numbers: &mut [f64], number: impl Fn([u8; N]) -> f64) {
    let convert = |numbers: &mut [f64], bytes: &[[u8; N]]| {
        numbers.iter_mut().zip(bytes).for_each(|(value, &bytes)| *value = number(bytes));
    };
    if stride == N {
        return convert(numbers, bytes.as_chunks::<N>().0);
    }
    // Side by side first: numbers that are apart are converted one by one, others several at a time.
    const TOGETHER: usize = 64;
    for (numbers, bytes) in numbers.chunks_mut(TOGETHER).zip(bytes.chunks(TOGETHER * stride)) {
        let mut together = [[0; N]; TOGETHER];
        let together = &mut together[..numbers.len()];
        gather(bytes, stride, together);
        convert(numbers, together);
    }
}

/// A function of its own, as a loop so short needs the registers for itself.
#[inline(never)]
fn gather<const N: usize>(bytes: &[u8], stride: usize, together: &mut [[u8; N]]) {
    let Some((last, before)) = together.split_last_mut() else { return };
    if stride < N {
        return;
    }
    // A whole stride follows each but the last.
    let (whole, rest) = bytes.split_at((before.len() * stride).min(bytes.len()));
    for (number, bytes) in before.iter_mut().zip(whole.chunks_exact(stride)) {
        number.copy_from_slice(&bytes[..N]);
    }
    if let Some(bytes) = rest.first_chunk::<N>() {
        *last = *bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_in_either_order() {
        use ByteOrder::{Big, Little};
        use SampleType::*;
        let values = [-2i32, 0, 1, 127];
        let check = |sample_type, expected: &[f64], bytes: Vec<Vec<u8>>| {
            let big: Vec<u8> = bytes.iter().flat_map(|b| b.iter().rev().copied()).collect();
            assert_eq!(decode_numbers(&bytes.concat(), sample_type, Little), expected, "{sample_type:?}");
            assert_eq!(decode_numbers(&big, sample_type, Big), expected, "{sample_type:?}");
        };
        let signed = [-2.0, 0.0, 1.0, 127.0];
        check(I8, &signed, values.map(|v| (v as i8).to_le_bytes().to_vec()).to_vec());
        check(I16, &signed, values.map(|v| (v as i16).to_le_bytes().to_vec()).to_vec());
        check(I24, &signed, values.map(|v| v.to_le_bytes()[..3].to_vec()).to_vec());
        check(I32, &signed, values.map(|v| v.to_le_bytes().to_vec()).to_vec());
        check(I64, &signed, values.map(|v| i64::from(v).to_le_bytes().to_vec()).to_vec());
        check(F32, &signed, values.map(|v| (v as f32).to_le_bytes().to_vec()).to_vec());
        check(F64, &signed, values.map(|v| f64::from(v).to_le_bytes().to_vec()).to_vec());
        check(U8, &[254.0], vec![vec![254]]);
        check(U16, &[65534.0], vec![vec![254, 255]]);
        check(U24, &[16777214.0], vec![vec![254, 255, 255]]);
        check(U32, &[4294967294.0], vec![vec![254, 255, 255, 255]]);
        check(U64, &[254.0], vec![vec![254, 0, 0, 0, 0, 0, 0, 0]]);
    }
}
