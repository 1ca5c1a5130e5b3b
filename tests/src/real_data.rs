use std::path::PathBuf;

/// The folder of real recordings (`NULLCLINE_DATA`, else `../shared/data` beside the workspace), if there is one.
///
/// The recordings may not be passed on with the code; a test without them says that it was skipped.
pub fn real_data() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("NULLCLINE_DATA").map_or_else(beside, PathBuf::from);
    if folder.join("cohorts").is_dir() {
        return Some(folder);
    }
    println!("skipped: need real cohorts in NULLCLINE_DATA or ../shared/data, found none in {}", folder.display());
    None
}
