//! Numbers to Kubernetes quantity text and back.

use std::fmt;

/// CPU in billionths of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanocores(pub u64);

/// A level in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Kubernetes quantity")]
pub struct QuantityError(pub String);

/// Canonical form of the decimal family: the largest of `n`, `u`, `m`, none that keeps an integer.
impl fmt::Display for Nanocores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_canonical(f, self.0, 1000, &["n", "u", "m", ""])
    }
}

/// Canonical form of the binary family: the largest of none, `Ki` to `Ei` that keeps an integer.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_canonical(f, self.0, 1024, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
    }
}

fn write_canonical(f: &mut fmt::Formatter<'_>, value: u64, step: u64, suffixes: &[&str]) -> fmt::Result {
    let mut value = value;
    let mut suffixes = suffixes.iter().peekable();
    while let Some(suffix) = suffixes.next() {
        let fits_next = value != 0 && value % step == 0 && suffixes.peek().is_some();
        if !fits_next {
            return if value == 0 { f.write_str("0") } else { write!(f, "{value}{suffix}") };
        }
        value /= step;
    }
    Ok(())
}
