//! Reads the files of a host, below a root directory.
use std::fs;
use std::path::{Path, PathBuf};

/// Where facts come from: `/` for the machine itself, any directory with `proc` and `sys` in it for a captured one.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
    process: String,
}

impl Host {
    /// A host whose `/` is `root`, seen from the process `pid`, or from this one.
    #[must_use]
    pub fn new(root: &Path, pid: Option<u32>) -> Self {
        Self { root: root.to_owned(), process: pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string()) }
    }

    /// True if it is the machine this program runs on, so that what can only be tried may be tried.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.root == Path::new("/") && self.process == "self"
    }

    /// The text of a file without the last line's end; `None` if it is missing or may not be read.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.below(path)).ok()?;
        Some(text.trim_end().to_owned())
    }

    /// The text of a sysctl, by its dotted name.
    #[must_use]
    pub fn sysctl(&self, name: &str) -> Option<String> {
        self.read(&format!("/proc/sys/{}", name.replace('.', "/")))
    }

    /// The text of a file of the process.
    #[must_use]
    pub fn process(&self, file: &str) -> Option<String> {
        self.read(&format!("/proc/{}/{file}", self.process))
    }

    /// The names in a directory, sorted; none if it is missing.
    #[must_use]
    pub fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.below(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// True if there is such a file or directory.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.below(path).exists()
    }

    fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}
