//! The cells of an object, in the order of its kind's columns.

use std::fmt::Display;
use std::time::Duration;

use crate::apiserver::groups::Dialect;
use crate::apiserver::resources::fields::freshness_word;
use crate::apiserver::resources::join::{Completeness, ContainerAnswer, NodeAnswer, PodAnswer};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::table::text::{Age, Cores, NONE, Size, UNKNOWN};
use crate::clock::UnixMillis;
use crate::cluster::{Node, Pod};
use crate::go_duration::GoDuration;
use crate::store::NodeRecord;
use crate::usage::{Bytes, Failure, Nanocores, NodeName, Source, Usage};

/// Writes the cells of a node; the brackets are the caller's.
pub(crate) fn node_cells(json: &mut Json, dialect: Dialect, node: &Node, answer: &NodeAnswer, now: UnixMillis) {
    let usage = &answer.usage;
    json.string(node.name.as_str());
    known(json, usage.cpu.map(Cores));
    json.plain(Size(usage.memory));
    if dialect == Dialect::Own {
        json.string(freshness_word(answer.freshness));
    }
    window(json, usage.window);
    json.plain(Age(now.since(usage.time)));
    if dialect == Dialect::Own {
        known(json, usage.cpu.map(|_| source(usage.source)));
    }
}

/// Writes the cells of a pod; the brackets are the caller's.
pub(crate) fn pod_cells(json: &mut Json, dialect: Dialect, pod: &Pod, answer: &PodAnswer<'_>, now: UnixMillis) {
    json.string(&pod.key.name);
    if dialect == Dialect::Own {
        let whole = answer.containers.iter().filter(|container| ContainerAnswer::is_whole(container)).count();
        json.plain(format_args!("{whole}/{}", answer.containers.len()));
    }
    known(json, sum(answer, |usage| usage.cpu.map(|cpu| cpu.0)).map(|sum| Cores(Nanocores(sum))));
    known(json, sum(answer, |usage| Some(usage.memory.0)).map(|sum| Size(Bytes(sum))));
    if dialect == Dialect::Own {
        json.string(freshness_word(answer.freshness));
        json.string(pod.node.as_ref().map_or(NONE, NodeName::as_str));
    }
    window(json, answer.window);
    json.plain(Age(now.since(answer.time)));
}

/// Writes the cells of a node's scrape, `record`; the brackets are the caller's.
pub(crate) fn scrape_cells(json: &mut Json, node: &Node, record: Option<&NodeRecord>, now: UnixMillis) {
    json.string(node.name.as_str());
    let Some(record) = record else {
        json.string("Pending");
        json.string(NONE);
        (0..4).for_each(|_| json.string(UNKNOWN));
        json.null();
        return;
    };
    let scrape = &record.scrape;
    json.string(if scrape.outcome.is_ok() { "Success" } else { "Failed" });
    json.string(scrape.outcome.as_ref().err().map_or(NONE, Failure::reason));
    json.plain(Age(now.since(scrape.started)));
    json.plain(GoDuration(scrape.duration));
    json.string(if scrape.address.is_empty() { NONE } else { &scrape.address });
    json.plain(Size(Bytes(scrape.body_bytes)));
    json.number(scrape.rejected.count.into());
}

/// What all containers that are served use together. Where a running one lacks its part, and may
/// still get it, nobody knows; those that were given up are left out, as for all who read
/// `metrics.k8s.io`.
fn sum(answer: &PodAnswer<'_>, part: impl Fn(&Usage) -> Option<u64>) -> Option<u64> {
    let parts = answer.containers.iter().map(|container| container.usage.as_ref().ok().and_then(&part));
    let mut counted = parts.filter(|part| part.is_some() || answer.completeness == Completeness::Partial);
    counted.try_fold(0_u64, |sum, part| sum.checked_add(part?))
}

fn known(json: &mut Json, value: Option<impl Display>) {
    match value {
        Some(value) => json.plain(value),
        None => json.string(UNKNOWN),
    }
}

/// To the tenth of a second; there is none while CPU is not known.
fn window(json: &mut Json, window: Duration) {
    let tenths = u64::try_from((window.as_millis() + 50) / 100).unwrap_or(u64::MAX / 100);
    known(json, (!window.is_zero()).then_some(GoDuration(Duration::from_millis(tenths * 100))));
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Samples => "Samples",
        Source::Kubelet => "Kubelet",
    }
}
