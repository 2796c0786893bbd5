//! What is wrong with a configuration, all of it.

use std::fmt;
use std::path::PathBuf;

use super::content::Content;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The flag (or foreign environment variable) to change.
    pub flag: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.flag, self.message)
    }
}

/// Everything that is wrong with a configuration; as an error, one line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong configuration:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl Faults {
    /// The faults, in the order of the flags in `--help`.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, flag: &'static str, message: impl Into<String>) {
        self.0.push(Fault { flag, message: message.into() });
    }

    /// The value that was typed, or `None` and one more fault.
    pub(super) fn read<T>(
        &mut self,
        flag: &'static str,
        typed: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(typed).map_err(|message| self.add(flag, message)).ok()
    }

    /// A file that is named; `None` and one more fault where it cannot be read or does not hold what it
    /// is for.
    pub(super) fn file(&mut self, flag: &'static str, path: Option<PathBuf>, content: Content) -> Option<PathBuf> {
        let path = path?;
        match content.check(&path) {
            Ok(()) => Some(path),
            Err(message) => {
                self.add(flag, message);
                None
            }
        }
    }

    /// A certificate and its key, which are only of use together.
    pub(super) fn pair(
        &mut self,
        (first_flag, first): (&'static str, Option<PathBuf>),
        (second_flag, second): (&'static str, Option<PathBuf>),
    ) -> Option<(PathBuf, PathBuf)> {
        match (first.is_some(), second.is_some()) {
            (true, false) => self.add(second_flag, format!("is needed beside {first_flag}")),
            (false, true) => self.add(first_flag, format!("is needed beside {second_flag}")),
            _ => {}
        }
        let certificate = self.file(first_flag, first, Content::Certificates);
        certificate.zip(self.file(second_flag, second, Content::PrivateKey))
    }
}
