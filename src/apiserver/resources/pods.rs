//! `pods`: usage of pods, container by container, in both groups.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::apiserver::content::Content;
use crate::apiserver::groups::{Dialect, PODS};
use crate::apiserver::list_options::ListOptions;
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::fields::{self, Metadata};
use crate::apiserver::resources::join::{Completeness, ContainerAnswer, Moment, PodAnswer};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::list::{Rows, Section};
use crate::apiserver::status::Status;
use crate::cluster::Pod;
use crate::usage::PodKey;

/// About 100 µs of work.
const ROWS_PER_TURN: usize = 64;

/// `…/pods` and `…/namespaces/NAMESPACE/pods`
pub(crate) async fn list(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let call = Call::of(&content, &request, "list", &PODS)?;
    let namespace = &call.resource.namespace;
    let rows = PodRows {
        moment: call.moment.clone(),
        dialect: call.group.dialect,
        group_version: call.group.group_version(),
        options: call.options()?,
        namespace: (!namespace.is_empty()).then(|| PodKey::new(namespace, "")),
        after: None,
        has_missing: false,
    };
    Ok(call.list(rows).await)
}

/// `…/namespaces/NAMESPACE/pods/NAME`
pub(crate) async fn get(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let call = Call::of(&content, &request, "get", &PODS)?;
    let dialect = call.group.dialect;
    let key = PodKey::new(&call.resource.namespace, &call.resource.name);
    let pod = call.moment.view.pod(&key).ok_or_else(|| call.not_found("pods", &key.name))?;
    let answer = served(&call.moment, dialect, pod).map_err(|absence| {
        let status = Status::not_found(&call.group.name, "podmetrics", &key.to_string());
        status.because(absence.cause.reason(), &absence.cause.to_string())
    })?;
    Ok(call.object(|json| {
        fields::type_meta(json, PODS.kind, &call.group.group_version());
        write(json, dialect, pod, &answer, call.moment.resource_version());
    }))
}

/// A pod's usage as far as `dialect` serves it.
fn served<'m>(moment: &'m Moment, dialect: Dialect, pod: &'m Pod) -> Result<PodAnswer<'m>, Absence<'m>> {
    let answer = moment.pod(pod)?;
    if dialect == Dialect::Plain && answer.completeness == Completeness::Partial {
        // Too low a sum misleads an autoscaler; a pod without one it handles with care.
        return answer.absence().map_or(Ok(answer), Err);
    }
    Ok(answer)
}

fn write(json: &mut Json, dialect: Dialect, pod: &Pod, answer: &PodAnswer<'_>, resource_version: u64) {
    let metadata = Metadata {
        name: &pod.key.name,
        namespace: Some(&pod.key.namespace),
        created: pod.created,
        labels: &pod.labels,
    };
    fields::metadata(json, &metadata, resource_version);
    fields::times(json, answer.time, answer.window);
    fields::freshness(json, dialect, answer.freshness);
    json.key("containers").array(|json| {
        // Consumers of metrics.k8s.io take an absent number for 0, or the whole pod for missing.
        let shown = answer.containers.iter().filter(|container| dialect == Dialect::Own || container.is_whole());
        shown.for_each(|container| json.object(|json| write_container(json, dialect, container)));
    });
}

fn write_container(json: &mut Json, dialect: Dialect, container: &ContainerAnswer<'_>) {
    json.key("name").string(container.name.as_str());
    match &container.usage {
        Ok(usage) => {
            if dialect == Dialect::Own {
                // Each container has its own clock; the pod tells the earliest alone.
                fields::times(json, usage.time, usage.window);
            }
            fields::usage(json, dialect, usage);
        }
        Err(absence) => {
            json.key("usage").object(|_| {});
            fields::reason(json, &absence.cause);
        }
    }
}

struct PodRows {
    moment: Moment,
    dialect: Dialect,
    group_version: String,
    options: ListOptions,
    /// Of one namespace alone: the key before all of its pods.
    namespace: Option<PodKey>,
    after: Option<PodKey>,
    has_missing: bool,
}

impl Rows for PodRows {
    fn head(&self, json: &mut Json) {
        fields::list_head(json, PODS.kind, &self.group_version, self.moment.resource_version());
    }

    fn turn(&mut self, section: Section, json: &mut Json) -> bool {
        let after = self.after.take();
        let pods = self.moment.view.pods_after(after.as_ref().or(self.namespace.as_ref()));
        let namespace = self.namespace.as_ref().map(|key| &key.namespace);
        let mut pods = pods.take_while(|pod| namespace.is_none_or(|namespace| pod.key.namespace == *namespace));
        for pod in pods.by_ref().take(ROWS_PER_TURN) {
            self.after = Some(pod.key.clone());
            if !self.options.select(&pod.key.namespace, &pod.key.name, &pod.labels) {
                continue;
            }
            match (section, served(&self.moment, self.dialect, pod)) {
                (Section::Items, Ok(answer)) => {
                    json.object(|json| write(json, self.dialect, pod, &answer, self.moment.resource_version()));
                }
                (Section::Items, Err(absence)) => self.has_missing |= absence.cause.is_unexpected(),
                (Section::Missing, Err(absence)) if absence.cause.is_unexpected() => {
                    fields::missing(json, Some(&pod.key.namespace), &pod.key.name, &absence);
                }
                (Section::Missing, _) => {}
            }
        }
        let more = pods.next().is_some();
        if !more {
            self.after = None;
        }
        more
    }

    fn has_missing(&self) -> bool {
        self.has_missing && self.dialect == Dialect::Own
    }
}
