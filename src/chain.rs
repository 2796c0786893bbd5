//! How long a chain of certificates may be that a peer shows.
//!
//! The library tries every way from a certificate to an authority, and a way may lead over every
//! certificate shown. A peer may show as many as a handshake holds, all under one name: each could have
//! signed each other, and tens of thousands of ways are tried before anybody is known. Four leave less
//! than a hundred, and honest chains have one or two.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

/// Most certificates beside the peer's own.
pub(crate) const MOST_INTERMEDIATES: usize = 4;

/// The peer shows more than [`MOST_INTERMEDIATES`].
#[derive(Debug, thiserror::Error)]
#[error("the chain has {0} certificates beside its own, and at most {MOST_INTERMEDIATES} are looked at")]
struct TooLong(usize);

/// Refuses a chain that is too long to be looked at.
pub(crate) fn bounded(intermediates: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
    if intermediates.len() <= MOST_INTERMEDIATES {
        return Ok(());
    }
    Err(CertificateError::Other(OtherError(Arc::new(TooLong(intermediates.len())))).into())
}

/// Believes servers that `roots` vouch for by a chain of that length at most.
pub(crate) fn server_verifier(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, VerifierBuilderError> {
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    Ok(Arc::new(Bounded(inner)))
}

/// Asks the library only about chains of that length.
struct Bounded(Arc<WebPkiServerVerifier>);

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Bounded {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        bounded(intermediates)?;
        self.0.verify_server_cert(leaf, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
