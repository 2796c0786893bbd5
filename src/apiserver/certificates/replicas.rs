//! What makes replicas known to each other: the authority whose key they share.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use tokio::sync::watch;

use super::material::{Material, common_name, set_validity};
use crate::apiserver::authn::{LiveTrust, REPLICA};
use crate::clock::UnixMillis;
use crate::replicas::Credentials;

/// A client certificate is made anew by each process, kept in its memory, and used in its first
/// seconds; the rest is for clocks that differ.
const DAYS: i64 = 1;

/// Tells the replica in this process and the door about the authority.
#[derive(Debug)]
pub struct Introductions {
    trust: LiveTrust,
    credentials: watch::Sender<Option<Credentials>>,
    /// Those followed so far: who is believed, and whose key signs.
    followed: (String, String),
}

impl Introductions {
    /// Who is believed to be a replica is told to `trust`, by what we show that we are one to
    /// `credentials`.
    pub fn new(trust: LiveTrust, credentials: watch::Sender<Option<Credentials>>) -> Self {
        Self { trust, credentials, followed: Default::default() }
    }

    /// Replicas are whom `bundle` vouches for; the authority of `material` is one of it, and signs.
    pub(super) fn follow(&mut self, bundle: &str, material: &Material, now: UnixMillis) {
        if (bundle, material.authority.as_str()) == (self.followed.0.as_str(), self.followed.1.as_str()) {
            return;
        }
        self.followed = (bundle.to_owned(), material.authority.clone());
        self.trust.believe_replicas(bundle);
        match material.replica(bundle, now) {
            Ok(credentials) => drop(self.credentials.send_replace(Some(credentials))),
            Err(error) => tracing::warn!(%error, "no certificate to show to other replicas"),
        }
    }
}

impl Material {
    /// A client certificate for another replica's port, good from the day before `now`.
    fn replica(&self, bundle: &str, now: UnixMillis) -> Result<Credentials, rcgen::Error> {
        let issuer = Issuer::from_ca_cert_pem(&self.authority, KeyPair::from_pem(&self.authority_key)?)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = common_name(REPLICA);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, DAYS);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Credentials { authority: bundle.to_owned(), certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::apiserver::authn::{Authenticate as _, Authenticator, Via};
    use crate::apiserver::fixtures::{ApiServer, NOW, peer};
    use crate::clock::Clock;
    use crate::config;

    fn material() -> Material {
        Material::make(&["custom-api.custom-api.svc".to_owned()], NOW).unwrap()
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
        let mut introductions = Introductions::new(trust.clone(), sender);
        introductions.follow(&one.authority, &one, NOW);
        let authenticator = authenticator(trust);
        let shown = |certificate: &str| peer(1, &[CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()]);
        let own = credentials.borrow().clone().unwrap();
        assert!(authenticator.is_replica(&shown(&own.certificate)));
        let of_another_process = one.replica(&one.authority, NOW).unwrap();
        assert!(authenticator.is_replica(&shown(&of_another_process.certificate)));
        let foreign = shown(&other.replica(&other.authority, NOW).unwrap().certificate);
        assert!(!authenticator.is_replica(&foreign));
        assert!(!authenticator.is_replica(&shown(&one.certificate)), "a serving certificate is no client's");
        let as_user = authenticator.authenticate(&shown(&own.certificate), &mut http::HeaderMap::new()).await;
        assert!(as_user.is_ok_and(|user| user.via == Via::Anonymous), "a replica is no user");
        let overlap = format!("{}{}", one.authority, other.authority);
        introductions.follow(&overlap, &one, NOW);
        assert!(authenticator.is_replica(&shown(&own.certificate)) && authenticator.is_replica(&foreign));
        introductions.follow(&other.authority, &other, NOW);
        assert!(!authenticator.is_replica(&shown(&own.certificate)));
        assert!(authenticator.is_replica(&shown(&credentials.borrow().clone().unwrap().certificate)));
    }
}
