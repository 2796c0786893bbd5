//! The answers of a kubelet with a fault.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::answer::{Body, status, whole};
use super::gzip_bomb;
use crate::sim::Fault;
use crate::sim::seed::Seed;

/// No request hangs longer, so that forgotten clients do not keep connections for ever.
const LONGEST_HANG: Duration = Duration::from_mins(5);
/// Pause before each byte of a dripping body, and how many bytes drip before the rest is cut off.
const DRIP: Duration = Duration::from_millis(200);
const DRIPS: usize = 1500;
/// How late an answer comes over a bad network.
const DELAY: Duration = Duration::from_millis(700);
/// What was written is sent in this time, and then the connection is cut.
const SENT: Duration = Duration::from_millis(50);
/// A gigabyte, a piece at a time.
const HUGE_BODY_BYTES: usize = 1 << 30;
const PIECE_BYTES: usize = 1 << 16;
/// Size of a body that is not text.
const GARBAGE_BYTES: u64 = 8192;

/// What the kubelet does to a request that it would else have answered with `healthy`.
pub(super) async fn answer(fault: Fault, healthy: impl FnOnce() -> Response<Body>) -> io::Result<Response<Body>> {
    match fault {
        Fault::Hang => {
            tokio::time::sleep(LONGEST_HANG).await;
            Err(io::Error::from(io::ErrorKind::TimedOut))
        }
        Fault::SlowDrip => dripping(healthy()).await,
        Fault::HalfBody => half(healthy()).await,
        Fault::Status(code) => Ok(status(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))),
        Fault::Redirect => Ok(redirect()),
        Fault::Garbage => Ok(Response::new(whole(garbage()))),
        Fault::HugeBody => Ok(Response::new(huge())),
        Fault::GzipBomb => Ok(bomb()),
        Fault::BadNetwork => {
            tokio::time::sleep(DELAY).await;
            Ok(healthy())
        }
        Fault::DuplicateSeries
        | Fault::ClockOff(_)
        | Fault::ClockBehind(_)
        | Fault::ScrapeErrorOnly
        | Fault::Flap
        | Fault::NotANumber
        | Fault::CounterJumps
        | Fault::OthersPods
        | Fault::SwappedName
        | Fault::OtherAuthority
        | Fault::Moved => Ok(healthy()),
        // Faults of the connection, which is cut before a request is looked at.
        Fault::Reset | Fault::WrongCertificate => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    }
}

fn redirect() -> Response<Body> {
    let mut response = status(StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("https://127.1.0.1/metrics/resource"));
    response
}

async fn dripping(response: Response<Body>) -> io::Result<Response<Body>> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let drops = stream::unfold(0, move |place| {
        let drop = body.get(place..=place).map(|_| body.slice(place..=place)).filter(|_| place < DRIPS);
        async move {
            tokio::time::sleep(DRIP).await;
            drop.map(|drop| (Ok(Frame::data(drop)), place + 1))
        }
    });
    Ok(Response::from_parts(parts, StreamBody::new(drops).boxed_unsync()))
}

/// Promises the whole body, sends half of it and cuts the connection.
async fn half(response: Response<Body>) -> io::Result<Response<Body>> {
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let sent = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
    let cut = stream::once(async {
        tokio::time::sleep(SENT).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Ok(Response::from_parts(parts, StreamBody::new(sent.chain(cut)).boxed_unsync()))
}

fn garbage() -> Bytes {
    (0..GARBAGE_BYTES / 8).flat_map(|place| Seed::new(place).bits().to_le_bytes()).collect()
}

/// Good lines of a family that nobody reads, without end.
fn huge() -> Body {
    let piece = Bytes::from(b"unread_total{of=\"many\"} 1 1795391073387\n".repeat(PIECE_BYTES / 40));
    let pieces = HUGE_BODY_BYTES / piece.len();
    let pieces = std::iter::repeat_n(piece, pieces).map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(stream::iter(pieces)).boxed_unsync()
}

fn bomb() -> Response<Body> {
    let pieces = gzip_bomb::pieces().map(|piece| Ok(Frame::data(piece)));
    let mut response = Response::new(StreamBody::new(stream::iter(pieces)).boxed_unsync());
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}
