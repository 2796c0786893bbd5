//! The server span of a request, in OpenTelemetry's terms.

use std::fmt;

use axum::extract::{MatchedPath, Request};
use http::{HeaderMap, HeaderValue, Method, Version, header};
use tracing::Span;
use tracing::field::Empty;

use crate::apiserver::Peer;
use crate::telemetry::traces;

/// For methods that nobody knows, as the conventions have it.
const OTHER: &str = "_OTHER";

/// A span for `request`. It continues the caller's trace only if the caller is the front proxy:
/// anybody else could make us trace whatever he likes, and gets a link.
///
/// Known before authentication, since a span cannot change its parent after it was entered.
pub(super) fn begin(
    request: &Request,
    route: &str,
    peer: Option<&Peer>,
    audit_id: &HeaderValue,
    trusted: bool,
) -> Span {
    traces::request(request.headers(), trusted, || make(request, route, peer, audit_id))
}

fn make(request: &Request, route: &str, peer: Option<&Peer>, audit_id: &HeaderValue) -> Span {
    let method = method(request.method());
    tracing::info_span!(
        "request",
        otel.name = %Name { method, route },
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = (!route.is_empty()).then_some(route),
        http.response.status_code = Empty,
        url.scheme = "https",
        url.path = request.uri().path(),
        network.protocol.version = protocol_version(request.version()),
        client.address = peer.map(|peer| tracing::field::display(peer.address.ip())),
        user_agent.original = text(request.headers(), &header::USER_AGENT),
        error.type = Empty,
        "audit-id" = audit_id.to_str().unwrap_or_default(),
    )
}

/// Notes what came of the request: `None` if the client left before there was an answer. A refusal
/// is the client's affair; only 5xx is an error of ours.
pub(super) fn end(span: &Span, code: Option<u16>) {
    let Some(code) = code else { return };
    span.record("http.response.status_code", code);
    if code >= 500 {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", tracing::field::display(code));
    }
}

/// What a span is called: few names, whatever clients send.
struct Name<'a> {
    method: &'a str,
    route: &'a str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.method == OTHER { "HTTP" } else { self.method })?;
        if self.route.is_empty() { Ok(()) } else { write!(f, " {}", self.route) }
    }
}

/// The template of the path that was matched; of an unknown path nothing, so that clients cannot
/// make up names.
pub(super) fn route(request: &Request) -> MatchedRoute {
    MatchedRoute(request.extensions().get::<MatchedPath>().cloned())
}

/// See [`route`].
pub(super) struct MatchedRoute(Option<MatchedPath>);

impl MatchedRoute {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", MatchedPath::as_str)
    }
}

/// A header as far as it is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn method(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS
        | Method::CONNECT
        | Method::TRACE => method.as_str(),
        _ => OTHER,
    }
}

fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_11 => "1.1",
        _ => "1.0",
    }
}
