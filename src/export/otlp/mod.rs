//! OpenTelemetry metrics over HTTP, in protobuf.
//!
//! Each node, pod and container is a Resource of its own, as the semantic conventions want it; the
//! SDK's meters know one Resource alone, so the messages are put together here. Names and units are
//! those of the conventions in the version that the schema names: they still move from release to
//! release, so they stand here and not in a dependency.

mod request;
#[cfg(test)]
mod tests;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;

use crate::export::queue::Batch;
use crate::export::wire::{Answer, Message, Share, Verdict, Wire};

const HEADERS: [(&str, &str); 2] = [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];

/// The protocol, as spoken with one engine.
#[derive(Debug)]
pub(super) struct Otlp {
    /// Of every resource.
    attributes: Vec<(String, String)>,
}

impl Otlp {
    /// `attributes` are added to every resource.
    pub(super) const fn new(attributes: Vec<(String, String)>) -> Self {
        Self { attributes }
    }
}

impl Wire for Otlp {
    fn write(&self, batches: &[Batch]) -> Message {
        let request = request::request(batches, &self.attributes).encode_to_vec();
        let mut gzip = GzEncoder::new(Vec::with_capacity(request.len() / 8), Compression::fast());
        // Writing to a vector cannot fail.
        let body = gzip.write_all(&request).and_then(|()| gzip.finish()).unwrap_or_default();
        Message { headers: &HEADERS, body: body.into() }
    }

    fn judge(&mut self, answer: &Answer) -> Verdict {
        match answer.status {
            status if status.is_success() => Verdict::Taken(share(answer)),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Verdict::Later,
            _ => Verdict::Refused { taken: 0 },
        }
    }
}

/// A good answer may still tell of points that were refused.
fn share(answer: &Answer) -> Share {
    let told = ExportMetricsServiceResponse::decode(answer.body.clone()).ok().and_then(|told| told.partial_success);
    let refused = told.map_or(0, |partial| usize::try_from(partial.rejected_data_points).unwrap_or(0));
    if refused == 0 { Share::All } else { Share::AllBut(refused) }
}
