//! How often an address may be refused.
//!
//! Whoever shows a new token, or asks for a new thing, each time makes us ask the API server each time.
//! Those who are let in may go on; those who are refused again and again are told to wait, unasked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::apiserver::metrics::Metrics;
use crate::apiserver::status::Status;

/// Attempts that may be under way or refused at once: as many as requests are served at once, so that
/// those who are let in never notice.
const BURST: u32 = 400;
/// And then one each so often: 20 a second, a tenth of what other servers ask an API server at most.
const INTERVAL: Duration = Duration::from_millis(50);
/// Addresses remembered; one that is forgotten begins anew.
const KEPT: usize = 4096;

/// The attempts of all addresses.
#[derive(Debug)]
pub(super) struct Refusals {
    tallies: Cache<IpAddr, Arc<Tally>>,
    kept: Gauge,
    shed: Counter,
}

/// Until when an address has used up its attempts, were it to make one each [`INTERVAL`].
#[derive(Debug)]
struct Tally(Mutex<Instant>);

/// A request that may yet be refused; it counts unless it is forgiven.
#[derive(Debug)]
pub(super) struct Attempt(Arc<Tally>);

impl Refusals {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let (kept, shed) = (metrics.refused_addresses.clone(), metrics.shed("refusals"));
        Self { tallies: Cache::new(KEPT), kept, shed }
    }

    /// One more attempt of `address`.
    ///
    /// # Errors
    /// 429 where it has been refused too often.
    pub(super) fn attempt(&self, address: IpAddr) -> Result<Attempt, Status> {
        let (address, now) = (address.to_canonical(), Instant::now());
        let tally = self.tallies.get(&address).unwrap_or_else(|| {
            let tally = Arc::new(Tally(Mutex::new(now)));
            self.tallies.insert(address, Arc::clone(&tally));
            self.kept.set(i64::try_from(self.tallies.len()).unwrap_or(i64::MAX));
            tally
        });
        if tally.charge(now) {
            return Ok(Attempt(tally));
        }
        self.shed.inc();
        Err(Status::too_many_requests())
    }
}

impl Attempt {
    /// It was not refused.
    pub(super) fn forgive(self) {
        *self.0.0.lock() -= INTERVAL;
    }
}

impl Tally {
    /// Counts one more; `false` if there is no room for it.
    fn charge(&self, now: Instant) -> bool {
        let mut until = self.0.lock();
        let begin = now.max(*until);
        let fits = begin + INTERVAL <= now + INTERVAL * BURST;
        if fits {
            *until = begin + INTERVAL;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Exposition;

    fn refusals() -> Refusals {
        let mut refusals = None;
        let _ = Exposition::new(|registry| refusals = Some(Refusals::new(&Metrics::register(registry))));
        refusals.unwrap()
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_again_and_again_waits_and_nobody_else_does() {
        let refusals = refusals();
        for _ in 0..BURST {
            refusals.attempt(address(1)).unwrap();
        }
        refusals.attempt(address(1)).unwrap_err();
        refusals.attempt(address(2)).unwrap();
        assert_eq!(refusals.shed.get(), 1);
        tokio::time::sleep(INTERVAL * 3).await;
        let after_a_while = (0..10).filter(|_| refusals.attempt(address(1)).is_ok()).count();
        assert_eq!(after_a_while, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_let_in_is_never_held_off() {
        let refusals = refusals();
        for _ in 0..BURST * 10 {
            refusals.attempt(address(1)).unwrap().forgive();
        }
        let under_way: Vec<_> = (0..BURST).map(|_| refusals.attempt(address(1)).unwrap()).collect();
        under_way.into_iter().for_each(Attempt::forgive);
        refusals.attempt(address(1)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_remembered_up_to_a_bound() {
        let refusals = refusals();
        for number in 0..100_000_u32 {
            refusals.attempt(std::net::Ipv4Addr::from_bits(number).into()).unwrap();
        }
        assert!(refusals.tallies.len() <= KEPT);
        assert_eq!(usize::try_from(refusals.kept.get()).unwrap(), refusals.tallies.len());
    }
}
