use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Every file below a folder, by its path in it, as it was at one moment.
#[derive(Debug)]
pub struct Files {
    by_path: BTreeMap<String, File>,
}

#[derive(Debug, PartialEq)]
struct File {
    modified: SystemTime,
    bytes: Vec<u8>,
}

impl Files {
    /// Checkpoints of models in training (`work/`) are not results and not looked at.
    pub fn in_folder(folder: &Path) -> Self {
        let mut by_path = BTreeMap::new();
        collect(folder, folder, &mut by_path);
        by_path.retain(|path, _| !path.starts_with("work/"));
        Self { by_path }
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    #[track_caller]
    pub fn has(&self, path: &str) {
        assert!(self.by_path.contains_key(path), "no {path} among {:#?}", self.paths().collect::<Vec<_>>());
    }

    /// Only the files whose path contains `part`; there must be some.
    #[track_caller]
    pub fn only(mut self, part: &str) -> Self {
        self.by_path.retain(|path, _| path.contains(part));
        assert!(!self.by_path.is_empty(), "no file has {part:?} in its path");
        self
    }

    /// Paths whose content is not the same in both, or that only one of them has.
    pub fn different_from<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        self.unlike(other, |a, b| a.bytes == b.bytes)
    }

    /// Paths written again since `earlier`, if only with the same content.
    pub fn written_since<'a>(&'a self, earlier: &'a Self) -> Vec<&'a str> {
        self.unlike(earlier, |a, b| a == b)
    }

    fn unlike<'a>(&'a self, other: &'a Self, same: fn(&File, &File) -> bool) -> Vec<&'a str> {
        let mut unlike: Vec<&str> = self
            .by_path
            .iter()
            .filter(|(path, file)| other.by_path.get(*path).is_none_or(|there| !same(file, there)))
            .map(|(path, _)| path.as_str())
            .collect();
        unlike.extend(other.paths().filter(|path| !self.by_path.contains_key(*path)));
        unlike
    }
}

/// A page names the command that wrote it, which may be another one in every run.
fn without_command(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    let lines: Vec<&str> = page.lines().filter(|line| !line.contains("<dt>command</dt>")).collect();
    lines.join("\n").into_bytes()
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let mut bytes = fs::read(&path).unwrap();
            if name.ends_with(".html") {
                bytes = without_command(&bytes);
            }
            found.insert(name, File { modified, bytes });
        }
    }
}
