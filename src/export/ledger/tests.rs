use super::*;
use crate::cluster::{ContainerState, Phase};
use crate::export::world::{World, at, pod, told};

#[test]
fn each_sample_is_handed_over_once() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x", "y"])]);
    let mut ledger = Ledger::default();
    assert_eq!(told(&world.look(&mut ledger)), [""; 0]);
    world.scrape("n", 10, &["a/x", "a/y"]);
    assert_eq!(told(&world.look(&mut ledger)), ["n@10", "n/a/x@10", "n/a/y@10"], "the pod has no rate yet");
    assert_eq!(told(&world.look(&mut ledger)), [""; 0]);
    world.scrape("n", 25, &["a/x", "a/y"]);
    let points = world.look(&mut ledger);
    assert_eq!(told(&points), ["n@25", "n/a@25", "n/a/x@25", "n/a/y@25"]);
    let level = points[1].level.unwrap();
    assert_eq!((level.cpu.unwrap().0, level.memory.0, level.cpu_ns), (100_000_000, 2 << 20, None), "the sum");
    assert_eq!(points[2].level.unwrap().cpu_ns, Some(1_750_000_000));
    world.scrape("n", 25, &["a/x", "a/y"]);
    assert_eq!(told(&world.look(&mut ledger)), [""; 0], "the kubelet had nothing newer");
}

#[test]
fn what_is_gone_ends_once_and_comes_back_only_later() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x"])]);
    let mut ledger = Ledger::default();
    world.scrape("n", 10, &["a/x"]);
    world.scrape("n", 25, &["a/x"]);
    world.look(&mut ledger);
    let here = world.cluster.view().pods().next().unwrap().as_ref().clone();
    world.cluster.delete::<crate::cluster::Pod>(&here.key);
    assert_eq!(told(&world.look(&mut ledger)), ["n/a ends@25001", "n/a/x ends@25001"]);
    assert_eq!(told(&world.look(&mut ledger)), [""; 0]);

    world.cluster.apply(here);
    assert_eq!(told(&world.look(&mut ledger)), [""; 0], "its last sample was told before the end");
    world.scrape("n", 40, &["a/x"]);
    assert_eq!(told(&world.look(&mut ledger)), ["n@40", "n/a@40", "n/a/x@40"]);
}

#[test]
fn a_pod_of_the_same_name_goes_on_in_the_graph() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x"])]);
    let mut ledger = Ledger::default();
    world.scrape("n", 10, &["a/x"]);
    world.scrape("n", 25, &["a/x"]);
    world.look(&mut ledger);
    let mut other = pod("a", "n", &["x"]);
    other.uid = Uid::parse("another");
    world.cluster.apply(other);
    world.scrape("n", 40, &["a/x"]);
    let points = world.look(&mut ledger);
    assert_eq!(told(&points), ["n@40", "n/a ends@25001", "n/a/x@40"], "one sample of it makes no rate");
    assert_eq!(points[2].uid, Uid::parse("another"));
}

#[test]
fn a_node_that_left_takes_its_pods_along() {
    let world = World::with(&["m", "n"], vec![pod("a", "n", &["x"])]);
    let mut ledger = Ledger::default();
    world.scrape("n", 10, &["a/x"]);
    world.scrape("m", 10, &[]);
    world.look(&mut ledger);
    world.cluster.delete::<crate::cluster::Node>(&"n".into());
    assert_eq!(told(&world.look(&mut ledger)), ["n ends@10001", "n/a/x ends@10001"]);
    world.store.forget(&"n".into());
    assert_eq!(told(&world.look(&mut ledger)), [""; 0]);
    world.hand.set(at(1000));
    assert_eq!(told(&world.look(&mut ledger)), ["m ends@10001"], "a sample that old is not served either");
    world.hand.set(at(2000));
    world.look(&mut ledger);
    assert!(ledger.nodes.is_empty(), "what has ended is forgotten in time: {ledger:?}");
}

#[test]
fn a_container_that_ended_is_told_no_more() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x", "y"])]);
    let mut ledger = Ledger::default();
    world.scrape("n", 10, &["a/x", "a/y"]);
    world.scrape("n", 25, &["a/x", "a/y"]);
    world.look(&mut ledger);
    let mut ended = pod("a", "n", &["x", "y"]);
    let mut containers = ended.containers.to_vec();
    containers[1].state = ContainerState::Ended(at(30));
    ended.containers = containers.into();
    world.cluster.apply(ended.clone());
    assert_eq!(told(&world.look(&mut ledger)), ["n/a/y ends@25001"]);
    world.scrape("n", 40, &["a/x"]);
    assert_eq!(told(&world.look(&mut ledger)), ["n@40", "n/a@40", "n/a/x@40"], "the pod is what still runs");
    ended.phase = Phase::Finished;
    world.cluster.apply(ended);
    assert_eq!(told(&world.look(&mut ledger)), ["n/a ends@40001", "n/a/x ends@40001"]);
}

#[test]
fn a_part_of_a_pod_is_no_sum() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x", "y"])]);
    let mut ledger = Ledger::default();
    world.scrape("n", 10, &["a/x"]);
    world.scrape("n", 25, &["a/x"]);
    assert_eq!(told(&world.look(&mut ledger)), ["n@25", "n/a/x@25"]);
}

#[test]
fn a_container_that_is_not_in_the_pods_spec_is_not_told() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x"])]);
    world.scrape("n", 10, &["a/init", "a/x"]);
    assert_eq!(told(&world.look(&mut Ledger::default())), ["n@10", "n/a/x@10"]);
}

#[test]
fn what_is_remembered_and_what_waits_is_as_small_as_documented() {
    assert!(size_of::<Entry>() <= 112, "{}", size_of::<Entry>());
    assert!(size_of::<Point>() <= 160, "three samples of a container, two of a pod: {}", size_of::<Point>());
}
