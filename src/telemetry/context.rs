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

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Names `span` as the parent in the headers of an outgoing request; a span that is not made names
/// nothing.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    if !span.is_disabled() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut Headers(headers));
    }
}

/// The caller's span, if `headers` name a valid one.
pub(super) fn remote_context(headers: &HeaderMap) -> Option<Context> {
    Headers(headers).get(TRACE_PARENT.as_str()).filter(|told| is_traceparent(told))?;
    let remote = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    remote.span().span_context().is_valid().then_some(remote)
}

/// The propagator takes shorter fields, too, and signs before them: it would then be the parent of a
/// span that nobody has made.
fn is_traceparent(told: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let mut fields = told.split('-');
    [2, 32, 16, 2].into_iter().all(|len| fields.next().is_some_and(|it| it.len() == len && it.bytes().all(is_hex)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_named_by_fields_of_full_length_or_not_at_all() {
        let named =
            |told: &str| remote_context(&HeaderMap::from_iter([(TRACE_PARENT, told.parse().unwrap())])).is_some();
        assert!(named("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(named("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
        for told in [
            "",
            "00-4bf92f3577b34da-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            assert!(!named(told), "{told}");
        }
    }
}
