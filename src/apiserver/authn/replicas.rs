//! Other replicas of this server, known by certificates that our own authority has signed.
//!
//! A replica is no user: it may ask for samples, where nobody else may, and for nothing else.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::authorities::Authorities;
use super::subject::Subject;
use crate::apiserver::Peer;
use crate::clock::UnixMillis;
use crate::telemetry::causes;

/// The common name in the client certificate of a replica. The authority signs serving certificates
/// beside those, which are no clients'.
pub(crate) const REPLICA: &str = "kube-vitals replica";

/// Who vouches for other replicas; nobody at first.
#[derive(Debug, Default)]
pub(super) struct ReplicaTrust(ArcSwapOption<Authorities>);

impl ReplicaTrust {
    /// Believes this authority from now on, and none before it; nobody if it cannot be read.
    pub(super) fn believe(&self, authority_pem: &str) {
        let authorities = Authorities::from_pem(authority_pem)
            .inspect_err(|error| tracing::warn!(error = causes(error), "other replicas cannot be known"));
        self.0.store(authorities.ok().map(Arc::new));
    }

    /// Whether `peer` is another replica at `now`. Asked a few times in a process's life, so that no
    /// verdict is kept.
    pub(super) fn vouches(&self, peer: &Peer, now: UnixMillis) -> bool {
        let authorities = self.0.load();
        let is_vouched = |authorities: &Arc<Authorities>| authorities.verify(&peer.certificates, now).is_ok();
        authorities.as_ref().is_some_and(is_vouched)
            && peer
                .certificates
                .first()
                .and_then(|own| Subject::read(own).ok())
                .is_some_and(|own| own.common_name == REPLICA)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

    use super::*;
    use crate::apiserver::fixtures::{Authority, NOW, peer};

    #[test]
    fn a_replica_is_who_our_authority_vouches_for_by_that_name() {
        let (own, other) = (Authority::named("own"), Authority::named("own"));
        let trust = ReplicaTrust::default();
        let replica = peer(1, &own.client(REPLICA, &[]).chain());
        assert!(!trust.vouches(&replica, NOW), "nobody is, before the authority is known");
        trust.believe(&own.pem());
        assert!(trust.vouches(&replica, NOW));
        let serving = own.client_with(REPLICA, &[], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        let expired = own.client_with(REPLICA, &[], |params| params.not_after = date_time_ymd(2026, 1, 1));
        let strangers = [other.client(REPLICA, &[]), own.client("ann", &[]), serving, expired];
        for (number, stranger) in strangers.iter().enumerate() {
            assert!(!trust.vouches(&peer(2, &stranger.chain()), NOW), "stranger {number}");
        }
        assert!(!trust.vouches(&peer(3, &[]), NOW));
    }

    #[test]
    fn a_rotated_authority_counts_at_once_and_a_broken_one_for_nobody() {
        let (old, new) = (Authority::named("old"), Authority::named("new"));
        let trust = ReplicaTrust::default();
        let [old_replica, new_replica] = [&old, &new].map(|authority| peer(1, &authority.client(REPLICA, &[]).chain()));
        trust.believe(&old.pem());
        trust.believe(&new.pem());
        assert!(trust.vouches(&new_replica, NOW) && !trust.vouches(&old_replica, NOW));
        trust.believe("garbage");
        assert!(!trust.vouches(&new_replica, NOW));
    }
}
