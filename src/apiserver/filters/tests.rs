//! The filters around handlers of our own, which wait, stream and never end as the test wants.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, StreamExt as _};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tower::ServiceExt as _;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::apiserver::authn::{Authenticate, AuthnError, User, Via};
use crate::apiserver::authz::{Authorize, AuthzError, Decision};
use crate::apiserver::groups::Groups;
use crate::apiserver::{CloseConnection, ConnectionId, Metrics, Peer, RequestInfo};
use crate::config::ApiGroups;
use crate::telemetry::Exposition;

const NODES: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const WATCH: &str = "/apis/metrics.k8s.io/v1beta1/nodes?watch=1";
const LONGEST: Duration = Duration::from_mins(1);

/// The user that `x-user` and `x-group` name; a peer with a certificate is the front proxy.
#[derive(Default)]
struct Named {
    asked: AtomicUsize,
}

impl Authenticate for Named {
    fn authenticate<'a>(&'a self, _: &'a Peer, headers: &'a mut HeaderMap) -> BoxFuture<'a, Result<User, AuthnError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let user = match text("x-user") {
            None => User::anonymous(),
            Some(name) => User { name, groups: text("x-group").into_iter().collect(), ..User::anonymous() },
        };
        let user = match (user.name.as_str(), headers.contains_key("authorization")) {
            ("nobody", _) => Err(AuthnError::Unauthorized { cause: "an old token".to_owned() }),
            (_, true) => Ok(User { via: Via::Token, ..user }),
            (_, false) => Ok(User { via: Via::FrontProxy, ..user }),
        };
        futures::future::ready(user).boxed()
    }

    fn is_replica(&self, _: &Peer) -> bool {
        false
    }

    fn is_front_proxy(&self, peer: &Peer) -> bool {
        !peer.certificates.is_empty()
    }
}

struct Anybody;

impl Authorize for Anybody {
    fn authorize<'a>(&'a self, _: &'a User, _: &'a RequestInfo) -> BoxFuture<'a, Result<Decision, AuthzError>> {
        futures::future::ready(Ok(Decision::Allowed)).boxed()
    }
}

struct Door {
    router: Router,
    authenticator: Arc<Named>,
    exposition: Exposition,
}

impl Door {
    /// Nodes are listed at once, with `?hang` never; a watch sends a line every minute and never
    /// ends; with `?long`, both begin with 200 KiB.
    fn with_places(requests_in_flight: usize) -> Self {
        let mut metrics = None;
        let exposition = Exposition::new(|registry| metrics = Some(Metrics::register(registry)));
        let authenticator = Arc::new(Named::default());
        let limits = Limits { requests_in_flight, request_timeout: LONGEST };
        let groups = Groups::new(&ApiGroups { own: None, metrics: true });
        let chain =
            Chain::new(Arc::clone(&authenticator) as Arc<_>, Arc::new(Anybody), limits, metrics.unwrap(), &groups);
        let router = Router::new()
            .route(NODES, get(nodes))
            .route("/apis", get(async || "groups"))
            .route("/livez", get(async || "ok"))
            .route("/metrics", get(futures::future::pending::<()>))
            .layer(middleware::from_fn_with_state(Arc::new(chain), pass));
        Self { router, authenticator, exposition }
    }

    async fn send(&self, request: http::request::Builder) -> Response {
        self.send_from(request, false).await
    }

    async fn send_from(&self, request: http::request::Builder, front_proxy: bool) -> Response {
        let certificate = front_proxy.then(|| CertificateDer::from(vec![0]));
        let peer = Peer {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
            certificates: certificate.into_iter().collect(),
            id: ConnectionId(1),
        };
        self.router.clone().oneshot(request.extension(peer).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn get(&self, uri: &str) -> Response {
        self.send(Request::get(uri)).await
    }

    fn assert_told(&self, sample: &str) {
        let text = self.exposition.answer(None).1;
        assert!(text.lines().any(|line| line == sample), "{sample} in {text}");
    }
}

async fn nodes(
    Extension(info): Extension<RequestInfo>,
    Extension(in_flight): Extension<InFlight>,
    uri: http::Uri,
) -> Body {
    let asks_for = |part| uri.query().is_some_and(|query| query.contains(part));
    let length = if asks_for("long") { 200 << 10 } else { 6 };
    let first = Bytes::from(vec![b'x'; length]);
    match () {
        () if asks_for("hang") => futures::future::pending().await,
        () if info.verb == "watch" => {
            let later = stream::unfold(in_flight, async |in_flight| {
                tokio::time::sleep(Duration::from_mins(1)).await;
                Some((Bytes::from_static(b"{}\n"), in_flight))
            });
            Body::from_stream(stream::iter([first]).chain(later).map(Ok::<_, io::Error>))
        }
        () => Body::from(first),
    }
}

async fn message(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status["kind"], "Status");
    status["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn watches_take_no_place_among_requests_and_have_a_limit_of_their_own() {
    let door = Door::with_places(1);
    let mut watches = Vec::new();
    for _ in 0..1000 {
        let watch = door.get(WATCH).await;
        assert_eq!(watch.status(), 200);
        watches.push(watch);
    }
    door.assert_told("kube_vitals_watches_open 1000");
    assert_eq!(door.get(NODES).await.status(), 200);
    let refused = door.get(WATCH).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(message(refused).await, "Too many requests, please try again later.");
    door.assert_told(r#"kube_vitals_requests_shed_total{limit="watches"} 1"#);
    door.assert_told(r#"kube_vitals_requests_shed_total{limit="requests"} 0"#);
    drop(watches);
    door.assert_told("kube_vitals_watches_open 0");
    assert_eq!(door.get(WATCH).await.status(), 200);
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let door = Door::with_places(100);
    let mut stuck = Vec::new();
    for _ in 0..25 {
        let mut request = Box::pin(door.get("/apis/metrics.k8s.io/v1beta1/nodes?hang"));
        assert!(futures::poll!(&mut request).is_pending());
        stuck.push(request);
    }
    assert_eq!(door.get(NODES).await.status(), 429);
    assert_eq!(door.send_from(Request::get(NODES), true).await.status(), 200, "the front proxy stands for many");
    door.assert_told("kube_vitals_requests_in_flight 25");
    stuck.pop();
    assert_eq!(door.get(NODES).await.status(), 200);
}

#[tokio::test]
async fn pages_of_metrics_have_a_limit_of_their_own() {
    let door = Door::with_places(1);
    let mut asked: Vec<_> = (0..20).map(|_| Box::pin(door.get("/metrics"))).collect();
    for request in &mut asked {
        assert!(futures::poll!(request).is_pending());
    }
    assert_eq!(door.get("/metrics/usage").await.status(), 429);
    door.assert_told(r#"kube_vitals_requests_shed_total{limit="pages"} 1"#);
    for path in ["/apis", "/livez", NODES] {
        assert_eq!(door.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_control_plane_passes_a_full_server() {
    let door = Door::with_places(1);
    let mut stuck = Box::pin(door.get("/apis/metrics.k8s.io/v1beta1/nodes?hang"));
    assert!(futures::poll!(&mut stuck).is_pending());
    let ask = async |user: &str, group: &str| {
        let request = Request::get(NODES).header("x-user", user).header("x-group", group);
        door.send_from(request, true).await.status()
    };
    assert_eq!(ask("kubernetes-admin", "system:masters").await, 200);
    assert_eq!(ask("ann", "system:authenticated").await, 429);
    door.assert_told(r#"kube_vitals_requests_shed_total{limit="requests"} 1"#);
}

#[tokio::test]
async fn an_overloaded_server_has_no_tokens_reviewed() {
    let door = Door::with_places(1);
    let mut stuck = Box::pin(door.get("/apis/metrics.k8s.io/v1beta1/nodes?hang"));
    assert!(futures::poll!(&mut stuck).is_pending());
    let before = door.authenticator.asked.load(Ordering::Relaxed);
    let token = Request::get(NODES).header("x-user", "x").header("authorization", "Bearer t");
    assert_eq!(door.send(token).await.status(), 429);
    assert_eq!(door.authenticator.asked.load(Ordering::Relaxed), before);
}

#[tokio::test(start_paused = true)]
async fn a_watch_outlives_the_time_of_a_request() {
    let door = Door::with_places(1);
    let mut watch = door.get(&format!("{WATCH}&timeout=never")).await.into_body();
    for _ in 0..10 {
        watch.frame().await.unwrap().unwrap();
    }
    let slow = tokio::time::timeout(LONGEST * 2, door.get(&format!("{WATCH}&hang"))).await;
    assert_eq!(slow.unwrap().status(), 504, "but its head comes in time or not at all");
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_less_time_when_it_says_so() {
    let door = Door::with_places(1);
    let start = tokio::time::Instant::now();
    let late = door.get(&format!("{NODES}?hang&timeout=2s")).await;
    assert_eq!((late.status().as_u16(), start.elapsed().as_secs()), (504, 2));
    assert_eq!(message(late).await, "Timeout: request did not complete within the allotted timeout");
    assert_eq!(door.get(&format!("{NODES}?hang&timeout=1h")).await.status(), 504);
    assert_eq!(start.elapsed().as_secs(), 62);
    let bad = door.get(&format!("{NODES}?timeout=soon")).await;
    assert_eq!(bad.status(), 400);
    let expected = r#"invalid timeout specified in the request URL - time: invalid duration "soon""#;
    assert_eq!(message(bad).await, expected);
}

#[tokio::test]
async fn long_answers_are_compressed_and_watches_never() {
    let door = Door::with_places(2);
    let ask = async |uri: &str| door.send(Request::get(uri).header("accept-encoding", "gzip")).await;
    let long = ask(&format!("{NODES}?long")).await;
    assert_eq!(
        (&long.headers()["content-encoding"], &long.headers()["vary"]),
        (&"gzip".parse().unwrap(), &"Accept-Encoding".parse().unwrap())
    );
    assert!(long.into_body().collect().await.unwrap().to_bytes().len() < 20 << 10);
    assert!(!ask(NODES).await.headers().contains_key("content-encoding"));
    assert!(!ask(&format!("{WATCH}&long")).await.headers().contains_key("content-encoding"));
    assert!(!door.get(&format!("{NODES}?long")).await.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn strangers_lose_their_connection_unless_it_is_the_front_proxys() {
    let door = Door::with_places(1);
    for (user, front_proxy, closed) in [
        (None, false, true),
        (Some("nobody"), false, true),
        (Some("ann"), false, false),
        (None, true, false),
        (Some("nobody"), true, false),
        (Some("system:anonymous"), true, false),
    ] {
        let mut request = Request::get("/apis");
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        let response = door.send_from(request, front_proxy).await;
        assert_eq!(response.extensions().get::<CloseConnection>().is_some(), closed, "{user:?} {front_proxy}");
    }
}

#[tokio::test]
async fn an_answer_bears_the_id_once_whoever_gave_it() {
    let door = Door::with_places(1);
    let twice = door.send(Request::get("/apis").header("audit-id", "a").header("audit-id", "b")).await;
    assert_eq!(twice.headers().get_all("audit-id").iter().collect::<Vec<_>>(), ["a"]);
    let made = door.get("/apis").await;
    assert_eq!(made.headers().get_all("audit-id").iter().count(), 1);
    let other = door.get("/apis").await;
    assert_ne!(made.headers()["audit-id"], other.headers()["audit-id"]);
}

/// What is logged, one JSON document a line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// The access lines.
    fn requests(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"].take());
        lines.filter(|fields| fields["message"] == "request").collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_has_one_access_line_and_it_comes_at_its_end() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let door = Door::with_places(1);
    let mut watch = door.send(Request::get(WATCH).header("x-user", "ann")).await.into_body();
    for _ in 0..3 {
        watch.frame().await.unwrap().unwrap();
    }
    assert!(log.requests().is_empty());
    drop(watch);
    let lines = log.requests();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["verb"], &lines[0]["user"], &lines[0]["code"]),
        (&"watch".into(), &"ann".into(), &200.into())
    );
    assert_eq!((&lines[0]["bytes"], &lines[0]["complete"]), (&12.into(), &false.into()));
    assert!(lines[0]["micros"].as_u64().unwrap() >= 120_000_000, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_too_often_waits_and_front_proxies_and_probes_do_not() {
    let door = Door::with_places(10);
    let nobody = || Request::get(NODES).header("x-user", "nobody");
    for _ in 0..400 {
        assert_eq!(door.send(nobody()).await.status(), 401);
    }
    let asked = door.authenticator.asked.load(Ordering::Relaxed);
    for request in [nobody(), Request::get(NODES).header("x-user", "ann"), Request::get("/livez/ping")] {
        let held_off = door.send(request).await;
        assert_eq!((held_off.status().as_u16(), &held_off.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    }
    let with_a_token = Request::get("/livez").header("x-user", "nobody").header("authorization", "Bearer x");
    assert_eq!(door.send(with_a_token).await.status(), 429);
    assert_eq!(door.authenticator.asked.load(Ordering::Relaxed), asked, "nobody was asked");
    door.assert_told(r#"kube_vitals_requests_shed_total{limit="refusals"} 4"#);

    assert_eq!(door.send_from(nobody(), true).await.status(), 401);
    assert_ne!(door.get("/livez").await.status(), 429);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(door.send(Request::get(NODES).header("x-user", "ann")).await.status(), 200);
}
