//! Turns the world's changes into objects, as a cluster's kubelets and controllers would write them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, UnixMillis};
use crate::sim::control_plane::storage::{Key, Storage};
use crate::sim::control_plane::{objects, seed};
use crate::sim::{Change, Event, SimPod, World};

/// How late a change may be told; kubelets take longer.
const PERIOD: Duration = Duration::from_millis(250);

/// Writes what the world says.
pub(crate) struct Ticker {
    world: Arc<World>,
    storage: Arc<Storage>,
    kubelet_port: u16,
    /// Of the nodes that last, by index.
    node_names: Vec<String>,
    /// Uids of all nodes told of, by name.
    nodes: BTreeMap<String, String>,
    told: UnixMillis,
}

impl Ticker {
    /// Puts all that exists now.
    pub(crate) fn begin(world: Arc<World>, storage: Arc<Storage>, kubelet_port: u16, now: UnixMillis) -> Self {
        let namespaces: BTreeSet<_> =
            world.scenario().workloads.iter().map(|workload| Arc::clone(&workload.namespace)).collect();
        for namespace in namespaces {
            seed::plant_namespace(&storage, &namespace, world.origin());
        }
        let node_names = world.nodes().map(|node| node.name.as_str().to_owned()).collect();
        let nodes = BTreeMap::new();
        let mut ticker = Self { world, storage, kubelet_port, node_names, nodes, told: now };
        ticker.tell_nodes(now);
        for pod in ticker.world.pods(now) {
            ticker.put(&pod, now);
        }
        ticker
    }

    /// Goes on until `stop`.
    pub(crate) async fn run(mut self, clock: Clock, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.tell_until(clock.now());
        }
    }

    /// A node that comes back is another one of the same name.
    fn tell_nodes(&mut self, now: UnixMillis) {
        let key = |name: &str| Key { namespace: String::new(), name: name.to_owned() };
        let here: Vec<_> = self.world.nodes_at(now).collect();
        let uids: BTreeMap<_, _> = here.iter().map(|node| (node.name.as_str().to_owned(), node.uid())).collect();
        for (name, _) in self.nodes.iter().filter(|(name, uid)| uids.get(*name) != Some(uid)) {
            if self.storage.delete("nodes", &key(name)).is_err() {
                tracing::debug!(node = name, "left the world before it was told of");
            }
        }
        for node in here.iter().filter(|node| self.nodes.get(node.name.as_str()) != Some(&node.uid())) {
            self.storage.put("nodes", &key(node.name.as_str()), objects::node(node, self.kubelet_port, now));
        }
        self.nodes = uids;
    }

    fn tell_until(&mut self, now: UnixMillis) {
        self.tell_nodes(now);
        for Change { at, event } in self.world.changes(self.told, now) {
            match event {
                Event::PodAdded(pod) | Event::PodModified(pod) => self.put(&pod, at),
                Event::PodDeleted(pod) => {
                    if self.storage.delete("pods", &key(&pod)).is_err() {
                        tracing::debug!(pod = %pod.key, "left the world before it was told of");
                    }
                }
            }
        }
        self.told = now.max(self.told);
    }

    fn put(&self, pod: &SimPod, at: UnixMillis) {
        let node = usize::try_from(pod.node).ok().and_then(|index| self.node_names.get(index));
        let object = objects::pod(pod, node.map(String::as_str).unwrap_or_default(), at);
        self.storage.put("pods", &key(pod), object);
    }
}

fn key(pod: &SimPod) -> Key {
    Key { namespace: (*pod.key.namespace).to_owned(), name: (*pod.key.name).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Scenario;

    const NOW: UnixMillis = UnixMillis(1_795_391_071_434);

    fn names(storage: &Storage) -> BTreeSet<String> {
        storage.list("pods").1.keys().map(|key| key.name.clone()).collect()
    }

    #[test]
    fn what_is_told_is_what_the_world_holds() {
        let world = Arc::new(World::new(Scenario::demo(), NOW));
        let storage = Arc::new(Storage::default());
        let mut ticker = Ticker::begin(Arc::clone(&world), Arc::clone(&storage), 10250, NOW);
        assert_eq!(storage.list("nodes").1.len(), world.nodes_at(NOW).count());
        let before = names(&storage);
        let later = NOW + Duration::from_mins(10);
        ticker.tell_until(later);
        let expected: BTreeSet<String> = world.pods(later).map(|pod| (*pod.key.name).to_owned()).collect();
        assert_eq!(names(&storage), expected);
        assert_ne!(before, expected);
        let told: BTreeMap<_, _> =
            storage.list("nodes").1.iter().map(|(key, node)| (key.name.clone(), node.value())).collect();
        let here: BTreeMap<_, _> = world.nodes_at(later).map(|node| (node.name.to_string(), node.uid())).collect();
        assert!(
            told.iter()
                .map(|(name, node)| (name, node["metadata"]["uid"].as_str()))
                .eq(here.iter().map(|(name, uid)| (name, Some(uid.as_str()))))
        );
    }

    #[test]
    fn a_told_pod_shows_its_state_of_that_time() {
        let world = Arc::new(World::new(Scenario::demo(), NOW));
        let storage = Arc::new(Storage::default());
        let mut ticker = Ticker::begin(Arc::clone(&world), Arc::clone(&storage), 10250, NOW);
        let later = NOW + Duration::from_secs(100);
        ticker.tell_until(later);
        for pod in world.pods(later) {
            let told = storage.find("pods", &key(&pod)).unwrap().value();
            let mut expected = objects::pod(&pod, &format!("node-{}", pod.node), later);
            expected["metadata"]["resourceVersion"] = told["metadata"]["resourceVersion"].clone();
            assert_eq!(told, expected);
        }
    }
}
