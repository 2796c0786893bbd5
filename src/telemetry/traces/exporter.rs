//! Sends batches of spans, and tells when that begins to fail and when it is well again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::metrics::{Metrics, Reason};
use super::queue::Places;
use crate::telemetry::Error;
use crate::telemetry::otlp::{Client, PostError};

/// A batch that is not gone by then is dropped: others wait behind it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before the second attempt; doubled before each one after it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Called from the one thread that the library has for sending.
#[derive(Debug)]
pub(super) struct Exporter {
    client: Client,
    /// Of its own and for that thread alone: with those that serve, one could wait for the other.
    runtime: Runtime,
    resource: ResourceAttributesWithSchema,
    places: Places,
    metrics: Metrics,
    failing: AtomicBool,
}

impl Exporter {
    pub(super) fn new(client: Client, places: Places, metrics: Metrics) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let resource = ResourceAttributesWithSchema::default();
        Ok(Self { client, runtime, resource, places, metrics, failing: AtomicBool::new(false) })
    }

    /// Posts `message` until it is taken, refused, or [`PATIENCE`] is over.
    async fn deliver(&self, message: &[u8]) -> Result<u64, PostError> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt = tokio::time::timeout_at(deadline, self.client.post(message)).await;
            let error = match attempt {
                Ok(Ok(answer)) => return Ok(not_taken(&answer)),
                Ok(Err(error)) => error,
                Err(_) => PostError::passing(format!("no answer within {PATIENCE:?}")),
            };
            let PostError::Passing { retry_after, .. } = &error else { return Err(error) };
            let wait = retry_after.unwrap_or(pause);
            if wait >= deadline.saturating_duration_since(Instant::now()) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
    }

    fn count(&self, spans: usize, outcome: &Result<u64, PostError>) {
        let all = u64::try_from(spans).unwrap_or(u64::MAX);
        match outcome {
            Ok(refused) => {
                self.metrics.sent.inc_by(all.saturating_sub(*refused));
                self.metrics.dropped(Reason::Refused, all.min(*refused));
            }
            Err(PostError::Passing { .. }) => self.metrics.dropped(Reason::Unreachable, all),
            Err(PostError::Refused(_)) => self.metrics.dropped(Reason::Refused, all),
        }
        self.metrics.queued.dec_by(i64::try_from(spans).unwrap_or(i64::MAX));
        self.places.add_permits(spans);
    }

    fn tell(&self, outcome: &Result<u64, PostError>) {
        let failed_before = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !failed_before => tracing::warn!(%error, "spans cannot be sent and are dropped"),
            Ok(_) if failed_before => tracing::info!("spans are sent again"),
            _ => {}
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let message = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let outcome = self.runtime.block_on(self.deliver(&message));
        self.count(spans, &outcome);
        self.tell(&outcome);
        outcome.map(|_| ()).map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// How many spans the collector refused of those it got.
fn not_taken(answer: &[u8]) -> u64 {
    let partial = ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
    partial.and_then(|partial| u64::try_from(partial.rejected_spans).ok()).unwrap_or_default()
}
