//! What the guard tells those who take something on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::Level;

/// What an answer holds at worst, if its reader is slow: 128 KiB that wait in HTTP/2, and four chunks of
/// 40 KiB on their way there.
const SLOW_READER_BYTES: u64 = 288 << 10;

/// How near the limit is, and how much may still be taken on. Clones see the same.
#[derive(Clone, Debug)]
pub struct Pressure(Arc<State>);

#[derive(Debug)]
struct State {
    level: AtomicU8,
    room_bytes: AtomicU64,
}

/// No pressure, and room without end.
impl Default for Pressure {
    fn default() -> Self {
        Self(Arc::new(State { level: AtomicU8::default(), room_bytes: AtomicU64::new(u64::MAX) }))
    }
}

impl Pressure {
    /// How near the limit is.
    pub(crate) fn level(&self) -> Level {
        match self.0.level.load(Ordering::Relaxed) {
            0 => Level::Normal,
            1 => Level::High,
            _ => Level::Critical,
        }
    }

    /// Takes room for an answer of which its reader decides how long we hold it; `false`: there is none.
    pub(crate) fn take_on(&self) -> bool {
        let less = |room: u64| room.checked_sub(SLOW_READER_BYTES);
        self.0.room_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// What is left of the room.
    pub(super) fn room_bytes(&self) -> u64 {
        self.0.room_bytes.load(Ordering::Relaxed)
    }

    /// Says how things are. What is taken on meanwhile may go uncounted: that is one answer or two.
    pub(crate) fn set(&self, level: Level, room_bytes: u64) {
        self.0.level.store(level as u8, Ordering::Relaxed);
        self.0.room_bytes.store(room_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_sees_what_was_said() {
        let pressure = Pressure::default();
        let seen = pressure.clone();
        for level in [Level::High, Level::Critical, Level::Normal] {
            pressure.set(level, 1);
            assert_eq!((seen.level(), seen.room_bytes()), (level, 1));
        }
    }

    #[test]
    fn room_is_taken_until_there_is_none() {
        let pressure = Pressure::default();
        assert!(pressure.take_on());
        pressure.set(Level::Normal, 3 * SLOW_READER_BYTES + 1);
        assert_eq!((0..5).filter(|_| pressure.take_on()).count(), 3);
        assert_eq!(pressure.room_bytes(), 1);
    }
}
