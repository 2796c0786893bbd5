//! A client that costs little: the cores that it takes are missing to the server.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::simulation::Simulation;

const NAME: &str = "custom-api.custom-api.svc";
/// As kube-aggregator's, for a stream and for all of a connection.
const WINDOWS_BYTES: (u32, u32) = (4 << 20, 1 << 30);

/// Where the server is, and by what it and its client know each other.
pub(crate) struct Door {
    port: u16,
    token: String,
    roots: RootCertStore,
}

/// As which a connection is spoken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A kept-alive connection.
pub(crate) struct Connection {
    sender: Sender,
    token: String,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Door {
    /// Of the server that is known by a certificate of that authority.
    pub(crate) fn of(simulation: &Simulation, port: u16, authority_pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authority_pem) {
            roots.add(authority.map_err(text)?).map_err(text)?;
        }
        Ok(Self { port, token: format!("Bearer {}", simulation.admin_token()), roots })
    }

    pub(crate) async fn connect(&self, protocol: Protocol) -> Result<Connection, String> {
        let mut config = ClientConfig::builder().with_root_certificates(self.roots.clone()).with_no_client_auth();
        config.alpn_protocols = vec![protocol.alpn().to_vec()];
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(text)?;
        socket.set_nodelay(true).map_err(text)?;
        let name = ServerName::try_from(NAME).map_err(text)?;
        let tls = TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(text)?;
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(TokioIo::new(tls)).await.map_err(text)?;
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.initial_stream_window_size(WINDOWS_BYTES.0).initial_connection_window_size(WINDOWS_BYTES.1);
                let (sender, connection) = builder.handshake(TokioIo::new(tls)).await.map_err(text)?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Connection { sender, token: self.token.clone() })
    }
}

impl Protocol {
    const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

impl Connection {
    /// The head and the body of a good answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Response<Incoming>, String> {
        let uri = match self.sender {
            Sender::Http1(_) => path.to_owned(),
            Sender::Http2(_) => format!("https://{NAME}{path}"),
        };
        let request = Request::get(uri).header(header::HOST, NAME).header(header::AUTHORIZATION, &self.token);
        let request = request.body(Empty::new()).map_err(text)?;
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(text)?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => sender.send_request(request).await,
        };
        let answer = answer.map_err(|error| format!("{path}: {error}"))?;
        if answer.status().is_success() { Ok(answer) } else { Err(format!("{path}: {}", answer.status())) }
    }

    /// Reads an answer to its end; how many bytes it had.
    pub(crate) async fn drain(&mut self, path: &str) -> Result<usize, String> {
        let mut body = self.get(path).await?.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.map_err(text)?.data_ref().map_or(0, Bytes::len);
        }
        Ok(bytes)
    }
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
