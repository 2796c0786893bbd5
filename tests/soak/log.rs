//! What the server wrote meanwhile.

use std::fs;
use std::path::Path;

/// Lines that say that something is wrong with the server itself: none of the faults around it is.
pub(crate) fn faults(log: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(log).map_err(|error| error.to_string())?;
    let count = |level: &str| text.lines().filter(|line| line.contains(level)).count();
    println!("log: {} lines, {} warnings, {} errors", text.lines().count(), count(" WARN "), count(" ERROR "));
    let is_fault = |line: &&str| line.contains(" ERROR ") || line.contains("panicked");
    Ok(text.lines().filter(is_fault).take(5).map(|line| format!("log: {line}")).collect())
}
