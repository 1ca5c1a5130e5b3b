//! Where results cannot be written, one line says so, and what was there stays whole.

use std::path::PathBuf;
use std::process::Command;

use nullcline_tests::{Files, Lab, View};

#[test]
fn a_file_in_the_place_of_the_folder() {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.write("out", "not a folder");
    lab.nullcline("run study out participant --config tiny.toml").refuses(&["need a writable folder", "out"]);
    lab.nullcline("run study out/deeper participant --config tiny.toml")
        .refuses(&["need a writable folder", "out/deeper"]);
    lab.nullcline("run study fine participant --config tiny.toml -w out/work")
        .refuses(&["need a writable folder", "out/work"]);
    assert_eq!(lab.read("out"), "not a folder");
}

#[test]
fn a_place_where_nobody_may_write() {
    let lab = Lab::with_cohort(View::Bold, 1);
    // Root may write wherever permissions forbid it, but nobody may make a folder among the processes.
    lab.nullcline("run study /proc/results participant --config tiny.toml")
        .refuses(&["need a writable folder", "/proc/results"]);
}

/// The disk fills up in the middle of the run; with more room the next call ends where it would have ended.
#[test]
fn a_disk_that_fills_up() {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.nullcline("run study whole participant --config tiny.toml").succeeds();
    for kib in [8, 40, 100, 180] {
        let Some(disk) = Disk::mount(lab.path("small"), kib) else {
            println!("skipped: need the right to mount a small disk");
            return;
        };
        let answer =
            lab.nullcline("run study small/out participant --config tiny.toml").exits(1).says(&["No space left"]);
        assert!(answer.stderr.contains("small/out"), "{}", answer.told());
        disk.grow();
        lab.nullcline("run study small/out participant --config tiny.toml").succeeds();
        let (mended, whole) = (Files::in_folder(&lab.path("small/out")), Files::in_folder(&lab.path("whole")));
        assert_eq!(mended.different_from(&whole), [""; 0], "{kib} KiB");
    }
}

/// A disk in memory, gone when dropped.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// `None` where mounting is not allowed.
    fn mount(at: PathBuf, kib: usize) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let disk = Self { at };
        disk.mounted(&format!("size={kib}k")).then_some(disk)
    }

    fn grow(&self) {
        assert!(self.mounted("remount,size=64m"));
    }

    fn mounted(&self, options: &str) -> bool {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&self.at).output();
        mount.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also where nothing was mounted; then there is nothing to undo.
        let _ = Command::new("umount").arg(&self.at).output();
    }
}
