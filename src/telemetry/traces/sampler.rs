//! Which traces are made.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};

use crate::config::Traces;

/// Follows the parent, also a remote one if the settings say so; roots are drawn by lot.
pub(super) fn of(settings: &Traces) -> impl ShouldSample + use<> {
    let share = |per_million: u32| Sampler::TraceIdRatioBased(f64::from(per_million) / 1e6);
    let roots = Roots { requests: share(settings.requests_per_million), scrapes: share(settings.scrapes_per_million) };
    let follower = Sampler::parent_based(roots.clone());
    if settings.follows_parent {
        follower
    } else {
        follower.with_remote_parent_sampled(roots.clone()).with_remote_parent_not_sampled(roots)
    }
}

/// A request and a scrape are the two things that a trace of ours begins with.
#[derive(Clone, Debug)]
struct Roots {
    requests: Sampler,
    scrapes: Sampler,
}

impl ShouldSample for Roots {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = if *kind == SpanKind::Server { &self.requests } else { &self.scrapes };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}
