//! The access line of a request, and its metrics: written once, when the last byte has gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;
use tracing::Span;

use crate::apiserver::CloseConnection;
use crate::apiserver::authn::ANONYMOUS;
use crate::apiserver::filters::server_span;
use crate::apiserver::metrics::{Metrics, TargetLabels};
use crate::apiserver::status::PrivateCause;

/// Said of requests whose client left before the answer's head was made.
const CLIENT_LEFT: u16 = 499;

/// What is known of a request; writes its line when dropped, so that no way out is without one.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) span: Span,
    pub(super) metrics: Metrics,
    pub(super) target: TargetLabels,
    pub(super) started: Instant,
    pub(super) method: http::Method,
    /// Without the query, which may say more than a log should keep.
    pub(super) path: String,
    pub(super) client: String,
    /// Whether the connection is the front proxy's, which carries the requests of many users.
    pub(super) from_front_proxy: bool,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) audit_id: HeaderValue,
    /// Empty until known.
    pub(super) user: String,
    /// Asked for every few seconds by machines.
    pub(super) is_routine: bool,
    pub(super) outcome: Outcome,
}

/// How the answer went.
#[derive(Debug)]
pub(super) struct Outcome {
    code: u16,
    private: Option<String>,
    bytes: u64,
    /// Whether the whole body was made and taken.
    is_complete: bool,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { code: CLIENT_LEFT, private: None, bytes: 0, is_complete: false }
    }
}

impl Access {
    /// Follows `response` to its end.
    pub(super) fn follow(mut self, mut response: Response) -> Response {
        if self.is_to_be_closed(response.status()) {
            response.extensions_mut().insert(CloseConnection);
        }
        self.outcome.code = response.status().as_u16();
        self.outcome.private = response.extensions_mut().remove::<PrivateCause>().map(|cause| cause.0);
        response.map(|body| {
            self.outcome.is_complete = body.is_end_stream();
            Body::new(Followed { body, access: self })
        })
    }

    /// One connection carries a thousand requests at once: whoever is not known gets a new one for
    /// each, which costs him a handshake. Strangers by the front proxy's word share its connection
    /// with everybody else.
    fn is_to_be_closed(&self, code: StatusCode) -> bool {
        let is_stranger = code == StatusCode::UNAUTHORIZED || self.user == ANONYMOUS;
        is_stranger && !self.from_front_proxy
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let Outcome { code, ref private, bytes, is_complete } = self.outcome;
        let elapsed = self.started.elapsed();
        self.metrics.count(&self.target, code, elapsed.as_secs_f64(), bytes);
        server_span::end(&self.span, (code != CLIENT_LEFT).then_some(code));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    parent: &self.span,
                    // Tells a watch from a list, which the path does not.
                    verb = self.target.verb,
                    method = %self.method,
                    path = self.path,
                    code,
                    user = self.user,
                    client = self.client,
                    user_agent = self.user_agent.as_ref().and_then(|agent| agent.to_str().ok()),
                    audit_id = self.audit_id.to_str().unwrap_or_default(),
                    micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                    bytes,
                    complete = is_complete,
                    error = private.as_deref(),
                    "request"
                )
            };
        }
        match code {
            CLIENT_LEFT => line!(info),
            500.. => line!(warn),
            _ if self.is_routine => line!(debug),
            _ => line!(info),
        }
    }
}

/// A body that counts what is taken from it.
struct Followed {
    body: Body,
    access: Access,
}

impl http_body::Body for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(|frame| frame.data_ref())) {
            let bytes = data.map_or(0, Bytes::len);
            self.access.outcome.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
        // The server asks no further once a body says that it has ended.
        let ended = frame.is_none() || (matches!(frame, Some(Ok(_))) && self.body.is_end_stream());
        self.access.outcome.is_complete |= ended;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
