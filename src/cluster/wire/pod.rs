//! Pods on the wire.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

use crate::cluster::intern::Interner;
use crate::cluster::wire::{Wire, metadata, millis, nullable};
use crate::cluster::{Container, ContainerState, Phase, Pod};
use crate::usage::{ContainerName, PodKey, Uid};

/// A `v1.Pod`, only the fields in use.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cluster) struct SlimPod {
    #[serde(deserialize_with = "metadata")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "nullable")]
    spec: Spec,
    #[serde(default, deserialize_with = "nullable")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    init_containers: Vec<SpecContainer>,
    #[serde(deserialize_with = "nullable")]
    containers: Vec<SpecContainer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecContainer {
    name: String,
    restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    #[serde(deserialize_with = "nullable")]
    init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable")]
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    state: State,
    #[serde(default, deserialize_with = "nullable")]
    last_state: State,
}

/// At most one of them is set; neither means waiting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Running {
    started_at: Option<Time>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    finished_at: Option<Time>,
}

impl Resource for SlimPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Wire for SlimPod {
    type Object = Pod;

    fn into_object(self, interner: &mut Interner) -> Option<Pod> {
        let Self { metadata, spec, status } = self;
        Some(Pod {
            key: PodKey { namespace: interner.text(&metadata.namespace?), name: Arc::from(metadata.name?) },
            uid: Uid::parse(metadata.uid.as_deref().unwrap_or_default()),
            labels: interner.labels(&metadata.labels.unwrap_or_default()),
            created: metadata.creation_timestamp.as_ref().map(millis).unwrap_or_default(),
            revision: 0,
            node: spec.node_name.as_deref().filter(|name| !name.is_empty()).map(|name| interner.text(name).into()),
            phase: phase(status.phase.as_deref()),
            containers: containers(&spec, &status, interner),
        })
    }
}

fn phase(told: Option<&str>) -> Phase {
    match told {
        Some("Running") => Phase::Running,
        Some("Succeeded" | "Failed") => Phase::Finished,
        _ => Phase::Pending,
    }
}

fn containers(spec: &Spec, status: &Status, interner: &mut Interner) -> Arc<[Container]> {
    let sidecars = spec.init_containers.iter().filter(|init| init.restart_policy.as_deref() == Some("Always"));
    let sidecars = sidecars.map(|container| (container, &status.init_container_statuses));
    let apps = spec.containers.iter().map(|container| (container, &status.container_statuses));
    sidecars
        .chain(apps)
        .map(|(container, statuses)| Container {
            name: ContainerName::from(interner.text(&container.name)),
            state: statuses.iter().find(|told| told.name == container.name).map_or(ContainerState::Unknown, state),
        })
        .collect()
}

fn state(told: &ContainerStatus) -> ContainerState {
    let ended = |state: &State| state.terminated.as_ref()?.finished_at.as_ref().map(millis);
    if let Some(running) = &told.state.running {
        return running
            .started_at
            .as_ref()
            .map_or(ContainerState::Unknown, |time| ContainerState::Running(millis(time)));
    }
    ended(&told.state).or_else(|| ended(&told.last_state)).map_or(ContainerState::Unknown, ContainerState::Ended)
}
