//! A pod.

use serde_json::{Value, json};

use super::{condition, managed_fields};
use crate::clock::UnixMillis;
use crate::sim::{ContainerKind, Phase, Run, SimContainer, SimPod, State};

const IMAGE: &str = "registry.invalid/simulated:1";

/// The pod's object as it is at a time, bound to the node of this name.
pub fn pod(pod: &SimPod, node_name: &str, at: UnixMillis) -> Value {
    let (inits, apps): (Vec<_>, Vec<_>) =
        pod.containers.iter().partition(|container| container.kind != ContainerKind::App);
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": &*pod.key.name,
            "namespace": &*pod.key.namespace,
            "uid": pod.uid(),
            "creationTimestamp": pod.created.to_string(),
            "generateName": format!("{}-{}-", pod.workload, pod.template_hash),
            "labels": labels(pod),
            "managedFields": managed_fields("kubelet", pod.created),
        },
        "spec": {
            "nodeName": node_name,
            "restartPolicy": "Always",
            "serviceAccountName": "default",
            "initContainers": inits.iter().map(|container| spec(container)).collect::<Vec<_>>(),
            "containers": apps.iter().map(|container| spec(container)).collect::<Vec<_>>(),
        },
        "status": status(pod, &inits, &apps, at),
    })
}

/// Pods that do not last carry what no other pod does, as those of Jobs do.
fn labels(pod: &SimPod) -> Value {
    let mut labels = json!({"app": &*pod.workload, "pod-template-hash": &*pod.template_hash});
    if let Some(labels) = labels.as_object_mut().filter(|_| pod.deleted.is_some()) {
        labels.insert("controller-uid".to_owned(), json!(pod.uid()));
    }
    labels
}

fn spec(container: &SimContainer) -> Value {
    let load = &container.load;
    let mut spec = json!({
        "name": container.name.as_str(),
        "image": IMAGE,
        "resources": {
            "requests": {
                "cpu": format!("{}m", load.cpu_nanocores.div_ceil(1_000_000)),
                "memory": format!("{}Ki", load.memory_bytes / 1024),
            },
        },
        "volumeMounts": [{
            "name": "kube-api-access", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }],
    });
    if let Some(fields) = spec.as_object_mut().filter(|_| container.kind == ContainerKind::Sidecar) {
        fields.insert("restartPolicy".to_owned(), json!("Always"));
    }
    spec
}

fn status(pod: &SimPod, inits: &[&SimContainer], apps: &[&SimContainer], at: UnixMillis) -> Value {
    let phase = match pod.phase(at) {
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
    };
    let ready = apps.iter().all(|container| matches!(container.state(at), State::Running(_)));
    json!({
        "phase": phase,
        "startTime": pod.created.to_string(),
        "conditions": [
            condition("PodScheduled", true, pod.created),
            condition("Ready", ready, pod.created),
        ],
        "initContainerStatuses": inits.iter().map(|container| container_status(container, at)).collect::<Vec<_>>(),
        "containerStatuses": apps.iter().map(|container| container_status(container, at)).collect::<Vec<_>>(),
    })
}

fn container_status(container: &SimContainer, at: UnixMillis) -> Value {
    let state = container.state(at);
    let (shown, last, restarts) = match state {
        State::Waiting => (json!({"waiting": {"reason": "PodInitializing"}}), json!({}), 0),
        State::Running(run) => {
            let before = run.number.checked_sub(1).and_then(|number| container.run(number));
            let last = before.map_or_else(|| json!({}), |run| terminated(run, 1));
            (json!({"running": {"startedAt": run.start.to_string()}}), last, run.number)
        }
        State::Completed(run) => (terminated(run, 0), json!({}), run.number),
        State::BackOff(run) => {
            let waiting =
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}});
            (waiting, terminated(run, 1), run.number)
        }
    };
    json!({
        "name": container.name.as_str(),
        "image": IMAGE,
        "imageID": IMAGE,
        "ready": matches!(state, State::Running(_)),
        "started": matches!(state, State::Running(_)),
        "restartCount": restarts,
        "state": shown,
        "lastState": last,
    })
}

fn terminated(run: Run, exit_code: u8) -> Value {
    json!({"terminated": {
        "exitCode": exit_code,
        "reason": if exit_code == 0 { "Completed" } else { "Error" },
        "startedAt": run.start.to_string(),
        "finishedAt": run.end.unwrap_or(run.start).to_string(),
    }})
}
