//! Objects as protobuf messages: what `fields` and the files named after resources write as JSON.
//!
//! The numbers up to 99 are Kubernetes' (`generated.proto` of `pkg/apis/meta/v1` and of `k8s.io/metrics`);
//! those from 100 on are our own group's, and stay unwritten in answers of `metrics.k8s.io`.

use std::time::Duration;

use crate::apiserver::groups::Dialect;
use crate::apiserver::protobuf::Fields;
use crate::apiserver::resources::absence::{Absence, Cause};
use crate::apiserver::resources::fields::{Metadata, freshness_word};
use crate::apiserver::resources::join::{ContainerAnswer, Freshness, NodeAnswer, PodAnswer};
use crate::apiserver::resources::node_scrapes::refused_lines;
use crate::clock::UnixMillis;
use crate::store::NodeRecord;
use crate::usage::{PodKey, Source, Usage};

/// `metadata`, which has the first number in every object.
pub(super) fn metadata(object: &mut Fields, of: &Metadata<'_>, resource_version: u64) {
    object.message(1, |metadata| {
        metadata.string(1, of.name);
        metadata.string(3, of.namespace.unwrap_or_default());
        metadata.digits(6, resource_version);
        time(metadata, 8, of.created);
        for (key, value) in of.labels.iter() {
            metadata.message(11, |label| {
                label.string(1, key);
                label.string(2, value);
            });
        }
    });
}

/// Usage of a node: `NodeMetrics`.
pub(super) fn node(object: &mut Fields, dialect: Dialect, answer: &NodeAnswer) {
    time(object, 2, answer.usage.time);
    window(object, 3, answer.usage.window);
    usage(object, 4, &answer.usage);
    freshness(object, dialect, answer.freshness);
    notes(object, dialect, &answer.usage);
}

/// Usage of a pod: `PodMetrics`.
pub(super) fn pod(object: &mut Fields, dialect: Dialect, answer: &PodAnswer<'_>) {
    time(object, 2, answer.time);
    window(object, 3, answer.window);
    // Consumers of metrics.k8s.io take an absent number for 0, or the whole pod for missing.
    for container in answer.containers.iter().filter(|container| dialect == Dialect::Own || container.is_whole()) {
        object.message(4, |message| container_metrics(message, dialect, container));
    }
    freshness(object, dialect, answer.freshness);
}

/// How the last request to a node's kubelet went; `partial` are the pods that are served without a
/// container that it does not report. Numbers that are known are written even if zero.
pub(super) fn scrape(object: &mut Fields, created: UnixMillis, record: Option<&NodeRecord>, partial: &[PodKey]) {
    match record {
        None => {
            object.string(4, "Pending");
            time(object, 7, created);
        }
        Some(record) => scrape_of(object, record),
    }
    for pod in partial {
        object.display(12, pod);
    }
}

/// One entry of a list's `missing`.
pub(super) fn missing(entry: &mut Fields, namespace: Option<&str>, name: &str, absence: &Absence<'_>) {
    entry.string(1, namespace.unwrap_or_default());
    entry.string(2, name);
    entry.string(3, absence.cause.reason());
    entry.display(4, &absence.cause);
    time(entry, 5, absence.since);
}

fn scrape_of(object: &mut Fields, record: &NodeRecord) {
    let scrape = &record.scrape;
    time(object, 2, scrape.started);
    if let Some(success) = record.last_success {
        time(object, 3, success);
    }
    match &scrape.outcome {
        Ok(()) => {
            object.string(4, "Success");
            object.string(6, &refused_lines(&scrape.rejected).unwrap_or_default());
        }
        Err(failure) => {
            object.string(4, "Failed");
            object.string(5, failure.reason());
            object.display(6, failure);
        }
    }
    time(object, 7, record.outcome_since);
    object.double(8, whole_micros(scrape.duration).as_secs_f64());
    object.unsigned(9, scrape.body_bytes);
    object.unsigned(10, scrape.rejected.count.into());
    object.string(11, &scrape.address);
}

fn container_metrics(message: &mut Fields, dialect: Dialect, container: &ContainerAnswer<'_>) {
    message.string(1, container.name.as_str());
    match &container.usage {
        Ok(told) => {
            usage(message, 2, told);
            notes(message, dialect, told);
            if dialect == Dialect::Own {
                time(message, 104, told.time);
                window(message, 105, told.window);
            }
        }
        Err(absence) => why(message, &absence.cause),
    }
}

/// A map of quantities by resource, in the order of its keys.
fn usage(message: &mut Fields, number: u32, usage: &Usage) {
    let cpu = usage.cpu.map(|cpu| ("cpu", cpu.canonical()));
    for (resource, quantity) in cpu.into_iter().chain([("memory", usage.memory.canonical())]) {
        message.message(number, |entry| {
            entry.string(1, resource);
            entry.quantity(2, quantity);
        });
    }
}

/// What our own group says about a usage.
fn notes(message: &mut Fields, dialect: Dialect, usage: &Usage) {
    match (dialect, usage.cpu, usage.source) {
        (Dialect::Own, None, _) => why(message, &Cause::AwaitingSecondSample),
        (Dialect::Own, Some(_), Source::Kubelet) => message.string(101, "Kubelet"),
        (Dialect::Own, Some(_), Source::Samples) | (Dialect::Plain, ..) => {}
    }
}

fn why(message: &mut Fields, cause: &Cause<'_>) {
    message.string(102, cause.reason());
    message.display(103, cause);
}

fn freshness(object: &mut Fields, dialect: Dialect, freshness: Freshness) {
    if dialect == Dialect::Own {
        object.string(100, freshness_word(freshness));
    }
}

/// `meta.v1.Time`: whole seconds, as in JSON.
fn time(message: &mut Fields, number: u32, time: UnixMillis) {
    message.message(number, |seconds| seconds.int(1, time.0.div_euclid(1000)));
}

/// `meta.v1.Duration`, in nanoseconds.
fn window(message: &mut Fields, number: u32, window: Duration) {
    message.message(number, |nanos| nanos.int(1, i64::try_from(window.as_nanos()).unwrap_or(i64::MAX)));
}

/// JSON tells seconds to the microsecond.
const fn whole_micros(duration: Duration) -> Duration {
    Duration::new(duration.as_secs(), duration.subsec_micros() * 1000)
}

#[cfg(test)]
mod tests;
