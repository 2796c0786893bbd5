//! Durations as Go writes them, which is how Kubernetes writes them in flags, queries and JSON:
//! `15.213s`, `1m0s`.
//!
//! Our own, because the reader that comes with the Kubernetes client panics on overflow and takes
//! the empty text for zero.

use std::fmt;
use std::time::Duration;

/// Go's durations end here, at 2^63 nanoseconds.
const GO_LIMIT_SECONDS: f64 = 9_223_372_036.854_775;

/// Shows a duration in Go's form, to the millisecond: the finest distance between two samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoDuration(pub(crate) Duration);

impl GoDuration {
    /// Writes its text by parts.
    pub(crate) fn write(self, mut put: impl FnMut(&str) -> fmt::Result) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let mut digits = itoa::Buffer::new();
        match (seconds, millis) {
            (0, 0) => return put("0s"),
            (0, millis) => {
                put(digits.format(millis))?;
                return put("ms");
            }
            _ => {}
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if hours > 0 {
            put(digits.format(hours))?;
            put("h")?;
        }
        if hours > 0 || minutes > 0 {
            put(digits.format(minutes))?;
            put("m")?;
        }
        put(digits.format(seconds % 60))?;
        if millis > 0 {
            put(".")?;
            // Of a thousand more, so that zeros in front are written.
            let thousandths = digits.format(1000 + millis).trim_end_matches('0');
            put(thousandths.strip_prefix('1').unwrap_or_default())?;
        }
        put("s")
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(|part| f.write_str(part))
    }
}

/// Why a text is no duration, in Go's words: clients show them to people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GoDurationError {
    /// No number where one is due, or one beyond what Go can count.
    #[error("invalid duration {0:?}")]
    Invalid(String),
    /// A number alone.
    #[error("missing unit in duration {0:?}")]
    NoUnit(String),
    /// A number of something else.
    #[error("unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// What stands for the unit.
        unit: String,
        /// The whole.
        text: String,
    },
}

/// Reads a duration, in seconds; it may be less than zero.
pub(crate) fn seconds(text: &str) -> Result<f64, GoDurationError> {
    let invalid = || GoDurationError::Invalid(text.to_owned());
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0.0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()));
        let (unit, tail) = tail.split_at(tail.find(is_of_number).unwrap_or(tail.len()));
        let number: f64 = number.parse().map_err(|_| invalid())?;
        if unit.is_empty() {
            return Err(GoDurationError::NoUnit(text.to_owned()));
        }
        let unknown = || GoDurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() };
        seconds += number * seconds_of(unit).ok_or_else(unknown)?;
        rest = tail;
    }
    if seconds > GO_LIMIT_SECONDS { Err(invalid()) } else { Ok(sign * seconds) }
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let cases = [
            (0, "0s"),
            (7, "7ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (15_213, "15.213s"),
            (15_200, "15.2s"),
            (15_250, "15.25s"),
            (15_050, "15.05s"),
            (60_000, "1m0s"),
            (61_005, "1m1.005s"),
            (3_600_000, "1h0m0s"),
            (90_061_000, "25h1m1s"),
        ];
        for (millis, text) in cases {
            assert_eq!(GoDuration(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
