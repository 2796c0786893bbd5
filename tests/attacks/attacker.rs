//! Somebody who dials from one address, many times.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::simulation::SERVER_NAME;

/// Where all attacks come from.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

pub(crate) const HTTP1: &[u8] = b"http/1.1";
pub(crate) const HTTP2: &[u8] = b"h2";

/// Cheap to clone: each of many connections has one.
#[derive(Clone)]
pub(crate) struct Attacker {
    pub(crate) server: SocketAddr,
    pub(crate) authority_pem: Arc<[u8]>,
    pub(crate) roots: Arc<RootCertStore>,
    /// Of somebody who may read.
    pub(crate) viewer: Arc<str>,
    /// Of somebody who may not.
    pub(crate) guest: Arc<str>,
    pub(crate) until: Instant,
    /// Counted, so that an attack that did nothing does not pass for one that was withstood.
    pub(crate) deeds: Arc<AtomicU64>,
}

impl Attacker {
    /// `work` so many times at once, cut off when the attack is over. How each ends is the server's
    /// affair: most are shown the door.
    pub(crate) async fn many<F>(self, count: usize, work: impl Fn(Self, usize) -> F)
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let mut working = JoinSet::new();
        for number in 0..count {
            working.spawn(timeout_at(self.until, work(self.clone(), number)));
        }
        while working.join_next().await.is_some() {}
        tokio::time::sleep_until(self.until).await;
    }

    /// One deed more.
    pub(crate) fn did(&self) {
        self.deeds.fetch_add(1, Ordering::Relaxed);
    }

    /// So long as the attack lasts.
    pub(crate) async fn hold<T>(&self, held: T) {
        tokio::time::sleep_until(self.until).await;
        drop(held);
    }

    pub(crate) async fn tcp(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(FROM), 0))?;
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub(crate) async fn tls(&self, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let config = ClientConfig::builder().with_root_certificates(Arc::clone(&self.roots));
        self.shake_hands(config.with_no_client_auth(), alpn).await
    }

    /// The same, and shows this.
    pub(crate) async fn tls_showing(
        &self,
        (chain, key): &(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
        alpn: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let config = ClientConfig::builder().with_root_certificates(Arc::clone(&self.roots));
        let config = config.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(std::io::Error::other)?;
        self.shake_hands(config, alpn).await
    }

    async fn shake_hands(&self, mut config: ClientConfig, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from(SERVER_NAME).map_err(std::io::Error::other)?;
        TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await?).await
    }

    /// A well-behaved library, for attacks by mass alone.
    pub(crate) fn client(&self) -> std::io::Result<reqwest::ClientBuilder> {
        let authority = reqwest::Certificate::from_pem(&self.authority_pem).map_err(std::io::Error::other)?;
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
        Ok(builder.resolve(SERVER_NAME, self.server).local_address(IpAddr::V4(FROM)))
    }
}

/// Reads and forgets until the other end hangs up, or nothing comes for a while.
pub(crate) async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 4096];
    while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {}
}

pub(crate) fn url(path: &str) -> String {
    format!("https://{SERVER_NAME}{path}")
}
