//! What speaks against a pair whose authority we do not know.

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::UnixMillis;

/// Why clients will refuse a pair that could be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is over.
    #[error("it has ended at {0}")]
    Ended(UnixMillis),
    /// It is for later.
    #[error("it is not good before {0}")]
    NotYet(UnixMillis),
    /// It is somebody else's.
    #[error("it is not for {0}, by which the aggregator verifies us")]
    Name(String),
    /// No client will make sense of it.
    #[error("it cannot be read")]
    Unreadable,
}

impl Flaw {
    /// The first thing that speaks against `pair` under `name` at `now`.
    pub(super) fn of(pair: &CertifiedKey, name: &str, now: UnixMillis) -> Option<Self> {
        pair.cert.first().map_or(Some(Self::Unreadable), |leaf| Self::of_leaf(leaf, name, now))
    }

    fn of_leaf(leaf: &CertificateDer<'_>, name: &str, now: UnixMillis) -> Option<Self> {
        let (Ok((_, parsed)), Ok(verifiable)) = (X509Certificate::from_der(leaf), ParsedCertificate::try_from(leaf))
        else {
            return Some(Self::Unreadable);
        };
        let moment = |seconds: i64| UnixMillis(seconds.saturating_mul(1000));
        let begin = moment(parsed.validity().not_before.timestamp());
        let end = moment(parsed.validity().not_after.timestamp());
        let is_ours = ServerName::try_from(name).is_ok_and(|name| verify_server_name(&verifiable, &name).is_ok());
        match () {
            () if now > end => Some(Self::Ended(end)),
            () if now < begin => Some(Self::NotYet(begin)),
            () if !is_ours => Some(Self::Name(name.to_owned())),
            () => None,
        }
    }
}
