//! Durations as Go writes them, which is how `metav1.Duration` stands in JSON: `15.213s`, `1m0s`.

use std::fmt;
use std::time::Duration;

/// Shows a duration in Go's form, to the millisecond: the finest distance between two samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoDuration(pub(crate) Duration);

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match (seconds, millis) {
            (0, 0) => return f.write_str("0s"),
            (0, millis) => return write!(f, "{millis}ms"),
            _ => {}
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{}", seconds % 60)?;
        match millis {
            0 => {}
            millis if millis % 100 == 0 => write!(f, ".{}", millis / 100)?,
            millis if millis % 10 == 0 => write!(f, ".{:02}", millis / 10)?,
            millis => write!(f, ".{millis:03}")?,
        }
        f.write_str("s")
    }
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
