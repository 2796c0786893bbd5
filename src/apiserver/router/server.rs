//! The whole router in this process, over a small world, for tests.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::apiserver::authn::{Authenticate, AuthnError, User, Via};
use crate::apiserver::authz::{Authorize, AuthzError, Decision};
use crate::apiserver::resources::world::{World, at};
use crate::apiserver::{Api, ConnectionId, Limits, Metrics, Moments, Peer, RequestInfo, router};
use crate::clock::{Clock, ClockHand};
use crate::config::ApiGroups;
use crate::pressure::Pressure;
use crate::readiness::{Heartbeat, Readiness};
use crate::telemetry::Exposition;

/// Believes the header `x-user`; a request without it is anonymous, as is a `stranger` without
/// rights; `broken` cannot be known.
struct Named;

impl Authenticate for Named {
    fn authenticate<'a>(
        &'a self,
        _peer: &'a Peer,
        headers: &'a mut HeaderMap,
    ) -> BoxFuture<'a, Result<User, AuthnError>> {
        let name = headers.remove("x-user").map(|name| name.to_str().unwrap().to_owned());
        let user = match name.as_deref() {
            None => Ok(User::anonymous()),
            Some("stranger") => Ok(User { name: "mallory".to_owned(), ..User::anonymous() }),
            Some("nobody") => Err(AuthnError::Unauthorized { cause: "an old token".to_owned() }),
            Some("broken") => Err(AuthnError::Unavailable(Arc::new(std::io::Error::other("no route")))),
            Some(name) => Ok(User { name: name.to_owned(), via: Via::Token, ..User::anonymous() }),
        };
        futures::future::ready(user).boxed()
    }

    fn is_replica(&self, peer: &Peer) -> bool {
        !peer.certificates.is_empty()
    }

    fn is_front_proxy(&self, _peer: &Peer) -> bool {
        true
    }
}

/// Allows all but `mallory`; has no verdict on `unsure`, never ends with `slow`, panics for `panic`.
struct NotMallory;

impl Authorize for NotMallory {
    fn authorize<'a>(
        &'a self,
        user: &'a User,
        _request: &'a RequestInfo,
    ) -> BoxFuture<'a, Result<Decision, AuthzError>> {
        async move {
            match user.name.as_str() {
                "mallory" => Ok(Decision::Denied { reason: "no role".to_owned() }),
                "unsure" => Err(AuthzError::Contradictory),
                "slow" => futures::future::pending().await,
                "panic" => panic!("for the test"),
                _ => Ok(Decision::Allowed),
            }
        }
        .boxed()
    }
}

pub(crate) struct Server {
    router: Router,
    pub(crate) hand: ClockHand,
    pub(crate) readiness: Readiness,
    pub(crate) exposition: Arc<Exposition>,
    pub(crate) moments: Arc<Moments>,
    pub(crate) closing: CancellationToken,
    pub(crate) pressure: Pressure,
}

impl Server {
    pub(crate) fn over(world: &World) -> Self {
        Self::limited(world, 400)
    }

    /// A server of an empty cluster.
    pub(super) fn empty() -> Self {
        Self::over(&World::with(vec![], vec![]))
    }

    /// A server that answers so many requests for resources at once.
    pub(crate) fn limited(world: &World, requests_in_flight: usize) -> Self {
        let groups = ApiGroups { own: Some("custom.example.com".to_owned()), metrics: true };
        Self::serving(world, groups, requests_in_flight)
    }

    /// A server of these groups, 31 s after the world began.
    pub(crate) fn serving(world: &World, groups: ApiGroups, requests_in_flight: usize) -> Self {
        let (clock, hand) = Clock::manual(at(31.0));
        let mut metrics = None;
        let exposition = Arc::new(Exposition::new(|registry| metrics = Some(Metrics::register(registry))));
        let readiness = Readiness::default();
        let moments = Arc::new(world.moments(clock.clone()));
        let (closing, pressure) = (CancellationToken::new(), Pressure::default());
        let api = Api {
            moments: Arc::clone(&moments),
            readiness: readiness.clone(),
            heartbeat: Heartbeat::new(clock.clone()),
            clock,
            exposition: Arc::clone(&exposition),
            closing: closing.clone(),
            groups,
            pressure: pressure.clone(),
            offer: None,
        };
        let limits = Limits { requests_in_flight, request_timeout: Duration::from_mins(1) };
        let router = router(api, Arc::new(Named), Arc::new(NotMallory), limits, metrics.unwrap());
        Self { router, hand, readiness, exposition, moments, closing, pressure }
    }

    /// For a listener in front of it.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn send(&self, request: http::request::Builder) -> Response<Body> {
        let peer = Peer {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
            certificates: Arc::from([]),
            id: ConnectionId(1),
        };
        let request = request.extension(peer).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Status and body of a GET.
    pub(crate) async fn get(&self, uri: &str) -> (u16, String) {
        read(self.send(Request::get(uri)).await).await
    }

    /// The same, sent by `user`.
    pub(crate) async fn get_as(&self, user: &str, uri: &str) -> (u16, String) {
        read(self.send(Request::get(uri).header("x-user", user)).await).await
    }

    /// The body of a good answer that is a document.
    pub(crate) async fn document(&self, uri: &str) -> serde_json::Value {
        let (code, body) = self.get(uri).await;
        assert_eq!(code, 200, "{uri}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

pub(crate) async fn read(response: Response<Body>) -> (u16, String) {
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8(body.to_vec()).unwrap())
}

/// Compares with a file of `tests/golden/apiserver`, which `UPDATE_GOLDEN=1` writes anew.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/apiserver").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name}: UPDATE_GOLDEN=1 accepts the change");
}
