//! The file of `--config`: what one flag each would not hold.
//!
//! The document is taken apart by hand, key by key: a derived reader stops at the first fault and
//! cannot say where in a list it was.
//!
//! ```text
//! YAML ──▶ Section (a mapping and its path) ──take each key──▶ settings
//!                                            └─ what is left: unknown, a fault
//! ```

mod export;
mod section;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use self::section::Section;
use super::fault::Faults;
use super::settings::Export;

/// The flag that faults of the file are told under.
pub(super) const FLAG: &str = "--config";
/// A file of a thousand targets is smaller; a larger one is the wrong file.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the file, and notes every fault in it.
pub(super) fn read(path: &Path, variable: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<Export> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text)) {
        Err(error) => {
            faults.add(FLAG, format!("{} cannot be read: {error}", path.display()));
            None
        }
        Ok(length) if length as u64 > MAX_BYTES => {
            faults.add(FLAG, format!("{} is larger than {MAX_BYTES} bytes", path.display()));
            None
        }
        Ok(_) => document(&text, variable, faults),
    }
}

/// The same of what stands in it.
pub(super) fn document(text: &str, variable: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<Export> {
    let value: Value = if text.trim().is_empty() {
        Value::Null
    } else {
        match serde_saphyr::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                faults.add(FLAG, format!("is no YAML: {error}"));
                return None;
            }
        }
    };
    let mut root = Section::root(value, faults)?;
    let export = root.section("export", faults);
    root.end(faults);
    Some(export.map(|section| export::read(section, variable, faults)).unwrap_or_default())
}
