//! The port as its clients meet it, over real sockets and TLS.

mod cut;
mod frames;
mod heads;
mod slow;
mod stop;
mod streams;
mod unread;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{CloseConnection, Listener, Metrics, Peer};
use crate::apiserver::fixtures::{Authority, Pair};
use crate::apiserver::tls::{ServingCertificate, certified_key, server_config};
use crate::config::Serving;

const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2", b"http/1.1"];
const DRAIN: Duration = Duration::from_secs(3);

/// A running port.
struct Port {
    authority: Authority,
    address: SocketAddr,
    metrics: Metrics,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Port {
    fn open(max_connections: usize) -> Self {
        Self::serving(router(), max_connections)
    }

    fn serving(router: Router, max_connections: usize) -> Self {
        let authority = Authority::named("serving");
        let pair = authority.server("svc.test");
        let certificate = ServingCertificate::default();
        certificate.install(certified_key(pair.certificate.as_bytes(), pair.key.as_bytes()).unwrap());
        let tls = Arc::new(
            server_config(Arc::new(certificate), prometheus_client::metrics::gauge::Gauge::default()).unwrap(),
        );
        let listener = Listener::bind(&Serving {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            certificate: None,
            authority_overlap: Duration::from_hours(1),
            max_connections,
            max_requests_in_flight: 10,
            request_timeout: Duration::from_mins(1),
        })
        .unwrap();
        let address = listener.local_addr().unwrap();
        let (metrics, stop) = (Metrics::default(), CancellationToken::new());
        // Whoever shows a certificate passes for the front proxy.
        let trusted = Arc::new(|peer: &Peer| !peer.certificates.is_empty());
        let served = tokio::spawn(listener.serve(tls, router, trusted, metrics.clone(), DRAIN, stop.clone()));
        Self { authority, address, metrics, stop, served }
    }

    fn dialer(&self, pair: Option<&Pair>, alpn: &[&[u8]]) -> Dialer {
        Dialer { config: Arc::new(self.authority.client_config(pair, alpn)), address: self.address }
    }

    async fn dial(&self, pair: Option<&Pair>, alpn: &[&[u8]]) -> io::Result<TlsStream<TcpStream>> {
        self.dialer(pair, alpn).dial().await
    }

    async fn http2(&self, pair: Option<&Pair>) -> Http2 {
        self.dialer(pair, HTTP2).http2().await.unwrap()
    }

    async fn http1(&self, pair: Option<&Pair>) -> Http1 {
        self.dialer(pair, HTTP1).http1().await.unwrap()
    }
}

/// A client that may dial again and again.
#[derive(Clone)]
struct Dialer {
    config: Arc<rustls::ClientConfig>,
    address: SocketAddr,
}

type Http1 = hyper::client::conn::http1::SendRequest<Body>;
type Http2 = hyper::client::conn::http2::SendRequest<Body>;

impl Dialer {
    async fn dial(&self) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::clone(&self.config)).connect(ServerName::try_from("svc.test").unwrap(), socket).await
    }

    async fn http1(&self) -> io::Result<Http1> {
        let io = TokioIo::new(self.dial().await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn http2(&self) -> io::Result<Http2> {
        let io = TokioIo::new(self.dial().await?);
        let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
        let (sender, connection) = shaken.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// What the front proxy shows.
fn front_proxy() -> Pair {
    Authority::named("proxies").client("front-proxy-client", &[])
}

/// `/peer` tells who asks, `/slow` takes two seconds, `/never` longer than any test.
fn router() -> Router {
    let peer = |Extension(peer): Extension<Peer>| async move { format!("{} {}", peer.id.0, peer.certificates.len()) };
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        "done"
    };
    Router::new().route("/peer", get(peer)).route("/slow", get(slow)).route("/never", get(std::future::pending::<()>))
}

fn request(path: &str) -> Request<Body> {
    Request::builder().uri(format!("https://svc.test{path}")).header("host", "svc.test").body(Body::empty()).unwrap()
}

async fn text(answer: http::Response<hyper::body::Incoming>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn every_request_knows_its_connection_and_the_certificates_offered_on_it() {
    let port = Port::open(10);
    let ann = Authority::named("clients").client("ann", &[]);
    let mut with = port.http2(Some(&ann)).await;
    assert_eq!(text(with.send_request(request("/peer")).await.unwrap()).await, "0 1");
    assert_eq!(text(with.send_request(request("/peer")).await.unwrap()).await, "0 1");
    let mut without = port.http1(None).await;
    assert_eq!(text(without.send_request(request("/peer")).await.unwrap()).await, "1 0");
}

#[tokio::test]
async fn whatever_host_a_client_asks_for_it_is_served() {
    let port = Port::open(10);
    let (mut http2, mut http1) = (port.http2(None).await, port.http1(None).await);
    for host in ["svc.test", "10.96.0.17:443", "other.name"] {
        let mut request = request("/peer");
        *request.uri_mut() = format!("https://{host}/peer").parse().unwrap();
        assert_eq!(http2.send_request(request).await.unwrap().status(), StatusCode::OK, "{host}");
        let request = Request::get("/peer").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(http1.send_request(request).await.unwrap().status(), StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn a_connection_too_many_waits_for_a_slot() {
    let port = Port::open(1);
    let first = port.dial(None, HTTP1).await.unwrap();
    let second = port.dial(None, HTTP1);
    let mut second = std::pin::pin!(second);
    tokio::time::timeout(Duration::from_millis(100), &mut second).await.expect_err("no slot yet");
    assert_eq!(port.metrics.open.get(), 1);
    drop(first);
    second.await.unwrap();
    assert!(port.metrics.full.get() >= 1);
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let port = Port::open(64);
    let dialer = port.dialer(None, HTTP1);
    let taken: Vec<_> = futures::future::try_join_all((0..16).map(|_| dialer.dial())).await.unwrap();
    dialer.dial().await.expect_err("its share is taken");
    assert_eq!((port.metrics.refused.get(), port.metrics.open.get()), (1, 16));

    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let socket = elsewhere.connect(port.address).await.unwrap();
    let name = ServerName::try_from("svc.test").unwrap();
    TlsConnector::from(Arc::clone(&dialer.config)).connect(name, socket).await.expect("others are served");

    drop(taken);
    while port.metrics.open.get() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    dialer.dial().await.expect("what was given back can be had again");
}

#[tokio::test]
async fn the_front_proxy_has_no_share_since_it_stands_for_many() {
    let port = Port::open(64);
    let pair = front_proxy();
    let mut taken = Vec::new();
    for _ in 0..20 {
        let mut client = port.http1(Some(&pair)).await;
        assert_eq!(client.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
        taken.push(client);
    }
    assert_eq!((port.metrics.refused.get(), port.metrics.open.get()), (0, 20));
}

#[tokio::test]
async fn garbage_in_place_of_a_handshake_harms_nobody_else() {
    let port = Port::open(10);
    let mut garbage = TcpStream::connect(port.address).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = garbage.read_to_end(&mut Vec::new()).await;
    let mut sender = port.http2(None).await;
    assert_eq!(sender.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
}
