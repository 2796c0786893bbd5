//! A serving certificate, its key and its authority: made, and judged.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

use crate::apiserver::tls::{self, PairError};
use crate::clock::UnixMillis;
use crate::config::Service;

/// The authority outlives many certificates: replacing it means changing every `caBundle`.
const AUTHORITY_DAYS: i64 = 3650;
/// Certificates live a year: long enough to survive an idle cluster, short enough for a leak to end.
const CERTIFICATE_DAYS: i64 = 365;
/// A certificate with less time left is replaced.
const LEAST_LEFT: Duration = Duration::from_hours(30 * 24);

/// All in PEM, as kept in the Secret. It holds keys, so it cannot be printed.
#[derive(Clone)]
pub(super) struct Material {
    /// The authority's certificate: what clients verify with.
    pub(super) authority: String,
    /// The authority's key, for a later certificate.
    pub(super) authority_key: String,
    /// The serving certificate.
    pub(super) certificate: String,
    /// Its key.
    pub(super) key: String,
}

/// Why a certificate cannot be used any more, or never could.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A part is missing, broken, or does not fit the others.
    #[error("the certificate and its key do not make a pair")]
    Pair(#[source] PairError),
    /// The authority is missing or broken.
    #[error("the authority cannot be read")]
    Authority,
    /// Not for this name, not from this authority, or out of its time.
    #[error("the certificate is not good for {name}")]
    Name {
        /// The name asked for.
        name: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Good, but not for long.
    #[error("the certificate ends within 30 days")]
    Ending(#[source] rustls::Error),
}

/// Every name that the Service is dialled by; the first is the one that kube-aggregator verifies.
pub(super) fn names(service: &Service) -> [String; 4] {
    let Service { namespace, name } = service;
    [service.dns_name(), format!("{name}.{namespace}.svc.cluster.local"), format!("{name}.{namespace}"), name.clone()]
}

impl Material {
    /// A new authority and a certificate of it for `names`, valid from the day before `now`, so that
    /// a clock that is behind sees it as valid too.
    pub(super) fn make(names: &[String], now: UnixMillis) -> Result<Self, rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name = common_name("kube-vitals serving authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut authority, now, AUTHORITY_DAYS);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name = common_name("kube-vitals");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        set_validity(&mut leaf, now, CERTIFICATE_DAYS);
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &authority)?;
        Ok(Self {
            authority: authority.pem(),
            authority_key: authority.key().serialize_pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The pair to serve, if it is good for all of `names` now and for a while: whether to keep it
    /// is decided here and nowhere else.
    pub(super) fn still_good(&self, names: &[String], now: UnixMillis) -> Result<CertifiedKey, Unfit> {
        let pair = tls::certified_key(self.certificate.as_bytes(), self.key.as_bytes()).map_err(Unfit::Pair)?;
        for name in names {
            self.verify(&pair, name, now)
                .map_err(|fault| fault.at(name, |name, source| Unfit::Name { name, source }))?;
        }
        if let Some(name) = names.first() {
            self.verify(&pair, name, now + LEAST_LEFT)
                .map_err(|fault| fault.at(name, |_, source| Unfit::Ending(source)))?;
        }
        Ok(pair)
    }

    /// Judges as a client would that knows only our authority.
    fn verify(&self, pair: &CertifiedKey, name: &str, now: UnixMillis) -> Result<(), Fault> {
        let authorities: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(self.authority.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| Fault::Authority)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(tls::provider()))
            .build()
            .map_err(|_| Fault::Authority)?;
        let (leaf, intermediates) =
            pair.cert.split_first().ok_or(Fault::Certificate(rustls::Error::NoCertificatesPresented))?;
        let server = ServerName::try_from(name)
            .map_err(|_| Fault::Certificate(rustls::CertificateError::NotValidForName.into()))?;
        let now = UnixTime::since_unix_epoch(now.since(UnixMillis(0)));
        verifier.verify_server_cert(leaf, intermediates, &server, &[], now).map(drop).map_err(Fault::Certificate)
    }
}

/// Whose fault a failed verification is.
enum Fault {
    Authority,
    Certificate(rustls::Error),
}

impl Fault {
    fn at(self, name: &str, unfit: impl FnOnce(String, rustls::Error) -> Unfit) -> Unfit {
        match self {
            Self::Authority => Unfit::Authority,
            Self::Certificate(source) => unfit(name.to_owned(), source),
        }
    }
}

pub(super) fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

pub(super) fn set_validity(params: &mut CertificateParams, now: UnixMillis, days: i64) {
    let today = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |offset: i64| {
        let date = today.saturating_add(jiff::Span::new().days(offset));
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(-1), day(days));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::fixtures::NOW;

    const DAY: Duration = Duration::from_hours(24);

    fn service() -> Service {
        Service { namespace: "custom-api".to_owned(), name: "custom-api".to_owned() }
    }

    #[test]
    fn what_is_made_is_good_for_every_name_of_the_service() {
        let names = names(&service());
        assert_eq!(names[0], "custom-api.custom-api.svc");
        let material = Material::make(&names, NOW).unwrap();
        material.still_good(&names, NOW).unwrap();
        material.still_good(&names, NOW - DAY).unwrap();
        let other = [String::from("custom-api.other.svc")];
        assert!(matches!(material.still_good(&other, NOW), Err(Unfit::Name { .. })));
    }

    #[test]
    fn a_certificate_is_replaced_before_it_ends() {
        let names = names(&service());
        let material = Material::make(&names, NOW).unwrap();
        material.still_good(&names, NOW + DAY * 333).unwrap();
        assert!(matches!(material.still_good(&names, NOW + DAY * 336), Err(Unfit::Ending(_))));
        assert!(matches!(material.still_good(&names, NOW + DAY * 366), Err(Unfit::Name { .. })));
        assert!(matches!(material.still_good(&names, NOW - DAY * 3), Err(Unfit::Name { .. })));
    }

    #[test]
    fn parts_that_do_not_belong_together_are_unfit() {
        let names = names(&service());
        let (one, other) = (Material::make(&names, NOW).unwrap(), Material::make(&names, NOW).unwrap());
        let foreign_key = Material { key: other.key.clone(), ..one.clone() };
        assert!(matches!(foreign_key.still_good(&names, NOW), Err(Unfit::Pair(_))));
        let foreign_authority = Material { authority: other.authority, ..one.clone() };
        assert!(matches!(foreign_authority.still_good(&names, NOW), Err(Unfit::Name { .. })));
        let no_authority = Material { authority: String::new(), ..one };
        assert!(matches!(no_authority.still_good(&names, NOW), Err(Unfit::Authority)));
    }
}
