//! How the watches fare, and what they brought, in numbers.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::cluster::Cluster;
use crate::telemetry::readings::gauges;

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
    pub fn register(registry: &mut Registry, cluster: Arc<Cluster>) -> Self {
        let metrics = Self::default();
        registry.register(
            "cluster_watch_up",
            "Whether the API server's changes reach us; while 0, what was last known is served",
            metrics.up.clone(),
        );
        registry.register_collector(Box::new(Size(cluster)));
        metrics
    }

    /// Whether the watch of `resource` is followed; 0 from here on.
    pub fn up(&self, resource: &'static str) -> Gauge {
        self.up.get_or_create(&WatchLabels { resource }).clone()
    }
}

/// What the index holds, read when it is asked for.
#[derive(Debug)]
struct Size(Arc<Cluster>);

impl Collector for Size {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let view = self.0.view();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let objects = [("nodes", count(view.node_count())), ("pods", count(view.pod_count()))];
        let help = "Nodes and pods in the cluster, as the API server told us";
        let objects = objects.map(|(resource, count)| ([("resource", resource)], count));
        gauges(&mut encoder, "cluster_objects", help, objects)?;
        let help = "Label sets that pods carry, by namespace";
        gauges(&mut encoder, "cluster_label_sets", help, [([("", ""); 0], count(view.label_set_count()))])?;
        let (texts, label_sets) = self.0.interner().lock().counts();
        let help = "Copies shared by objects of the cluster, unused ones included until the next sweep";
        let shared = [("texts", count(texts)), ("label_sets", count(label_sets))];
        gauges(&mut encoder, "cluster_interned", help, shared.map(|(kind, count)| ([("kind", kind)], count)))
    }
}
