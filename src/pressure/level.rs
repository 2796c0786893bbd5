//! How near the limit is, in steps at which something changes.

/// From here on what is kept for later is given up. Above what a server whose limit was set with care
/// holds at rest; early enough that giving up has an effect before more is needed.
const HIGH_PERCENT: u64 = 70;
/// From here on less is taken on. What was taken on already is still to be answered: 400 requests at
/// once take some 80 MiB as a rule, which is less than what is left of the usual limit of 512 MiB.
const CRITICAL_PERCENT: u64 = 80;
/// A level is left only when it is undercut by this much, so that what was freed is not taken at once by
/// what was refused, and refused again.
const SLACK_PERCENT: u64 = 5;

/// How near the limit is, by what is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Far enough, or there is none.
    #[default]
    Normal,
    /// What is kept for later is forgotten.
    High,
    /// Nothing large is taken on.
    Critical,
}

impl Level {
    /// The level after this one.
    pub(super) fn next(self, used_bytes: u64, limit_bytes: u64) -> Self {
        let percent = u128::from(used_bytes) * 100 / u128::from(limit_bytes.max(1));
        let is_at = |level: Self, threshold: u64| {
            let slack = if self >= level { SLACK_PERCENT } else { 0 };
            percent >= u128::from(threshold - slack)
        };
        if is_at(Self::Critical, CRITICAL_PERCENT) {
            Self::Critical
        } else if is_at(Self::High, HIGH_PERCENT) {
            Self::High
        } else {
            Self::Normal
        }
    }

    /// What may still be used before it is critical.
    pub(super) const fn room_bytes(used_bytes: u64, limit_bytes: u64) -> u64 {
        (limit_bytes / 100 * CRITICAL_PERCENT).saturating_sub(used_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_at_their_thresholds_and_end_below_them() {
        let mut level = Level::Normal;
        for (used, expected) in [
            (0, Level::Normal),
            (69, Level::Normal),
            (70, Level::High),
            (79, Level::High),
            (65, Level::High),
            (64, Level::Normal),
            (80, Level::Critical),
            (75, Level::Critical),
            (74, Level::High),
            (79, Level::High),
            (500, Level::Critical),
            (64, Level::Normal),
        ] {
            level = level.next(used, 100);
            assert_eq!(level, expected, "at {used}");
        }
    }

    #[test]
    fn no_numbers_are_too_large_or_too_small() {
        assert_eq!(Level::Normal.next(u64::MAX, u64::MAX), Level::Critical);
        assert_eq!(Level::Normal.next(1, 0), Level::Critical);
        assert_eq!(Level::Critical.next(0, u64::MAX), Level::Normal);
        assert_eq!(Level::room_bytes(0, u64::MAX), u64::MAX / 100 * CRITICAL_PERCENT);
        assert_eq!(Level::room_bytes(u64::MAX, 1 << 30), 0);
    }
}
