//! Why a file could not be read, where it is another than it was taken for.
//!
//! Asked only after a reader has failed: what a reader says of a byte helps nobody whose file is empty, has another
//! format's extension, or lies beside the one to give.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::error::ReadError;
use super::extension_of;
use super::series::split_location;

/// A format that is known by its first bytes.
struct Signature {
    name: &'static str,
    starts: &'static [u8],
    at: usize,
}

const SIGNATURES: [Signature; 13] = [
    Signature { name: "EDF", starts: b"0       ", at: 0 },
    Signature { name: "BDF", starts: b"\xFFBIOSEMI", at: 0 },
    Signature { name: "GDF", starts: b"GDF ", at: 0 },
    Signature { name: "BrainVision header", starts: b"Brain Vision", at: 0 },
    Signature { name: "FIF", starts: b"\0\0\0\x64\0\0\0\x1F\0\0\0\x14", at: 0 },
    Signature { name: "HDF5", starts: HDF5, at: 0 },
    // MATLAB puts a header of its own before it.
    Signature { name: "HDF5", starts: HDF5, at: 512 },
    Signature { name: "MAT", starts: b"MATLAB 5.0", at: 0 },
    Signature { name: "NPY", starts: b"\x93NUMPY", at: 0 },
    Signature { name: "zip", starts: b"PK\x03\x04", at: 0 },
    Signature { name: "gzip", starts: b"\x1F\x8B", at: 0 },
    Signature { name: "NIfTI", starts: b"n+1\0", at: 344 },
    Signature { name: "NIfTI", starts: b"n+2\0\r\n\x1A\n", at: 4 },
];

const HDF5: &[u8] = b"\x89HDF\r\n\x1A\n";

/// Extensions, and the names of what their files begin with; none for text.
const EXPECTED: [(&str, &[&str]); 18] = [
    ("edf", &["EDF", "BDF"]),
    ("rec", &["EDF", "BDF"]),
    ("bdf", &["BDF", "EDF"]),
    ("gdf", &["GDF"]),
    ("vhdr", &["BrainVision header"]),
    ("ahdr", &["BrainVision header"]),
    ("set", &["MAT", "HDF5"]),
    ("fif", &["FIF"]),
    ("gz", &["gzip"]),
    ("nwb", &["HDF5"]),
    ("h5", &["HDF5"]),
    ("hdf5", &["HDF5"]),
    ("mat", &["MAT", "HDF5"]),
    ("npy", &["NPY"]),
    ("npz", &["zip"]),
    ("nii", &["NIfTI"]),
    ("tsv", &[]),
    ("csv", &[]),
];

/// `error`, or what explains it better.
pub(crate) fn explained(path: &Path, error: ReadError) -> ReadError {
    let (file, _) = split_location(path);
    if let Err(absent) = fs::metadata(&file) {
        return ReadError::unreadable(&file, absent);
    }
    header_of(path).or_else(|| otherwise(path)).unwrap_or(error)
}

/// That the file is empty, or begins as those of another extension do.
fn otherwise(path: &Path) -> Option<ReadError> {
    let extension = extension_of(path);
    let mut start = [0; 520];
    let n = fs::File::open(path).and_then(|mut file| file.read(&mut start)).ok()?;
    if n == 0 {
        return Some(ReadError::field("a file with something in it", "an empty one", path));
    }
    let (_, expected) = EXPECTED.iter().find(|(known, _)| *known == extension)?;
    let begins =
        |signature: &Signature| start[..n].get(signature.at..).is_some_and(|s| s.starts_with(signature.starts));
    let found: Vec<&str> = SIGNATURES.iter().filter(|signature| begins(signature)).map(|found| found.name).collect();
    let other = found.first().filter(|_| !found.iter().any(|name| expected.contains(name)))?;
    let needed = match expected {
        [] => "text".to_owned(),
        names => names.join(" or "),
    };
    Some(ReadError::field(format!("{needed}, as .{extension} says"), format!("the beginning of {other}"), path))
}

/// That the file is one of several of a recording, and which of them to give.
fn header_of(path: &Path) -> Option<ReadError> {
    let (headers, what): (&[&str], _) = match extension_of(path).as_str() {
        "eeg" | "dat" => (&["vhdr", "ahdr"], "its samples"),
        "vmrk" | "amrk" => (&["vhdr", "ahdr"], "its markers"),
        "fdt" => (&["set"], "its samples"),
        _ => return None,
    };
    let header = headers.iter().map(|extension| path.with_extension(extension)).find(|header| header.is_file())?;
    let name = header.file_name()?.to_string_lossy();
    Some(ReadError::field(format!("{name}, the header of this recording"), what, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect;

    #[test]
    fn files_that_are_others_say_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8], expected: &str| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let message = inspect(&path).unwrap_err().to_string();
            let found = message.strip_suffix(&format!(" in {}", path.display())).unwrap_or(&message);
            assert_eq!(found, expected, "{name}");
        };
        for name in ["a.edf", "a.set", "a.nii.gz", "a.tsv", "a.npy", "a.txt", "a.nwb", "a.fif.gz"] {
            check(name, b"", "need a file with something in it, found an empty one");
        }
        check("a.edf", b"GDF 1.25", "need EDF or BDF, as .edf says, found the beginning of GDF");
        check("a.nii", b"\x1F\x8B\x08", "need NIfTI, as .nii says, found the beginning of gzip");
        check(
            "a.nii.gz",
            &[[0; 344].as_slice(), b"n+1\0"].concat(),
            "need gzip, as .gz says, found the beginning of NIfTI",
        );
        check("a.tsv", b"PK\x03\x04", "need text, as .tsv says, found the beginning of zip");
        check("a.nwb", b"\x93NUMPY", "need HDF5, as .nwb says, found the beginning of NPY");
        // What the name promises keeps the word of its reader.
        check("b.gdf", b"GDF 1.25", "need 256 bytes, as the header says, found 8");
    }

    #[test]
    fn what_is_not_there_is_no_format() {
        for name in ["absent", "absent.xyz", "absent.edf", "absent.h5:/x"] {
            let message = inspect(Path::new(name)).unwrap_err().to_string();
            assert!(message.starts_with("need a readable file, found \"No such file"), "{message}");
        }
    }

    #[test]
    fn parts_of_a_recording_name_the_file_to_give() {
        let folder = tempfile::tempdir().unwrap();
        let message = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "1").unwrap();
            inspect(&path).unwrap_err().to_string()
        };
        assert!(message("a.eeg").starts_with("need one of EDF"));
        fs::write(folder.path().join("a.vhdr"), "").unwrap();
        fs::write(folder.path().join("b.set"), "").unwrap();
        assert!(message("a.eeg").starts_with("need a.vhdr, the header of this recording, found its samples in "));
        assert!(message("a.vmrk").starts_with("need a.vhdr, the header of this recording, found its markers in "));
        assert!(message("b.fdt").starts_with("need b.set, the header of this recording, found its samples in "));
    }
}
