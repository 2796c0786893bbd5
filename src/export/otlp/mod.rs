//! OpenTelemetry metrics in protobuf, over HTTP or gRPC.
//!
//! Each node, pod and container is a Resource of its own, as the semantic conventions want it; the
//! SDK's meters know one Resource alone, so the messages are put together here. Names and units are
//! those of the conventions in the version that the schema names: they still move from release to
//! release, so they stand here and not in a dependency.

mod request;
#[cfg(test)]
mod tests;

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;

use crate::config::OtlpProtocol;
use crate::export::queue::Batch;
use crate::export::wire::{Answer, Message, Share, Verdict, Wire, said};
use crate::telemetry::otlp::{PostError, grpc};

const HEADERS: [(&str, &str); 2] = [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")];
const GRPC_HEADERS: [(&str, &str); 3] =
    [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-encoding", "gzip")];

/// The protocol, as spoken with one engine.
#[derive(Debug)]
pub(super) struct Otlp {
    protocol: OtlpProtocol,
    /// Of every resource.
    attributes: Vec<(String, String)>,
}

impl Otlp {
    /// `attributes` are added to every resource.
    pub(super) const fn new(protocol: OtlpProtocol, attributes: Vec<(String, String)>) -> Self {
        Self { protocol, attributes }
    }
}

impl Wire for Otlp {
    fn write(&self, batches: &[Batch]) -> Message {
        let request = request::request(batches, &self.attributes).encode_to_vec();
        let mut gzip = GzEncoder::new(Vec::with_capacity(request.len() / 8), Compression::fast());
        // Writing to a vector cannot fail.
        let body = gzip.write_all(&request).and_then(|()| gzip.finish()).unwrap_or_default();
        match self.protocol {
            OtlpProtocol::Http => Message { headers: &HEADERS, body: body.into() },
            OtlpProtocol::Grpc => Message { headers: &GRPC_HEADERS, body: grpc::frame(&body, true) },
        }
    }

    fn judge(&mut self, answer: &Answer) -> Verdict {
        if self.protocol == OtlpProtocol::Grpc {
            return match grpc::judge(answer.status, &answer.headers, None) {
                Ok(()) => Verdict::Taken(share(grpc::message_of(answer.body.clone()))),
                Err(PostError::Passing { retry_after, .. }) => Verdict::Later(retry_after),
                Err(PostError::Refused(_)) => Verdict::Refused { taken: 0 },
            };
        }
        match answer.status {
            status if status.is_success() => Verdict::Taken(share(answer.body.clone())),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Verdict::Later(None),
            _ => Verdict::Refused { taken: 0 },
        }
    }

    /// Of gRPC, where all answers are 200, the status and message behind them.
    fn reason(&self, answer: &Answer) -> String {
        let refused = (self.protocol == OtlpProtocol::Grpc)
            .then(|| grpc::judge(answer.status, &answer.headers, None).err())
            .flatten();
        refused.map_or_else(|| said(answer), |error| error.to_string())
    }
}

/// A good answer may still tell of points that were refused.
fn share(message: Bytes) -> Share {
    let told = ExportMetricsServiceResponse::decode(message).ok().and_then(|told| told.partial_success);
    let refused = told.map_or(0, |partial| usize::try_from(partial.rejected_data_points).unwrap_or(0));
    if refused == 0 { Share::All } else { Share::AllBut(refused) }
}
