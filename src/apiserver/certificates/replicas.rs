//! What makes replicas known to each other: the authority whose key they share.

use tokio::sync::watch;

use super::making;
use super::material::Material;
use crate::apiserver::authn::LiveTrust;
use crate::clock::{Clock, UnixMillis};
use crate::replicas::Credentials;

/// Tells the replica in this process and the door about the authorities.
pub struct Introductions {
    trust: LiveTrust,
    credentials: watch::Sender<Option<Credentials>>,
    clock: Clock,
    /// Those followed so far: who is believed, and whose key signs.
    followed: (String, String),
}

impl Introductions {
    /// Who is believed to be a replica is told to `trust`, by what we show that we are one to
    /// `credentials`.
    pub fn new(trust: LiveTrust, credentials: watch::Sender<Option<Credentials>>, clock: Clock) -> Self {
        Self { trust, credentials, clock, followed: Default::default() }
    }

    /// Follows the authorities of `material`: all are believed, the issuer signs.
    pub(super) fn follow(&mut self, material: &Material) {
        let Material { authorities, issuer_key, .. } = material;
        if (authorities, issuer_key) == (&self.followed.0, &self.followed.1) {
            return;
        }
        self.followed = (authorities.clone(), issuer_key.clone());
        self.trust.believe_replicas(authorities);
        match material.replica(self.clock.now()) {
            Ok(credentials) => drop(self.credentials.send_replace(Some(credentials))),
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
    use std::time::Duration;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::apiserver::authn::{Authenticate as _, Authenticator, Via};
    use crate::apiserver::certificates::rotation::Step;
    use crate::apiserver::fixtures::{ApiServer, NOW, peer};
    use crate::config;

    fn material() -> Material {
        Material::default().after(Step::Found, &["custom-api.custom-api.svc".to_owned()], NOW).unwrap()
    }

    fn authenticator(trust: LiveTrust) -> Authenticator {
        let settings = config::Authentication { kubeconfig: None, token_ttl: Duration::from_secs(10) };
        let metrics = crate::apiserver::authn::register_metrics(&mut crate::telemetry::Registry::default());
        let client = ApiServer::hanging().client();
        Authenticator::new(client, &settings, trust, Clock::manual(NOW).0, metrics).unwrap()
    }

    #[tokio::test]
    async fn replicas_that_share_a_secret_know_each_other_and_no_others() {
        let (one, other) = (material(), material());
        let trust = LiveTrust::default();
        let (sender, credentials) = watch::channel(None);
        let mut introductions = Introductions::new(trust.clone(), sender, Clock::manual(NOW).0);
        introductions.follow(&one);
        let authenticator = authenticator(trust);
        let shown = |certificate: &str| peer(1, &[CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()]);
        let own = credentials.borrow().clone().unwrap();
        assert!(authenticator.is_replica(&shown(&own.certificate)));
        let of_another_process = one.replica(NOW).unwrap();
        assert!(authenticator.is_replica(&shown(&of_another_process.certificate)));
        let foreign = shown(&other.replica(NOW).unwrap().certificate);
        assert!(!authenticator.is_replica(&foreign));
        assert!(!authenticator.is_replica(&shown(&one.certificate)), "a serving certificate is no client's");
        let as_user = authenticator.authenticate(&shown(&own.certificate), &mut http::HeaderMap::new()).await;
        assert!(as_user.is_ok_and(|user| user.via == Via::Anonymous), "a replica is no user");
        let authorities = format!("{}{}", one.authorities, other.authorities);
        introductions.follow(&Material { authorities, ..one.clone() });
        assert!(authenticator.is_replica(&shown(&own.certificate)) && authenticator.is_replica(&foreign));
        introductions.follow(&other);
        assert!(!authenticator.is_replica(&shown(&own.certificate)));
        assert!(authenticator.is_replica(&shown(&credentials.borrow().clone().unwrap().certificate)));
    }
}
