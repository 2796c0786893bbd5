//! The metrics of this process, and how they are written.

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
pub use prometheus_client::registry::Registry;

use super::{classic, process, traces};

/// What every metric of the rooms begins with.
const PREFIX: &str = "kube_vitals";
/// Content type of the classic format.
pub(crate) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Content type of OpenMetrics.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The registry of the process, ready to be read.
#[derive(Debug)]
pub struct Exposition {
    registry: Registry,
}

impl Exposition {
    /// What the process tells of itself, and what `register` adds for the rooms: each name given
    /// there is prefixed `kube_vitals_`.
    pub fn new(register: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        let rooms = registry.sub_registry_with_prefix(PREFIX);
        rooms.register(
            "build",
            "The running version; always 1",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        traces::Metrics::of_process().register(rooms);
        register(rooms);
        Self { registry }
    }

    /// All metrics as text, with its content type: OpenMetrics where the `Accept` header prefers
    /// it, else the classic format 0.0.4.
    pub fn answer(&self, accept: Option<&str>) -> (&'static str, String) {
        let mut metrics = String::new();
        // Writing to a String cannot fail; a collector that does leaves the rest in place.
        let _complete = text::encode(&mut metrics, &self.registry);
        if prefers_open_metrics(accept.unwrap_or_default()) {
            (OPEN_METRICS, metrics)
        } else {
            (CLASSIC, classic::from_open_metrics(&metrics))
        }
    }
}

/// Whether an `Accept` header prefers OpenMetrics to the classic format.
pub(crate) fn prefers_open_metrics(accept: &str) -> bool {
    let open = weight(accept, "application/openmetrics-text");
    open > 0.0 && open >= weight(accept, "text/plain")
}

/// The greatest weight given to `media_type`; 0 where it is not named.
fn weight(accept: &str, media_type: &str) -> f32 {
    let weights = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().filter(|named| named.eq_ignore_ascii_case(media_type))?;
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
    });
    weights.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests;
