//! `pods`: usage of pods, container by container, in all groups.

use std::ops::Bound;
use std::sync::Arc;

use crate::apiserver::groups::{Dialect, PODS, ResourceType};
use crate::apiserver::list_options::Selection;
use crate::apiserver::protobuf::Fields;
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::fields::{self, Metadata};
use crate::apiserver::resources::join::{Completeness, ContainerAnswer, Moment, PodAnswer};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::table::{self, Column};
use crate::apiserver::resources::{proto, watch};
use crate::apiserver::status::Status;
use crate::cluster::{Pod, Stretch, View};
use crate::usage::PodKey;
use axum::response::Response;

/// Conditions held against label sets before a list begins, in one go: some 10 ms. Where it would be more,
/// the list goes through all pods instead, in turns.
const MOST_COMPARED: usize = 1_000_000;

/// The resource.
pub(crate) struct Pods;

impl Resource for Pods {
    const TYPE: ResourceType = PODS;
    const UNKNOWN: &'static str = "podmetrics";

    type Subject = Pod;
    type Answer<'m> = PodAnswer<'m>;

    fn starting_at(view: &View, start: Bound<PodKey>) -> impl Iterator<Item = &Arc<Pod>> + Send {
        view.pods_from(start)
    }

    fn stretches(view: &View, namespace: &str, selection: &Selection) -> Option<Vec<Stretch>> {
        let labels = selection.labels()?;
        if labels.terms().saturating_mul(view.label_set_count()) > MOST_COMPARED {
            return None;
        }
        Some(view.pod_stretches(namespace, |set| labels.matches(set)))
    }

    fn find<'v>(view: &'v View, key: &PodKey) -> Option<&'v Arc<Pod>> {
        view.pod(key)
    }

    fn key(pod: &Pod) -> PodKey {
        pod.key.clone()
    }

    fn metadata(pod: &Pod) -> Metadata<'_> {
        let PodKey { namespace, name } = &pod.key;
        Metadata { name, namespace: Some(namespace), created: pod.created, labels: &pod.labels }
    }

    fn answer<'m>(moment: &'m Moment, dialect: Dialect, pod: &'m Pod) -> Result<PodAnswer<'m>, Absence<'m>> {
        let answer = moment.pod(pod)?;
        if dialect == Dialect::Plain && answer.completeness == Completeness::Partial {
            // Too low a sum misleads an autoscaler; a pod without one it handles with care.
            return answer.absence().map_or(Ok(answer), Err);
        }
        Ok(answer)
    }

    fn revision(pod: &Pod, answer: &PodAnswer<'_>) -> u64 {
        pod.revision.max(answer.record_revision)
    }

    fn json(json: &mut Json, dialect: Dialect, answer: &PodAnswer<'_>) {
        fields::times(json, answer.time, answer.window);
        fields::freshness(json, dialect, answer.freshness);
        json.key("containers").array(|json| {
            // Consumers of metrics.k8s.io take an absent number for 0, or the whole pod for missing.
            let shown = answer.containers.iter().filter(|container| dialect == Dialect::Own || container.is_whole());
            shown.for_each(|container| json.object(|json| write_container(json, dialect, container)));
        });
    }

    fn columns(dialect: Dialect) -> &'static [Column] {
        table::pod_columns(dialect)
    }

    fn cells(json: &mut Json, dialect: Dialect, pod: &Pod, answer: &PodAnswer<'_>, moment: &Moment) {
        table::pod_cells(json, dialect, pod, answer, moment.now);
    }

    fn protobuf(object: &mut Fields, dialect: Dialect, _: &Pod, answer: &PodAnswer<'_>) {
        proto::pod(object, dialect, answer);
    }

    fn watch(call: &Call<'_>) -> Result<Response, Status> {
        watch::answer::<Self>(call)
    }
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
