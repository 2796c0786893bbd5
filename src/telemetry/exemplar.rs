//! Exemplars: from a bucket of a histogram to a trace that fell into it.

use opentelemetry::trace::TraceContextExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A histogram of seconds whose buckets name the last trace that was counted in them.
pub(crate) type TracedHistogram = HistogramWithExemplars<Trace>;

/// The name of a trace that is sent to the collector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Trace {
    trace_id: String,
}

impl Trace {
    /// The trace of `span`; `None` if it is not sampled, since then nobody could look it up.
    pub(crate) fn of(span: &Span) -> Option<Self> {
        if span.is_disabled() {
            return None;
        }
        let context = span.context();
        let span = context.span();
        let known = span.span_context();
        (known.is_valid() && known.is_sampled()).then(|| Self { trace_id: known.trace_id().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn trace_with(sampler: Sampler) -> Option<Trace> {
        let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Trace::of(&tracing::info_span!("seen"))
    }

    #[test]
    fn only_sampled_spans_have_a_trace_to_name() {
        let trace = trace_with(Sampler::AlwaysOn).unwrap();
        assert_eq!(trace.trace_id.len(), 32);
        assert_eq!(trace_with(Sampler::AlwaysOff), None);
        assert_eq!(Trace::of(&Span::none()), None);
    }
}
