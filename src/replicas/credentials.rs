//! A client for another replica: both sides prove that they hold a key which our own authority has
//! signed.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::error::Error;
use crate::chain;

/// A replica in the same cluster answers in milliseconds; one that is gone may never.
const CONNECT: Duration = Duration::from_secs(1);
/// In order of preference, as our port has them.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How a replica shows others that it is one, and knows them. All in PEM; holds a key, so it cannot be
/// printed.
#[derive(Clone)]
pub struct Credentials {
    /// Whose certificates replicas serve; several while one takes over from another.
    pub authority: String,
    /// Our client certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// A client that dials `address` and talks to nobody there but the server named `name`.
    pub(super) fn client(&self, name: &str, address: SocketAddr) -> Result<Client, Error> {
        Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .https_only(true)
            .tls_backend_preconfigured(self.tls().ok_or(Error::Credentials)?)
            .resolve(name, address)
            .connect_timeout(CONNECT)
            .build()
            .map_err(Error::Client)
    }

    /// The client's own settings would look at chains of any length.
    fn tls(&self) -> Option<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots.add(authority.ok()?).ok()?;
        }
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().ok()?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).ok()?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().ok()?.dangerous();
        let builder = builder.with_custom_certificate_verifier(chain::server_verifier(roots, provider).ok()?);
        let mut config = builder.with_client_auth_cert(chain, key).ok()?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        Some(config)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
    use rustls::ServerConfig;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const NAME: &str = "custom-api.custom-api.svc";

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// Whether a server that shows its certificate and so many others is talked to.
    async fn is_talked_to(others: usize) -> bool {
        let (authority, key) = (authority(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let own = params.signed_by(&key, &authority).unwrap();
        let (certificate, key_pem) = (own.pem(), key.serialize_pem());
        let mut chain = vec![own.der().clone()];
        chain.extend(std::iter::repeat_n(authority.der().clone(), others));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from(key)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await?;
            let mut stream = TlsAcceptor::from(Arc::new(config)).accept(socket).await?;
            stream.read_u8().await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
        });
        let credentials = Credentials { authority: authority.pem(), certificate, key: key_pem };
        let client = credentials.client(NAME, address).unwrap();
        let answered = client.get(format!("https://{NAME}:{}/", address.port())).send().await;
        serving.abort();
        answered.is_ok()
    }

    #[tokio::test]
    async fn who_shows_more_certificates_than_are_looked_at_is_not_talked_to() {
        assert!(is_talked_to(0).await);
        assert!(is_talked_to(4).await);
        assert!(!is_talked_to(5).await);
    }

    #[test]
    fn credentials_that_are_none_make_no_client_and_are_not_told() {
        let authority = authority();
        let good = Credentials {
            authority: authority.pem(),
            certificate: authority.pem(),
            key: authority.key().serialize_pem(),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        good.client(NAME, address).unwrap();
        let mangled = Credentials { key: good.key.replace('\n', " "), ..good.clone() };
        let error = mangled.client(NAME, address).unwrap_err();
        assert_eq!(crate::telemetry::causes(&error), "our own certificates make no client");
        Credentials { authority: String::new(), ..good }.client(NAME, address).unwrap_err();
    }
}
