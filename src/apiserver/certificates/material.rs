//! What the Secret holds: read, judged, and changed step by step.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{KeyPair, PublicKeyData};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError as Fault, RootCertStore};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::making;
use super::rotation::{Ability, Fitness, State, Step};
use crate::apiserver::tls::{self, PairError};
use crate::clock::UnixMillis;
use crate::config::Service;
use crate::telemetry::expiry;

const DAY: Duration = Duration::from_hours(24);
/// A certificate with less time left is replaced.
const CERTIFICATE_LEAST_LEFT: Duration = Duration::from_hours(30 * 24);
/// An authority with less time left is replaced: before its last certificates end for its sake.
const AUTHORITY_LEAST_LEFT: Duration = Duration::from_hours(90 * 24);
/// RFC 7468, 2.
const PEM_LINE_BYTES: usize = 64;

/// All in PEM, as kept in the Secret. It holds keys, so it cannot be printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Material {
    /// Whom clients believe, one after the other: what every `caBundle` is to be.
    pub(super) authorities: String,
    /// The key of one of them, the issuer.
    pub(super) issuer_key: String,
    /// The serving certificate.
    pub(super) certificate: String,
    /// Its key.
    pub(super) key: String,
}

/// Why a certificate cannot be served.
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
}

/// What a material is good for at one time.
pub(super) struct Judged {
    pub(super) pair: Result<CertifiedKey, Unfit>,
    /// The end of the authority that vouches for the pair, in seconds since 1970.
    pub(super) authority_ending: Option<i64>,
    /// Nothing is asked of it.
    pub(super) state: State,
}

/// Every name that the Service is dialled by; the first is the one that kube-aggregator verifies.
pub(super) fn names(service: &Service) -> [String; 4] {
    let Service { namespace, name } = service;
    [service.dns_name(), format!("{name}.{namespace}.svc.cluster.local"), format!("{name}.{namespace}"), name.clone()]
}

impl Material {
    /// Whether, and how long, it can be served as all of `names`: decided here and nowhere else.
    pub(super) fn judge(&self, names: &[String], now: UnixMillis) -> Judged {
        let believed = self.believed();
        let pair = self.pair(&believed, names, now);
        let issuer = self.issuer(&believed);
        // The names were all tried once; that of the aggregator stands for them.
        let first = names.get(..1).unwrap_or(names);
        let is_good = |authorities: &[CertificateDer<'static>], at| {
            pair.as_ref().is_ok_and(|pair| verify(authorities, &pair.cert, first, at).is_ok())
        };
        let fitness = match &pair {
            Err(unfit) if unfit.is_early() => Fitness::NotYet,
            Err(_) => Fitness::Unfit,
            Ok(_) if is_good(&believed, now + CERTIFICATE_LEAST_LEFT) => Fitness::Good,
            Ok(_) if is_good(&believed, now + DAY) => Fitness::Ending,
            Ok(_) => Fitness::LastDay,
        };
        let voucher = believed.iter().find(|one| is_good(std::slice::from_ref(one), now));
        let state = State {
            pair: fitness,
            issuer: issuer.as_ref().map_or(Ability::Unable, |(certificate, _)| ability(certificate, now)),
            is_issuers: issuer.as_ref().is_some_and(|(issuer, _)| is_good(std::slice::from_ref(issuer), now)),
            has_others: believed.len() > 1,
            is_asked: false,
        };
        let authority_ending = voucher.and_then(|voucher| expiry::ending(voucher));
        Judged { pair, authority_ending, state }
    }

    /// After `step`.
    pub(super) fn after(&self, step: Step, names: &[String], now: UnixMillis) -> Result<Self, rcgen::Error> {
        match step {
            Step::Issue => self.with_new_pair(names, now),
            Step::Announce => self.with_new_issuer(now),
            Step::Retire => Ok(self.with_issuer_alone()),
            Step::Found => self.with_new_issuer(now)?.with_new_pair(names, now),
        }
    }

    fn with_new_pair(&self, names: &[String], now: UnixMillis) -> Result<Self, rcgen::Error> {
        let (issuer, key) = self.issuer(&self.believed()).ok_or(rcgen::Error::CouldNotParseKeyPair)?;
        let made = making::serving(&issuer, key, names, now)?;
        Ok(Self { certificate: made.certificate, key: made.key, ..self.clone() })
    }

    /// Authorities that are broken or over are nobody's any more, and are left out.
    fn with_new_issuer(&self, now: UnixMillis) -> Result<Self, rcgen::Error> {
        let made = making::authority(now)?;
        let lasting = |one: &CertificateDer<'_>| left(one, now).is_some_and(|left| !left.is_zero());
        let others = self.believed().into_iter().filter(lasting).map(|one| pem(&one));
        let authorities = std::iter::once(made.certificate).chain(others).collect();
        Ok(Self { authorities, issuer_key: made.key, ..self.clone() })
    }

    fn with_issuer_alone(&self) -> Self {
        let issuer = self.issuer(&self.believed()).map(|(issuer, _)| pem(&issuer));
        Self { authorities: issuer.unwrap_or_else(|| self.authorities.clone()), ..self.clone() }
    }

    /// Those that can be read.
    fn believed(&self) -> Vec<CertificateDer<'static>> {
        let readable = |one: &CertificateDer<'_>| X509Certificate::from_der(one).is_ok();
        CertificateDer::pem_slice_iter(self.authorities.as_bytes()).filter_map(Result::ok).filter(readable).collect()
    }

    /// The authority whose key is kept.
    fn issuer(&self, believed: &[CertificateDer<'static>]) -> Option<(CertificateDer<'static>, KeyPair)> {
        let key = KeyPair::from_pem(&self.issuer_key).ok()?;
        let public = key.subject_public_key_info();
        let is_its = |one: &&CertificateDer<'_>| {
            X509Certificate::from_der(one).is_ok_and(|(_, one)| one.public_key().raw == public.as_slice())
        };
        Some((believed.iter().find(is_its)?.clone(), key))
    }

    fn pair(
        &self,
        believed: &[CertificateDer<'static>],
        names: &[String],
        now: UnixMillis,
    ) -> Result<CertifiedKey, Unfit> {
        let pair = tls::certified_key(self.certificate.as_bytes(), self.key.as_bytes()).map_err(Unfit::Pair)?;
        verify(believed, &pair.cert, names, now).map(|()| pair)
    }
}

impl Unfit {
    fn is_early(&self) -> bool {
        let Self::Name { source: rustls::Error::InvalidCertificate(fault), .. } = self else { return false };
        matches!(fault, Fault::NotValidYet | Fault::NotValidYetContext { .. })
    }
}

/// Judges as a client would that knows only `authorities`. The library never asks whether an authority
/// is over; clients do.
pub(super) fn verify(
    authorities: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
    names: &[String],
    now: UnixMillis,
) -> Result<(), Unfit> {
    let mut roots = RootCertStore::empty();
    let lasting = |one: &&CertificateDer<'_>| left(one, now).is_some_and(|left| !left.is_zero());
    roots.add_parsable_certificates(authorities.iter().filter(lasting).cloned());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(tls::provider()))
        .build()
        .map_err(|_| Unfit::Authority)?;
    let now = UnixTime::since_unix_epoch(now.since(UnixMillis(0)));
    for name in names {
        let unfit = |source| Unfit::Name { name: name.clone(), source };
        let (leaf, intermediates) = chain.split_first().ok_or_else(|| unfit(rustls::Error::NoCertificatesPresented))?;
        let server = ServerName::try_from(name.as_str()).map_err(|_| unfit(Fault::NotValidForName.into()))?;
        verifier.verify_server_cert(leaf, intermediates, &server, &[], now).map_err(unfit)?;
    }
    Ok(())
}

fn ability(authority: &CertificateDer<'_>, now: UnixMillis) -> Ability {
    match left(authority, now) {
        Some(left) if left > AUTHORITY_LEAST_LEFT => Ability::Able,
        Some(left) if left > DAY => Ability::Ending,
        _ => Ability::Unable,
    }
}

fn left(certificate: &CertificateDer<'_>, now: UnixMillis) -> Option<Duration> {
    let end = UnixMillis(expiry::ending(certificate)?.saturating_mul(1000));
    Some(end.since(now))
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let lines = text.as_bytes().chunks(PEM_LINE_BYTES).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
