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
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::super::fixtures::{Authority, Pair};
use super::super::tls::{ServingCertificate, certified_key, server_config};
use super::{Listener, Metrics, Peer};
use crate::config::Serving;

const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2", b"http/1.1"];
const DRAIN: Duration = Duration::from_secs(3);

/// A running port with two paths: `/peer` tells who asks, `/slow` takes two seconds.
struct Port {
    authority: Authority,
    address: SocketAddr,
    metrics: Metrics,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Port {
    fn open(max_connections: usize) -> Self {
        let authority = Authority::named("serving");
        let pair = authority.server("svc.test");
        let certificate = ServingCertificate::default();
        certificate.install(certified_key(pair.certificate.as_bytes(), pair.key.as_bytes()).unwrap());
        let tls = Arc::new(server_config(Arc::new(certificate)).unwrap());
        let listener = Listener::bind(&Serving {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            certificate: None,
            max_connections,
            max_requests_in_flight: 10,
            request_timeout: Duration::from_mins(1),
        })
        .unwrap();
        let address = listener.local_addr().unwrap();
        let (metrics, stop) = (Metrics::default(), CancellationToken::new());
        let served = tokio::spawn(listener.serve(tls, router(), metrics.clone(), DRAIN, stop.clone()));
        Self { authority, address, metrics, stop, served }
    }

    async fn dial(&self, pair: Option<&Pair>, alpn: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.authority.client_config(pair, alpn);
        let socket = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("svc.test").unwrap(), socket).await
    }

    async fn http2(&self, pair: Option<&Pair>) -> hyper::client::conn::http2::SendRequest<Body> {
        let io = TokioIo::new(self.dial(pair, HTTP2).await.unwrap());
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn http1(&self) -> hyper::client::conn::http1::SendRequest<Body> {
        let io = TokioIo::new(self.dial(None, HTTP1).await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

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
    let mut without = port.http1().await;
    assert_eq!(text(without.send_request(request("/peer")).await.unwrap()).await, "1 0");
}

#[tokio::test]
async fn a_head_may_be_as_long_as_that_of_a_user_in_many_groups() {
    let port = Port::open(10);
    let long = |count: usize, length: usize| {
        let mut request = request("/peer");
        for _ in 0..count {
            request.headers_mut().append("x-remote-group", "g".repeat(length).parse().unwrap());
        }
        request
    };
    let mut http2 = port.http2(None).await;
    assert_eq!(http2.send_request(long(800, 500)).await.unwrap().status(), StatusCode::OK);
    let mut http1 = port.http1().await;
    assert_eq!(http1.send_request(long(800, 500)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(http1.send_request(long(2000, 10)).await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let over_the_limit = http2.send_request(long(800, 2000)).await;
    assert!(over_the_limit.is_err() || over_the_limit.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
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

#[tokio::test(start_paused = true)]
async fn a_client_that_never_shakes_hands_is_dropped_in_time() {
    let port = Port::open(1);
    let start = tokio::time::Instant::now();
    let mut silent = TcpStream::connect(port.address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert!((9..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_is_cut_in_time() {
    let port = Port::open(1);
    let mut slow = port.dial(None, HTTP1).await.unwrap();
    let start = tokio::time::Instant::now();
    slow.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut answer = Vec::new();
    // The end may come as a reset: what counts is that it comes.
    let _ = slow.read_to_end(&mut answer).await;
    assert!((31..=34).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_on_which_nothing_happens_is_closed() {
    let port = Port::open(1);
    let sender = port.http2(None).await;
    let start = tokio::time::Instant::now();
    while !sender.is_closed() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() < Duration::from_mins(11), "still open");
    }
    assert!(start.elapsed() >= Duration::from_mins(4), "{:?}", start.elapsed());
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

#[tokio::test]
async fn on_stop_open_requests_finish_and_new_connections_are_refused() {
    let port = Port::open(10);
    let (mut http2, mut http1) = (port.http2(None).await, port.http1().await);
    let open = tokio::spawn(async move {
        let (http2, http1) = tokio::join!(http2.send_request(request("/slow")), http1.send_request(request("/slow")));
        (text(http2.unwrap()).await, text(http1.unwrap()).await)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    port.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(port.address).await.is_err());
    assert_eq!(open.await.unwrap(), ("done".to_owned(), "done".to_owned()));
    tokio::time::timeout(Duration::from_secs(1), port.served).await.expect("no connection is left").unwrap();
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut() {
    let port = Port::open(10);
    let mut http2 = port.http2(None).await;
    let open = tokio::spawn(async move { http2.send_request(request("/never")).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    port.stop.cancel();
    tokio::time::timeout(DRAIN + Duration::from_secs(2), port.served).await.expect("drained").unwrap();
    open.await.unwrap().unwrap_err();
}
