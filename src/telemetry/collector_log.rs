//! One log line when the collector goes away, one when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// An exporter that tells of changes. Alone it would stay silent, or repeat itself per batch.
#[derive(Debug)]
pub(super) struct CollectorLog<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> CollectorLog<E> {
    pub(super) const fn new(exporter: E) -> Self {
        Self { exporter, failing: AtomicBool::new(false) }
    }

    fn note(&self, sent: &OTelSdkResult) {
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !failed_before => tracing::warn!(%error, "spans cannot be sent and are dropped"),
            Ok(()) if failed_before => tracing::info!("spans are sent again"),
            _ => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for CollectorLog<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.note(&sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
