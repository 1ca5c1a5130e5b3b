//! Writes NIfTI-1 and NIfTI-2 images: simulated scans go through the same reader as real ones.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::nifti_header::{ByteOrder, Datatype, HEADER_BYTES};

/// What the header says; the values follow on their own.
#[derive(Debug, Clone)]
pub struct NiftiToWrite<'a> {
    /// 1 or 2.
    pub version: u8,
    pub order: ByteOrder,
    pub datatype: Datatype,
    /// 1 to 7 positive extents; the first varies fastest.
    pub shape: &'a [usize],
    /// Voxel indices to millimetres, written as sform.
    pub affine: [[f64; 4]; 3],
    /// Code of the space that the affine leads to: 1 scanner, 4 MNI152.
    pub space_code: i16,
    pub repetition_time_secs: Option<f64>,
    /// `scl_slope`, `scl_inter`, as written; a slope of 0 means unscaled.
    pub scaling: [f64; 2],
    pub intent_code: i32,
    /// Code and content of each header extension.
    pub extensions: &'a [(i32, Vec<u8>)],
}

#[derive(Debug, thiserror::Error)]
pub enum NiftiWriteError {
    #[error("need {needed} to write NIfTI, found {found} for {}", path.display())]
    Unwritable { needed: &'static str, found: String, path: PathBuf },
    #[error("need a writable file, found \"{source}\" at {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Writes `stored`, the numbers before scaling, each cast to the datatype; complex and colour images take several
/// numbers a voxel. A name that ends in `.gz` is compressed, one in `.hdr` writes its `.img` beside it.
///
/// Fails where the shape cannot be written in that version or `stored` has another length.
pub fn write(path: &Path, nifti: &NiftiToWrite, stored: impl IntoIterator<Item = f64>) -> Result<(), NiftiWriteError> {
    let io = |source| NiftiWriteError::Io { path: path.to_owned(), source };
    let unwritable = |needed, found| NiftiWriteError::Unwritable { needed, found, path: path.to_owned() };
    let fits = |&extent: &usize| extent > 0 && (nifti.version == 2 || extent <= i16::MAX as usize);
    if !(1..=7).contains(&nifti.shape.len()) || !nifti.shape.iter().all(fits) {
        return Err(unwritable("1 to 7 extents that the version can hold", format!("{:?}", nifti.shape)));
    }
    let name = path.to_string_lossy().into_owned();
    let values_path = name.find(".hdr").map(|at| PathBuf::from(format!("{}.img{}", &name[..at], &name[at + 4..])));
    let extensions = extension_bytes(nifti);
    let header = header(nifti, values_path.is_some(), extensions.len());
    let mut out = create(path).map_err(io)?;
    out.write_all(&header).and_then(|()| out.write_all(&extensions)).map_err(io)?;
    if let Some(values_path) = values_path {
        out.finish().map_err(io)?;
        out = create(&values_path).map_err(io)?;
    }
    let mut n_written = 0usize;
    for value in stored {
        out.write_all(&value_bytes(value, nifti)[..bytes_per_value(nifti.datatype)]).map_err(io)?;
        n_written += 1;
    }
    out.finish().map_err(io)?;
    let needed = nifti.shape.iter().product::<usize>() * nifti.datatype.components().len().max(1);
    if n_written == needed { Ok(()) } else { Err(unwritable("as many values as the shape has", n_written.to_string())) }
}

enum Out {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

fn create(path: &Path) -> io::Result<Out> {
    let file = BufWriter::new(File::create(path)?);
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    // Level 1, as fast as it goes: simulated values compress badly at any level.
    Ok(if is_gzip { Out::Gzip(Box::new(GzEncoder::new(file, Compression::fast()))) } else { Out::Plain(file) })
}

impl Out {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Gzip(encoder) => encoder.finish()?.flush(),
        }
    }
}

fn bytes_per_value(datatype: Datatype) -> usize {
    datatype.bytes() / datatype.components().len().max(1)
}

fn value_bytes(value: f64, nifti: &NiftiToWrite) -> [u8; 8] {
    let mut bytes = [0; 8];
    let n = bytes_per_value(nifti.datatype);
    match nifti.datatype {
        Datatype::UInt8 | Datatype::Rgb24 | Datatype::Rgba32 => bytes[0] = value as u8,
        Datatype::Int8 => bytes[0] = (value as i8) as u8,
        Datatype::Int16 => bytes[..n].copy_from_slice(&(value as i16).to_le_bytes()),
        Datatype::UInt16 => bytes[..n].copy_from_slice(&(value as u16).to_le_bytes()),
        Datatype::Int32 => bytes[..n].copy_from_slice(&(value as i32).to_le_bytes()),
        Datatype::UInt32 => bytes[..n].copy_from_slice(&(value as u32).to_le_bytes()),
        Datatype::Int64 => bytes[..n].copy_from_slice(&(value as i64).to_le_bytes()),
        Datatype::UInt64 => bytes[..n].copy_from_slice(&(value as u64).to_le_bytes()),
        Datatype::Float32 | Datatype::Complex64 => bytes[..n].copy_from_slice(&(value as f32).to_le_bytes()),
        Datatype::Float64 | Datatype::Complex128 => bytes[..n].copy_from_slice(&value.to_le_bytes()),
    }
    if nifti.order == ByteOrder::Big {
        bytes[..n].reverse();
    }
    bytes
}

/// Four flags, then each extension padded to a multiple of 16 bytes; values begin at a multiple of 16 too.
fn extension_bytes(nifti: &NiftiToWrite) -> Vec<u8> {
    let mut bytes = vec![u8::from(!nifti.extensions.is_empty()), 0, 0, 0];
    for (code, content) in nifti.extensions {
        let size = (content.len() + 8).next_multiple_of(16);
        for int in [size as i32, *code] {
            bytes.extend(if nifti.order == ByteOrder::Little { int.to_le_bytes() } else { int.to_be_bytes() });
        }
        bytes.extend(content);
        bytes.resize(bytes.len() + size - 8 - content.len(), 0);
    }
    bytes
}

/// Fields at the offsets of `nifti1.h` or `nifti2.h`; what is not written is 0.
fn header(nifti: &NiftiToWrite, is_pair: bool, extension_bytes: usize) -> Vec<u8> {
    let is_v1 = nifti.version == 1;
    let n_bytes = HEADER_BYTES[usize::from(!is_v1)];
    let mut header = Fields { bytes: vec![0; n_bytes], order: nifti.order };
    let data_offset = if is_pair { 0 } else { n_bytes + extension_bytes };
    let dims: Vec<i64> =
        std::iter::once(nifti.shape.len()).chain(nifti.shape.iter().copied()).map(|n| n as i64).collect();
    let size = |axis: usize| (0..3).map(|row| nifti.affine[row][axis].powi(2)).sum::<f64>().sqrt();
    let pixdim = [1.0, size(0), size(1), size(2), nifti.repetition_time_secs.unwrap_or(0.0)];
    let bits = 8 * nifti.datatype.bytes() as i16;
    // Millimetres and seconds.
    let units = 2 + if nifti.repetition_time_secs.is_some() { 8 } else { 0 };
    let magic: &[u8; 4] = match (is_v1, is_pair) {
        (true, false) => b"n+1\0",
        (true, true) => b"ni1\0",
        (false, false) => b"n+2\0",
        (false, true) => b"ni2\0",
    };
    header.set(0, (n_bytes as i32).to_le_bytes());
    if is_v1 {
        (0..8).for_each(|i| header.set(40 + 2 * i, (dims.get(i).copied().unwrap_or(1) as i16).to_le_bytes()));
        header.set(68, (nifti.intent_code as i16).to_le_bytes());
        header.set(70, nifti.datatype.code().to_le_bytes());
        header.set(72, bits.to_le_bytes());
        (0..5).for_each(|i| header.set(76 + 4 * i, (pixdim[i] as f32).to_le_bytes()));
        header.set(108, (data_offset as f32).to_le_bytes());
        (0..2).for_each(|i| header.set(112 + 4 * i, (nifti.scaling[i] as f32).to_le_bytes()));
        header.set(123, [units]);
        header.set(254, nifti.space_code.to_le_bytes());
        for (i, row) in nifti.affine.iter().enumerate() {
            (0..4).for_each(|j| header.set(280 + 16 * i + 4 * j, (row[j] as f32).to_le_bytes()));
        }
        header.bytes[344..348].copy_from_slice(magic);
    } else {
        header.bytes[4..12].copy_from_slice(&[magic[0], magic[1], magic[2], 0, b'\r', b'\n', 0x1A, b'\n']);
        header.set(12, nifti.datatype.code().to_le_bytes());
        header.set(14, bits.to_le_bytes());
        (0..8).for_each(|i| header.set(16 + 8 * i, dims.get(i).copied().unwrap_or(1).to_le_bytes()));
        (0..5).for_each(|i| header.set(104 + 8 * i, pixdim[i].to_le_bytes()));
        header.set(168, (data_offset as i64).to_le_bytes());
        (0..2).for_each(|i| header.set(176 + 8 * i, nifti.scaling[i].to_le_bytes()));
        header.set(348, i32::from(nifti.space_code).to_le_bytes());
        for (i, row) in nifti.affine.iter().enumerate() {
            (0..4).for_each(|j| header.set(400 + 32 * i + 8 * j, row[j].to_le_bytes()));
        }
        header.set(500, i32::from(units).to_le_bytes());
        header.set(504, nifti.intent_code.to_le_bytes());
    }
    header.bytes
}

struct Fields {
    bytes: Vec<u8>,
    order: ByteOrder,
}

impl Fields {
    /// `little`-endian bytes, turned where the file is big-endian.
    fn set<const N: usize>(&mut self, at: usize, mut little: [u8; N]) {
        if self.order == ByteOrder::Big {
            little.reverse();
        }
        self.bytes[at..at + N].copy_from_slice(&little);
    }
}
