//! What every target does: the bytes become a file, and whatever reads it must answer with a value or one line.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use nullcline_datasets::{ReadError, inspect};

/// Gives `bytes`, as a file called `name`, to `read`, and fails where its error is not one line that names the file.
pub fn read_as<T>(name: &str, bytes: &[u8], read: impl Fn(&Path) -> Result<T, ReadError>) {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a writable folder for the file");
    if let Err(error) = read(&path) {
        let message = error.to_string();
        assert!(!message.contains('\n') && message.contains(&*folder().to_string_lossy()), "{message:?}");
    }
}

/// As [`read_as`], with the reader that the name's extension chooses.
pub fn inspect_as(name: &str, bytes: &[u8]) {
    read_as(name, bytes, inspect);
}

/// Puts a file beside the one that will be read.
pub fn beside(name: &str, bytes: &[u8]) {
    fs::write(folder().join(name), bytes).expect("a writable folder for the file");
}

/// One folder for each process, in memory where the machine has such a place.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    FOLDER.get_or_init(make).path()
}
