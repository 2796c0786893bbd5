//! A caller's connection, over which headers go out in whatever spelling.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::HOST;

/// No answer of this test takes long.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    pub(crate) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// A header as it is spelled, and its value.
pub(crate) type Header = (String, Vec<u8>);

/// Somebody at an address of his own, whose connection is kept for as long as the server keeps it.
pub(crate) struct Caller {
    protocol: Protocol,
    config: Arc<ClientConfig>,
    from: Ipv4Addr,
    server: SocketAddr,
    connection: Option<Connection>,
}

enum Connection {
    Http1(Box<TlsStream<TcpStream>>),
    Http2(SendRequest<Body>),
}

/// Status and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: String,
}

impl Caller {
    pub(crate) fn new(protocol: Protocol, config: Arc<ClientConfig>, from: Ipv4Addr, port: u16) -> Self {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { protocol, config, from, server, connection: None }
    }

    /// Asks once more on the connection, or on a new one where the server has closed it.
    pub(crate) async fn ask(&mut self, path: &str, headers: &[Header]) -> Result<Answer, String> {
        if let Some(connection) = self.connection.take()
            && let Ok(answer) = self.ask_on(connection, path, headers).await
        {
            return Ok(answer);
        }
        let connection = self.dial().await?;
        self.ask_on(connection, path, headers).await
    }

    async fn ask_on(&mut self, connection: Connection, path: &str, headers: &[Header]) -> Result<Answer, String> {
        let asking = async {
            match connection {
                Connection::Http1(stream) => self.ask_http1(stream, path, headers).await,
                Connection::Http2(sender) => self.ask_http2(sender, path, headers).await,
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.map_err(|_| "no answer in time".to_owned())?
    }

    async fn dial(&self) -> Result<Connection, String> {
        let socket = TcpSocket::new_v4().map_err(text)?;
        socket.bind(SocketAddr::new(IpAddr::V4(self.from), 0)).map_err(text)?;
        let stream = socket.connect(self.server).await.map_err(text)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(ServerName::try_from(HOST).map_err(text)?, stream).await.map_err(text)?;
        if self.protocol == Protocol::Http1 {
            return Ok(Connection::Http1(Box::new(stream)));
        }
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(text)?;
        tokio::spawn(connection);
        Ok(Connection::Http2(sender))
    }

    /// Written by hand, since libraries do not spell names as a forger would.
    async fn ask_http1(
        &mut self,
        mut stream: Box<TlsStream<TcpStream>>,
        path: &str,
        headers: &[Header],
    ) -> Result<Answer, String> {
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n").into_bytes();
        for (name, value) in headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        stream.write_all(&head).await.map_err(text)?;
        stream.flush().await.map_err(text)?;
        let mut read = Vec::new();
        loop {
            if let Some(answer) = whole_answer(&read) {
                self.connection = Some(Connection::Http1(stream));
                return Ok(answer);
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await.map_err(text)? {
                // An answer to what is no request has no body and ends the connection.
                0 => return code(&read).map(|code| Answer { code, body: String::new() }).ok_or("cut off".to_owned()),
                count => read.extend(&buffer[..count]),
            }
        }
    }

    async fn ask_http2(
        &mut self,
        mut sender: SendRequest<Body>,
        path: &str,
        headers: &[Header],
    ) -> Result<Answer, String> {
        let mut request = Request::get(format!("https://{HOST}{path}"));
        for (name, value) in headers {
            request = request.header(name.as_str(), value.as_slice());
        }
        let request = request.body(Body::empty()).map_err(text)?;
        let answer = sender.send_request(request).await.map_err(text)?;
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(text)?.to_bytes();
        self.connection = (!sender.is_closed()).then_some(Connection::Http2(sender));
        Ok(Answer { code, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// The answer in `read`, if it is all there.
fn whole_answer(read: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head_lower = head.to_ascii_lowercase();
    let length = head_lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let is_whole = match length {
        Some(length) => body.len() >= length.parse().ok()?,
        None => body.ends_with("0\r\n\r\n"),
    };
    is_whole.then(|| code(read).map(|code| Answer { code, body: body.to_owned() }))?
}

fn code(read: &[u8]) -> Option<u16> {
    String::from_utf8_lossy(read).split(' ').nth(1)?.parse().ok()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
