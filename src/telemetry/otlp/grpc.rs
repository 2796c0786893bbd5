//! gRPC, as far as one message there and one back need it.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use prost::Message as _;

use super::error::PostError;

const OK: u32 = 0;
const RESOURCE_EXHAUSTED: u32 = 8;
/// Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss: the codes that
/// OTLP has a sender try again on.
const PASSING: [u32; 6] = [1, 4, 10, 11, 14, 15];

/// `message` behind its prefix: whether it is compressed, and its length.
pub(crate) fn frame(message: &[u8], is_compressed: bool) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(is_compressed.into());
    // No batch comes near 4 GiB.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The message in a frame. We take no compression, so there is none; what is no frame holds none.
pub(crate) fn message_of(mut frame: Bytes) -> Bytes {
    if frame.len() < 5 {
        return Bytes::new();
    }
    frame.advance(5);
    frame
}

/// What became of a call. The status is in the trailers, or in the head of an answer without a
/// body.
pub(crate) fn judge(code: StatusCode, head: &HeaderMap, trailers: Option<&HeaderMap>) -> Result<(), PostError> {
    let told = trailers.filter(|trailers| trailers.contains_key("grpc-status")).unwrap_or(head);
    let text = |name: &str| told.get(name).and_then(|value| value.to_str().ok());
    let Some(status) = text("grpc-status").and_then(|status| status.parse::<u32>().ok()) else {
        return Err(not_grpc(code));
    };
    if status == OK {
        return Ok(());
    }
    let message = percent_decode_str(text("grpc-message").unwrap_or_default()).decode_utf8_lossy();
    let reason = format!("gRPC status {status}: {message}");
    let retry_after = text("grpc-status-details-bin").and_then(retry_delay);
    let is_passing = PASSING.contains(&status) || (status == RESOURCE_EXHAUSTED && retry_after.is_some());
    Err(if is_passing { PostError::passing_after(reason, retry_after) } else { PostError::Refused(reason) })
}

/// From something before the collector, or no gRPC server at all.
fn not_grpc(code: StatusCode) -> PostError {
    match code {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => PostError::passing(format!("answered {code}")),
        _ => PostError::Refused(format!("answered {code} without a gRPC status")),
    }
}

/// `google.rpc.Status`, as far as it is read here.
#[derive(prost::Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(prost::Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_delay(details: &str) -> Option<Duration> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let bytes = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    let details = Details::decode(bytes.as_slice()).ok()?.details;
    let detail = details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(detail.value.as_slice()).ok()?.delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}
