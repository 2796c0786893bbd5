//! Sessions that clients may go on from.
//!
//! What the library would keep, and as many, but counted.

use std::fmt;

use prometheus_client::metrics::gauge::Gauge;
use quick_cache::sync::Cache;
use rustls::server::StoresServerSessions;

/// Whoever comes back and is forgotten shakes hands in full. A session may hold the client's chain of
/// certificates.
const KEPT: usize = 256;

/// The sessions of all clients, by what they show to go on from one.
pub(super) struct Sessions {
    kept: Cache<Vec<u8>, Vec<u8>>,
    count: Gauge,
}

impl Sessions {
    /// None yet; `count` is told how many there are.
    pub(super) fn new(count: Gauge) -> Self {
        Self { kept: Cache::new(KEPT), count }
    }

    fn tell(&self) {
        self.count.set(i64::try_from(self.kept.len()).unwrap_or(i64::MAX));
    }
}

/// Sessions are secrets.
impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.insert(key, value);
        self.tell();
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (_, session) = self.kept.remove(key)?;
        self.tell();
        Some(session)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_good_for_one_who_takes_it() {
        let sessions = Sessions::new(Gauge::default());
        sessions.put(vec![1], vec![2]);
        assert_eq!((sessions.get(&[1]), sessions.count.get()), (Some(vec![2]), 1));
        assert_eq!((sessions.take(&[1]), sessions.count.get()), (Some(vec![2]), 0));
        assert_eq!(sessions.take(&[1]), None);
    }

    #[test]
    fn sessions_are_kept_up_to_a_bound() {
        let sessions = Sessions::new(Gauge::default());
        for number in 0..100_000_u32 {
            sessions.put(number.to_be_bytes().to_vec(), Vec::new());
        }
        assert!((1..=KEPT).contains(&usize::try_from(sessions.count.get()).unwrap()), "{}", sessions.count.get());
    }
}
