//! A set of certificate authorities that vouch for clients.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, RootCertStore};

use crate::apiserver::tls;
use crate::chain;
use crate::clock::UnixMillis;
use crate::telemetry::{BrokenPem, expiry};

/// All the authorities of one PEM bundle; during a rotation there are several.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    /// With the seconds since 1970 in which each is good.
    each: Vec<(CertificateDer<'static>, RangeInclusive<i64>)>,
    /// Of them all.
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    #[error("the PEM text is broken")]
    Pem(#[source] BrokenPem),
    #[error("there is no usable certificate in it")]
    Empty,
    #[error("no verifier can be made of it")]
    Verifier(#[source] VerifierBuilderError),
}

impl Authorities {
    /// Reads a PEM bundle. One unusable certificate among good ones costs only itself.
    pub(super) fn from_pem(bundle: &str) -> Result<Self, BundleError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bundle.as_bytes()).collect();
        let found = found.map_err(|error| BundleError::Pem(error.into()))?;
        let all = found.len();
        let is_usable = |one: &CertificateDer<'_>| RootCertStore::empty().add(one.clone().into_owned()).is_ok();
        let usable = found.into_iter().filter(is_usable);
        let each: Vec<_> = usable.filter_map(|one| expiry::validity(&one).map(|validity| (one, validity))).collect();
        if each.is_empty() {
            return Err(BundleError::Empty);
        }
        if each.len() < all {
            let (ignored, added) = (all - each.len(), each.len());
            tracing::warn!(ignored, added, "some authorities of the bundle cannot be used");
        }
        let verifier = verifier(each.iter().map(|(one, _)| one.clone())).map_err(BundleError::Verifier)?;
        Ok(Self { each, verifier })
    }

    /// When the last of them ends, in seconds since 1970: those that a rotation left behind may end
    /// before.
    pub(super) fn ending(&self) -> Option<i64> {
        self.each.iter().map(|(_, validity)| *validity.end()).max()
    }

    /// Whether one of them vouches for the first certificate of `chain` as a client at `now`.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>], now: UnixMillis) -> Result<(), rustls::Error> {
        let (leaf, intermediates) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        chain::bounded(intermediates)?;
        let verifier = self.verifier_at(now)?;
        let millis = u64::try_from(now.0).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(millis));
        verifier.verify_client_cert(leaf, intermediates, now).map(drop)
    }

    /// Of those that are good at `now`: the library never asks whether an authority is over.
    fn verifier_at(&self, now: UnixMillis) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let is_good = |(_, validity): &&(_, RangeInclusive<i64>)| validity.contains(&now.0.div_euclid(1000));
        if self.each.iter().all(|one| is_good(&one)) {
            return Ok(Arc::clone(&self.verifier));
        }
        let good = self.each.iter().filter(is_good).map(|(one, _)| one.clone());
        verifier(good).map_err(|_| CertificateError::UnknownIssuer.into())
    }
}

fn verifier(
    authorities: impl Iterator<Item = CertificateDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(tls::provider())).build()
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
    fn an_authority_that_is_over_vouches_for_nobody() {
        let over = Authority::named_with("over", |params| params.not_after = date_time_ymd(2026, 6, 1));
        let early = Authority::named_with("early", |params| params.not_before = date_time_ymd(2026, 7, 1));
        let good = Authority::named("good");
        let all = Authorities::from_pem(&format!("{}{}{}", over.pem(), early.pem(), good.pem())).unwrap();
        all.verify(&over.client("ann", &[]).chain(), NOW).unwrap_err();
        all.verify(&early.client("ann", &[]).chain(), NOW).unwrap_err();
        all.verify(&good.client("ann", &[]).chain(), NOW).unwrap();
        let month = Duration::from_hours(24 * 30);
        all.verify(&over.client("ann", &[]).chain(), NOW - month).unwrap();
        all.verify(&early.client("ann", &[]).chain(), NOW + month).unwrap();
        Authorities::from_pem(&over.pem()).unwrap().verify(&over.client("ann", &[]).chain(), NOW).unwrap_err();
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
