use std::time::Duration;

use super::*;
use crate::revision::Revisions;
use crate::store::Store;
use crate::usage::{Batch, Failure, NodeName, Rejected, RunParts, Sample};

const RESOLUTION: Duration = Duration::from_secs(15);

fn at(seconds: i64) -> UnixMillis {
    UnixMillis(1_800_000_000_000 + seconds * 1_000)
}

/// With its last sample at `seconds`, and a base ten seconds before.
fn run(seconds: i64) -> Run {
    let cpu_ns = u64::try_from(1_000_000 + seconds).unwrap();
    let base = Base::Point { time: at(seconds - 10), cpu_ns: 7 };
    let last = Sample { time: at(seconds), cpu_ns, memory_bytes: 1 };
    Run::from_parts(RunParts { start: None, base, last }).unwrap()
}

fn based_on(base: Base, run: Run) -> Run {
    Run::from_parts(RunParts { base, ..run.parts() }).unwrap()
}

fn pod(name: &str, uid: &str, containers: &[(&str, Run)]) -> HandedPod {
    let containers = containers.iter().map(|(name, run)| ((*name).into(), *run)).collect();
    HandedPod { key: PodKey::new("shop", name), uid: Uid::parse(uid), first_reported: at(0), containers }
}

/// A good scrape that began at `seconds`.
fn handed(seconds: i64, node: Option<Run>, pods: Vec<HandedPod>) -> Handed {
    let scrape = Scrape {
        started: at(seconds),
        duration: Duration::ZERO,
        body_bytes: 0,
        address: Box::default(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    };
    Handed { node, pods, scrape, clock_was_set: false, last_success: Some(at(seconds)), outcome_since: at(seconds) }
}

/// A failed one.
fn failed(seconds: i64, last_success: Option<UnixMillis>) -> Handed {
    let mut failed = Handed { last_success, ..handed(seconds, None, vec![]) };
    failed.scrape.outcome = Err(Failure::Told { reason: "Timeout", message: "no answer".to_owned() });
    failed
}

struct World {
    store: Store,
    node: NodeName,
    /// All pods, by name and uid.
    pods: Vec<(&'static str, &'static str)>,
    oldest: UnixMillis,
    now: UnixMillis,
}

impl World {
    fn of(pods: &[(&'static str, &'static str)]) -> Self {
        let store = Store::new(Revisions::after(0));
        Self { store, node: "node".into(), pods: pods.to_vec(), oldest: at(0), now: at(1_000) }
    }

    fn adopt(&self, handed: Handed) -> bool {
        let pod = |namespace: &str, name: &str| {
            let (name, uid) = self.pods.iter().find(|(known, _)| *known == name)?;
            Some((PodKey::new(namespace, name), Uid::parse(uid)))
        };
        self.store.adopt(
            &self.node,
            handed,
            &Merge { pod: &pod, oldest: self.oldest },
            &Terms { now: self.now, resolution: RESOLUTION },
        )
    }

    fn record(&self) -> NodeRecord {
        self.store.snapshot().node(&self.node).unwrap().clone()
    }

    /// A scrape of our own that began at `seconds`, and failed.
    fn fail(&self, seconds: i64) {
        let scrape = Scrape { outcome: Err(Failure::Unauthorized), ..handed(seconds, None, vec![]).scrape };
        self.store.record(&self.node, None, scrape, &Merge { pod: &|_, _| None, oldest: self.oldest });
    }

    /// One that was good.
    fn scrape(&self, seconds: i64) {
        let rules = Merge { pod: &|_, _| None, oldest: self.oldest };
        self.store.record(&self.node, Some(&Batch::default()), handed(seconds, None, vec![]).scrape, &rules);
    }

    /// `pod/container=seconds of its last sample`, all.
    fn told(&self) -> String {
        let record = self.record();
        let of = |pod: &PodRecord| {
            let second = |run: &Run| (run.last_time().0 - at(0).0) / 1_000;
            let told =
                |container: &ContainerRecord| format!("{}/{}={}", pod.key.name, container.name, second(&container.run));
            record.containers(pod).iter().map(told).collect::<Vec<_>>()
        };
        record.pods().iter().flat_map(of).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn of_each_run_what_was_measured_last_counts() {
    let world = World::of(&[("a", "1"), ("b", "2")]);
    assert!(world.adopt(handed(20, Some(run(20)), vec![pod("a", "1", &[("app", run(20)), ("proxy", run(12))])])));
    let later = vec![pod("a", "1", &[("app", run(15)), ("proxy", run(30))]), pod("b", "2", &[("app", run(30))])];
    assert!(world.adopt(handed(30, Some(run(15)), later)));
    assert_eq!(world.told(), "a/app=20 a/proxy=30 b/app=30");
    assert_eq!(world.record().node, Some(run(20)));
}

#[test]
fn what_the_other_does_not_tell_of_is_carried_over_while_it_exists_and_is_not_too_old() {
    let mut world = World::of(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let all = ["a", "b", "c"].map(|name| {
        let uid = world.pods.iter().find(|(known, _)| *known == name).unwrap().1;
        pod(name, uid, &[("app", run(20)), ("proxy", run(40))])
    });
    assert!(world.adopt(handed(40, None, all.into())));
    world.pods = vec![("a", "1"), ("b", "another")];
    world.oldest = at(30);
    assert!(world.adopt(handed(50, None, vec![pod("b", "another", &[("app", run(50))])])));
    assert_eq!(world.told(), "a/proxy=40 b/app=50", "one app is too old, one pod is another, one is gone");
}

#[test]
fn of_the_same_sample_a_rate_of_two_points_is_better_than_the_kubelets_and_that_than_none() {
    let bases = [Base::None, Base::Kubelet { nanocores: 5 }, run(20).parts().base];
    for (known, one) in bases.iter().enumerate() {
        for (told, other) in bases.iter().enumerate() {
            let world = World::of(&[("a", "1")]);
            world.adopt(handed(20, Some(based_on(*one, run(20))), vec![]));
            world.adopt(handed(21, Some(based_on(*other, run(20))), vec![]));
            assert_eq!(world.record().node.unwrap().parts().base, bases[known.max(told)]);
        }
    }
}

#[test]
fn after_a_nodes_clock_was_set_back_what_is_told_of_the_last_scrape_counts() {
    let world = World::of(&[("a", "1")]);
    let told = |scraped: i64, read: i64, clock_was_set: bool| {
        let pod = pod("a", "1", &[("app", based_on(Base::None, run(read)))]);
        Handed { clock_was_set, ..handed(scraped, Some(run(read)), vec![pod]) }
    };
    world.adopt(told(100, 98, false));
    world.adopt(told(115, 53, false));
    assert_eq!(world.told(), "a/app=98", "an old reading, as far as is told");
    assert!(world.adopt(told(130, 68, true)));
    assert_eq!((world.told().as_str(), world.record().node), ("a/app=68", Some(run(68))));
    assert!(world.record().clock_was_set, "told on to who begins");
    world.adopt(told(125, 63, true));
    assert_eq!(world.told(), "a/app=68", "an older scrape tells nothing of now");
    assert!(world.adopt(told(126, 69, false)));
    assert!(world.record().clock_was_set, "nor whether the clock was set");
    world.adopt(Handed { clock_was_set: true, ..failed(145, Some(at(130))) });
    world.adopt(told(160, 98, false));
    assert_eq!(world.told(), "a/app=98");
    assert!(!world.record().clock_was_set);
}

#[test]
fn nothing_new_changes_nothing() {
    let world = World::of(&[("a", "1")]);
    let told = || handed(20, Some(run(20)), vec![pod("a", "1", &[("app", run(20))])]);
    assert!(world.adopt(told()));
    let before = world.record().revision;
    assert!(!world.adopt(told()));
    assert_eq!(world.record().revision, before);
}

#[test]
fn a_failure_that_is_told_keeps_the_samples_and_counts_as_if_it_were_ours() {
    let world = World::of(&[("a", "1")]);
    world.adopt(handed(20, None, vec![pod("a", "1", &[("app", run(20))])]));
    assert!(world.adopt(failed(35, Some(at(20)))));
    let record = world.record();
    assert_eq!(world.told(), "a/app=20");
    assert_eq!(record.scrape.outcome.as_ref().unwrap_err().reason(), "Timeout");
    assert_eq!((record.last_success, record.outcome_since), (Some(at(20)), at(35)));
}

#[test]
fn a_failure_that_is_told_counts_only_when_no_good_scrape_is_younger_than_a_resolution() {
    let world = World::of(&[]);
    world.scrape(20);
    assert!(world.adopt(failed(30, None)));
    let record = world.record();
    assert_eq!((record.scrape.started, record.scrape.outcome.is_ok(), record.is_told()), (at(20), true, false));
    assert_eq!((record.last_success, record.last_told, record.last_told_good), (Some(at(20)), Some(at(30)), None));
    world.adopt(handed(31, None, vec![]));
    world.adopt(failed(40, None));
    assert!(world.record().scrape.outcome.is_ok(), "made here or not");
    world.adopt(failed(46, None));
    let record = world.record();
    assert_eq!(record.scrape.outcome.as_ref().unwrap_err().reason(), "Timeout");
    assert_eq!((record.last_success, record.last_told_good), (Some(at(31)), Some(at(31))));
}

#[test]
fn our_own_later_scrape_stays_the_last_and_that_another_scrapes_too_is_known() {
    let world = World::of(&[]);
    world.adopt(handed(20, Some(run(20)), vec![]));
    assert!(world.record().is_told());
    world.fail(40);
    assert!(!world.record().is_told());
    assert!(world.adopt(handed(30, Some(run(30)), vec![])));
    let record = world.record();
    assert_eq!((record.scrape.started, record.outcome_since), (at(40), at(40)));
    assert_eq!((record.last_success, record.node), (Some(at(30)), Some(run(30))));
    assert_eq!(record.last_told, Some(at(30)));
    assert!(!record.is_told());
}

#[test]
fn times_from_before_our_clock_was_set_back_hold_up_nothing_that_is_told() {
    let mut world = World::of(&[]);
    world.adopt(handed(500, Some(run(20)), vec![]));
    world.now = at(100);
    assert!(world.adopt(failed(100, Some(at(70)))), "no scrape of the future outweighs it");
    let record = world.record();
    assert!(record.scrape.outcome.is_err() && record.is_told());
    assert_eq!((record.scrape.started, record.last_success, record.last_told_good), (at(100), Some(at(70)), None));
    world.scrape(500);
    world.now = at(101);
    assert!(world.adopt(handed(101, None, vec![])), "it is news, though no sample is");
    let record = world.record();
    assert_eq!(
        (record.scrape.started, record.last_success, record.last_told_good),
        (at(101), Some(at(101)), Some(at(101)))
    );
    assert_eq!(record.node, Some(run(20)));
}

#[test]
fn what_is_told_is_not_among_what_was_scraped_here() {
    let world = World::of(&[]);
    let mut scraped = world.store.subscribe_scraped();
    world.adopt(handed(20, Some(run(20)), vec![]));
    world.fail(30);
    assert_eq!(scraped.try_recv(), Ok(world.node.clone()));
    assert!(scraped.try_recv().is_err());
}
