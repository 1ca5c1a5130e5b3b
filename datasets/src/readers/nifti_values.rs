//! The values of a NIfTI image: from bytes of any type and order to scaled floating-point numbers.

use super::nifti_header::{ByteOrder, Datatype, NiftiHeader};

/// `f32` or `f64`: what values are wanted as.
pub trait Real: Copy + Send + 'static {
    fn from_f64(value: f64) -> Self;
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// `slope · stored + intercept`, computed in f64, after those in `into`. Colours and complex numbers give one value
/// for each component; colours are never scaled. `bytes` is a whole number of values.
pub(super) fn decode<T: Real>(bytes: &[u8], header: &NiftiHeader, into: &mut Vec<T>) {
    // One loop for each type, order and scaling, so that each is a straight run of conversions.
    macro_rules! values {
        ($type:ty) => {{
            const BYTES: usize = size_of::<$type>();
            let stored =
                bytes.chunks_exact(BYTES).map(|chunk| <[u8; BYTES]>::try_from(chunk).expect("chunk of its size"));
            match (header.order, header.scaling) {
                (ByteOrder::Little, None) => {
                    into.extend(stored.map(|raw| T::from_f64(<$type>::from_le_bytes(raw) as f64)))
                }
                (ByteOrder::Big, None) => {
                    into.extend(stored.map(|raw| T::from_f64(<$type>::from_be_bytes(raw) as f64)))
                }
                (ByteOrder::Little, Some([slope, intercept])) => {
                    into.extend(stored.map(|raw| T::from_f64(<$type>::from_le_bytes(raw) as f64 * slope + intercept)))
                }
                (ByteOrder::Big, Some([slope, intercept])) => {
                    into.extend(stored.map(|raw| T::from_f64(<$type>::from_be_bytes(raw) as f64 * slope + intercept)))
                }
            }
        }};
    }
    match header.datatype {
        Datatype::Rgb24 | Datatype::Rgba32 => into.extend(bytes.iter().map(|&byte| T::from_f64(f64::from(byte)))),
        Datatype::UInt8 => values!(u8),
        Datatype::Int8 => values!(i8),
        Datatype::Int16 => values!(i16),
        Datatype::UInt16 => values!(u16),
        Datatype::Int32 => values!(i32),
        Datatype::UInt32 => values!(u32),
        Datatype::Int64 => values!(i64),
        Datatype::UInt64 => values!(u64),
        Datatype::Float32 | Datatype::Complex64 => values!(f32),
        Datatype::Float64 | Datatype::Complex128 => values!(f64),
    }
}
