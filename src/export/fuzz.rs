//! Whatever engines answer, and whatever those who scrape ask for.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::PageFilter;
use super::otlp::Otlp;
use super::remote_write::RemoteWrite;
use super::wire::{Answer, Verdict, Wire};
use crate::config::{ExportProtocol, OtlpProtocol};
use crate::fuzzing::Input;

const SAMPLES: usize = 2_000;

/// A query reads the same however it is encoded.
pub(crate) fn usage_page(query: &[u8]) {
    let filter = PageFilter::read(form_urlencoded::parse(query));
    let pairs = form_urlencoded::parse(query);
    let again = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    assert_eq!(PageFilter::read(form_urlencoded::parse(again.as_bytes())), filter, "{again}");
}

/// No engine takes more than it was sent, or what it answered with an error; and it is asked once
/// at most to read another protocol.
pub(crate) fn engine_answer(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let status = 200 + (u16::from(input.byte()) << 1 | u16::from(input.byte() & 1)) % 400;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let lines = ["x-prometheus-remote-write-samples-written", "grpc-status", "grpc-message", "grpc-status-details-bin"];
    let headers = lines.into_iter().filter_map(|name| {
        let line = input.line();
        let value = HeaderValue::from_bytes(line).ok().filter(|_| !line.is_empty())?;
        Some((HeaderName::from_static(name), value))
    });
    let headers: HeaderMap = headers.collect();
    let answer = Answer { status, headers, body: Bytes::copy_from_slice(input.rest()) };
    for protocol in [ExportProtocol::RemoteWriteNewest, ExportProtocol::RemoteWrite1, ExportProtocol::RemoteWrite2] {
        check(&mut RemoteWrite::new(protocol, Vec::new()), &answer);
    }
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        check(&mut Otlp::new(protocol, Vec::new()), &answer);
    }
}

fn check(wire: &mut impl Wire, answer: &Answer) {
    let is_grpc = answer.headers.contains_key("grpc-status");
    match wire.judge(answer) {
        Verdict::Taken(share) => {
            assert!(share.of(SAMPLES) <= SAMPLES);
            assert!(answer.status.is_success() || is_grpc, "{answer:?}");
        }
        Verdict::Rewrite => assert_ne!(wire.judge(answer), Verdict::Rewrite),
        Verdict::Refused { .. } | Verdict::Later(_) => {}
    }
}
