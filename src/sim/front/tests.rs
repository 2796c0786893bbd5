//! The front before a small server that tells what reached it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::sim::control_plane::{Account, Accounts, Authority, ControlPlane, Credential, Key};
use crate::sim::{Scenario, World};

const NODES: &str = "/apis/custom.example.com/v1/nodes";

/// A simulated cluster with a server behind its front.
struct Bench {
    control_plane: ControlPlane,
    http: reqwest::Client,
}

impl Bench {
    /// The server's certificate is for `name`.
    async fn start(name: &str) -> Self {
        let clock = Clock::system();
        let world = Arc::new(World::new(Scenario::demo(), clock.now()));
        let control_plane = ControlPlane::start(0, Accounts::generate(), world, 10250, clock).await.unwrap();
        let authority = Authority::new("backend").unwrap();
        let backend = backend(authority.server("backend", &[name]).unwrap(), &front_proxy_ca(&control_plane)).await;
        for service in ["v1.custom.example.com", "v1beta1.metrics.k8s.io"] {
            let key = Key { namespace: String::new(), name: service.to_owned() };
            let changed = control_plane.server.storage.modify("apiservices", &key, |mut service| {
                service["spec"]["caBundle"] = json!(BASE64_STANDARD.encode(authority.pem()));
                Ok(service)
            });
            changed.unwrap();
        }
        control_plane.connect("custom-api.custom-api.svc", backend);
        let ca = reqwest::Certificate::from_pem(control_plane.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        Self { control_plane, http }
    }

    fn request(&self, account: Account, path: &str) -> reqwest::RequestBuilder {
        let url = format!("https://{}{path}", self.control_plane.address());
        self.http.get(url).bearer_auth(self.control_plane.token(account))
    }

    fn condition(&self) -> Value {
        let key = Key { namespace: String::new(), name: "v1.custom.example.com".to_owned() };
        let service = self.control_plane.server.storage.find("apiservices", &key).unwrap().value();
        service["status"]["conditions"][0].clone()
    }

    /// Waits for a probe that knew the server's address and authority.
    async fn probed(&self, status: &str) -> Value {
        for _ in 0..100 {
            let condition = self.condition();
            if condition["status"] == status && !condition["message"].to_string().starts_with("\"no ") {
                return condition;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("still {}", self.condition());
    }
}

fn front_proxy_ca(control_plane: &ControlPlane) -> String {
    let key = Key { namespace: "kube-system".to_owned(), name: "extension-apiserver-authentication".to_owned() };
    let config = control_plane.server.storage.find("configmaps", &key).unwrap().value();
    config["data"]["requestheader-client-ca-file"].as_str().unwrap().to_owned()
}

/// Answers with the method, target and headers of each request; lets in only the front proxy.
async fn backend(credential: Credential, client_ca_pem: &str) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(client_ca_pem.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let (chain, key) = credential.into_der();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let service =
                service_fn(
                    |request: Request<hyper::body::Incoming>| async move { Ok::<_, Infallible>(echo(&request)) },
                );
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn echo<B>(request: &Request<B>) -> Response<Body> {
    if request.uri().path().ends_with("/redirect") {
        return Response::builder().status(302).header("location", "/").body(Body::empty()).unwrap();
    }
    let headers: serde_json::Map<String, Value> = request
        .headers()
        .keys()
        .map(|name| {
            let values = request.headers().get_all(name).iter().map(|value| value.to_str().unwrap());
            (name.to_string(), json!(values.collect::<Vec<_>>()))
        })
        .collect();
    let target = request.uri().path_and_query().unwrap().as_str();
    Response::new(Body::from(json!({"target": target, "headers": headers}).to_string()))
}

#[tokio::test]
async fn the_user_reaches_the_server_by_name_and_groups() {
    let bench = Bench::start("custom-api.custom-api.svc").await;
    assert_eq!(bench.probed("True").await["reason"], "Passed");
    let request = bench.request(Account::Viewer, &format!("{NODES}?limit=5&fieldSelector=metadata.name%3Da%2Fb"));
    let forged = request.header("X-Remote-Group", "system:masters").header("X-Forwarded-For", "192.0.2.1");
    let seen: Value = serde_json::from_str(&forged.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(seen["target"], format!("{NODES}?fieldSelector=metadata.name%3Da%2Fb&limit=5"));
    let headers = &seen["headers"];
    assert_eq!(headers["x-remote-user"], json!(["demo-viewer"]));
    assert_eq!(headers["x-remote-group"], json!(["demo:viewers", "system:authenticated"]));
    assert_eq!(headers["x-forwarded-for"], json!(["192.0.2.1, 127.0.0.1"]));
    assert_eq!(headers.get("authorization"), None);
    assert!(headers["traceparent"][0].as_str().unwrap().ends_with("-01"));
    bench.control_plane.stop().await;
}

#[tokio::test]
async fn who_may_not_never_reaches_the_server() {
    let bench = Bench::start("custom-api.custom-api.svc").await;
    bench.probed("True").await;
    let answer = bench.request(Account::Guest, NODES).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("cannot list resource"));
    let discovery = bench.request(Account::Guest, "/apis/custom.example.com/v1").send().await.unwrap();
    assert_eq!(discovery.status(), 200);
    let redirected = bench.request(Account::Admin, &format!("{NODES}/redirect")).send().await.unwrap();
    assert_eq!(redirected.status(), 502);
    bench.control_plane.stop().await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let bench = Bench::start("other.custom-api.svc").await;
    let condition = bench.probed("False").await;
    assert_eq!(condition["reason"], "FailedDiscoveryCheck");
    assert!(condition["message"].as_str().unwrap().contains("certificate"), "{condition}");
    let answer = bench.request(Account::Admin, NODES).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.text().await.unwrap(), "service unavailable");
    bench.control_plane.stop().await;
}
