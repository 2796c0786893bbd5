use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use parking_lot::Mutex;
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::ExportProtocol;

fn target(url: String) -> ExportTarget {
    ExportTarget {
        name: "t".to_owned(),
        url,
        protocol: ExportProtocol::RemoteWrite1,
        authorize: None,
        headers: vec![],
        tls: TargetTls::default(),
        timeout: Duration::from_millis(400),
        samples_per_request: 1,
        queue_samples: 1,
        labels: vec![],
    }
}

const MESSAGE: Message = Message { headers: &[("content-type", "a/b")], body: Bytes::from_static(b"body") };

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An engine that keeps the heads of requests, and answers as `answer` does.
async fn engine(answer: fn() -> axum::response::Response) -> (SocketAddr, Arc<Mutex<Vec<HeaderMap>>>) {
    let (listener, address) = listen().await;
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let router = Router::new().route(
        "/in",
        post(async move |request: Request| {
            kept.lock().push(request.headers().clone());
            answer()
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, heads)
}

fn fine() -> axum::response::Response {
    axum::response::Response::new(axum::body::Body::from("x".repeat(100_000)))
}

#[tokio::test]
async fn a_request_carries_what_is_configured_and_secrets_are_read_anew() {
    let (address, heads) = engine(fine).await;
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(b"one\n").unwrap();
    let path = secret.path().to_owned();
    let mut bearer = target(format!("http://{address}/in"));
    bearer.authorize = Some(Authorize::BearerTokenFile(path.clone()));
    bearer.headers = vec![
        ("X-Scope-OrgID".to_owned(), HeaderSource::Value("tenant".to_owned())),
        ("X-Key".to_owned(), HeaderSource::File(path.clone())),
    ];
    let http = Http::new(&bearer).unwrap();
    let answer = http.post(&MESSAGE).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, MAX_ANSWER_BYTES), "a long answer is not read on");
    std::fs::write(&path, "two").unwrap();
    http.post(&MESSAGE).await.unwrap();
    let basic = Some(Authorize::Basic { username: "u".to_owned(), password_file: path });
    let basic = ExportTarget { authorize: basic, ..target(format!("http://{address}/in")) };
    Http::new(&basic).unwrap().post(&MESSAGE).await.unwrap();

    let heads = heads.lock();
    let header = |at: usize, name: &str| heads[at].get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(["content-type", "x-scope-orgid", "x-key"].map(|name| header(0, name)), ["a/b", "tenant", "one"]);
    assert_eq!([0, 1, 2].map(|at| header(at, "authorization")), ["Bearer one", "Bearer two", "Basic dTp0d28="]);
}

#[tokio::test]
async fn nothing_was_sent_where_nobody_listens_or_a_secret_is_gone() {
    let (listener, address) = listen().await;
    drop(listener);
    let refused = Http::new(&target(format!("http://{address}/in"))).unwrap().post(&MESSAGE).await;
    assert!(matches!(refused, Err(Failed::NotSent(_))), "{refused:?}");
    let (address, heads) = engine(fine).await;
    let mut lost = target(format!("http://{address}/in"));
    lost.authorize = Some(Authorize::BearerTokenFile("/nowhere/token".into()));
    let lost = Http::new(&lost).unwrap().post(&MESSAGE).await;
    assert!(matches!(lost, Err(Failed::NotSent(_))), "{lost:?}");
    assert!(heads.lock().is_empty());
}

#[tokio::test]
async fn one_that_hangs_or_hangs_up_did_not_answer() {
    let (listener, address) = listen().await;
    let http = Http::new(&target(format!("http://{address}/in"))).unwrap();
    let silent = http.post(&MESSAGE).await;
    assert!(matches!(silent, Err(Failed::Unanswered(_))), "{silent:?}");
    assert!(!format!("{silent:?}").contains("/in"), "the URL may hold what is nobody's concern: {silent:?}");
    let hang_up = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
        }
    });
    let cut = http.post(&MESSAGE).await;
    assert!(matches!(cut, Err(Failed::Unanswered(_))), "{cut:?}");
    hang_up.abort();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = || {
        let moved = axum::response::Response::builder().status(307).header("location", "http://127.0.0.1:1/");
        moved.body(axum::body::Body::empty()).unwrap()
    };
    let (address, heads) = engine(elsewhere).await;
    let answer = Http::new(&target(format!("http://{address}/in"))).unwrap().post(&MESSAGE).await.unwrap();
    assert_eq!((answer.status.as_u16(), heads.lock().len()), (307, 1));
}

#[test]
fn files_that_are_no_certificates_are_refused_at_the_start() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"nonsense").unwrap();
    let path = file.path().to_owned();
    let with = |tls: TargetTls| Http::new(&ExportTarget { tls, ..target("https://a/".to_owned()) });
    let authority = with(TargetTls { authority: Some(path.clone()), identity: None });
    assert!(matches!(authority, Err(Error::Pem { wanted: "certificate", .. })), "{authority:?}");
    let identity = with(TargetTls { authority: None, identity: Some((path.clone(), path)) });
    assert!(matches!(identity, Err(Error::Pem { wanted: "certificate and key", .. })), "{identity:?}");
    let missing = with(TargetTls { authority: Some("/nowhere".into()), identity: None });
    assert!(matches!(missing, Err(Error::Read { .. })), "{missing:?}");
}

/// An engine over TLS that wants to know who comes; answers everybody who may with 204.
async fn secured_engine(ours: &CertifiedKey<KeyPair>, theirs: &CertifiedKey<KeyPair>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(theirs.cert.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().unwrap();
    let key = PrivatePkcs8KeyDer::from(ours.signing_key.serialize_der());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![ours.cert.der().clone()], key.into())
        .unwrap();
    let (listener, address) = listen().await;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = vec![0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[tokio::test]
async fn an_engine_is_verified_and_sees_our_certificate() {
    let [ours, theirs] = [(); 2].map(|()| rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap());
    let address = secured_engine(&ours, &theirs).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority = Some(file("ca.pem", ours.cert.pem()));
    let other = Some(file("other.pem", theirs.cert.pem()));
    let identity = Some((file("cert.pem", theirs.cert.pem()), file("key.pem", theirs.signing_key.serialize_pem())));
    let post = async |tls: TargetTls| {
        let target = ExportTarget { tls, timeout: Duration::from_secs(5), ..target(format!("https://{address}/in")) };
        Http::new(&target).unwrap().post(&MESSAGE).await
    };
    let taken = post(TargetTls { authority: authority.clone(), identity: identity.clone() }).await;
    assert_eq!(taken.unwrap().status.as_u16(), 204);
    let stranger = post(TargetTls { authority: other, identity }).await;
    assert!(matches!(stranger, Err(Failed::NotSent(_))), "{stranger:?}");
    let nobody = post(TargetTls { authority, identity: None }).await;
    assert!(nobody.is_err(), "{nobody:?}");
}
