//! How spans cross process borders: by W3C `traceparent` alone.
//!
//! Baggage is neither read nor passed on, since anybody may fill it.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Names `span` as the parent in the headers of an outgoing request; a span that is not made names
/// nothing.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    if !span.is_disabled() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut Headers(headers));
    }
}

/// The caller's span, if `headers` name a valid one.
pub(super) fn remote_context(headers: &HeaderMap) -> Option<Context> {
    let remote = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    remote.span().span_context().is_valid().then_some(remote)
}

/// Makes `span` a child of the caller's.
pub(super) fn adopt(span: &Span, remote: Context) {
    // Fails for a span that nobody collects, which has no parent to set.
    let _uncollected = span.set_parent(remote);
}

/// Leaves `span` where it is and links it to the caller's.
pub(super) fn link(span: &Span, remote: &Context) {
    span.add_link(remote.span().span_context().clone());
}

/// Lets the propagator read and write HTTP headers.
struct Headers<T>(T);

impl Extractor for Headers<&HeaderMap> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

impl Injector for Headers<&mut HeaderMap> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
