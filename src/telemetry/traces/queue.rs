//! The places that spans wait in until they are sent.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanProcessor};
use tokio::sync::Semaphore;

use super::exporter::Exporter;
use super::metrics::{Metrics, Reason};
use crate::telemetry::{Error, otlp};

/// The library's queue and its thread, behind a count of our own: the library drops what is too
/// much as well, but tells nobody how much that was.
#[derive(Debug)]
pub(super) struct Queue {
    batches: BatchSpanProcessor,
    places: Places,
    metrics: Metrics,
}

/// One for each span that waits or is being sent; given back by the exporter.
pub(super) type Places = Arc<Semaphore>;

/// A queue of `spans` places before `client`.
pub(super) fn before(client: otlp::Client, spans: usize, metrics: &Metrics) -> Result<Queue, Error> {
    let places = Arc::new(Semaphore::new(spans));
    let exporter = Exporter::new(client, Arc::clone(&places), metrics.clone())?;
    let batch = BatchConfigBuilder::default().with_max_queue_size(spans).build();
    let batches = BatchSpanProcessor::builder(exporter).with_batch_config(batch).build();
    Ok(Queue { batches, places, metrics: metrics.clone() })
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        match self.places.try_acquire() {
            Ok(place) => {
                place.forget();
                self.metrics.queued.inc();
                self.batches.on_end(span);
            }
            Err(_) => self.metrics.dropped(Reason::QueueFull, 1),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}
