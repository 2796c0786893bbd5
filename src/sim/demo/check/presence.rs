//! Which pods and containers have to be served, and which may be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::sim::{ContainerKind, SimContainer, SimPod, World};

use super::reasons::is_served;

/// What has changed within this time may not be known yet: the watch tells it, the kubelet is asked
/// when the container is a second old, and no more often than each second.
const GRACE: Duration = Duration::from_secs(6);

/// What an answer between two moments has to hold.
#[derive(Debug)]
pub(super) struct Presence {
    /// Pods that have to be served, with the containers that have to be in them.
    pub(super) wanted: BTreeMap<String, BTreeSet<String>>,
    /// Every pod that may be.
    pub(super) possible: BTreeMap<String, SimPod>,
}

impl Presence {
    /// Of an answer that was asked for at `from` and there at `to`.
    pub(super) fn between(world: &World, from: UnixMillis, to: UnixMillis) -> Self {
        let before = from - GRACE;
        let possible: BTreeMap<String, SimPod> = world
            .pods(before)
            .chain(world.pods(to))
            .filter(|pod| is_served(world, pod.node))
            .map(|pod| (pod.key.to_string(), pod))
            .collect();
        let is_there = |pod: &&SimPod| pod.created <= before && pod.deleted.is_none_or(|deleted| deleted > to);
        let wanted = possible.values().filter(is_there).filter_map(|pod| {
            let mut running = BTreeSet::new();
            for container in counted(pod) {
                if runs_all_the_time(container, before, to)? {
                    running.insert(container.name.to_string());
                }
            }
            (!running.is_empty()).then(|| (pod.key.to_string(), running))
        });
        Self { wanted: wanted.collect(), possible }
    }
}

/// The containers whose usage is a pod's.
pub(super) fn counted(pod: &SimPod) -> impl Iterator<Item = &SimContainer> {
    pod.containers.iter().filter(|container| container.kind != ContainerKind::Init)
}

/// Whether it runs or stands still all the time; `None` if that changes.
fn runs_all_the_time(container: &SimContainer, from: UnixMillis, to: UnixMillis) -> Option<bool> {
    match (container.run_at(from), container.run_at(to)) {
        (Some(before), Some(after)) if before.number == after.number => Some(true),
        (None, None) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Fault, Scenario};

    const NOW: UnixMillis = UnixMillis(1_795_391_071_434);

    #[test]
    fn steady_pods_of_well_nodes_are_wanted() {
        let world = World::new(Scenario::demo().with_fault(1, Fault::Hang), NOW);
        let presence = Presence::between(&world, NOW, NOW + Duration::from_secs(1));
        assert!(presence.wanted.len() >= 5 * 9, "{}", presence.wanted.len());
        assert!(presence.possible.values().all(|pod| pod.node != 1));
        let web = presence.wanted.iter().find(|(name, _)| name.starts_with("shop/web")).unwrap();
        assert_eq!(web.1.iter().collect::<Vec<_>>(), ["proxy", "web"]);
        assert!(!presence.wanted.keys().any(|name| name.starts_with("jobs/migration")));
    }
}
