//! What makes replicas known to each other: the authority whose key they share.

use std::time::Duration;

use tokio::sync::watch;

use super::making;
use super::material::Material;
use crate::apiserver::authn::LiveTrust;
use crate::clock::{Clock, UnixMillis};
use crate::replicas::Credentials;

/// What is shown is good for a day at least. The rest is for clocks that differ, and for an API server
/// that is away: a look at the authority comes before each renewal.
const RENEWAL: Duration = Duration::from_hours(8);

/// Tells the replica in this process and the door about the authorities.
pub struct Introductions {
    trust: LiveTrust,
    credentials: watch::Sender<Option<Credentials>>,
    clock: Clock,
    /// Those followed so far: who is believed, and whose key signs.
    followed: (String, String),
    /// When the certificate was made that is shown now.
    made: Option<UnixMillis>,
}

impl Introductions {
    /// Who is believed to be a replica is told to `trust`, by what we show that we are one to
    /// `credentials`.
    pub fn new(trust: LiveTrust, credentials: watch::Sender<Option<Credentials>>, clock: Clock) -> Self {
        Self { trust, credentials, clock, followed: Default::default(), made: None }
    }

    /// Follows the authorities of `material`: all are believed, the issuer signs. To be called every
    /// minute or so, since what is shown ends.
    pub(super) fn follow(&mut self, material: &Material) {
        let Material { authorities, issuer_key, .. } = material;
        let now = self.clock.now();
        let is_followed = (authorities, issuer_key) == (&self.followed.0, &self.followed.1);
        if !is_followed {
            self.followed = (authorities.clone(), issuer_key.clone());
            self.trust.believe_replicas(authorities);
        }
        // A clock that was set back may have been ahead when it was made.
        if is_followed && self.made.is_some_and(|made| now.distance(made) < RENEWAL) {
            return;
        }
        match material.replica(now) {
            Ok(credentials) => {
                self.made = Some(now);
                self.credentials.send_replace(Some(credentials));
            }
            Err(error) => tracing::warn!(%error, "no certificate to show to other replicas"),
        }
    }
}

impl Material {
    /// A client certificate for another replica's port, good from the day before `now`.
    fn replica(&self, now: UnixMillis) -> Result<Credentials, rcgen::Error> {
        let (issuer, key) = self.issuer(&self.believed()).ok_or(rcgen::Error::CouldNotParseKeyPair)?;
        let made = making::replica(&issuer, key, now)?;
        Ok(Credentials { authority: self.authorities.clone(), certificate: made.certificate, key: made.key })
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::apiserver::Peer;
    use crate::apiserver::authn::{Authenticate as _, Authenticator, Via};
    use crate::apiserver::certificates::rotation::Step;
    use crate::apiserver::fixtures::{ApiServer, NOW, peer};
    use crate::config;

    fn material() -> Material {
        Material::default().after(Step::Found, &["custom-api.custom-api.svc".to_owned()], NOW).unwrap()
    }

    fn showing(certificate: &str) -> Peer {
        peer(1, &[CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()])
    }

    fn authenticator(trust: LiveTrust, clock: Clock) -> Authenticator {
        let settings = config::Authentication { kubeconfig: None, token_ttl: Duration::from_secs(10) };
        let metrics = crate::apiserver::authn::register_metrics(&mut crate::telemetry::Registry::default());
        let client = ApiServer::hanging().client();
        Authenticator::new(client, &settings, trust, clock, metrics).unwrap()
    }

    #[tokio::test]
    async fn replicas_that_share_a_secret_know_each_other_and_no_others() {
        let (one, other) = (material(), material());
        let trust = LiveTrust::default();
        let (sender, credentials) = watch::channel(None);
        let mut introductions = Introductions::new(trust.clone(), sender, Clock::manual(NOW).0);
        introductions.follow(&one);
        let authenticator = authenticator(trust, Clock::manual(NOW).0);
        let own = credentials.borrow().clone().unwrap();
        assert!(authenticator.is_replica(&showing(&own.certificate)));
        let of_another_process = one.replica(NOW).unwrap();
        assert!(authenticator.is_replica(&showing(&of_another_process.certificate)));
        let foreign = showing(&other.replica(NOW).unwrap().certificate);
        assert!(!authenticator.is_replica(&foreign));
        assert!(!authenticator.is_replica(&showing(&one.certificate)), "a serving certificate is no client's");
        let as_user = authenticator.authenticate(&showing(&own.certificate), &mut http::HeaderMap::new()).await;
        assert!(as_user.is_ok_and(|user| user.via == Via::Anonymous), "a replica is no user");
        let authorities = format!("{}{}", one.authorities, other.authorities);
        introductions.follow(&Material { authorities, ..one.clone() });
        assert!(authenticator.is_replica(&showing(&own.certificate)) && authenticator.is_replica(&foreign));
        introductions.follow(&other);
        assert!(!authenticator.is_replica(&showing(&own.certificate)));
        assert!(authenticator.is_replica(&showing(&credentials.borrow().clone().unwrap().certificate)));
    }

    #[tokio::test]
    async fn what_is_shown_is_made_anew_long_before_it_ends_whenever_it_was_made() {
        let material = material();
        let midnight = UnixMillis(NOW.0 - NOW.0.rem_euclid(24 * 60 * 60 * 1000));
        // A minute before midnight a certificate of whole days has the least left.
        for begun in [midnight, midnight - Duration::from_mins(1), midnight + Duration::from_hours(11)] {
            let ((clock, hand), (ahead, hand_ahead)) = (Clock::manual(begun), Clock::manual(begun));
            hand_ahead.advance(Duration::from_hours(12));
            let trust = LiveTrust::default();
            let others = [authenticator(trust.clone(), clock.clone()), authenticator(trust.clone(), ahead)];
            let (sender, credentials) = watch::channel(None);
            let mut introductions = Introductions::new(trust, sender, clock);
            let mut shown = Vec::new();
            for _ in 0..3 * 24 * 6 {
                introductions.follow(&material);
                let certificate = credentials.borrow().clone().unwrap().certificate;
                assert!(others.iter().all(|other| other.is_replica(&showing(&certificate))), "begun at {begun}");
                shown.push(certificate);
                hand.advance(Duration::from_mins(10));
                hand_ahead.advance(Duration::from_mins(10));
            }
            shown.dedup();
            assert_eq!(shown.len(), 9, "every eight hours in three days");
        }
    }
}
