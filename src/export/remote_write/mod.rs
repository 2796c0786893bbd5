//! Prometheus remote write, 1.0 and 2.0.
//!
//! Snappy-compressed protobuf. Version 2.0 is tried first where the operator leaves it open: an
//! engine that understands it must say how many samples it has written. One that answers 415, or
//! well but without that, has written nothing of it (the two versions share no field), and gets the
//! same samples in 1.0, as all later ones.

mod message;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use bytes::Bytes;
use http::StatusCode;
use prost::Message as _;

use crate::config::ExportProtocol;
use crate::export::family::{Family, families_of, labels};
use crate::export::point::Point;
use crate::export::queue::Batch;
use crate::export::wire::{Answer, Message, Share, Verdict, Wire};

/// How a graph's end is written: the one NaN that engines take for it.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
/// In every answer of 2.0.
const WRITTEN: &str = "x-prometheus-remote-write-samples-written";

const HEADERS_1: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];
const HEADERS_2: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "2.0.0"),
];

/// The protocol, as spoken with one engine.
#[derive(Debug)]
pub(super) struct RemoteWrite {
    version: Version,
    /// Of every series, sorted by name.
    labels: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two { or_one: bool },
}

impl RemoteWrite {
    /// Speaks as `protocol` says; `labels` are added to every series.
    pub(super) fn new(protocol: ExportProtocol, labels: Vec<(String, String)>) -> Self {
        let version = match protocol {
            ExportProtocol::RemoteWriteNewest => Version::Two { or_one: true },
            ExportProtocol::RemoteWrite2 => Version::Two { or_one: false },
            ExportProtocol::RemoteWrite1 | ExportProtocol::Otlp(_) => Version::One,
        };
        Self { version, labels }
    }

    /// Version 1.0 from now on, if that may be.
    fn fall_back(&mut self) -> Verdict {
        match self.version {
            Version::Two { or_one: true } => {
                self.version = Version::One;
                Verdict::Rewrite
            }
            _ => Verdict::Refused { taken: 0 },
        }
    }
}

impl Wire for RemoteWrite {
    fn write(&self, batches: &[Batch]) -> Message {
        match self.version {
            Version::One => Message { headers: &HEADERS_1, body: compressed(&v1::request(batches, &self.labels)) },
            Version::Two { .. } => {
                Message { headers: &HEADERS_2, body: compressed(&v2::request(batches, &self.labels).encode_to_vec()) }
            }
        }
    }

    fn judge(&mut self, answer: &Answer) -> Verdict {
        let written = answer.headers.get(WRITTEN).and_then(|value| value.to_str().ok()?.parse().ok());
        let is_two = self.version != Version::One;
        match answer.status {
            status if status.is_success() && is_two && written.is_none() => self.fall_back(),
            status if status.is_success() => Verdict::Taken(written.filter(|_| is_two).map_or(Share::All, Share::Only)),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => self.fall_back(),
            StatusCode::TOO_MANY_REQUESTS => Verdict::Later(None),
            status if status.is_server_error() => Verdict::Later(None),
            _ => Verdict::Refused { taken: written.filter(|_| is_two).unwrap_or(0) },
        }
    }
}

/// Each sample of a point: its family, its value, its time.
fn samples(point: &Point) -> impl Iterator<Item = (&'static Family, message::Sample)> {
    let timestamp_ms = point.time.0;
    families_of(point.subject.kind()).filter_map(move |family| {
        let value = match &point.level {
            Some(level) => family.value.of(level)?,
            None => STALE,
        };
        Some((family, message::Sample { value, timestamp_ms }))
    })
}

/// The labels of a point's series in one family, in the order that the protocol wants.
fn series_labels<'a>(
    family: &'static Family,
    point: &'a Point,
    external: &'a [(String, String)],
) -> Vec<(&'a str, &'a str)> {
    let external = external.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut all: Vec<(&'a str, &'a str)> = vec![("__name__", family.name)];
    all.extend(labels(&point.subject));
    all.extend(external);
    all.sort_unstable();
    all
}

fn compressed(message: &[u8]) -> Bytes {
    // Fails for 4 GiB and more alone; the most samples of a request are far below.
    snap::raw::Encoder::new().compress_vec(message).unwrap_or_default().into()
}
