//! Where spans go: an OTLP collector, if one is set.
use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use rustls::{ClientConfig, RootCertStore};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::Error;
use super::collector_log::CollectorLog;
pub use super::context::{adopt_parent, inject, link};
use crate::config::Telemetry;

/// Time for one batch; a collector that needs longer costs that batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is left of the pod's grace period after delay and drain must hold this.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends what is left when the process ends.
#[derive(Debug)]
#[must_use = "spans that were not sent when the process ends are lost; call shutdown"]
pub struct Guard(Option<SdkTracerProvider>);

impl Guard {
    /// Sends the spans still held, for 5 seconds at most. Spans ended later are lost.
    pub async fn shutdown(self) {
        let Some(provider) = self.0 else { return };
        // The exporter blocks its caller, with a limit of its own.
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the exporter of spans broke"),
        }
    }
}

/// The layer that collects spans, or nothing where no endpoint is set.
pub(super) fn build<S>(settings: &Telemetry) -> Result<(Option<impl Layer<S> + use<S>>, Guard), Error>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok((None, Guard(None))) };
    let root = Sampler::TraceIdRatioBased(f64::from(settings.sampling_rate_per_million) / 1e6);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_sampler(Sampler::ParentBased(Box::new(root)))
        .with_batch_exporter(CollectorLog::new(exporter(endpoint)?))
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        // Source lines, threads and busy times say nothing to an operator, on every span.
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| {
            metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with("kube_vitals")
        }));
    Ok((Some(layer), Guard(Some(provider))))
}

fn exporter(endpoint: &str) -> Result<SpanExporter, Error> {
    let told = |error: &dyn std::error::Error| Error::Exporter(error.to_string());
    SpanExporter::builder()
        .with_http()
        .with_http_client(client(endpoint.starts_with("https:"))?)
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| told(&error))
}

/// The blocking client, since batches are sent from a thread that has no async runtime.
fn client(encrypted: bool) -> Result<reqwest::blocking::Client, Error> {
    let make = move || {
        let builder = reqwest::blocking::Client::builder().timeout(EXPORT_TIMEOUT);
        // Without this, the client loads the system's authorities even for plain http, and
        // fails where there are none, as in an empty image.
        let builder = if encrypted { builder } else { builder.tls_backend_preconfigured(no_authorities()?) };
        builder.build().map_err(|error| Error::Exporter(error.to_string()))
    };
    // A thread of its own, because this client may not be made inside an async runtime.
    let thread = std::thread::Builder::new().spawn(make).map_err(|error| Error::Exporter(error.to_string()))?;
    thread.join().map_err(|_| Error::Exporter("the thread that makes its client broke".to_owned()))?
}

fn no_authorities() -> Result<ClientConfig, Error> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let versions = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| Error::Exporter(error.to_string()))?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Who we are to the collector; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let missing = |key: &'static str, value: Cow<'static, str>| {
        let known = told.get(&Key::from_static_str(key)).is_some_and(|v| !v.as_str().starts_with("unknown_service"));
        (!known).then(|| KeyValue::new(key, value))
    };
    let own = [
        missing("service.name", env!("CARGO_PKG_NAME").into()),
        missing("service.version", env!("CARGO_PKG_VERSION").into()),
        missing("service.instance.id", uuid::Uuid::new_v4().to_string().into()),
    ];
    Resource::builder().with_attributes(own.into_iter().flatten()).build()
}

#[cfg(test)]
mod tests;
