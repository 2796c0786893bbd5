//! Whether an authority vouches for a peer, remembered per connection.
//!
//! Certificates are judged on every request, so that expiry and rotation bite on connections that
//! live for days; the memory makes that cost nothing.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use quick_cache::sync::Cache;

use super::authorities::Authorities;
use super::subject::Subject;
use crate::apiserver::{ConnectionId, Peer};
use crate::clock::{Clock, UnixMillis};

/// Verdicts kept; a connection beyond that is judged anew on each request.
const KEPT: usize = 4096;
/// A certificate between the client's own and the authority may expire too; that is noticed within
/// this time.
const BELIEVED: Duration = Duration::from_secs(10);

/// As what a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// To speak for others.
    FrontProxy,
    /// To be oneself.
    Client,
}

/// The subject of a good certificate, or what is wrong with it.
pub(super) type Verdict = Result<Arc<Subject>, Arc<str>>;

/// Judges certificates.
#[derive(Debug)]
pub(super) struct Judge {
    clock: Clock,
    kept: Cache<(ConnectionId, Purpose), Kept>,
    count: Gauge,
}

#[derive(Clone, Debug)]
struct Kept {
    revision: u64,
    judged_at: UnixMillis,
    verdict: Verdict,
}

impl Judge {
    /// Holds no verdict yet; `count` is told how many it does.
    pub(super) fn new(clock: Clock, count: Gauge) -> Self {
        Self { clock, kept: Cache::new(KEPT), count }
    }

    /// The time that certificates are judged at.
    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The verdict of `authorities`, which are those of trust's `revision`, on the peer's chain;
    /// `None` when it offered none.
    pub(super) fn verdict(
        &self,
        peer: &Peer,
        purpose: Purpose,
        authorities: &Authorities,
        revision: u64,
    ) -> Option<Verdict> {
        let leaf = peer.certificates.first()?;
        let now = self.clock.now();
        let key = (peer.id, purpose);
        if let Some(kept) = self.kept.get(&key)
            && kept.holds(revision, now)
        {
            return Some(kept.verdict);
        }
        let verdict = authorities
            .verify(&peer.certificates, now)
            .map_err(|error| error.to_string())
            .and_then(|()| Subject::read(leaf))
            .map(Arc::new)
            .map_err(Arc::from);
        self.kept.insert(key, Kept { revision, judged_at: now, verdict: verdict.clone() });
        self.count.set(i64::try_from(self.kept.len()).unwrap_or(i64::MAX));
        Some(verdict)
    }
}

impl Kept {
    fn holds(&self, revision: u64, now: UnixMillis) -> bool {
        let is_recent = self.judged_at <= now && now.since(self.judged_at) < BELIEVED;
        let is_in_time = self.verdict.as_ref().map_or(true, |subject| now <= subject.not_after);
        self.revision == revision && is_recent && is_in_time
    }
}

#[cfg(test)]
mod tests {
    use rcgen::date_time_ymd;

    use super::*;
    use crate::apiserver::fixtures::{Authority, NOW, peer};

    #[test]
    fn a_certificate_that_expires_on_a_live_connection_is_refused_at_once() {
        let authority = Authority::named("ca");
        let authorities = Authorities::from_pem(&authority.pem()).unwrap();
        let last_day = authority.client_with("ann", &[], |params| params.not_after = date_time_ymd(2026, 6, 15));
        let peer = peer(1, &last_day.chain());
        let (clock, hand) = Clock::manual(NOW - Duration::from_secs(2));
        let judge = Judge::new(clock, Gauge::default());
        let verdict = || judge.verdict(&peer, Purpose::Client, &authorities, 1).unwrap();
        assert_eq!(verdict().unwrap().common_name, "ann");
        hand.advance(Duration::from_secs(1));
        assert!(verdict().is_ok());
        hand.advance(Duration::from_secs(2));
        assert!(verdict().unwrap_err().contains("expired"));
    }

    #[test]
    fn a_rotated_authority_counts_on_live_connections_at_once() {
        let (old, new) = (Authority::named("old"), Authority::named("new"));
        let [old_bundle, new_bundle] = [&old, &new].map(|authority| Authorities::from_pem(&authority.pem()).unwrap());
        let judge = Judge::new(Clock::manual(NOW).0, Gauge::default());
        let peer = peer(1, &old.client("ann", &[]).chain());
        assert!(judge.verdict(&peer, Purpose::FrontProxy, &old_bundle, 1).unwrap().is_ok());
        assert!(judge.verdict(&peer, Purpose::FrontProxy, &new_bundle, 2).unwrap().is_err());
        assert!(judge.verdict(&peer, Purpose::FrontProxy, &old_bundle, 3).unwrap().is_ok());
    }

    #[test]
    fn connections_and_purposes_are_judged_apart() {
        let (clients, proxies) = (Authority::named("clients"), Authority::named("proxies"));
        let [client_bundle, proxy_bundle] =
            [&clients, &proxies].map(|authority| Authorities::from_pem(&authority.pem()).unwrap());
        let judge = Judge::new(Clock::manual(NOW).0, Gauge::default());
        let ann = peer(1, &clients.client("ann", &[]).chain());
        assert!(judge.verdict(&ann, Purpose::FrontProxy, &proxy_bundle, 1).unwrap().is_err());
        assert!(judge.verdict(&ann, Purpose::Client, &client_bundle, 1).unwrap().is_ok());
        assert!(judge.verdict(&peer(2, &[]), Purpose::Client, &client_bundle, 1).is_none());
        assert_eq!(judge.count.get(), 2);
    }
}
