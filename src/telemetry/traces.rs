//! Which spans are made, and how they are sent: to an OTLP collector, if one is set.
//!
//! ```text
//! request, scrape ──sampling──▶ spans ──▶ queue (bounded, full = dropped and counted) ──batch thread──▶ exporter ──▶ otlp
//! ```

mod exporter;
mod metrics;
mod queue;
mod sampling;

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

pub use self::sampling::{request, scrape};
pub use super::context::inject;
use super::{Error, otlp};
use crate::config::Traces;

pub(super) use self::metrics::Metrics;
use self::sampling::Sampling;

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

/// The layer that collects spans, or nothing where there is no collector.
pub(super) fn build<S>(
    settings: Option<&Traces>,
    metrics: &Metrics,
) -> Result<(Option<impl Layer<S> + use<S>>, Guard), Error>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let Some(settings) = settings else { return Ok((None, Guard(None))) };
    let client = otlp::Client::new(&settings.otlp, otlp::Service::TRACES)?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        // What is not to be sampled was not made.
        .with_sampler(Sampler::AlwaysOn)
        .with_span_processor(queue::before(client, settings.queue_spans, metrics)?)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        // Source lines, threads and busy times say nothing to an operator, on every span.
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Sampling::new(settings));
    Ok((Some(layer), Guard(Some(provider))))
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
