//! The fields that several kinds of objects share.

use std::time::Duration;

use crate::apiserver::groups::Dialect;
use crate::apiserver::resources::absence::{Absence, Cause};
use crate::apiserver::resources::join::Freshness;
use crate::apiserver::resources::json::Json;
use crate::clock::UnixMillis;
use crate::cluster::Labels;
use crate::usage::{Source, Usage};

/// Whose metadata an object has: those of the core object that it tells about. They are the same
/// from every replica and at every time, unlike those of an object that is made for the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) created: UnixMillis,
    pub(super) labels: &'a Labels,
}

/// `apiVersion` and `kind`: of an object that stands alone. Items of a list have the list's.
pub(super) fn type_meta(json: &mut Json, kind: &str, group_version: &str) {
    json.key("kind").string(kind);
    json.key("apiVersion").string(group_version);
}

/// `metadata` of a list or a table; `continue` is empty at its end.
pub(super) fn list_meta(json: &mut Json, resource_version: u64, r#continue: &str) {
    json.key("metadata").object(|json| {
        json.key("resourceVersion").quoted_number(resource_version);
        if !r#continue.is_empty() {
            json.key("continue").string(r#continue);
        }
    });
}

/// `metadata`.
pub(super) fn metadata(json: &mut Json, of: &Metadata<'_>, resource_version: u64) {
    json.key("metadata").object(|json| {
        json.key("name").string(of.name);
        if let Some(namespace) = of.namespace {
            json.key("namespace").string(namespace);
        }
        json.key("resourceVersion").quoted_number(resource_version);
        json.key("creationTimestamp").time(of.created);
        if of.labels.iter().len() > 0 {
            json.key("labels").labels(of.labels);
        }
    });
}

/// `timestamp` and `window`.
pub(super) fn times(json: &mut Json, time: UnixMillis, window: Duration) {
    json.key("timestamp").time(time);
    json.key("window").duration(window);
}

/// `freshness`, in our own group alone.
pub(super) fn freshness(json: &mut Json, dialect: Dialect, freshness: Freshness) {
    if dialect == Dialect::Own {
        json.key("freshness").string(freshness_word(freshness));
    }
}

/// The value of `freshness`.
pub(super) const fn freshness_word(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Fresh => "Fresh",
        Freshness::Stale => "Stale",
    }
}

/// `usage`, and in our own group where it comes from and why some of it lacks.
pub(super) fn usage(json: &mut Json, dialect: Dialect, usage: &Usage) {
    json.key("usage").object(|json| {
        if let Some(cpu) = usage.cpu {
            json.key("cpu").quantity(cpu.canonical());
        }
        json.key("memory").quantity(usage.memory.canonical());
    });
    if dialect == Dialect::Plain {
        return;
    }
    match (usage.cpu, usage.source) {
        (None, _) => reason(json, &Cause::AwaitingSecondSample),
        (Some(_), Source::Kubelet) => json.key("source").string("Kubelet"),
        (Some(_), Source::Samples) => {}
    }
}

/// `reason` and `message`.
pub(super) fn reason(json: &mut Json, cause: &Cause<'_>) {
    json.key("reason").string(cause.reason());
    json.key("message").string(&cause.to_string());
}

/// One entry of a list's `missing`.
pub(super) fn missing(json: &mut Json, namespace: Option<&str>, name: &str, absence: &Absence<'_>) {
    json.object(|json| {
        if let Some(namespace) = namespace {
            json.key("namespace").string(namespace);
        }
        json.key("name").string(name);
        reason(json, &absence.cause);
        json.key("since").time(absence.since);
    });
}
