//! Whatever collectors answer, and whatever callers say of their trace.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::context::remote_context;
use super::otlp::{PostError, grpc, retry_after};
use super::registry::prefers_open_metrics;
use crate::fuzzing::Input;

/// A call went well only where the collector says so, and never is waited for longer than an hour.
pub(crate) fn collector_answer(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let status = 100 + (u16::from(input.byte()) << 1 | u16::from(input.byte() & 1)) % 500;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut told = || headers(&mut input, ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"]);
    let (head, trailers) = (told(), told());
    let pause = retry_after(&head).map(|pause| pause.as_secs());
    assert_eq!(pause, head.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok()));
    match grpc::judge(status, &head, Some(&trailers)) {
        Ok(()) => {
            let says_so =
                |headers: &HeaderMap| headers.get("grpc-status").is_some_and(|it| it.as_bytes().ends_with(b"0"));
            assert!(says_so(&trailers) || says_so(&head));
        }
        Err(PostError::Passing { retry_after, .. }) => {
            assert!(retry_after.is_none_or(|pause| pause.as_secs() <= 3600));
        }
        Err(PostError::Refused(reason)) => assert!(!reason.is_empty()),
    }
}

/// A caller's span is the one that its header names, and is passed on by the same name.
pub(crate) fn trace_context(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let headers = headers(&mut input, ["traceparent", "tracestate"]);
    let _either = prefers_open_metrics(input.text());
    let Some(context) = remote_context(&headers) else { return };
    let told = headers.get("traceparent").map(HeaderValue::as_bytes).unwrap_or_default();
    let span = context.span().span_context().clone();
    let name = format!("-{}-{}-", span.trace_id(), span.span_id());
    assert!(memchr::memmem::find(told, name.as_bytes()).is_some(), "{name} is not in {headers:?}");
    let mut passed_on = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut passed_on);
    assert!(passed_on.get("traceparent").is_some_and(|told| told.contains(&name)));
}

/// A line for each name; an empty one is no header.
fn headers<const N: usize>(input: &mut Input<'_>, names: [&'static str; N]) -> HeaderMap {
    let headers = names.into_iter().filter_map(|name| {
        let line = input.line();
        let value = HeaderValue::from_bytes(line).ok().filter(|_| !line.is_empty())?;
        Some((HeaderName::from_static(name), value))
    });
    headers.collect()
}
