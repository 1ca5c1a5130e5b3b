//! The header of a NIfTI image: shape, type of the values, scaling, units, and where the grid lies in space.
//!
//! Sources: NIfTI-1, <https://nifti.nimh.nih.gov/nifti-1>; NIfTI-2, <https://nifti.nimh.nih.gov/nifti-2>. Byte
//! offsets below are those of `nifti1.h` and `nifti2.h`.

use std::path::Path;

use super::error::ReadError;
pub use super::nifti_datatype::Datatype;
pub use super::nifti_orientation::Orientation;
use crate::volumes::Grid;

/// Bytes of a NIfTI-1 header; those of a NIfTI-2 header.
pub(super) const HEADER_BYTES: [usize; 2] = [348, 540];

/// What the header says, in millimetres and seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct NiftiHeader {
    /// 1 or 2.
    pub version: u8,
    pub order: ByteOrder,
    /// `dim[1..=dim[0]]`; the first varies fastest.
    pub shape: Vec<usize>,
    pub datatype: Datatype,
    /// `scl_slope`, `scl_inter` where they apply: a slope of 0 means unscaled.
    pub scaling: Option<[f64; 2]>,
    pub voxel_mm: [f64; 3],
    /// Time from one volume to the next, of an image with a fourth axis that is time.
    pub repetition_time_secs: Option<f64>,
    /// From sform, else qform, else the voxel sizes about the centre of the image, first axis leftwards.
    pub affine: [[f64; 4]; 3],
    /// Which of the three, and what its code calls the space.
    pub orientation: Orientation,
    pub intent_code: i32,
    /// Where the values begin, in the file that holds them.
    pub data_offset: u64,
    /// Whether the values are in a second file (`.img`).
    pub is_pair: bool,
    /// What had to be assumed, one sentence each.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

impl NiftiHeader {
    /// Of an image that has at least three axes after padding with ones.
    pub fn grid(&self) -> Grid {
        let extent = |axis: usize| self.shape.get(axis).copied().unwrap_or(1);
        Grid { shape: [extent(0), extent(1), extent(2)], affine: self.affine }
    }

    /// Volumes after one another: the product of all axes beyond the third.
    pub fn n_volumes(&self) -> usize {
        self.shape.iter().skip(3).product()
    }

    /// Whether only the fourth axis, if any, goes on beyond the three of space: then its volumes follow one another in time.
    pub fn is_series(&self) -> bool {
        self.shape.iter().skip(4).all(|&extent| extent == 1)
    }

    pub fn n_voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of all values. Fits, because parsing checked it.
    pub fn data_bytes(&self) -> u64 {
        (self.n_voxels() * self.datatype.bytes()) as u64
    }

    /// Reads 348 or 540 bytes, of either byte order. `path` is for messages.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, ReadError> {
        let fields = Fields::of(bytes, path)?;
        let is_pair = match (fields.version, &fields.bytes[fields.at(344, 4)..][..4]) {
            (1, b"n+1\0") | (2, b"n+2\0") => false,
            (1, b"ni1\0") | (2, b"ni2\0") => true,
            (_, found) => {
                let found = format!("{:?}", String::from_utf8_lossy(found));
                return Err(ReadError::field("magic n+1, ni1, n+2 or ni2 (byte 344, or 4 in NIfTI-2)", found, path));
            }
        };
        let mut warnings = Vec::new();
        let shape = fields.shape()?;
        let datatype = fields.datatype()?;
        let n_values = shape.iter().try_fold(datatype.bytes(), |n, &extent| n.checked_mul(extent));
        if n_values.is_none_or(|n| n > isize::MAX as usize) {
            return Err(ReadError::field("a shape whose values can be addressed", format!("{shape:?}"), path));
        }
        let pixdim: [f64; 8] = std::array::from_fn(|i| fields.real(76 + 4 * i, 104 + 8 * i));
        let units = fields.int(123, 500) as u8;
        let mm_per_unit = match units & 7 {
            1 => 1e3,
            3 => 1e-3,
            _ => 1.0,
        };
        let (affine, orientation) = fields.affine(&shape, &pixdim, mm_per_unit, &mut warnings)?;
        Ok(Self {
            version: fields.version,
            order: fields.order,
            repetition_time_secs: repetition_time(&shape, pixdim[4], units & 0x38, &mut warnings),
            shape,
            datatype,
            scaling: fields.scaling()?,
            voxel_mm: std::array::from_fn(|axis| (pixdim[axis + 1] * mm_per_unit).abs()),
            affine,
            orientation,
            intent_code: fields.int(68, 504) as i32,
            data_offset: fields.data_offset(is_pair)?,
            is_pair,
            warnings,
        })
    }
}

/// `pixdim[4]`, by its unit, in seconds.
fn repetition_time(shape: &[usize], step: f64, unit: u8, warnings: &mut Vec<String>) -> Option<f64> {
    if shape.get(3).is_none_or(|&n| n < 2) {
        return None;
    }
    if !(step.is_finite() && step > 0.0) {
        warnings.push(format!("pixdim[4] is {step}: the image does not say how long a volume takes"));
        return None;
    }
    match unit {
        // No scanner waits minutes from one volume to the next, and many programs write milliseconds here.
        8 if step > 100.0 => {
            warnings.push(format!("pixdim[4] is {step} s by its unit; read as milliseconds"));
            Some(step * 1e-3)
        }
        8 => Some(step),
        16 => Some(step * 1e-3),
        24 => Some(step * 1e-6),
        0 if step > 100.0 => {
            warnings.push(format!("pixdim[4] is {step} without a unit; read as milliseconds"));
            Some(step * 1e-3)
        }
        0 => {
            warnings.push(format!("pixdim[4] is {step} without a unit; read as seconds"));
            Some(step)
        }
        other => {
            warnings.push(format!("The fourth axis is not time (unit code {other})"));
            None
        }
    }
}

/// Header bytes with their byte order; offsets are given for both versions.
pub(super) struct Fields<'b> {
    bytes: &'b [u8],
    version: u8,
    order: ByteOrder,
    pub path: &'b Path,
}

impl<'b> Fields<'b> {
    fn of(bytes: &'b [u8], path: &'b Path) -> Result<Self, ReadError> {
        let size: [u8; 4] = bytes.get(..4).and_then(|size| size.try_into().ok()).unwrap_or_default();
        let (version, order) = match (u32::from_le_bytes(size), u32::from_be_bytes(size)) {
            (348, _) => (1, ByteOrder::Little),
            (540, _) => (2, ByteOrder::Little),
            (_, 348) => (1, ByteOrder::Big),
            (_, 540) => (2, ByteOrder::Big),
            (found, _) => return Err(ReadError::field("sizeof_hdr 348 or 540 (byte 0)", found.to_string(), path)),
        };
        let needed = HEADER_BYTES[usize::from(version) - 1];
        if bytes.len() < needed {
            return Err(ReadError::Truncated {
                needed_bytes: needed as u64,
                found_bytes: bytes.len() as u64,
                path: path.to_owned(),
            });
        }
        Ok(Self { bytes, version, order, path })
    }

    fn at(&self, in_v1: usize, in_v2: usize) -> usize {
        if self.version == 1 { in_v1 } else { in_v2 }
    }

    fn take<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes: [u8; N] = self.bytes[at..at + N].try_into().expect("inside the header");
        if self.order == ByteOrder::Big {
            bytes.reverse();
        }
        bytes
    }

    /// A float in NIfTI-1, a double in NIfTI-2.
    pub fn real(&self, in_v1: usize, in_v2: usize) -> f64 {
        match self.version {
            1 => f64::from(f32::from_le_bytes(self.take(in_v1))),
            _ => f64::from_le_bytes(self.take(in_v2)),
        }
    }

    /// A short in NIfTI-1 (`xyzt_units` is one byte there), an int in NIfTI-2.
    pub fn int(&self, in_v1: usize, in_v2: usize) -> i64 {
        match self.version {
            1 if in_v1 == 123 => i64::from(self.bytes[123]),
            1 => i64::from(i16::from_le_bytes(self.take(in_v1))),
            _ => i64::from(i32::from_le_bytes(self.take(in_v2))),
        }
    }

    fn shape(&self) -> Result<Vec<usize>, ReadError> {
        let dim = |i: usize| match self.version {
            1 => i64::from(i16::from_le_bytes(self.take(40 + 2 * i))),
            _ => i64::from_le_bytes(self.take(16 + 8 * i)),
        };
        let n_axes = dim(0);
        if !(1..=7).contains(&n_axes) {
            return Err(ReadError::field("1 to 7 axes in dim[0]", n_axes.to_string(), self.path));
        }
        let extents = (1..=n_axes as usize).map(|i| match usize::try_from(dim(i)) {
            Ok(extent) if extent > 0 => Ok(extent),
            _ => Err(ReadError::field(format!("a positive extent in dim[{i}]"), dim(i).to_string(), self.path)),
        });
        extents.collect()
    }

    fn datatype(&self) -> Result<Datatype, ReadError> {
        let at = self.at(70, 12);
        let code = i16::from_le_bytes(self.take(at));
        let known = Datatype::ALL.into_iter().find(|datatype| datatype.code() == code);
        known.ok_or_else(|| {
            let needed = format!("a datatype of 8 to 64 bits, real, complex or RGB (byte {at})");
            ReadError::field(needed, format!("code {code}"), self.path)
        })
    }

    fn scaling(&self) -> Result<Option<[f64; 2]>, ReadError> {
        let (slope, intercept) = (self.real(112, 176), self.real(116, 184));
        if slope == 0.0 || !slope.is_finite() || (slope, intercept) == (1.0, 0.0) {
            return Ok(None);
        }
        if !intercept.is_finite() {
            let needed = format!("a finite scl_inter beside scl_slope {slope}");
            return Err(ReadError::field(needed, intercept.to_string(), self.path));
        }
        Ok(Some([slope, intercept]))
    }

    fn data_offset(&self, is_pair: bool) -> Result<u64, ReadError> {
        let smallest = if is_pair { 0 } else { HEADER_BYTES[usize::from(self.version) - 1] as u64 + 4 };
        let found = match self.version {
            1 => f64::from(f32::from_le_bytes(self.take(108))),
            _ => i64::from_le_bytes(self.take(168)) as f64,
        };
        // Some writers leave it at 0 where the values follow the header directly.
        if found == 0.0 {
            return Ok(smallest);
        }
        if found.fract() != 0.0 || found < smallest as f64 || found > 1e15 {
            let needed = format!("vox_offset of at least {smallest} (byte {})", self.at(108, 168));
            return Err(ReadError::field(needed, found.to_string(), self.path));
        }
        Ok(found as u64)
    }
}
