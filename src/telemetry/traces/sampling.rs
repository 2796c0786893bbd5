//! What is traced: decided before a span is made, so that what is not traced costs no spans.
//!
//! A request or a scrape begins a trace, or its span is not made at all. Any other span is made only
//! inside of another. So the library samples all that it sees.

use http::HeaderMap;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Span, Subscriber, dispatcher};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use crate::config::Traces;
use crate::telemetry::context::{adopt, link, remote_context};

const MILLION: u32 = 1_000_000;
/// The spans that a trace of ours begins with.
const ROOTS: [&str; 2] = ["request", "scrape"];

/// The span of a request with these headers, made by `span` if the request is traced.
///
/// The caller's span is its parent if `is_trusted`, which only the verified front proxy is; else
/// anybody could make us trace whatever he likes, and it is a link. To be called before the span is
/// entered: afterwards it has a parent already.
pub fn request(headers: &HeaderMap, is_trusted: bool, span: impl FnOnce() -> Span) -> Span {
    let Some(sampling) = Sampling::current() else { return span() };
    let remote = remote_context(headers);
    let parent = remote.as_ref().filter(|_| is_trusted);
    if !sampling.takes_request(parent.map(|parent| parent.span().span_context().is_sampled())) {
        return Span::none();
    }
    let span = span();
    match remote {
        Some(remote) if is_trusted => adopt(&span, remote),
        Some(remote) => link(&span, &remote),
        None => {}
    }
    span
}

/// The span of a scrape, made by `span` if the scrape is traced.
pub fn scrape(span: impl FnOnce() -> Span) -> Span {
    if Sampling::current().is_none_or(|sampling| takes(sampling.scrapes_per_million)) { span() } else { Span::none() }
}

/// Which spans a collector gets. As the filter of the layer that collects, it is found again by
/// those who make spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    requests_per_million: u32,
    scrapes_per_million: u32,
    follows_parent: bool,
}

impl Sampling {
    pub(super) const fn new(settings: &Traces) -> Self {
        Self {
            requests_per_million: settings.requests_per_million,
            scrapes_per_million: settings.scrapes_per_million,
            follows_parent: settings.follows_parent,
        }
    }

    /// `None` where nothing is collected.
    fn current() -> Option<Self> {
        dispatcher::get_default(|dispatch| dispatch.downcast_ref::<Self>().copied())
    }

    /// `parent` tells whether a parent that counts was sampled.
    fn takes_request(self, parent: Option<bool>) -> bool {
        match parent {
            Some(is_sampled) if self.follows_parent => is_sampled,
            _ => takes(self.requests_per_million),
        }
    }
}

/// Draws a lot.
fn takes(per_million: u32) -> bool {
    match per_million {
        0 => false,
        MILLION.. => true,
        _ => {
            let drawn = u128::from_be_bytes(RandomIdGenerator::default().new_trace_id().to_bytes());
            drawn % u128::from(MILLION) < u128::from(per_million)
        }
    }
}

impl<S> Filter<S> for Sampling
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        is_ours(metadata) && (ROOTS.contains(&metadata.name()) || context.lookup_current().is_some())
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }
}

/// Details and the spans of libraries say nothing to an operator.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with("kube_vitals")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_drawn_at_about_the_rate() {
        let drawn = |per_million| (0..100_000).filter(|_| takes(per_million)).count();
        assert_eq!((drawn(0), drawn(1_000_000)), (0, 100_000));
        // Ten standard deviations to each side.
        assert!((9_000..11_000).contains(&drawn(100_000)), "one in ten");
    }

    #[test]
    fn a_parents_choice_stands_unless_it_is_not_to_be_followed() {
        let sampling = |follows_parent, requests_per_million| Sampling {
            requests_per_million,
            scrapes_per_million: 0,
            follows_parent,
        };
        for (follows_parent, rate, parent, expected) in [
            (true, 0, None, false),
            (true, MILLION, None, true),
            (true, 0, Some(true), true),
            (true, MILLION, Some(false), false),
            (false, 0, Some(true), false),
            (false, MILLION, Some(false), true),
        ] {
            assert_eq!(sampling(follows_parent, rate).takes_request(parent), expected, "{rate} {parent:?}");
        }
    }
}
