//! How the watches fare, in numbers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The room's metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    up: Family<WatchLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    resource: &'static str,
}

impl Metrics {
    /// Registers the room's metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "cluster_watch_up",
            "Whether the API server's changes reach us; while 0, what was last known is served",
            metrics.up.clone(),
        );
        metrics
    }

    /// Whether the watch of `resource` is followed; 0 from here on.
    pub fn up(&self, resource: &'static str) -> Gauge {
        self.up.get_or_create(&WatchLabels { resource }).clone()
    }
}
