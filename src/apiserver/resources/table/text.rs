//! Numbers as people read them in a column: short, and of one unit.

use std::fmt;
use std::time::Duration;

use crate::usage::{Bytes, Nanocores};

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// What stands in the place of a number that nobody knows.
pub(super) const UNKNOWN: &str = "<unknown>";
/// What stands in the place of a word that there is none for.
pub(super) const NONE: &str = "<none>";

/// Thousandths of a core, rounded up, so that little is not nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cores(pub(super) Nanocores);

/// Whole mebibytes, or below the first kibibytes, of which one at least: little is not nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) Bytes);

/// Time that has passed, in the two largest units that tell something, as the age of any
/// Kubernetes object is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age(pub(super) Duration);

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0.0.div_ceil(1_000_000))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0 {
            0 => f.write_str("0"),
            bytes @ 1..1_048_576 => write!(f, "{}Ki", (bytes >> 10).max(1)),
            bytes => write!(f, "{}Mi", bytes >> 20),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, rest) = match seconds {
            _ if seconds < 2 * MINUTE => ((SECOND, "s"), None),
            _ if seconds < 10 * MINUTE => ((MINUTE, "m"), Some((SECOND, "s"))),
            _ if seconds < 3 * HOUR => ((MINUTE, "m"), None),
            _ if seconds < 8 * HOUR => ((HOUR, "h"), Some((MINUTE, "m"))),
            _ if seconds < 2 * DAY => ((HOUR, "h"), None),
            _ if seconds < 8 * DAY => ((DAY, "d"), Some((HOUR, "h"))),
            _ if seconds < 2 * YEAR => ((DAY, "d"), None),
            _ if seconds < 8 * YEAR => ((YEAR, "y"), Some((DAY, "d"))),
            _ => ((YEAR, "y"), None),
        };
        let (unit, name) = unit;
        write!(f, "{}{name}", seconds / unit)?;
        match rest.map(|(smaller, name)| (seconds % unit / smaller, name)) {
            None | Some((0, _)) => Ok(()),
            Some((count, name)) => write!(f, "{count}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_thousandths_rounded_up() {
        for (nanocores, text) in [
            (0, "0m"),
            (1, "1m"),
            (1_000_000, "1m"),
            (1_000_001, "2m"),
            (1_500_000_000, "1500m"),
            (u64::MAX, "18446744073710m"),
        ] {
            assert_eq!(Cores(Nanocores(nanocores)).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_mebibytes_or_below_the_first_kibibytes() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1Ki"),
            (1_024, "1Ki"),
            (2_047, "1Ki"),
            ((1 << 20) - 1, "1023Ki"),
            (1 << 20, "1Mi"),
            ((1 << 21) - 1, "1Mi"),
            (64 << 30, "65536Mi"),
            (u64::MAX, "17592186044415Mi"),
        ] {
            assert_eq!(Size(Bytes(bytes)).to_string(), text);
        }
    }

    #[test]
    fn ages_have_at_most_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 61, "3h1m"),
            (8 * HOUR, "8h"),
            (47 * HOUR, "47h"),
            (2 * DAY, "2d"),
            (2 * DAY + 5 * HOUR, "2d5h"),
            (8 * DAY, "8d"),
            (729 * DAY, "729d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + DAY, "2y1d"),
            (8 * YEAR - DAY, "7y364d"),
            (8 * YEAR + DAY, "8y"),
        ] {
            assert_eq!(Age(Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(Age(Duration::from_millis(1_999)).to_string(), "1s");
    }
}
