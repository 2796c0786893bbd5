//! A set of certificate authorities that vouch for clients.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::apiserver::tls;
use crate::chain;
use crate::clock::UnixMillis;
use crate::telemetry::{BrokenPem, expiry};

/// All the authorities of one PEM bundle; during a rotation there are several.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
    ending: Option<i64>,
}

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    #[error("the PEM text is broken")]
    Pem(#[source] BrokenPem),
    #[error("there is no usable certificate in it")]
    Empty,
    #[error("no verifier can be made of it")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
}

impl Authorities {
    /// Reads a PEM bundle. One unusable certificate among good ones costs only itself.
    pub(super) fn from_pem(bundle: &str) -> Result<Self, BundleError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bundle.as_bytes()).collect();
        let certificates = certificates.map_err(|error| BundleError::Pem(error.into()))?;
        let ending = certificates.iter().filter_map(|certificate| expiry::ending(certificate)).max();
        let mut roots = RootCertStore::empty();
        let (added, ignored) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(BundleError::Empty);
        }
        if ignored > 0 {
            tracing::warn!(ignored, added, "some authorities of the bundle cannot be used");
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(tls::provider()));
        Ok(Self { verifier: verifier.build().map_err(BundleError::Verifier)?, ending })
    }

    /// When the last of them ends, in seconds since 1970: those that a rotation left behind may end
    /// before.
    pub(super) const fn ending(&self) -> Option<i64> {
        self.ending
    }

    /// Whether one of them vouches for the first certificate of `chain` as a client at `now`.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>], now: UnixMillis) -> Result<(), rustls::Error> {
        let (leaf, intermediates) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        chain::bounded(intermediates)?;
        let millis = u64::try_from(now.0).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(millis));
        self.verifier.verify_client_cert(leaf, intermediates, now).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

    use super::*;
    use crate::apiserver::fixtures::{Authority, NOW};

    #[test]
    fn every_authority_of_a_bundle_vouches() {
        let (old, new) = (Authority::named("old"), Authority::named("new"));
        let both = Authorities::from_pem(&format!("{}{}", old.pem(), new.pem())).unwrap();
        both.verify(&old.client("ann", &[]).chain(), NOW).unwrap();
        both.verify(&new.client("ann", &[]).chain(), NOW).unwrap();
        let only_new = Authorities::from_pem(&new.pem()).unwrap();
        only_new.verify(&old.client("ann", &[]).chain(), NOW).unwrap_err();
    }

    #[test]
    fn intermediates_that_the_client_sends_are_used() {
        let root = Authority::named("root");
        let middle = root.intermediate("middle");
        let mut chain = middle.client("ann", &[]).chain();
        let authorities = Authorities::from_pem(&root.pem()).unwrap();
        authorities.verify(&chain, NOW).unwrap_err();
        chain.push(middle.der());
        authorities.verify(&chain, NOW).unwrap();
    }

    #[test]
    fn a_chain_that_leads_everywhere_costs_nothing() {
        // Each of nine could have signed each other: as many ways as a handshake can hold, and filler.
        let names = std::iter::repeat_n("maze", 9).chain(std::iter::repeat_n("filler", 100));
        let maze: Vec<Authority> = names.map(Authority::named).collect();
        let mut chain = maze[0].client("ann", &[]).chain();
        chain.extend(maze.iter().map(Authority::der));
        let authorities = Authorities::from_pem(&Authority::named("ca").pem()).unwrap();
        let begun = tokio::time::Instant::now();
        authorities.verify(&chain, NOW).unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }

    #[test]
    fn expired_and_serving_certificates_are_refused() {
        let authority = Authority::named("ca");
        let authorities = Authorities::from_pem(&authority.pem()).unwrap();
        let expired = authority.client_with("ann", &[], |params| params.not_after = date_time_ymd(2026, 1, 1));
        authorities.verify(&expired.chain(), NOW).unwrap_err();
        authorities.verify(&expired.chain(), NOW - Duration::from_hours(24 * 300)).unwrap();
        let serving = authority.client_with("ann", &[], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        authorities.verify(&serving.chain(), NOW).unwrap_err();
        authorities.verify(&[], NOW).unwrap_err();
    }

    #[test]
    fn a_bundle_without_a_certificate_is_refused() {
        assert!(matches!(Authorities::from_pem(""), Err(BundleError::Empty)));
        assert!(matches!(Authorities::from_pem("just text"), Err(BundleError::Empty)));
        let broken = "-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n";
        assert!(matches!(Authorities::from_pem(broken), Err(BundleError::Pem(_))));
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Authorities::from_pem(nonsense), Err(BundleError::Empty)));
        Authorities::from_pem(&format!("{nonsense}{}", Authority::named("ca").pem())).unwrap();
    }
}
