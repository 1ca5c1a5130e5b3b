//! Where the grid of a NIfTI image lies in space.

use super::error::ReadError;
use super::nifti_header::Fields;

/// The space that an affine leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// Neither sform nor qform.
    Unknown,
    /// Code 1.
    Scanner,
    /// Code 2, aligned with another scan.
    Aligned,
    /// Code 3.
    Talairach,
    /// Code 4.
    Mni152,
    /// Code 5.
    Template,
    Other(i16),
}

impl Orientation {
    fn of(code: i16) -> Self {
        match code {
            1 => Self::Scanner,
            2 => Self::Aligned,
            3 => Self::Talairach,
            4 => Self::Mni152,
            5 => Self::Template,
            other => Self::Other(other),
        }
    }
}

impl Fields<'_> {
    /// Methods 3, 2 and 1 of the specification, in this order of preference.
    pub fn affine(
        &self,
        shape: &[usize],
        pixdim: &[f64; 8],
        mm_per_unit: f64,
        warnings: &mut Vec<String>,
    ) -> Result<([[f64; 4]; 3], Orientation), ReadError> {
        let [qform_code, sform_code] = [self.int(252, 344) as i16, self.int(254, 348) as i16];
        let (mut affine, code, name) = if sform_code > 0 {
            let row = |i: usize| std::array::from_fn(|j| self.real(280 + 16 * i + 4 * j, 400 + 32 * i + 8 * j));
            (std::array::from_fn(row), Orientation::of(sform_code), "sform")
        } else if qform_code > 0 {
            (self.qform(pixdim), Orientation::of(qform_code), "qform")
        } else {
            warnings.push("No orientation in the header (qform and sform code 0)".to_owned());
            (centred(shape, pixdim), Orientation::Unknown, "pixdim")
        };
        affine.iter_mut().flatten().for_each(|value| *value *= mm_per_unit);
        if affine.iter().flatten().any(|value| !value.is_finite()) {
            return Err(ReadError::field(format!("finite numbers in {name}"), format!("{affine:?}"), self.path));
        }
        Ok((affine, code))
    }

    /// Rotation by the quaternion `(a, b, c, d)`, `a = √(1 − b² − c² − d²)`, then the voxel sizes; `pixdim[0]` of
    /// −1 flips the third axis.
    fn qform(&self, pixdim: &[f64; 8]) -> [[f64; 4]; 3] {
        let [mut b, mut c, mut d] = [0, 1, 2].map(|i| self.real(256 + 4 * i, 352 + 8 * i));
        let offset = [0, 1, 2].map(|i| self.real(268 + 4 * i, 376 + 8 * i));
        let squared = b * b + c * c + d * d;
        let a = (1.0 - squared).max(0.0).sqrt();
        if squared > 1.0 {
            let length = squared.sqrt();
            [b, c, d] = [b / length, c / length, d / length];
        }
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ];
        let flip = if pixdim[0] < 0.0 { -1.0 } else { 1.0 };
        let size = [pixdim[1], pixdim[2], pixdim[3] * flip];
        std::array::from_fn(|i| std::array::from_fn(|j| if j < 3 { rotation[i][j] * size[j] } else { offset[i] }))
    }
}

/// The origin at the centre of the image and the first axis to the left, as nibabel has it.
fn centred(shape: &[usize], pixdim: &[f64; 8]) -> [[f64; 4]; 3] {
    let mut affine = [[0.0; 4]; 3];
    for (axis, row) in affine.iter_mut().enumerate() {
        let size = if axis == 0 { -pixdim[1] } else { pixdim[axis + 1] };
        row[axis] = size;
        row[3] = -size * (shape.get(axis).map_or(0, |&n| n - 1) as f64) / 2.0;
    }
    affine
}
