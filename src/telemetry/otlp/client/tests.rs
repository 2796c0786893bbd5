use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::response::IntoResponse as _;
use http::HeaderMap;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use parking_lot::Mutex;
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

fn settings(endpoint: String, protocol: OtlpProtocol) -> Otlp {
    Otlp {
        endpoint,
        protocol,
        headers: HeaderMap::from_iter([("x-tenant".parse().unwrap(), "ops".parse().unwrap())]),
        authority_file: None,
        client_certificate: None,
        timeout: PATIENCE,
        gzip: false,
    }
}

fn request() -> ExportTraceServiceRequest {
    let spans = ResourceSpans { schema_url: "long ".repeat(100), ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}

async fn post(settings: &Otlp) -> Result<ExportTraceServiceResponse, PostError> {
    let client = Client::new(settings, Service::TRACES).unwrap();
    let answer = client.post(&request().encode_to_vec()).await?;
    Ok(ExportTraceServiceResponse::decode(answer).unwrap())
}

/// Headers and messages.
type Received = Arc<Mutex<Vec<(BTreeMap<String, String>, ExportTraceServiceRequest)>>>;

/// A gRPC server by other hands, which refuses, or takes what it is sent but for one span.
struct Receiver {
    refusal: Option<Status>,
    received: Received,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let headers = metadata.into_headers();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        self.received.lock().push((headers.collect(), message));
        if let Some(status) = &self.refusal {
            return Err(status.clone());
        }
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "odd".to_owned() };
        Ok(Response::new(ExportTraceServiceResponse { partial_success: Some(partial) }))
    }
}

async fn grpc_server(refusal: Option<Status>) -> (Otlp, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let received = Received::default();
    let service = TraceServiceServer::new(Receiver { refusal, received: Arc::clone(&received) });
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    (settings(endpoint, OtlpProtocol::Grpc), received)
}

async fn http_server(answer: impl Fn(HeaderMap) -> axum::response::Response + Clone + Send + Sync + 'static) -> Otlp {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let app = Router::new().fallback(async move |request: HttpRequest| answer(request.headers().clone()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    settings(endpoint, OtlpProtocol::Http)
}

#[tokio::test]
async fn a_grpc_server_gets_the_message_with_our_headers_and_says_what_it_left_out() {
    let (settings, received) = grpc_server(None).await;
    let answer = post(&settings).await.unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
    let (headers, message) = received.lock().pop().unwrap();
    assert_eq!(message, request());
    assert_eq!(headers["x-tenant"], "ops");
    assert!(headers["user-agent"].starts_with("kube-vitals/"), "{headers:?}");
}

#[tokio::test]
async fn refusals_of_a_grpc_server_are_told_apart_by_whether_to_come_again() {
    let answer = async |status: Status| post(&grpc_server(Some(status)).await.0).await.unwrap_err();
    let passing = answer(Status::new(Code::Unavailable, "going down")).await;
    assert_eq!(passing, PostError::passing("gRPC status 14: going down"));
    let refused = answer(Status::new(Code::Unauthenticated, "who, you?")).await;
    assert_eq!(refused, PostError::Refused("gRPC status 16: who, you?".to_owned()));
    let full = answer(Status::new(Code::ResourceExhausted, "full")).await;
    assert!(matches!(full, PostError::Refused(_)), "it gave no time to come again: {full:?}");
    // google.rpc.Status { code: 8, details: [RetryInfo { retry_delay: 2.5 s }] }
    let delay = [0x0a, 0x08, 0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
    let mut details = b"\x08\x08\x1a\x36\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x0a".to_vec();
    details.extend(delay);
    let told = answer(Status::with_details(Code::ResourceExhausted, "full", details.into())).await;
    let after = Duration::from_millis(2500);
    assert_eq!(told, PostError::Passing { reason: "gRPC status 8: full".to_owned(), retry_after: Some(after) });
}

#[tokio::test]
async fn a_server_that_speaks_no_grpc_is_refused_and_does_not_confuse_us() {
    let http = http_server(|_| "hello".into_response()).await;
    let endpoint = http.endpoint.trim_end_matches("/v1/traces").to_owned();
    let error = post(&settings(endpoint, OtlpProtocol::Grpc)).await.unwrap_err();
    assert!(matches!(&error, PostError::Refused(reason) if reason.contains("without a gRPC status")), "{error:?}");
}

#[tokio::test]
async fn http_answers_are_told_apart_by_whether_to_come_again() {
    let answer = async |status: u16, after: &'static str| {
        let status = StatusCode::from_u16(status).unwrap();
        post(&http_server(move |_| (status, [(RETRY_AFTER, after)]).into_response()).await).await
    };
    answer(200, "9").await.unwrap();
    let wait = |reason: &str, retry_after| PostError::Passing { reason: reason.to_owned(), retry_after };
    let seven = Some(Duration::from_secs(7));
    assert_eq!(answer(429, "7").await.unwrap_err(), wait("answered 429 Too Many Requests", seven));
    let never = answer(429, "18446744073709551615").await.unwrap_err();
    assert_eq!(never, wait("answered 429 Too Many Requests", Some(Duration::from_hours(1))));
    assert_eq!(answer(503, "soon").await.unwrap_err(), wait("answered 503 Service Unavailable", None));
    for status in [307, 400, 401, 404, 413, 500] {
        let error = answer(status, "7").await.unwrap_err();
        assert!(matches!(error, PostError::Refused(_)), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn messages_are_compressed_where_that_is_asked_for() {
    let http = http_server(|headers| {
        let is_gzip = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        assert!(is_gzip && length < 200, "{headers:?}");
        StatusCode::OK.into_response()
    })
    .await;
    post(&Otlp { gzip: true, ..http }).await.unwrap();
    let (plain, received) = grpc_server(None).await;
    // This server was built without gzip, and says in gRPC's terms that it read the mark.
    let error = post(&Otlp { gzip: true, ..plain }).await.unwrap_err();
    assert!(matches!(&error, PostError::Refused(reason) if reason.contains("12")), "{error:?}");
    assert!(received.lock().is_empty());
}

#[tokio::test]
async fn silence_a_closed_port_and_an_endless_answer_end_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        let silent = Otlp { timeout: Duration::from_millis(200), ..settings(format!("http://{address}"), protocol) };
        let error = post(&silent).await.unwrap_err();
        assert_eq!(error, PostError::passing("no answer within 200ms"));
    }
    drop(listener);
    let error = post(&settings(format!("http://{address}"), OtlpProtocol::Http)).await.unwrap_err();
    assert!(matches!(&error, PostError::Passing { reason, .. } if reason.contains("refused")), "{error:?}");
    let endless = http_server(|_| vec![b'x'; ANSWER_BYTES + 1].into_response()).await;
    assert!(post(&endless).await.is_err());
}

/// An authority, and a pair that it signed for `localhost`.
struct Pki {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), authority }
    }

    fn pair(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.authority).unwrap().pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Answers 200 to those who show a certificate of the authority.
    async fn serve(&self) -> SocketAddr {
        let (certificate, key) = self.pair();
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(socket).await else { continue };
                let service = hyper::service::service_fn(async |_| {
                    Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::<Bytes>::new()))
                });
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        address
    }
}

#[tokio::test]
async fn the_collector_is_verified_and_shown_our_certificate() {
    let pki = Pki::new();
    let address = pki.serve().await;
    let (certificate, key) = pki.pair();
    let pair = (pki.file("tls.crt", &certificate), pki.file("tls.key", &key));
    let endpoint = format!("https://localhost:{}/v1/traces", address.port());
    let known = Otlp {
        authority_file: Some(pki.file("ca.crt", &pki.authority.pem())),
        client_certificate: Some(pair),
        ..settings(endpoint, OtlpProtocol::Http)
    };
    post(&known).await.unwrap();
    post(&Otlp { client_certificate: None, ..known.clone() }).await.unwrap_err();
    let stranger = Some(pki.file("other.crt", &Pki::new().authority.pem()));
    let error = post(&Otlp { authority_file: stranger, ..known.clone() }).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    for no_certificate in ["", "hello", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"] {
        let file = Some(pki.file("no.crt", no_certificate));
        let refused = Client::new(&Otlp { authority_file: file, ..known.clone() }, Service::TRACES);
        assert!(refused.is_err(), "{no_certificate:?}");
    }
}
