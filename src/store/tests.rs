//! What the store keeps, carries over, drops and publishes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::UnixMillis;
use crate::revision::Revisions;
use crate::usage::{
    Batch, ContainerName, Failure, NodeName, PodKey, Reading, Rejected, Row, Run, Scrape, Source, Uid, Usage,
};

const MAX_AGE: Duration = Duration::from_mins(2);
/// When containers started, in seconds: long ago, so that no first sample makes a rate.
const START: f64 = -3600.0;

fn at(seconds: f64) -> UnixMillis {
    let start = UnixMillis(1_795_391_000_000);
    start + Duration::from_secs_f64(seconds - START)
}

fn scrape(seconds: f64) -> Scrape {
    Scrape {
        started: at(seconds),
        duration: Duration::from_millis(20),
        body_bytes: 7500,
        address: "192.0.2.1:10250".into(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    }
}

fn failed(seconds: f64, failure: Failure) -> Scrape {
    Scrape { outcome: Err(failure), ..scrape(seconds) }
}

/// A container of pod `pod`, named by `container`, with `cpu_millis` used since its start.
fn row<'a>(pod: &'a str, container: &'a str, seconds: f64, cpu_millis: u64) -> Row<'a> {
    Row { namespace: "work", pod, container, reading: reading(seconds, cpu_millis) }
}

fn reading(seconds: f64, cpu_millis: u64) -> Reading {
    Reading {
        cpu_time: Some(at(seconds)),
        cpu_ns: Some(cpu_millis * 1_000_000),
        memory_time: Some(at(seconds)),
        memory_bytes: Some(4096),
        start: Some(at(START)),
        kubelet_rate: None,
    }
}

/// A store of one node, and the pods that exist.
struct Fixture {
    store: Store,
    node: NodeName,
    pods: HashMap<(String, String), (PodKey, Uid)>,
}

impl Fixture {
    fn with_pods(names: &[&str]) -> Self {
        let mut fixture =
            Self { store: Store::new(Revisions::after(99)), node: NodeName::from("n1"), pods: HashMap::new() };
        for name in names {
            fixture.create(name, name);
        }
        fixture
    }

    fn create(&mut self, name: &str, uid: &str) {
        let pod = (PodKey::new("work", name), Uid::parse(uid));
        self.pods.insert(("work".to_owned(), name.to_owned()), pod);
    }

    fn scrape(&self, seconds: f64, rows: Vec<Row<'_>>) -> Merged {
        self.batch(seconds, &Batch { rows, ..Batch::default() })
    }

    fn batch(&self, seconds: f64, batch: &Batch<'_>) -> Merged {
        let pod = |namespace: &str, name: &str| self.pods.get(&(namespace.to_owned(), name.to_owned())).cloned();
        let rules = Merge { pod: &pod, oldest: at(seconds) - MAX_AGE };
        self.store.record(&self.node, Some(batch), scrape(seconds), &rules)
    }

    /// The same of a node whose clock was set a moment ago.
    fn clock_was_set(&self, seconds: f64, rows: Vec<Row<'_>>) -> Merged {
        self.batch(seconds, &Batch { rows, clock_was_set: true, ..Batch::default() })
    }

    fn fail(&self, seconds: f64, failure: Failure) {
        let rules = Merge { pod: &|_, _| None, oldest: at(seconds) - MAX_AGE };
        self.store.record(&self.node, None, failed(seconds, failure), &rules);
    }

    fn record(&self) -> NodeRecord {
        self.store.snapshot().node(&self.node).unwrap().clone()
    }

    /// `pod/container` of everything remembered.
    fn names(&self) -> Vec<String> {
        let record = self.record();
        let of = |pod: &PodRecord| {
            let containers = record.containers(pod).iter();
            containers.map(|container| format!("{}/{}", pod.key.name, container.name)).collect::<Vec<_>>()
        };
        record.pods().iter().flat_map(of).collect()
    }

    fn usage(&self, pod: &str, container: &str) -> Option<Usage> {
        let record = self.record();
        let (key, uid) = self.pods.get(&("work".to_owned(), pod.to_owned())).unwrap();
        let pod = record.pod(key, *uid)?;
        record.containers(pod).iter().find(|known| known.name.as_str() == container).map(|known| known.run.usage())
    }

    fn millicores(&self, pod: &str, container: &str) -> Option<u64> {
        self.usage(pod, container)?.cpu.map(|cpu| cpu.0 / 1_000_000)
    }
}

mod recording {
    use super::*;

    #[test]
    fn two_batches_make_usage() {
        let store = Fixture::with_pods(&["a", "b"]);
        let first = store.scrape(15.0, vec![row("b", "app", 10.0, 500), row("a", "app", 12.0, 0)]);
        assert_eq!(first, Merged { awaiting_rate: true, new_runs: 2, ..Merged::default() });
        assert_eq!(store.millicores("b", "app"), None);
        let second = store.scrape(30.0, vec![row("b", "app", 26.0, 1300), row("a", "app", 27.0, 0)]);
        assert_eq!(second, Merged::default());
        assert_eq!(store.millicores("b", "app"), Some(50));
        assert_eq!(store.usage("b", "app").unwrap().window, Duration::from_secs(16));
        assert_eq!(store.millicores("a", "app"), Some(0));
    }

    #[test]
    fn no_rate_stands_astride_the_moment_when_the_nodes_clock_was_set() {
        for set_by in [10.0, -10.0] {
            let store = Fixture::with_pods(&["a"]);
            store.scrape(15.0, vec![row("a", "app", 10.0, 1_000)]);
            store.scrape(30.0, vec![row("a", "app", 25.0, 2_500)]);
            // Taken before the clock was set, after it, and again.
            for (time, cpu) in [(31.0, 3_100), (46.0 + set_by, 4_600), (61.0 + set_by, 6_100)] {
                let merged = store.clock_was_set(time + 4.0, vec![row("a", "app", time, cpu)]);
                assert_eq!((merged.new_runs, merged.awaiting_rate), (1, true), "{set_by} {time}");
                assert_eq!(store.usage("a", "app").unwrap().time, at(time));
                assert_eq!(store.millicores("a", "app"), None);
            }
            store.scrape(80.0, vec![row("a", "app", 76.0 + set_by, 7_600)]);
            assert_eq!(store.millicores("a", "app"), Some(100));
        }
    }

    #[test]
    fn a_reading_from_before_the_nodes_clock_was_set_keeps_its_rate() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 1_000)]);
        store.scrape(30.0, vec![row("a", "app", 25.0, 2_500)]);
        let merged = store.clock_was_set(45.0, vec![row("a", "app", 25.0, 2_500)]);
        assert_eq!((merged.new_runs, merged.awaiting_rate), (0, false));
        assert_eq!(store.millicores("a", "app"), Some(100));
    }

    #[test]
    fn that_the_nodes_clock_was_set_is_remembered_with_the_readings_after_it() {
        let store = Fixture::with_pods(&["a"]);
        store.clock_was_set(30.0, vec![row("a", "app", 25.0, 500)]);
        store.fail(45.0, Failure::NotReadyYet);
        assert!(store.record().clock_was_set);
        store.scrape(60.0, vec![row("a", "app", 55.0, 900)]);
        assert!(!store.record().clock_was_set);
    }

    #[test]
    fn a_young_run_is_not_measured_from_its_start_by_a_clock_that_was_set() {
        let store = Fixture::with_pods(&["a"]);
        let mut young = row("a", "app", 25.0, 500);
        young.reading.start = Some(at(20.0));
        store.clock_was_set(30.0, vec![young]);
        assert_eq!(store.millicores("a", "app"), None);
    }

    #[test]
    fn rows_in_any_order_are_kept_by_pod_and_container() {
        let store = Fixture::with_pods(&["a", "b", "c"]);
        let rows = [("b", "x"), ("a", "y"), ("c", "x"), ("b", "w"), ("a", "x")];
        store.scrape(15.0, rows.iter().map(|(pod, container)| row(pod, container, 10.0, 0)).collect());
        assert_eq!(store.names(), ["a/x", "a/y", "b/w", "b/x", "c/x"]);
    }

    #[test]
    fn the_nodes_own_reading_is_a_run_like_any_other() {
        let store = Fixture::with_pods(&[]);
        let batch = |seconds, cpu| Batch { node: Some(reading(seconds, cpu)), ..Batch::default() };
        assert!(store.batch(15.0, &batch(10.0, 1000)).awaiting_rate);
        store.batch(30.0, &batch(20.0, 3000));
        assert_eq!(store.record().node.unwrap().usage().cpu.unwrap().0, 200_000_000);
        store.batch(45.0, &Batch::default());
        assert!(store.record().node.is_some(), "carried over");
        store.batch(145.0, &Batch::default());
        assert!(store.record().node.is_none(), "too old");
    }

    #[test]
    fn rows_of_pods_that_do_not_exist_are_skipped() {
        let store = Fixture::with_pods(&["a"]);
        let merged =
            store.scrape(15.0, vec![row("a", "app", 10.0, 0), row("ghost", "x", 10.0, 0), row("ghost", "y", 10.0, 0)]);
        assert_eq!((merged.skipped, merged.new_runs), (2, 1));
        assert_eq!(store.names(), ["a/app"]);
    }

    #[test]
    fn a_pod_that_left_is_dropped_with_the_next_batch() {
        let mut store = Fixture::with_pods(&["a", "b"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0), row("b", "app", 10.0, 0)]);
        store.pods.remove(&("work".to_owned(), "a".to_owned()));
        store.scrape(30.0, vec![row("b", "app", 20.0, 0)]);
        assert_eq!(store.names(), ["b/app"]);
    }

    #[test]
    fn a_pod_of_another_uid_starts_from_nothing() {
        let mut store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        store.create("a", "another");
        let merged = store.scrape(30.0, vec![row("a", "app", 25.0, 600)]);
        assert_eq!((merged.new_runs, merged.awaiting_rate), (1, true));
        assert_eq!(store.millicores("a", "app"), None);
        assert_eq!(store.record().pods()[0].first_reported, at(30.0));
        store.create("a", "yet another");
        assert_eq!(store.usage("a", "app"), None, "a record answers only for its own pod");
        store.scrape(45.0, vec![]);
        assert_eq!(store.names(), [""; 0], "and is not carried over to another one");
    }

    #[test]
    fn older_samples_and_samples_too_old_are_counted() {
        let store = Fixture::with_pods(&["a", "b"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        assert_eq!(store.scrape(30.0, vec![row("a", "app", 9.0, 450)]).too_old, 1);
        let merged = store.scrape(200.0, vec![row("a", "app", 190.0, 0), row("b", "app", 70.0, 0)]);
        assert_eq!((merged.too_old, merged.new_runs), (1, 1));
        assert_eq!(store.names(), ["a/app"]);
    }

    #[test]
    fn a_restart_counts_as_a_new_run() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        let mut restarted = row("a", "app", 30.0, 400);
        restarted.reading.start = Some(at(20.0));
        assert_eq!(store.scrape(30.0, vec![restarted]), Merged { new_runs: 1, ..Merged::default() });
        assert_eq!(store.millicores("a", "app"), Some(40));
    }
}

mod carrying_over {
    use super::*;

    #[test]
    fn a_container_that_is_missing_keeps_its_last_sample_until_it_is_too_old() {
        let store = Fixture::with_pods(&["a", "b"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0), row("a", "side", 10.0, 0), row("b", "app", 10.0, 0)]);
        store.scrape(30.0, vec![row("a", "side", 30.0, 0)]);
        assert_eq!(store.names(), ["a/app", "a/side", "b/app"]);
        store.scrape(130.0, vec![row("a", "side", 130.0, 0)]);
        assert_eq!(store.names(), ["a/app", "a/side", "b/app"]);
        store.scrape(130.1, vec![]);
        assert_eq!(store.names(), ["a/side"]);
    }

    #[test]
    fn a_reading_without_memory_keeps_the_last_sample() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        let mut half = row("a", "app", 25.0, 900);
        half.reading.memory_bytes = None;
        store.scrape(30.0, vec![half]);
        assert_eq!(store.usage("a", "app").unwrap().time, at(10.0));
    }

    #[test]
    fn a_rate_does_not_stretch_over_a_gap_too_old_to_be_served() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        let merged = store.scrape(140.0, vec![row("a", "app", 140.0, 5000)]);
        assert_eq!((merged.new_runs, merged.awaiting_rate), (1, true));
        assert_eq!(store.millicores("a", "app"), None);
    }

    #[test]
    fn a_pod_was_first_reported_once() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0)]);
        store.scrape(30.0, vec![row("a", "app", 20.0, 0), row("a", "late", 20.0, 0)]);
        assert_eq!(store.record().pods()[0].first_reported, at(15.0));
    }

    #[test]
    fn a_run_in_its_first_second_is_told_once_for_each_sample() {
        let store = Fixture::with_pods(&["a"]);
        let young = |seconds| {
            let mut young = row("a", "app", seconds, 20);
            young.reading.start = Some(at(10.0));
            store.scrape(15.0, vec![young]).in_first_second
        };
        assert_eq!([10.4, 10.4, 10.9, 11.1].map(young), [true, false, true, false]);
        assert!(store.millicores("a", "app").is_some());
    }

    #[test]
    fn a_steady_state_makes_no_new_names() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0)]);
        let before = store.record();
        store.scrape(30.0, vec![row("a", "app", 20.0, 0)]);
        let after = store.record();
        let name = |record: &NodeRecord| record.containers(&record.pods()[0])[0].name.as_str().as_ptr();
        assert_eq!(name(&before), name(&after));
        assert!(Arc::ptr_eq(&before.pods()[0].key.name, &after.pods()[0].key.name));
    }
}

mod outcomes {
    use super::*;

    #[test]
    fn a_failed_scrape_keeps_the_samples() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        store.scrape(30.0, vec![row("a", "app", 20.0, 1000)]);
        store.fail(45.0, Failure::Forbidden);
        assert_eq!(store.millicores("a", "app"), Some(50));
        let record = store.record();
        assert_eq!(record.scrape.outcome, Err(Failure::Forbidden));
        assert_eq!((record.last_success, record.scrape.started), (Some(at(30.0)), at(45.0)));
    }

    #[test]
    fn an_outcome_lasts_while_its_kind_stays() {
        let store = Fixture::with_pods(&[]);
        let since = || store.record().outcome_since;
        store.fail(1.0, Failure::Status(500));
        store.fail(2.0, Failure::Status(503));
        assert_eq!(since(), at(1.0), "another status is the same kind");
        store.fail(3.0, Failure::Unauthorized);
        assert_eq!((since(), store.record().last_success), (at(3.0), None));
        store.scrape(4.0, vec![]);
        store.scrape(5.0, vec![]);
        assert_eq!((since(), store.record().last_success), (at(4.0), Some(at(5.0))));
    }

    #[test]
    fn a_node_that_left_is_forgotten() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0)]);
        store.store.forget(&store.node);
        assert!(store.store.snapshot().node(&store.node).is_none());
    }
}

mod snapshots {
    use super::*;

    #[test]
    fn revisions_grow_with_every_stored_scrape() {
        let store = Fixture::with_pods(&["a"]);
        assert_eq!(store.store.snapshot().revision(), 100);
        store.scrape(15.0, vec![]);
        assert_eq!((store.store.snapshot().revision(), store.record().revision), (101, 101));
        store.fail(30.0, Failure::NotReadyYet);
        assert_eq!((store.store.snapshot().revision(), store.record().revision), (102, 102));
    }

    #[test]
    fn a_snapshot_does_not_change() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0)]);
        let snapshot = store.store.snapshot();
        store.scrape(30.0, vec![row("a", "app", 20.0, 0)]);
        store.store.forget(&store.node);
        let record = snapshot.node(&store.node).unwrap();
        assert_eq!(record.containers(&record.pods()[0])[0].run.last_time(), at(10.0));
    }

    #[test]
    fn writers_of_different_nodes_lose_nothing() {
        let store = Store::new(Revisions::after(0));
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for node in 0..50 {
                        let rules = Merge { pod: &|_, _| None, oldest: at(0.0) };
                        let name = NodeName::from(format!("{writer}-{node}").as_str());
                        store.record(&name, Some(&Batch::default()), scrape(1.0), &rules);
                    }
                });
            }
        });
        let snapshot = store.snapshot();
        assert_eq!(snapshot.revision(), 201, "one for the empty store, one for each record");
        assert!((0..4).all(|writer| snapshot.node(&NodeName::from(format!("{writer}-49").as_str())).is_some()));
    }
}

mod kubelet_rates {
    use super::*;

    fn offer<'a>(pod: &'a str, container: &'a str, millicores: u64, start: f64) -> Row<'a> {
        let start = Some(at(start));
        let kubelet_rate = Some(millicores * 1_000_000);
        Row { namespace: "work", pod, container, reading: Reading { start, kubelet_rate, ..Reading::default() } }
    }

    #[test]
    fn runs_without_a_rate_take_the_kubelets() {
        let store = Fixture::with_pods(&["a", "b"]);
        let batch = Batch {
            node: Some(reading(10.0, 0)),
            rows: vec![row("a", "app", 10.0, 0), row("a", "side", 10.0, 0), row("b", "app", 10.0, 0)],
            ..Batch::default()
        };
        store.batch(15.0, &batch);
        let summary = Batch {
            node: Some(Reading { kubelet_rate: Some(7_000_000), ..Reading::default() }),
            rows: vec![offer("b", "app", 30, START), offer("a", "side", 20, START), offer("ghost", "app", 1, START)],
            ..Batch::default()
        };
        store.store.offer_kubelet_rates(&store.node, &summary);
        assert_eq!((store.millicores("a", "side"), store.millicores("b", "app")), (Some(20), Some(30)));
        assert_eq!(store.millicores("a", "app"), None);
        assert_eq!(store.record().node.unwrap().usage().source, Source::Kubelet);
        assert_eq!((store.store.snapshot().revision(), store.record().revision), (102, 102));
    }

    #[test]
    fn nothing_new_publishes_nothing() {
        let store = Fixture::with_pods(&["a"]);
        let summary = Batch { rows: vec![offer("a", "app", 20, START)], ..Batch::default() };
        store.store.offer_kubelet_rates(&store.node, &summary);
        assert_eq!(store.store.snapshot().revision(), 100, "an unknown node");
        store.scrape(15.0, vec![row("a", "app", 10.0, 500)]);
        store.scrape(30.0, vec![row("a", "app", 20.0, 1000)]);
        store.store.offer_kubelet_rates(&store.node, &summary);
        assert_eq!((store.store.snapshot().revision(), store.millicores("a", "app")), (102, Some(50)));
    }

    #[test]
    fn the_rate_of_another_run_is_not_taken() {
        let store = Fixture::with_pods(&["a"]);
        store.scrape(15.0, vec![row("a", "app", 10.0, 0)]);
        let offered = |start| {
            let summary = Batch { rows: vec![offer("a", "app", 20, start)], ..Batch::default() };
            store.store.offer_kubelet_rates(&store.node, &summary);
            store.millicores("a", "app")
        };
        assert_eq!(offered(START + 2.0), None);
        assert_eq!(offered(START + 1.0), Some(20), "the summary tells whole seconds");
    }
}

#[test]
fn a_container_fits_the_budget_of_64_bytes_beside_its_name() {
    assert!(size_of::<ContainerRecord>() <= 64 + size_of::<ContainerName>());
    assert_eq!(size_of::<Run>(), 64);
}
