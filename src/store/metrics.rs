//! How much is remembered, in numbers.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use crate::store::Store;
use crate::telemetry::readings::gauges;

/// Registers the size of `store`, which is read when it is asked for.
pub fn register_metrics(registry: &mut Registry, store: Arc<Store>) {
    registry.register_collector(Box::new(Size(store)));
}

#[derive(Debug)]
struct Size(Arc<Store>);

impl Collector for Size {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.0.snapshot();
        let (mut nodes, mut pods, mut containers) = (0, 0, 0);
        for (_, record) in snapshot.nodes() {
            nodes += 1;
            pods += record.pods().len();
            containers += record.container_count();
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let records = [("nodes", count(nodes)), ("pods", count(pods)), ("containers", count(containers))];
        let help = "Nodes, pods and containers of which samples or outcomes are remembered";
        gauges(&mut encoder, "store_records", help, records.map(|(kind, count)| ([("kind", kind)], count)))?;
        let help = "Container names shared by records, unused ones included until the next sweep";
        gauges(&mut encoder, "store_container_names", help, [([("", ""); 0], count(self.0.name_count()))])
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;
    use crate::clock::UnixMillis;
    use crate::revision::Revisions;
    use crate::store::Merge;
    use crate::usage::{Batch, NodeName, PodKey, Reading, Rejected, Row, Scrape, Uid};

    #[test]
    fn what_is_remembered_is_counted() {
        let store = Arc::new(Store::new(Revisions::after(0)));
        let now = Some(UnixMillis(1_000));
        let reading = Reading {
            cpu_time: now,
            cpu_ns: Some(1),
            memory_time: now,
            memory_bytes: Some(1),
            start: Some(UnixMillis(0)),
            kubelet_rate: None,
        };
        let row = |container| Row { namespace: "a", pod: "p", container, reading };
        let batch = Batch { rows: vec![row("one"), row("two")], ..Batch::default() };
        let scrape = Scrape {
            started: UnixMillis(1_000),
            duration: std::time::Duration::ZERO,
            body_bytes: 0,
            address: Box::default(),
            rejected: Rejected::default(),
            outcome: Ok(()),
        };
        let pod = |namespace: &str, name: &str| Some((PodKey::new(namespace, name), Uid::parse("u")));
        let rules = Merge { pod: &pod, oldest: UnixMillis(0) };
        store.record(&NodeName::from("n"), Some(&batch), scrape, &rules);
        let mut registry = Registry::default();
        register_metrics(&mut registry, store);
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        for line in ["{kind=\"nodes\"} 1\n", "{kind=\"pods\"} 1\n", "{kind=\"containers\"} 2\n"] {
            assert!(told.contains(&format!("store_records{line}")), "{told}");
        }
    }
}
