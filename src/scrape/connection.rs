//! One keep-alive connection to one kubelet: TCP, TLS, HTTP/1.1.
//!
//! Our own rather than a pooling client's, for its memory: thousands of connections lie idle
//! between scrapes. An idle one is its TLS session and nothing else; the HTTP side, with its
//! buffers, exists only while an answer comes in.
//!
//! ```text
//! open ──▶ Connection (idle) ──begin──▶ Exchange (buffers) ──send, drive──▶ answer
//!               ▲                           │
//!               └─────────── end ───────────┘ unless it was closed
//! ```

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::usage::Failure;

/// Larger buffers read no faster: TLS hands out records of this size at most.
const BUFFER_BYTES: usize = 16 << 10;

/// An idle connection; closed when dropped.
pub(super) struct Connection {
    address: String,
    stream: Box<Stream>,
}

/// More than a kilobyte, which the task of a node would hold twice: once as given, once as kept.
type Stream = TlsStream<TcpStream>;

/// A connection in use.
pub(super) struct Exchange {
    address: String,
    requests: SendRequest<Empty<Bytes>>,
    driver: Driver,
}

/// Moves bytes while it is polled, which is while somebody waits for an answer.
struct Driver {
    http: http1::Connection<TokioIo<Box<Stream>>, Empty<Bytes>>,
    ended: bool,
}

impl Connection {
    /// Connects to `host:port` and shakes hands with who has a certificate for `name`, or for that host.
    pub(super) async fn open(
        address: &str,
        name: Option<&str>,
        tls: Arc<rustls::ClientConfig>,
    ) -> Result<Self, Failure> {
        let name = server_name(address, name).ok_or_else(|| Failure::Connect(format!("{address:?} is no address")))?;
        let socket = TcpStream::connect(address).await.map_err(|error| Failure::Connect(error.to_string()))?;
        // A request is one small packet: nothing to wait for.
        socket.set_nodelay(true).map_err(|error| Failure::Connect(error.to_string()))?;
        let stream = TlsConnector::from(tls).connect(name, socket).await.map_err(|error| handshake_failure(&error))?;
        Ok(Self { address: address.to_owned(), stream: Box::new(stream) })
    }

    /// Whether it leads to `address`.
    pub(super) fn leads_to(&self, address: &str) -> bool {
        self.address == address
    }

    /// Makes ready for a request.
    pub(super) async fn begin(self) -> hyper::Result<Exchange> {
        let io = TokioIo::new(self.stream);
        let (requests, http) = http1::Builder::new().max_buf_size(BUFFER_BYTES).handshake(io).await?;
        Ok(Exchange { address: self.address, requests, driver: Driver { http, ended: false } })
    }
}

impl Exchange {
    /// Sends a request; the answer's head.
    pub(super) async fn send(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.driver.during(self.requests.send_request(request)).await
    }

    /// Keeps bytes coming while `reading` an answer's body.
    pub(super) async fn drive<F: Future>(&mut self, reading: F) -> F::Output {
        self.driver.during(reading).await
    }

    /// After an answer that was read to its end: the connection, if the kubelet keeps it open.
    pub(super) async fn end(mut self) -> Option<Connection> {
        self.driver.during(self.requests.ready()).await.ok()?;
        let parts = self.driver.http.into_parts();
        // Bytes that nobody asked for are no answer to the next request.
        let clean = !self.driver.ended && parts.read_buf.is_empty();
        clean.then(|| Connection { address: self.address, stream: parts.io.into_inner() })
    }
}

impl Driver {
    /// How the connection ends is told to the work that waits for it, too.
    async fn during<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.ended = self.ended || self.http.poll_without_shutdown(context).is_ready();
            work.as_mut().poll(context)
        })
        .await
    }
}

/// The name to verify: the one wanted, else the host without port and brackets.
fn server_name(address: &str, wanted: Option<&str>) -> Option<ServerName<'static>> {
    let (host, _port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(wanted.unwrap_or(host).to_owned()).ok()
}

/// Only a refused certificate is called so; whatever else stands in the way of a connection leads
/// to the next address.
fn handshake_failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        // What we refuse by ourselves would be told in the words of our code.
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(ours))) => Failure::Tls(ours.to_string()),
        Some(rustls::Error::InvalidCertificate(reason)) => Failure::Tls(format!("{reason}{}", remedy(reason))),
        _ => Failure::Connect(error.to_string()),
    }
}

/// What an operator can do about it, where that is known.
const fn remedy(reason: &CertificateError) -> &'static str {
    match reason {
        // The second: an authority under a name we know, with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "; name its authority with --kubelet-certificate-authority, or have the kubelet's certificate signed by \
             the cluster's (serverTLSBootstrap)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "; if it holds the node's name, set --kubelet-server-name=node, else put a kind of address that it holds \
             first in --kubelet-preferred-address-types"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "; renew it on the node (rotateCertificates, serverTLSBootstrap), and compare the clocks"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "; compare the clocks",
        _ => "",
    }
}
