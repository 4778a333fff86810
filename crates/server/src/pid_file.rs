//! A file that says which process the server is, for scripts that send it signals.
use std::path::PathBuf;
use std::{fs, io, process};

/// The file, which goes when this goes.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it, over one that an earlier process has left.
    ///
    /// # Errors
    /// Why it can't be written.
    pub(crate) fn write(path: PathBuf) -> io::Result<Self> {
        fs::write(&path, format!("{}\n", process::id()))?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Whoever has taken it away before has done no harm.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_for_as_long_as_the_server() {
        let path = std::env::temp_dir().join(format!("ringcast-pid-{}", process::id()));
        fs::write(&path, "an earlier one").unwrap();
        let file = PidFile::write(path.clone()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", process::id()));
        drop(file);
        assert!(!path.exists());
        assert!(PidFile::write("/none/of/these".into()).is_err());
    }
}
