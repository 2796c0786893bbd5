use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::clock::UnixMillis;
use crate::sim::scenario::{ContainerKind, Scenario};

const ORIGIN: UnixMillis = UnixMillis(1_795_391_000_000);

fn demo() -> World {
    World::new(Scenario::demo(), ORIGIN)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Every `step` of a span after the origin.
fn moments(step: Duration, span: Duration) -> impl Iterator<Item = UnixMillis> {
    let step = i64::try_from(step.as_millis()).unwrap();
    (0..i64::try_from(span.as_millis()).unwrap() / step).map(move |count| UnixMillis(ORIGIN.0 + count * step))
}

/// Pods by name, with the states of their containers.
fn states(world: &World, at: UnixMillis) -> BTreeMap<String, (Phase, Vec<State>)> {
    let state = |pod: SimPod| (pod.phase(at), pod.containers.iter().map(|container| container.state(at)).collect());
    world.pods(at).map(|pod| (pod.key.to_string(), state(pod))).collect()
}

#[test]
fn the_same_scenario_and_origin_make_the_same_world() {
    let at = ORIGIN + seconds(12_345);
    assert!(demo().pods(at).eq(demo().pods(at)));
    assert!(demo().nodes().eq(demo().nodes()));
    let other = World::new(Scenario { seed: 2, ..Scenario::demo() }, ORIGIN);
    assert!(demo().pods(at).ne(other.pods(at)));
}

#[test]
fn names_uids_and_addresses_are_unique_in_a_large_cluster() {
    let world = World::new(Scenario::bench(5000, 30, 2), ORIGIN);
    let pods: BTreeSet<_> = world.pods(ORIGIN).map(|pod| (pod.key.clone(), pod.uid())).collect();
    let names: BTreeSet<_> = pods.iter().map(|(key, _)| key).collect();
    let uids: BTreeSet<_> = pods.iter().map(|(_, uid)| uid).collect();
    assert_eq!((names.len(), uids.len()), (150_000, 150_000));
    let addresses: BTreeSet<_> = world.nodes().map(|node| node.address).collect();
    assert_eq!(addresses.len(), 5000);
}

#[test]
fn every_node_has_a_loopback_address_of_its_own_and_is_found_by_it() {
    let world = World::new(Scenario { nodes: 62_502, passing_nodes: 0, ..Scenario::demo() }, ORIGIN);
    for index in [0, 1, 249, 250, 62_499, 62_500, 62_501] {
        let address = SimNode::address_of(index);
        assert_eq!(world.node_at(address, ORIGIN).map(|node| node.index), Some(index), "{address}");
    }
    assert_eq!(SimNode::address_of(62_501), Ipv4Addr::new(127, 2, 0, 2));
    for foreign in [[127, 0, 0, 1], [127, 1, 0, 0], [127, 1, 250, 1], [127, 1, 0, 255], [127, 2, 0, 3], [10, 1, 0, 1]] {
        assert_eq!(world.node_at(Ipv4Addr::from(foreign), ORIGIN), None, "{foreign:?}");
    }
}

#[test]
fn passing_nodes_come_and_go_and_come_back_as_new_machines() {
    let world = demo();
    let lasting = world.nodes().count();
    let seen: Vec<Vec<SimNode>> =
        (0..300).map(|second| world.nodes_at(ORIGIN + Duration::from_secs(second)).skip(lasting).collect()).collect();
    let lives: BTreeSet<String> = seen.iter().flatten().map(SimNode::uid).collect();
    assert!(lives.len() > 2 && seen.iter().any(Vec::is_empty), "{lives:?}");
    let names: BTreeSet<&str> = seen.iter().flatten().map(|node| node.name.as_str()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["node-6"]);
    for (second, nodes) in (0..).zip(&seen) {
        let at = ORIGIN + Duration::from_secs(second);
        assert_eq!(world.node_at(SimNode::address_of(6), at).as_ref(), nodes.first(), "its kubelet is there with it");
        assert!(nodes.iter().all(|node| node.booted <= at && world.pods_of_node(node.index, at).next().is_none()));
    }
}

#[test]
fn every_second_passing_node_has_a_new_name_each_time() {
    let world = World::new(Scenario { passing_nodes: 2, ..Scenario::demo() }, ORIGIN);
    let mut names: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let mut lives: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for second in 0..300 {
        for node in world.nodes_at(ORIGIN + Duration::from_secs(second)).skip(world.nodes().count()) {
            names.entry(node.index).or_default().insert(node.name.to_string());
            lives.entry(node.index).or_default().insert(node.uid());
        }
    }
    assert_eq!(names[&6].len(), 1);
    assert!(lives[&7].len() > 2 && names[&7].len() == lives[&7].len(), "{names:?}");
}

#[test]
fn changes_lead_from_one_moment_to_any_later_one() {
    let world = demo();
    let mut at = ORIGIN;
    let mut known = states(&world, at);
    for step in [1, 40, 300, 7, 900, 2500, 61_000, 1, 600_000] {
        let to = at + Duration::from_millis(step);
        let mut last = at;
        for change in world.changes(at, to) {
            assert!(last <= change.at && at < change.at && change.at <= to);
            last = change.at;
            let (pod, name) = (change.event.pod(), change.event.pod().key.to_string());
            let state =
                (pod.phase(last), pod.containers.iter().map(|container| container.state(last)).collect::<Vec<_>>());
            match &change.event {
                Event::PodAdded(_) => assert_eq!(known.insert(name, state), None),
                Event::PodModified(_) => assert_ne!(known.insert(name, state.clone()), Some(state)),
                Event::PodDeleted(_) => assert!(known.remove(&name).is_some()),
            }
        }
        at = to;
        assert_eq!(known, states(&world, at), "after {step} ms");
    }
}

#[test]
fn pods_with_a_lifetime_live_inside_its_bounds_without_gaps() {
    let world = demo();
    let lifetime = world.scenario().workloads.iter().find_map(|workload| workload.lifetime).unwrap();
    let added: Vec<_> = world
        .changes(ORIGIN, ORIGIN + seconds(3600))
        .filter_map(|change| match change.event {
            Event::PodAdded(pod) => Some(pod),
            Event::PodModified(_) | Event::PodDeleted(_) => None,
        })
        .collect();
    assert!(added.len() > 6 * 20);
    for pod in added {
        let life = pod.deleted.unwrap().since(pod.created);
        assert!((lifetime.shortest..=lifetime.longest).contains(&life), "{life:?}");
        let just_before = UnixMillis(pod.deleted.unwrap().0 - 1);
        assert!(world.pods_of_node(pod.node, just_before).any(|other| other == pod));
        assert_eq!(world.pods_of_node(pod.node, pod.deleted.unwrap()).count(), 12);
    }
}

#[test]
fn a_restarting_container_runs_and_backs_off_in_turn() {
    let pod = demo().pods(ORIGIN).find(|pod| &*pod.workload == "fragile").unwrap();
    let container = &pod.containers[0];
    let mut seen = BTreeSet::new();
    for at in moments(Duration::from_millis(500), seconds(600)) {
        match container.state(at) {
            State::Running(run) => {
                assert!(run.start <= at && at < run.end.unwrap());
                seen.insert((run.number, "running"));
            }
            State::BackOff(run) => {
                assert!(run.end.unwrap() <= at && at < container.run(run.number + 1).unwrap().start);
                seen.insert((run.number, "back-off"));
            }
            other => unreachable!("{other:?}"),
        }
    }
    assert!(seen.len() > 16, "{seen:?}");
}

#[test]
fn a_new_pod_starts_its_containers_one_after_the_other() {
    let world = demo();
    let change = world.changes(ORIGIN, ORIGIN + seconds(300)).find(|change| matches!(change.event, Event::PodAdded(_)));
    let pod = change.unwrap().event.pod().clone();
    assert_eq!(pod.phase(pod.created), Phase::Pending);
    let (setup, worker) = (&pod.containers[0], &pod.containers[1]);
    assert_eq!((setup.kind, worker.kind), (ContainerKind::Init, ContainerKind::App));
    assert!(pod.created < pod.sandbox_start() && pod.sandbox_start() < setup.first_start);
    assert!(setup.run(0).unwrap().end.unwrap() < worker.first_start);
    assert!(matches!(setup.state(worker.first_start), State::Completed(_)));
    assert_eq!(pod.phase(worker.first_start), Phase::Running);
    let finished = world.pods(ORIGIN).find(|pod| &*pod.workload == "migration").unwrap();
    assert_eq!(finished.phase(ORIGIN), Phase::Succeeded);
}

#[test]
fn readings_go_forward_and_keep_their_distance() {
    let world = demo();
    let pods: Vec<_> = world.pods(ORIGIN).filter(|pod| pod.node == 0).collect();
    for container in pods.iter().flat_map(|pod| &pod.containers) {
        let mut last: Option<SimReading> = None;
        for reading in moments(Duration::from_millis(250), seconds(300)).filter_map(|at| container.reading(at)) {
            let Some(before) = last.replace(reading).filter(|before| before.start == reading.start) else { continue };
            let step = reading.time.since(before.time);
            assert!(before.time <= reading.time && before.cpu_ns <= reading.cpu_ns);
            assert!(reading.live || step <= seconds(15) && (step.is_zero() || before.live || step >= seconds(5)));
        }
    }
}

#[test]
fn a_young_container_is_answered_live() {
    let world = demo();
    let pod = world.changes(ORIGIN, ORIGIN + seconds(300)).find_map(|change| match change.event {
        Event::PodAdded(pod) => Some(pod),
        Event::PodModified(_) | Event::PodDeleted(_) => None,
    });
    let pod = pod.unwrap();
    let (worker, start) = (&pod.containers[1], pod.containers[1].first_start);
    let young = worker.reading(start + Duration::from_millis(6999)).unwrap();
    assert!(young.live && young.time == start + Duration::from_millis(6999) && young.rate.is_some());
    assert_eq!(worker.reading(start).unwrap().rate, None);
    let old = worker.reading(start + seconds(16)).unwrap();
    assert!(!old.live && old.time >= start + seconds(7));
    let zero = pod.reading(start).unwrap();
    assert_eq!((zero.cpu_ns, zero.memory_bytes, zero.time), (0, 0, pod.sandbox_start()));
    assert_eq!(pod.reading(pod.created), None);
    assert!(pod.reading(start + seconds(30)).unwrap().cpu_ns > 28_000_000);
}

#[test]
fn bounds_hold_what_two_readings_tell_and_nothing_else() {
    let pod = demo().pods(ORIGIN).find(|pod| &*pod.workload == "api").unwrap();
    let container = pod.containers.last().unwrap();
    let (first, second) = (container.reading(ORIGIN).unwrap(), container.reading(ORIGIN + seconds(60)).unwrap());
    let window = second.time.since(first.time);
    let rate = u64::try_from(u128::from(second.cpu_ns - first.cpu_ns) * 1000 / window.as_millis()).unwrap();
    let told = UnixMillis(second.time.0.div_euclid(1000) * 1000);
    let bounds = container.bounds(told, Basis::Window(window)).unwrap();
    assert!(bounds.cpu_nanocores.contains(&rate) && !bounds.cpu_nanocores.contains(&(rate + 100_000)));
    assert!(bounds.memory_bytes.contains(&second.memory_bytes));
    let own = container.bounds(told, Basis::KubeletRate).unwrap();
    assert!(own.cpu_nanocores.contains(&second.rate.unwrap()));
    assert_eq!(container.bounds(told + seconds(2), Basis::KubeletRate), None);
    assert_eq!(container.bounds(told, Basis::Window(seconds(10 * 365 * 24 * 3600))), None);
}

#[test]
fn a_workload_that_ends_loses_all_its_pods_at_once() {
    let mut scenario = Scenario::bench(3, 4, 1);
    let end = Duration::from_secs(30);
    scenario.workloads[0].ends = Some(end);
    let world = World::new(scenario, ORIGIN);
    let before = ORIGIN + end - Duration::from_millis(1);
    assert_eq!((world.pods(before).count(), world.pods(ORIGIN + end).count()), (12, 0));
    assert_eq!(world.changes(before, ORIGIN + end).count(), 12);
    assert_eq!(world.changes(ORIGIN + end, ORIGIN + end * 2).count(), 0);
}
