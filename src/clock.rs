//! Wall time, handed in from outside so that tests decide what time it is.
//!
//! Waiting uses `tokio::time`; only timestamps that leave the process (or are compared with a
//! kubelet's) come from here. No other file may ask the operating system for the time: clippy
//! bans it.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A point in time: milliseconds since the Unix epoch, as kubelets print them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Time passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0)).map_or(Duration::ZERO, Duration::from_millis)
    }

    /// This, unless it is later than `now`: then our clock was set back, and when it was nobody knows.
    pub(crate) fn if_past(self, now: Self) -> Option<Self> {
        (self <= now).then_some(self)
    }

    /// Time between this and `other`, whichever is later: a clock may have been set between them.
    pub(crate) fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }
}

impl Add<Duration> for UnixMillis {
    type Output = Self;
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(later.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for UnixMillis {
    type Output = Self;
    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(earlier.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Bytes of a time as text, in the years 0 to 9999.
const TEXT_BYTES: usize = "2026-11-22T23:44:31Z".len();

impl UnixMillis {
    /// RFC 3339 in UTC with whole seconds, if the year has four digits: what lists hold a million of.
    pub(crate) fn text(self) -> Option<[u8; TEXT_BYTES]> {
        let time = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(self.0.div_euclid(1000)).ok()?);
        let year = u16::try_from(time.year()).ok()?;
        let two = |number: u8| [b'0' + number / 10, b'0' + number % 10];
        let unsigned = |number: i8| two(number.unsigned_abs());
        let [century, year] = [u8::try_from(year / 100).ok()?, u8::try_from(year % 100).ok()?];
        let [[y0, y1], [y2, y3]] = [two(century), two(year)];
        let [[mo0, mo1], [d0, d1]] = [unsigned(time.month()), unsigned(time.day())];
        let [[h0, h1], [mi0, mi1], [s0, s1]] =
            [unsigned(time.hour()), unsigned(time.minute()), unsigned(time.second())];
        Some([y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, b'T', h0, h1, b':', mi0, mi1, b':', s0, s1, b'Z'])
    }
}

/// RFC 3339 in UTC with whole seconds, the way `metav1.Time` is written.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => f.write_str("out of range"),
        }
    }
}

/// Tells wall time. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The operating system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until its hand is moved; for tests and simulations.
    pub fn manual(start: UnixMillis) -> (Self, ClockHand) {
        let shared = Arc::new(AtomicI64::new(start.0));
        (Self(Source::Manual(Arc::clone(&shared))), ClockHand(shared))
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> UnixMillis {
        match &self.0 {
            Source::System => {
                let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                UnixMillis::default() + since_epoch.unwrap_or_default()
            }
            Source::Manual(millis) => UnixMillis(millis.load(Ordering::Relaxed)),
        }
    }
}

/// Moves a manual [`Clock`].
#[derive(Clone, Debug)]
pub struct ClockHand(Arc<AtomicI64>);

impl ClockHand {
    /// Says what time it is, be it earlier.
    pub fn set(&self, time: UnixMillis) {
        self.0.store(time.0, Ordering::Relaxed);
    }

    /// Lets `step` pass.
    pub fn advance(&self, step: Duration) {
        let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_as_rfc_3339_with_whole_seconds() {
        assert_eq!(UnixMillis(1_795_391_071_434).to_string(), "2026-11-22T23:44:31Z");
        assert_eq!(UnixMillis(-1).to_string(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn the_quick_text_is_the_same_wherever_there_is_one() {
        for second in [0, -1, 951_782_399, 951_782_400, 1_795_391_071, 4_107_542_399, -62_167_219_200, 253_402_207_200]
        {
            let time = UnixMillis(second * 1000 + 999);
            assert_eq!(time.text().map(|text| text.to_vec()), Some(time.to_string().into_bytes()), "{second}");
        }
        assert_eq!([-62_167_219_201_000, i64::MAX, i64::MIN].map(|millis| UnixMillis(millis).text()), [None; 3]);
    }

    #[test]
    fn a_manual_clock_moves_only_by_its_hand() {
        let (clock, hand) = Clock::manual(UnixMillis(5));
        hand.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), UnixMillis(1005));
        assert_eq!(clock.now().since(UnixMillis(2000)), Duration::ZERO);
    }
}
