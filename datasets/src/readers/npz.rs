//! NumPy's archives: arrays by name in a zip file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use super::error::{ReadError, one_line};
use super::npy::NpyArray;

/// Deflate shrinks data at most 1032 times.
const STRONGEST_COMPRESSION: u64 = 1032;

/// Reads one array of an archive, which may go unnamed where it is the only one.
pub fn read(path: &Path, name: Option<&str>) -> Result<NpyArray, ReadError> {
    let broken = |error: zip::result::ZipError| {
        ReadError::field("a sound zip archive of arrays", format!("\"{}\"", one_line(&error.to_string())), path)
    };
    let file = File::open(path).map_err(|source| ReadError::unreadable(path, source))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let names: Vec<String> = archive.file_names().filter_map(Result::ok).map(|name| name.into_owned()).collect();
    let arrays: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".npy")).collect();
    let wanted = match (name, arrays.as_slice()) {
        (Some(name), arrays) if arrays.contains(&name) => name.to_owned(),
        (None, [only]) => (*only).to_owned(),
        (name, arrays) => {
            let needed = match name {
                Some(name) => format!("an array {name}"),
                None => "the array's name, as in file.npz:name".to_owned(),
            };
            let found = if arrays.is_empty() { "no arrays".to_owned() } else { one_line(&arrays.join(", ")) };
            return Err(ReadError::field(needed, found, path));
        }
    };
    let member = archive.by_name(&format!("{wanted}.npy")).map_err(broken)?;
    // What the archive promises is bounded by what is stored for it.
    let n_bytes = member.size().min(member.compressed_size().saturating_mul(STRONGEST_COMPRESSION));
    NpyArray::read_from(&mut BufReader::new(member.take(n_bytes)), n_bytes, path)
}
