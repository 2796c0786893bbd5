//! How a handshake goes: which certificate we show, what we ask the client for.
//!
//! A client's certificate is asked for but never judged here: two authorities with different
//! meanings count, both change while connections live, and a client that has a certificate of
//! neither may still hold a good token. The handshake only proves that the client owns the key, and
//! that the chain is short enough to be judged; [`super::authn`] judges it on every request.

mod sessions;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use prometheus_client::metrics::gauge::Gauge;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use self::sessions::Sessions;
use crate::chain;
use crate::telemetry::{BrokenPem, expiry};

/// In order of preference. kube-aggregator speaks HTTP/2 unless told otherwise.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate shown to clients; a new one counts from the next handshake on.
#[derive(Debug, Default)]
pub struct ServingCertificate {
    current: ArcSwapOption<CertifiedKey>,
    /// 0 = none is known.
    authority_ending: AtomicI64,
}

/// Why a certificate and its key cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The certificate's PEM text is broken.
    #[error("the certificate cannot be read")]
    Certificate(#[source] BrokenPem),
    /// There is no certificate in the PEM text.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// The key's PEM text is broken or holds no key.
    #[error("the key cannot be read")]
    Key(#[source] BrokenPem),
    /// The key is of no supported kind or not the certificate's.
    #[error("the key does not fit the certificate")]
    Mismatch(#[source] rustls::Error),
}

impl ServingCertificate {
    /// Shows `pair` from now on.
    pub fn install(&self, pair: CertifiedKey) {
        self.current.store(Some(Arc::new(pair)));
    }

    /// Tells when the authority ends that clients verify us by, in seconds since 1970, where that is
    /// known.
    pub(super) fn set_authority_ending(&self, ending: Option<i64>) {
        self.authority_ending.store(ending.unwrap_or_default(), Ordering::Relaxed);
    }

    /// When the certificate ends, in seconds since 1970.
    pub(super) fn ending(&self) -> Option<i64> {
        expiry::ending(self.current.load().as_ref()?.cert.first()?)
    }

    /// When its authority ends.
    pub(super) fn authority_ending(&self) -> Option<i64> {
        Some(self.authority_ending.load(Ordering::Relaxed)).filter(|ending| *ending != 0)
    }

    /// The chain shown now.
    #[cfg(test)]
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.load().as_ref().map(|pair| pair.cert.clone()).unwrap_or_default()
    }
}

impl ResolvesServerCert for ServingCertificate {
    // Whatever name the client asks for: kube-aggregator asks for the Service's, probes for an address.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load_full()
    }
}

/// Reads a certificate chain, leaf first, and its key from PEM text, and checks that they match.
pub fn certified_key(chain_pem: &[u8], key_pem: &[u8]) -> Result<CertifiedKey, PairError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem).collect();
    let chain = chain.map_err(|error| PairError::Certificate(error.into()))?;
    if chain.is_empty() {
        return Err(PairError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| PairError::Key(error.into()))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(PairError::Mismatch)
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, with the certificate that `serving` holds at the time. How many
/// sessions are kept is told to `sessions`.
///
/// # Errors
/// When the crypto provider supports no common protocol version.
pub fn server_config(serving: Arc<ServingCertificate>, sessions: Gauge) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(provider());
    let any_client = Arc::new(AnyClient { algorithms: provider.signature_verification_algorithms });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(any_client)
        .with_cert_resolver(serving);
    config.session_storage = Arc::new(Sessions::new(sessions));
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// The one crypto provider of this process.
pub(super) fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// Asks for a certificate, takes any of a short chain or none, and insists that its key is the client's.
#[derive(Debug)]
struct AnyClient {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    // A list would be a mere hint, and outdated after a rotation.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        chain::bounded(intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
