//! The index without an API server.

use super::*;
use crate::clock::UnixMillis;
use crate::cluster::{Container, ContainerState, Labels, Phase};
use crate::usage::Uid;

pub(super) fn pod(namespace: &str, name: &str, uid: &str, states: &[ContainerState]) -> Pod {
    Pod {
        key: PodKey::new(namespace, name),
        uid: Uid::parse(uid),
        labels: Labels::default(),
        created: UnixMillis(0),
        revision: 0,
        node: Some("node-1".into()),
        phase: Phase::Running,
        containers: states.iter().map(|state| Container { name: "c".into(), state: *state }).collect(),
    }
}

fn running(second: i64) -> ContainerState {
    ContainerState::Running(UnixMillis(second * 1000))
}

fn names(view: &View) -> Vec<String> {
    view.pods().map(|pod| pod.key.to_string()).collect()
}

#[test]
fn a_view_never_changes_and_the_next_one_does() {
    let cluster = Cluster::default();
    cluster.apply(pod("b", "x", "1", &[]));
    let before = cluster.view();
    cluster.apply(pod("a", "y", "2", &[]));
    cluster.delete::<Pod>(&PodKey::new("b", "x"));
    assert_eq!(names(&before), ["b/x"]);
    assert_eq!(names(&cluster.view()), ["a/y"]);
    assert!(cluster.view().revision() > before.revision());
}

#[test]
fn a_namespace_is_listed_alone() {
    let pods = [("a", "z"), ("ab", "a"), ("a", "b"), ("b", "a")];
    let cluster = Cluster::with(vec![], pods.iter().map(|(ns, name)| pod(ns, name, "u", &[])).collect());
    let in_a: Vec<String> = cluster.view().pods_in("a").map(|pod| pod.key.to_string()).collect();
    assert_eq!(in_a, ["a/b", "a/z"]);
    assert_eq!(cluster.view().pods_in("c").count(), 0);
}

#[test]
fn a_pod_is_found_by_borrowed_names() {
    let cluster = Cluster::with(vec![], ["x", "y"].map(|name| pod("a", name, "u", &[])).into());
    let view = cluster.view();
    assert_eq!(view.pod_named("a", "y").map(|pod| pod.key.to_string()).as_deref(), Some("a/y"));
    assert!(view.pod_named("a", "z").is_none() && view.pod_named("", "ay").is_none());
}

#[test]
fn a_view_is_complete_when_both_resources_were_listed() {
    let cluster = Cluster::default();
    cluster.apply(pod("a", "x", "1", &[]));
    cluster.replace::<Pod>(vec![]);
    assert!(!cluster.view().is_complete());
    cluster.replace::<Node>(vec![]);
    assert!(cluster.view().is_complete());
}

#[test]
fn an_unchanged_object_publishes_nothing() {
    let cluster = Cluster::default();
    cluster.apply(pod("a", "x", "1", &[running(1)]));
    let before = cluster.view();
    cluster.apply(pod("a", "x", "1", &[running(1)]));
    assert_eq!(cluster.view().revision(), before.revision());
}

#[test]
fn a_changed_pod_keeps_the_copy_of_its_name() {
    let cluster = Cluster::default();
    cluster.apply(pod("a", "x", "1", &[running(1)]));
    cluster.apply(pod("a", "x", "1", &[running(2)]));
    let view = cluster.view();
    let (key, held) = view.pods.get_key_value(&PodKey::new("a", "x")).unwrap();
    assert!(Arc::ptr_eq(&key.name, &held.key.name));
    assert_eq!(held.containers[0].state, running(2));
}

#[test]
fn a_replacement_is_whole() {
    let cluster = Cluster::with(vec![], vec![pod("a", "gone", "1", &[]), pod("a", "kept", "2", &[])]);
    let kept = Arc::clone(cluster.view().pod(&PodKey::new("a", "kept")).unwrap());
    let relisted = cluster.share(pod("a", "kept", "2", &[]));
    assert!(Arc::ptr_eq(&kept, &relisted), "what did not change is not held twice");
    cluster.replace(vec![relisted, Arc::new(pod("a", "new", "3", &[]))]);
    assert_eq!(names(&cluster.view()), ["a/kept", "a/new"]);
}

#[test]
fn a_container_that_begins_to_run_names_its_node() {
    let cluster = Cluster::default();
    let mut starts = cluster.subscribe_starts();
    let ended = ContainerState::Ended(UnixMillis(5000));
    cluster.apply(pod("a", "x", "1", &[ContainerState::Unknown]));
    cluster.apply(pod("a", "x", "1", &[running(1)]));
    assert_eq!(starts.try_recv().unwrap().as_str(), "node-1");
    cluster.apply(pod("a", "x", "1", &[ended]));
    assert!(starts.try_recv().is_err(), "an end is no start");
    cluster.apply(pod("a", "x", "1", &[running(7)]));
    assert!(starts.try_recv().is_ok(), "a restart is a start");
    cluster.apply(pod("a", "x", "2", &[running(7)]));
    assert!(starts.try_recv().is_ok(), "another pod of the same name starts anew");
}

#[test]
fn a_pod_fits_in_200_bytes() {
    assert!(size_of::<Pod>() <= 200, "{}", size_of::<Pod>());
    assert!(size_of::<Container>() <= 32, "{}", size_of::<Container>());
}

#[test]
fn a_reader_goes_on_after_where_it_stopped() {
    let cluster =
        Cluster::with(vec![], vec![pod("a", "x", "1", &[]), pod("a", "y", "2", &[]), pod("b", "a", "3", &[])]);
    let view = cluster.view();
    let from = |start: Bound<PodKey>| view.pods_from(start).map(|pod| pod.key.to_string()).collect::<Vec<_>>();
    assert_eq!(from(Bound::Unbounded), ["a/x", "a/y", "b/a"]);
    assert_eq!(from(Bound::Excluded(PodKey::new("a", "x"))), ["a/y", "b/a"]);
    assert_eq!(from(Bound::Included(PodKey::new("a", "y"))), ["a/y", "b/a"]);
    assert_eq!(from(Bound::Excluded(PodKey::new("a", "xx"))), ["a/y", "b/a"], "the row itself may be gone");
    assert_eq!(from(Bound::Excluded(PodKey::new("c", ""))), [""; 0]);
}
