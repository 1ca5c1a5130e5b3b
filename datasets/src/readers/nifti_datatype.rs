//! What one voxel of a NIfTI image holds.

/// Type of one voxel's value, by the header's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datatype {
    UInt8,
    Int8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float32,
    Float64,
    Complex64,
    Complex128,
    Rgb24,
    Rgba32,
}

impl Datatype {
    pub const ALL: [Self; 14] = [
        Self::UInt8,
        Self::Int8,
        Self::Int16,
        Self::UInt16,
        Self::Int32,
        Self::UInt32,
        Self::Int64,
        Self::UInt64,
        Self::Float32,
        Self::Float64,
        Self::Complex64,
        Self::Complex128,
        Self::Rgb24,
        Self::Rgba32,
    ];

    /// `DT_*` of `nifti1.h`.
    pub fn code(self) -> i16 {
        match self {
            Self::UInt8 => 2,
            Self::Int16 => 4,
            Self::Int32 => 8,
            Self::Float32 => 16,
            Self::Complex64 => 32,
            Self::Float64 => 64,
            Self::Rgb24 => 128,
            Self::Int8 => 256,
            Self::UInt16 => 512,
            Self::UInt32 => 768,
            Self::Int64 => 1024,
            Self::UInt64 => 1280,
            Self::Complex128 => 1792,
            Self::Rgba32 => 2304,
        }
    }

    pub fn bytes(self) -> usize {
        match self {
            Self::UInt8 | Self::Int8 => 1,
            Self::Int16 | Self::UInt16 => 2,
            Self::Rgb24 => 3,
            Self::Int32 | Self::UInt32 | Self::Float32 | Self::Rgba32 => 4,
            Self::Int64 | Self::UInt64 | Self::Float64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// The numbers of one voxel, where they are more than one.
    pub fn components(self) -> &'static [&'static str] {
        match self {
            Self::Complex64 | Self::Complex128 => &["real", "imaginary"],
            Self::Rgb24 => &["red", "green", "blue"],
            Self::Rgba32 => &["red", "green", "blue", "alpha"],
            _ => &[],
        }
    }
}
