//! Objects as protobuf messages: what `fields` and the files named after resources write as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::apiserver::groups::Dialect;
use crate::apiserver::protobuf::{meta, metrics};
use crate::apiserver::resources::absence::{Absence, Cause};
use crate::apiserver::resources::fields::Metadata;
use crate::apiserver::resources::join::{ContainerAnswer, Freshness, NodeAnswer, PodAnswer};
use crate::apiserver::resources::node_scrapes::refused_lines;
use crate::store::NodeRecord;
use crate::usage::{PodKey, Source, Usage};

/// `metadata`.
pub(super) fn object_meta(of: &Metadata<'_>, resource_version: &str) -> meta::ObjectMeta {
    meta::ObjectMeta {
        name: of.name.to_owned(),
        namespace: of.namespace.unwrap_or_default().to_owned(),
        resource_version: resource_version.to_owned(),
        creation_timestamp: Some(of.created.into()),
        labels: of.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        annotations: BTreeMap::new(),
    }
}

/// Usage of a node.
pub(super) fn node(
    metadata: &Metadata<'_>,
    resource_version: &str,
    dialect: Dialect,
    answer: &NodeAnswer,
) -> metrics::NodeMetrics {
    let Notes { source, reason, message } = Notes::on(dialect, &answer.usage);
    metrics::NodeMetrics {
        metadata: object_meta(metadata, resource_version),
        timestamp: answer.usage.time.into(),
        window: answer.usage.window.into(),
        usage: quantities(&answer.usage),
        freshness: freshness(dialect, answer.freshness),
        source,
        reason,
        message,
    }
}

/// Usage of a pod.
pub(super) fn pod(
    metadata: &Metadata<'_>,
    resource_version: &str,
    dialect: Dialect,
    answer: &PodAnswer<'_>,
) -> metrics::PodMetrics {
    // Consumers of metrics.k8s.io take an absent number for 0, or the whole pod for missing.
    let shown = answer.containers.iter().filter(|container| dialect == Dialect::Own || container.is_whole());
    metrics::PodMetrics {
        metadata: object_meta(metadata, resource_version),
        timestamp: answer.time.into(),
        window: answer.window.into(),
        containers: shown.map(|container| container_metrics(dialect, container)).collect(),
        freshness: freshness(dialect, answer.freshness),
    }
}

/// How the last request to a node's kubelet went; `partial` are the pods that are served without a
/// container that it does not report.
pub(super) fn scrape(
    metadata: &Metadata<'_>,
    resource_version: &str,
    record: Option<&NodeRecord>,
    partial: &[PodKey],
) -> metrics::NodeScrape {
    let common = metrics::NodeScrape {
        metadata: object_meta(metadata, resource_version),
        partial_pods: partial.iter().map(ToString::to_string).collect(),
        ..metrics::NodeScrape::default()
    };
    let Some(record) = record else {
        return metrics::NodeScrape { outcome: "Pending".to_owned(), since: metadata.created.into(), ..common };
    };
    let scrape = &record.scrape;
    let (outcome, reason, message) = match &scrape.outcome {
        Ok(()) => ("Success", "", refused_lines(&scrape.rejected).unwrap_or_default()),
        Err(failure) => ("Failed", failure.reason(), failure.to_string()),
    };
    metrics::NodeScrape {
        last_attempt: Some(scrape.started.into()),
        last_success: record.last_success.map(Into::into),
        outcome: outcome.to_owned(),
        reason: reason.to_owned(),
        message,
        since: record.outcome_since.into(),
        duration_seconds: Some(whole_micros(scrape.duration).as_secs_f64()),
        body_bytes: Some(scrape.body_bytes),
        rejected_lines: Some(scrape.rejected.count),
        address: scrape.address.clone(),
        ..common
    }
}

/// One entry of a list's `missing`.
pub(super) fn missing(namespace: Option<&str>, name: &str, absence: &Absence<'_>) -> metrics::Missing {
    metrics::Missing {
        namespace: namespace.unwrap_or_default().to_owned(),
        name: name.to_owned(),
        reason: absence.cause.reason().to_owned(),
        message: absence.cause.to_string(),
        since: absence.since.into(),
    }
}

/// What our own group says about a usage.
#[derive(Default)]
struct Notes {
    source: String,
    reason: String,
    message: String,
}

impl Notes {
    fn on(dialect: Dialect, usage: &Usage) -> Self {
        match (dialect, usage.cpu, usage.source) {
            (Dialect::Own, None, _) => Self::why(&Cause::AwaitingSecondSample),
            (Dialect::Own, Some(_), Source::Kubelet) => Self { source: "Kubelet".to_owned(), ..Self::default() },
            (Dialect::Own, Some(_), Source::Samples) | (Dialect::Plain, ..) => Self::default(),
        }
    }

    fn why(cause: &Cause<'_>) -> Self {
        Self { reason: cause.reason().to_owned(), message: cause.to_string(), ..Self::default() }
    }
}

fn container_metrics(dialect: Dialect, container: &ContainerAnswer<'_>) -> metrics::ContainerMetrics {
    let usage = container.usage.as_ref();
    let Notes { source, reason, message } =
        usage.map_or_else(|absence| Notes::why(&absence.cause), |usage| Notes::on(dialect, usage));
    let own = usage.ok().filter(|_| dialect == Dialect::Own);
    metrics::ContainerMetrics {
        name: container.name.as_str().to_owned(),
        usage: usage.map(quantities).unwrap_or_default(),
        source,
        reason,
        message,
        timestamp: own.map(|usage| usage.time.into()),
        window: own.map(|usage| usage.window.into()),
    }
}

fn quantities(usage: &Usage) -> BTreeMap<String, meta::Quantity> {
    let cpu = usage.cpu.map(|cpu| ("cpu", cpu.to_string()));
    let memory = ("memory", usage.memory.to_string());
    cpu.into_iter().chain([memory]).map(|(name, string)| (name.to_owned(), meta::Quantity { string })).collect()
}

fn freshness(dialect: Dialect, freshness: Freshness) -> String {
    match (dialect, freshness) {
        (Dialect::Plain, _) => String::new(),
        (Dialect::Own, Freshness::Fresh) => "Fresh".to_owned(),
        (Dialect::Own, Freshness::Stale) => "Stale".to_owned(),
    }
}

/// JSON tells seconds to the microsecond.
const fn whole_micros(duration: Duration) -> Duration {
    Duration::new(duration.as_secs(), duration.subsec_micros() * 1000)
}

#[cfg(test)]
mod tests;
