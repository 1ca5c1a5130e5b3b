//! What every target does: the bytes become a file, and whatever reads it must answer with a value or one line.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use nullcline_datasets::inspect;

/// Gives `bytes`, as a file called `name`, to `read`, and fails where its error is not one line that names the file.
pub fn read_as<T, E: Display>(name: &str, bytes: &[u8], read: impl Fn(&Path) -> Result<T, E>) {
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

/// Puts a file beside the one that will be read, or below.
pub fn beside(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
        fs::create_dir_all(parent).expect("a writable folder");
    }
    fs::write(path, bytes).expect("a writable folder for the file");
}

/// One folder for each process, in memory where the machine has such a place.
///
/// Made before anything is read: from then on readers work on the thread that calls them, since handing over to another
/// takes longer than most of the small files do.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
        alone.build_global().expect("no threads so far");
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
    };
    FOLDER.get_or_init(make).path()
}
