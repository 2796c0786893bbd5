//! Whether a node's clock was set, told from the `Date` of its kubelet's answers.
//!
//! The times of samples are the node's own. When its clock is set, those from before and from after are
//! further apart, or less far, than they were taken, and their rate would be wrong by as much. `Date` is
//! what the clock showed when an answer was begun, in whole seconds (RFC 9110, 6.6.1); when that was by
//! our own, monotonic clock is known within the time that the answer took:
//!
//! ```text
//! by the node:  │ Date … + 1 s │                     │ Date … + 1 s │
//! by us:     asked ─────── answered               asked ─────── answered
//!               └── no less, and no more, can have passed ──┘
//! ```
//!
//! Where both cannot be, the clock was set. What is set by less than a second and the time of two answers
//! goes unseen.

use http::HeaderValue;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::time::{Duration, Instant};

use crate::clock::UnixMillis;

/// A container's readings are at most so old: kubelets refresh them every 30 s at the latest. After it a
/// kubelet tells none any more that were taken before the clock was set.
const OLDEST_READING: Duration = Duration::from_secs(40);
/// How exact `Date` is.
const GRAIN_MS: i64 = 1000;

/// What a node's clock showed in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// `Date`.
    pub(super) date: UnixMillis,
    /// It was read after this.
    pub(super) asked: Instant,
    /// And before this.
    pub(super) answered: Instant,
}

/// One node's clock, as far as its answers tell.
#[derive(Debug, Default)]
pub(super) struct NodeClock {
    shown: Option<Shown>,
    /// When it was seen to have been set, until samples can be trusted to be of one time.
    set: Option<Instant>,
}

impl NodeClock {
    /// Looks at one more answer: by how many milliseconds the clock was set since the one before, about,
    /// negative if back; `None` if it may not have been set.
    pub(super) fn look(&mut self, shown: Shown) -> Option<i64> {
        let before = self.shown.replace(shown)?;
        let told = shown.date.0.saturating_sub(before.date.0);
        let longest = millis(shown.answered.duration_since(before.asked));
        let shortest = millis(shown.asked.duration_since(before.answered));
        let is_set = told.saturating_sub(longest) >= GRAIN_MS || shortest.saturating_sub(told) >= GRAIN_MS;
        is_set.then(|| {
            self.set = Some(shown.answered);
            told.saturating_sub(i64::midpoint(longest, shortest))
        })
    }

    /// Whether samples from before and from after the clock was set may stand side by side: then no two
    /// make a rate.
    pub(super) const fn was_set(&self) -> bool {
        self.set.is_some()
    }

    /// All samples of an answer of `now` are stored. What comes later goes on from them, if none of them
    /// can be from before.
    pub(super) fn stored(&mut self, now: Instant) {
        self.set = self.set.filter(|set| now.duration_since(*set) < OLDEST_READING);
    }
}

/// Reads a `Date`; `None` for what is none.
pub(super) fn date(told: &HeaderValue) -> Option<UnixMillis> {
    let time = DateTimeParser::new().parse_timestamp(told.as_bytes()).ok()?;
    Some(UnixMillis(time.as_millisecond()))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Mon, 23 Nov 2026 12:00:00 GMT";

    /// Answers that each took `TOOK`, `date_seconds` after noon by the node and `at` by us.
    struct Answers {
        start: Instant,
        clock: NodeClock,
    }

    const TOOK: Duration = Duration::from_millis(100);

    impl Answers {
        fn new() -> Self {
            Self { start: Instant::now(), clock: NodeClock::default() }
        }

        fn look(&mut self, date_seconds: i64, at: f64) -> Option<i64> {
            let noon = date(&HeaderValue::from_static(NOON)).unwrap();
            let asked = self.start + Duration::from_secs_f64(at);
            self.clock.look(Shown { date: UnixMillis(noon.0 + date_seconds * 1000), asked, answered: asked + TOOK })
        }
    }

    #[test]
    fn dates_are_read_as_http_writes_them() {
        let read = |text| date(&HeaderValue::from_static(text)).map(|time| time.0);
        assert_eq!(read(NOON), Some(1_795_435_200_000));
        for text in ["", "yesterday", "1795435200", "Mon, 23 Nov 2026 25:00:00 GMT"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(date(&HeaderValue::from_bytes(b"\xff\xfe").unwrap()), None);
    }

    #[test]
    fn a_clock_that_goes_on_is_not_said_to_be_set_wherever_in_a_second_it_is_asked() {
        for (first, seconds_before) in [(0_u32, 0), (9, 0), (10, 1), (25, 2)] {
            for tenths in 150..190 {
                let mut answers = Answers::new();
                answers.look(seconds_before, f64::from(first) / 10.0);
                let second = first + tenths;
                assert_eq!(answers.look(i64::from(second / 10), f64::from(second) / 10.0), None, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_is_found_out_in_both_directions() {
        for (date, about) in [(25, 10_000), (5, -10_000), (17, 2_000), (13, -2_000), (-3585, -3_600_000)] {
            let mut answers = Answers::new();
            assert_eq!(answers.look(0, 0.5), None);
            assert_eq!(answers.look(date, 15.5), Some(about));
            assert!(answers.clock.was_set());
            assert_eq!(answers.look(date + 15, 30.5), None, "once");
        }
    }

    #[test]
    fn samples_are_trusted_again_when_none_can_be_from_before() {
        let mut answers = Answers::new();
        answers.look(0, 0.0);
        answers.look(30, 15.0);
        for (at, was_set) in [(15, true), (30, true), (45, true), (60, false), (75, false)] {
            answers.clock.stored(answers.start + Duration::from_secs(at));
            assert_eq!(answers.clock.was_set(), was_set, "{at}");
        }
    }

    #[test]
    fn times_beyond_all_bounds_are_no_fault_of_ours() {
        let start = Instant::now();
        let mut clock = NodeClock::default();
        let at = |date| Shown { date: UnixMillis(date), asked: start, answered: start };
        clock.look(at(i64::MIN));
        assert!(clock.look(at(i64::MAX)).is_some());
        assert!(clock.look(at(i64::MIN)).is_some());
    }
}
