//! How long to wait before a request is repeated.

use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use uuid::Uuid;

use crate::clock::UnixMillis;

/// The first wait, doubled from time to time.
const FIRST: Duration = Duration::from_secs(1);
/// A store that is back after hours is filled again within this.
const LONGEST: Duration = Duration::from_secs(30);
/// No engine is obeyed for longer: what it did not want would be dropped before it is asked again.
const LONGEST_ASKED: Duration = Duration::from_mins(5);

/// The waits of one request.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: what the engine asked for, but no less than usual.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        // From half of it on, so that the replicas of a store that fell do not all come at once.
        let usual = doubled.mul_f64(f64::midpoint(1.0, random_share()));
        asked.map_or(usual, |asked| asked.min(LONGEST_ASKED).max(usual))
    }
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(UnixMillis(date.as_millisecond()).since(now))
}

/// Of [0, 1).
fn random_share() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_differ() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next(None).as_secs_f64()).collect();
        for (wait, doubled) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]) {
            assert!((doubled / 2.0..=doubled).contains(wait), "{waits:?}");
        }
        let last = &waits[10..];
        assert!(last.iter().all(|wait| (15.0..=30.0).contains(wait)), "{waits:?}");
        assert!(last.iter().any(|wait| (wait - last[0]).abs() > 0.01), "{waits:?}");
    }

    #[test]
    fn an_engine_is_obeyed_within_reason() {
        let wait = |seconds| Backoff::default().next(Some(Duration::from_secs(seconds)));
        assert_eq!(wait(7), Duration::from_secs(7));
        assert_eq!(wait(86_400), Duration::from_mins(5));
        assert!(wait(0) >= Duration::from_millis(500), "never at once");
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let now = UnixMillis(1_795_391_071_000);
        let read = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("Sun, 22 Nov 2026 23:45:31 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(read("Sun, 22 Nov 2020 23:45:31 GMT"), Some(Duration::ZERO), "it is over");
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
