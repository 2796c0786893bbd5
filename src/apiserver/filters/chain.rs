//! The order of the filters.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::apiserver::authn::{Authenticate, REPLICA, Via};
use crate::apiserver::authz::{Authorize, Decision};
use crate::apiserver::filters::access::{Access, Outcome};
use crate::apiserver::filters::audit_id::AUDIT_ID;
use crate::apiserver::filters::gzip::{self, Gzip};
use crate::apiserver::filters::in_flight::{Full, InFlight, InFlightLimits};
use crate::apiserver::filters::refusals::Refusals;
use crate::apiserver::filters::{audit_id, held, panic, server_span, time_limit};
use crate::apiserver::groups::Groups;
use crate::apiserver::hand_over::{self, OtherReplica};
use crate::apiserver::metrics::Metrics;
use crate::apiserver::negotiate::accepted_by_status;
use crate::apiserver::status::{self, Status};
use crate::apiserver::targets::Targets;
use crate::apiserver::{Peer, RequestInfo};

/// How much is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests for resources answered at once, watches apart.
    pub requests_in_flight: usize,
    /// Time for one request; of a watch, for the head of its answer.
    pub request_timeout: Duration,
}

/// What the filters need.
pub(crate) struct Chain {
    authenticator: Arc<dyn Authenticate>,
    authorizer: Arc<dyn Authorize>,
    in_flight: InFlightLimits,
    refusals: Refusals,
    request_timeout: Duration,
    gzip: Gzip,
    metrics: Metrics,
    targets: Targets,
}

/// Takes `request` through all filters to its handler, and the answer back.
pub(crate) async fn pass(State(chain): State<Arc<Chain>>, mut request: Request, next: Next) -> Response {
    let (info, mut access) = chain.begin(&mut request);
    let span = access.span.clone();
    let audit_id = access.audit_id.clone();
    let accepted = accepted_by_status(request.headers(), request.uri().query().unwrap_or_default());
    let answer = panic::caught(chain.answer(request, next, &info, &mut access)).instrument(span).await;
    let mut response = access.follow(status::encoded(answer.into_response(), accepted));
    let headers = response.headers_mut();
    headers.insert(AUDIT_ID, audit_id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    response
}

impl Chain {
    pub(crate) fn new(
        authenticator: Arc<dyn Authenticate>,
        authorizer: Arc<dyn Authorize>,
        limits: Limits,
        metrics: Metrics,
        groups: &Groups,
    ) -> Self {
        let in_flight = InFlightLimits::new(limits.requests_in_flight, &metrics);
        let refusals = Refusals::new(&metrics);
        let (request_timeout, gzip) = (limits.request_timeout, Gzip::default());
        let targets = Targets::new(metrics.clone(), groups);
        Self { authenticator, authorizer, in_flight, refusals, request_timeout, gzip, metrics, targets }
    }

    /// Id and trace, and the meaning of the request, which later filters and the handler need.
    fn begin(&self, request: &mut Request) -> (RequestInfo, Access) {
        let info = RequestInfo::of(request.method(), request.uri().path(), request.uri().query());
        request.extensions_mut().insert(info.clone());
        let audit_id = audit_id::of(request.headers());
        let peer = request.extensions().get::<Peer>();
        let trusted = peer.is_some_and(|peer| self.authenticator.is_front_proxy(peer));
        let route = server_span::route(request);
        let access = Access {
            span: server_span::begin(request, route.as_str(), peer, &audit_id, trusted),
            metrics: self.metrics.clone(),
            target: self.targets.of(&info),
            started: Instant::now(),
            method: request.method().clone(),
            path: info.path.clone(),
            client: peer.map(|peer| peer.address.to_string()).unwrap_or_default(),
            from_front_proxy: trusted,
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
            audit_id,
            user: String::new(),
            is_routine: is_routine(&info.path),
            outcome: Outcome::default(),
        };
        (info, access)
    }

    /// In-flight limit, timeout, and what is under both.
    async fn answer(
        &self,
        request: Request,
        next: Next,
        info: &RequestInfo,
        access: &mut Access,
    ) -> Result<Response, Status> {
        let query = request.uri().query().filter(|_| !info.is_watch()).unwrap_or_default();
        let deadline = access.started + time_limit::of(query, self.request_timeout)?;
        let peer = request.extensions().get::<Peer>().filter(|_| !access.from_front_proxy);
        let admission = self.in_flight.admit(info, peer.map(|peer| peer.address.ip()), deadline);
        let permitted = self.permitted(request, next, info, admission, access);
        tokio::time::timeout_at(deadline, permitted).await.unwrap_or_else(|_| Err(Status::timeout()))
    }

    /// Authentication, authorization, answer.
    async fn permitted(
        &self,
        mut request: Request,
        next: Next,
        info: &RequestInfo,
        admission: Result<InFlight, Full>,
        access: &mut Access,
    ) -> Result<Response, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Status::internal("the connection is unknown", None))?;
        if info.path == hand_over::PATH && self.authenticator.is_replica(&peer) {
            REPLICA.clone_into(&mut access.user);
            request.extensions_mut().insert(OtherReplica);
            return Ok(next.run(request).await);
        }
        let admission = match admission {
            // Who holds a token would have to be asked for.
            Err(full) if request.headers().contains_key(header::AUTHORIZATION) => return Err(full.refusal()),
            admission => admission,
        };
        let attempt = if access.from_front_proxy || is_probe(info, &request, &peer) {
            None
        } else {
            Some(self.refusals.attempt(peer.address.ip())?)
        };
        let user = self.authenticator.authenticate(&peer, request.headers_mut()).await?;
        access.user.clone_from(&user.name);
        let in_flight = admission.or_else(|full| full.unless_master(&user))?;
        request.extensions_mut().insert(in_flight.clone());
        match self.authorizer.authorize(&user, info).await? {
            Decision::Allowed => {
                if let Some(attempt) = attempt {
                    attempt.forgive();
                }
                let takes_gzip = !info.is_watch() && gzip::is_accepted(request.headers());
                let mut response = next.run(request).await;
                if takes_gzip {
                    response = self.gzip.encode(response).await;
                }
                Ok(held::until_taken(response, in_flight))
            }
            // Somebody who showed nothing may get further by showing something.
            Decision::Denied { .. } if user.via == Via::Anonymous => Err(Status::unauthorized()),
            Decision::Denied { reason } => Err(Status::forbidden(&user, info, &reason)),
        }
    }
}

/// Whether it is a kubelet's probe, which shows nothing and is answered without asking anybody; its
/// address may be that of others who are refused.
fn is_probe(info: &RequestInfo, request: &Request, peer: &Peer) -> bool {
    info.is_health() && peer.certificates.is_empty() && !request.headers().contains_key(header::AUTHORIZATION)
}

/// Probes and scrapes of our own metrics come every few seconds and are told at debug.
fn is_routine(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    matches!(first, Some("livez" | "readyz" | "healthz" | "metrics"))
}
