//! The simulated nodes and pods, as objects of the real API server; their kubelets are real TLS
//! servers in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube_vitals::clock::Clock;
use kube_vitals::sim::control_plane::{node_object, pod_object};
use kube_vitals::sim::{Course, Faults, Fleet, Phase, Scenario, SimPod, World};
use serde_json::{Value, json};

use crate::api::Api;

const NODES: u32 = 4;

/// A cluster that does not change, since no kubelet would tell the API server that it did.
pub(crate) fn scenario() -> Scenario {
    let mut scenario = Scenario { nodes: NODES, ..Scenario::demo() };
    scenario.workloads.retain(|workload| {
        let restarts = |course| matches!(course, Course::Restarting { .. });
        workload.lifetime.is_none() && !workload.containers.iter().any(|container| restarts(container.course))
    });
    scenario
}

/// Running kubelets and what they stand for.
pub(crate) struct SimulatedNodes {
    pub(crate) world: Arc<World>,
    pub(crate) fleet: Fleet,
    pub(crate) authority: PathBuf,
}

impl SimulatedNodes {
    /// Starts the kubelets; they let in who comes with `token`. Their authority is written to a
    /// file beside `other_authority_pem`.
    pub(crate) fn start(folder: &Path, token: String, other_authority_pem: &str) -> Result<Self, String> {
        let clock = Clock::system();
        let world = Arc::new(World::new(scenario(), clock.now()));
        let faults = Arc::new(Faults::new(world.scenario().faults.clone()));
        let fleet = Fleet::start(Arc::clone(&world), faults, clock, vec![token]).map_err(|e| e.to_string())?;
        let authority = folder.join("kubelets.pem");
        let both = format!("{}{other_authority_pem}", fleet.authority_pem());
        std::fs::write(&authority, both).map_err(|error| error.to_string())?;
        Ok(Self { world, fleet, authority })
    }

    /// The pods that run; one that has finished is not served.
    pub(crate) fn running(&self) -> impl Iterator<Item = SimPod> {
        let now = Clock::system().now();
        self.world.pods(now).filter(move |pod| pod.phase(now) == Phase::Running)
    }

    /// Creates every node and pod in the API server, status included.
    pub(crate) async fn create(&self, api: &Api) -> Result<(), String> {
        let now = Clock::system().now();
        for node in self.world.nodes() {
            let object = node_object(&node, self.fleet.port(), now);
            create(api, "/api/v1/nodes", object).await?;
        }
        let names: Vec<_> = self.world.nodes().map(|node| node.name).collect();
        let mut namespaces: Vec<String> = self.world.pods(now).map(|pod| pod.key.namespace.to_string()).collect();
        namespaces.sort();
        namespaces.dedup();
        for name in &namespaces {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            // `default` is there already.
            let _ = api.post("/api/v1/namespaces", &namespace).await;
        }
        for pod in self.world.pods(now) {
            let node = names.get(pod.node as usize).ok_or("a pod on a node that is not there")?;
            let object = pod_object(&pod, node.as_str(), now);
            create(api, &format!("/api/v1/namespaces/{}/pods", pod.key.namespace), object).await?;
        }
        Ok(())
    }
}

/// Creates an object, then sets its status, as two writers of a real cluster would.
async fn create(api: &Api, path: &str, mut object: Value) -> Result<(), String> {
    let metadata = object["metadata"].as_object_mut().ok_or("no metadata")?;
    for field in ["managedFields", "uid", "creationTimestamp", "generateName"] {
        metadata.remove(field);
    }
    let name = metadata["name"].as_str().unwrap_or_default().to_owned();
    for kind in ["containers", "initContainers"] {
        for container in object["spec"][kind].as_array_mut().into_iter().flatten() {
            // A volume that no controller has added here.
            container.as_object_mut().map(|fields| fields.remove("volumeMounts"));
        }
    }
    let status = json!({"status": object["status"].take()});
    api.post(path, &object).await?;
    api.patch(&format!("{path}/{name}/status"), &status).await
}
