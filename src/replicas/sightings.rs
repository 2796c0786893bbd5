//! Who is there: a Lease that changes is a replica that lives.
//!
//! Its times are never looked at, since the clocks of two machines need not agree. What counts is
//! when *we* saw it change.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::lease::{Presence, State};

/// The Leases seen, by name.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    seen: HashMap<String, Sighting>,
    /// When all Leases were read last.
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Sighting {
    version: String,
    changed: Instant,
    /// `None` for what none of ours would write.
    presence: Option<Presence>,
}

/// A Lease whose replica is gone, in the version that was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leftover {
    pub(super) name: String,
    pub(super) version: String,
}

/// A Lease that cannot be read is a leftover as late as the longest that can.
const UNREADABLE_LASTS: Duration = Duration::from_mins(1);

impl Sightings {
    /// Takes note of all Leases there are, at `now`, our own (`own`) left out. Who could not be seen for
    /// long, because the API server was away, may not have been able to renew either: each gets the time
    /// anew that it has.
    pub(super) fn look(&mut self, leases: &[Lease], own: &str, now: Instant) {
        let unseen = self.looked.map_or(Duration::ZERO, |looked| now.saturating_duration_since(looked));
        let mut seen = HashMap::with_capacity(leases.len());
        for lease in leases {
            let (Some(name), Some(version)) = (lease.metadata.name.clone(), lease.metadata.resource_version.clone())
            else {
                continue;
            };
            if name == own {
                continue;
            }
            let mut sighting = Sighting { version, changed: now, presence: Presence::read(lease) };
            let before = self.seen.get(&name).filter(|before| before.version == sighting.version);
            if let Some(before) = before.filter(|_| unseen <= sighting.lasts() / 2) {
                sighting.changed = before.changed;
            }
            seen.insert(name, sighting);
        }
        self.seen = seen;
        self.looked = Some(now);
    }

    /// The replicas that were there when all Leases were read last: while nobody can read them, nobody
    /// is taken for gone by them.
    pub(super) fn seen_last(&self) -> impl Iterator<Item = &Presence> {
        self.looked.into_iter().flat_map(|looked| self.present(looked))
    }

    /// The replicas that are there at `now`. One that was seen for the first time is: it may have died
    /// before, which shows when it is asked.
    pub(super) fn present(&self, now: Instant) -> impl Iterator<Item = &Presence> {
        let alive = self.seen.values().filter(move |sighting| !sighting.is_over(now, 1));
        alive.filter_map(|sighting| sighting.presence.as_ref())
    }

    /// How many of them are in `state`.
    pub(super) fn count(&self, state: State, now: Instant) -> usize {
        self.present(now).filter(|presence| presence.state == state).count()
    }

    /// What those leave behind who end without a word. Twice their time has to pass, so that nobody
    /// who is only late loses his Lease.
    pub(super) fn leftovers(&self, now: Instant) -> Vec<Leftover> {
        let over = self.seen.iter().filter(|(_, sighting)| sighting.is_over(now, 2));
        over.map(|(name, sighting)| Leftover { name: name.clone(), version: sighting.version.clone() }).collect()
    }
}

impl Sighting {
    fn lasts(&self) -> Duration {
        self.presence.as_ref().map_or(UNREADABLE_LASTS, |presence| presence.lasts)
    }

    fn is_over(&self, now: Instant, times: u32) -> bool {
        now.saturating_duration_since(self.changed) > self.lasts() * times
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::UnixMillis;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(name: &str, state: State, version: u32, clock: UnixMillis) -> Lease {
        let lasts = SECOND * 10;
        let address = ([10, 0, 0, 1], 1).into();
        let presence = Presence { name: name.to_owned(), address, state, lasts, shares: false };
        let mut written = presence.written("custom-api", clock);
        written["metadata"]["resourceVersion"] = json!(version.to_string());
        serde_json::from_value(written).unwrap()
    }

    fn names(sightings: &Sightings, now: Instant) -> Vec<&str> {
        let mut names: Vec<_> = sightings.present(now).map(|presence| presence.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test(start_paused = true)]
    async fn who_renews_is_there_whatever_its_clock_says() {
        let mut sightings = Sightings::default();
        // Its clock stands still, in 1970; the other's runs backwards.
        for round in 0..10 {
            let clock = UnixMillis(4_000_000_000_000 - i64::from(round));
            let leases = [lease("a", State::Ready, round, UnixMillis(0)), lease("b", State::Starting, round, clock)];
            sightings.look(&leases, "own", Instant::now());
            tokio::time::advance(SECOND * 8).await;
            assert_eq!(names(&sightings, Instant::now()), ["a", "b"]);
        }
        assert_eq!(sightings.count(State::Ready, Instant::now()), 1);
        assert_eq!(sightings.leftovers(Instant::now()), []);
    }

    #[tokio::test(start_paused = true)]
    async fn who_renews_no_more_is_gone_and_later_collected() {
        let mut sightings = Sightings::default();
        let look = |sightings: &mut Sightings| {
            sightings.look(&[lease("a", State::Ready, 1, UnixMillis(0))], "own", Instant::now());
        };
        look(&mut sightings);
        for seconds in [4, 4, 3] {
            tokio::time::advance(SECOND * seconds).await;
            look(&mut sightings);
        }
        assert!(names(&sightings, Instant::now()).is_empty());
        assert_eq!(sightings.leftovers(Instant::now()), []);
        tokio::time::advance(SECOND * 10).await;
        let leftover = Leftover { name: "a".to_owned(), version: "1".to_owned() };
        assert_eq!(sightings.leftovers(Instant::now()), [leftover]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_could_not_be_seen_for_long_has_his_time_anew() {
        for unseen in [6, 11, 60] {
            let mut sightings = Sightings::default();
            let look = |sightings: &mut Sightings| {
                sightings.look(&[lease("a", State::Ready, 1, UnixMillis(0))], "own", Instant::now());
            };
            look(&mut sightings);
            tokio::time::advance(SECOND * 4).await;
            look(&mut sightings);
            tokio::time::advance(SECOND * unseen).await;
            for seconds in [0, 4, 4] {
                tokio::time::advance(SECOND * seconds).await;
                look(&mut sightings);
                assert_eq!(names(&sightings, Instant::now()), ["a"], "{unseen}");
                assert_eq!(sightings.leftovers(Instant::now()), [], "{unseen}");
            }
            tokio::time::advance(SECOND * 3).await;
            look(&mut sightings);
            assert!(names(&sightings, Instant::now()).is_empty(), "it did not use it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_and_what_is_deleted_are_not_there() {
        let mut sightings = Sightings::default();
        let [own, other] = ["own", "other"].map(|name| lease(name, State::Ready, 1, UnixMillis(0)));
        sightings.look(&[own.clone(), other], "own", Instant::now());
        assert_eq!(names(&sightings, Instant::now()), ["other"]);
        sightings.look(&[own], "own", Instant::now());
        assert!(names(&sightings, Instant::now()).is_empty() && sightings.seen.is_empty());
    }
}
