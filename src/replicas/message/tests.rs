use std::time::Duration;

use prost::Message as _;

use super::checked::MAX_SENTENCE_BYTES;
use super::*;
use crate::replicas::fixtures::{NOW, TERMS, measured, memory, point, run, scrape_here};
use crate::store::{Handed, Merge};
use crate::usage::{Failure, PodKey, Uid};

const BOUNDS: Bounds = Bounds {
    now: NOW,
    oldest: UnixMillis(NOW.0 - 120_000),
    newest: UnixMillis(NOW.0 + 60_000),
    longest_window: Duration::from_mins(4),
};

fn told() -> NodeSamples {
    let memory = measured();
    let snapshot = memory.store.snapshot();
    let name = NodeName::from("node-1");
    let message = NodeSamples::of(&name, snapshot.node(&name).unwrap(), NOW);
    NodeSamples::decode(message.encode_to_vec().as_slice()).unwrap()
}

/// What a replica that knows the same cluster believes of it.
fn checked(message: NodeSamples) -> Option<(NodeName, Handed, usize)> {
    message.checked(&memory().cluster.view(), &BOUNDS)
}

#[test]
fn what_is_told_is_what_was_known() {
    let (node, handed, dropped) = checked(told()).unwrap();
    assert_eq!((node.as_str(), dropped), ("node-1", 0));
    assert_eq!(handed.node, Some(run(Some(point()))));
    assert_eq!(handed.pods[0].key, PodKey::new("shop", "a"));
    assert_eq!(handed.pods[1].containers, [("app".into(), run(Some(point()))), ("proxy".into(), run(None))]);
    assert_eq!((handed.scrape.started, handed.scrape.body_bytes), (NOW, 3_000));
    assert_eq!(&*handed.scrape.address, "10.0.0.1:10250");
}

#[test]
fn that_a_nodes_clock_was_set_is_told_and_not_saying_so_means_that_it_was_not() {
    let (_, handed, _) = checked(told()).unwrap();
    assert!(!handed.clock_was_set);
    let (_, handed, _) = checked(NodeSamples { clock_was_set: true, ..told() }).unwrap();
    assert!(handed.clock_was_set);
    let silent = NodeSamples { clock_was_set: false, ..told() }.encode_to_vec();
    assert_eq!(silent, told().encode_to_vec(), "no byte more for who does not know of it");
}

#[test]
fn a_container_takes_about_as_many_bytes_as_its_numbers() {
    let bytes = told().encoded_len();
    assert!(bytes < 5 * 64, "{bytes} bytes for a node and four containers");
}

#[test]
fn a_node_that_does_not_exist_is_not_believed() {
    assert!(checked(NodeSamples { name: "node-2".to_owned(), ..told() }).is_none());
}

#[test]
fn pods_and_containers_that_do_not_exist_here_are_dropped() {
    let changes: [fn(&mut PodSamples); 5] = [
        |pod| pod.name = "c".to_owned(),
        |pod| pod.uid = Uid::parse("another").to_bytes().to_vec(),
        |pod| pod.uid.truncate(15),
        |pod| pod.containers.iter_mut().for_each(|container| container.name = "unknown".to_owned()),
        |pod| pod.containers.iter_mut().for_each(|container| container.run = None),
    ];
    for change in changes {
        let mut message = told();
        change(&mut message.pods[0]);
        let (_, handed, dropped) = checked(message).unwrap();
        let kept: usize = handed.pods.iter().map(|pod| pod.containers.len()).sum();
        assert_eq!((kept, dropped), (2, 2));
    }
}

#[test]
fn runs_that_cannot_be_are_dropped() {
    let changes: [fn(&mut RunSamples); 7] = [
        |run| run.last_ms = BOUNDS.oldest.0 - 1,
        |run| run.last_ms = BOUNDS.newest.0 + 1,
        |run| run.last_ms = i64::MIN,
        |run| run.base_age_ms = Some(u64::MAX),
        |run| run.base_cpu_less_ns = Some(run.last_cpu_ns + 1),
        |run| run.start_ms = Some(run.last_ms + 2_000),
        |run| run.start_ms = Some(i64::MAX),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut message = told();
        change(message.own.as_mut().unwrap());
        let (_, handed, dropped) = checked(message).unwrap();
        assert_eq!((handed.node, dropped), (None, 1), "change {number}");
    }
}

#[test]
fn an_address_or_a_time_that_cannot_be_is_not_shown() {
    let foreign = NodeSamples { address: "a\r\nb".to_owned(), scraped_ms: i64::MAX, age_ms: None, ..told() };
    let (_, handed, _) = checked(foreign).unwrap();
    assert_eq!((&*handed.scrape.address, handed.scrape.started), ("", BOUNDS.newest));
}

#[test]
fn a_failure_and_refused_lines_are_told_as_they_were() {
    let memory = measured();
    scrape_here(&memory, NOW);
    let name = NodeName::from("node-1");
    let mut record = memory.store.snapshot().node(&name).unwrap().clone();
    record.scrape.rejected = Rejected { count: 3, first: Some((8, RejectReason::Duplicate)) };
    let (_, handed, _) = checked(NodeSamples::of(&name, &record, NOW)).unwrap();
    assert_eq!(handed.scrape, record.scrape);
    let ago = |seconds| NOW - Duration::from_secs(seconds);
    (record.scrape.started, record.last_success, record.outcome_since) = (ago(4), Some(ago(60)), ago(30));
    record.scrape.outcome = Err(Failure::Timeout(Duration::from_secs(9)));
    let (_, handed, dropped) = checked(NodeSamples::of(&name, &record, NOW)).unwrap();
    let told = handed.scrape.outcome.unwrap_err();
    assert_eq!((told.reason(), told.to_string().as_str()), ("Timeout", "no complete answer within 9s"));
    assert_eq!((handed.scrape.started, handed.last_success), (ago(4), Some(ago(60))));
    assert_eq!((handed.outcome_since, dropped), (ago(30), 0));
    record.last_success = None;
    let (_, handed, _) = checked(NodeSamples::of(&name, &record, NOW)).unwrap();
    assert_eq!((handed.scrape.started, handed.last_success), (ago(4), None));
}

#[test]
fn the_clock_of_who_tells_may_differ_by_any_amount() {
    let memory = measured();
    let name = NodeName::from("node-1");
    let mut record = memory.store.snapshot().node(&name).unwrap().clone();
    for ahead in [-4_000_000_000, 0, 4_000_000_000] {
        let theirs = UnixMillis(NOW.0 + ahead);
        (record.scrape.started, record.last_success) = (theirs, Some(theirs));
        let message = NodeSamples::of(&name, &record, theirs + Duration::from_secs(3));
        let (_, handed, _) = checked(message).unwrap();
        let ours = NOW - Duration::from_secs(3);
        assert_eq!((handed.scrape.started, handed.last_success), (ours, Some(ours)));
    }
}

#[test]
fn a_good_scrape_from_before_the_tellers_clock_was_set_back_is_not_told_as_of_now() {
    let memory = measured();
    let name = NodeName::from("node-1");
    let mut record = memory.store.snapshot().node(&name).unwrap().clone();
    record.scrape.outcome = Err(Failure::Unauthorized);
    let true_time = NOW - Duration::from_secs(100);
    record.last_success = Some(true_time);
    let an_hour_back = NOW - Duration::from_hours(1);
    let (_, handed, _) = checked(NodeSamples::of(&name, &record, an_hour_back)).unwrap();
    assert_eq!(handed.last_success, Some(true_time));
}

#[test]
fn a_failure_that_there_is_not_makes_the_message_none_and_a_sentence_that_is_none_is_left_out() {
    let failed = |reason: &str, message: &str| {
        let failed = FailedScrape { age_ms: 1, reason: reason.to_owned(), message: message.to_owned() };
        checked(NodeSamples { failed: Some(failed), ..told() })
    };
    assert!(failed("Tired", "").is_none());
    for message in ["a\nb".to_owned(), "x".repeat(MAX_SENTENCE_BYTES + 1)] {
        let (_, handed, _) = failed("Timeout", &message).unwrap();
        assert_eq!(handed.scrape.outcome.unwrap_err().to_string(), "Timeout");
    }
    let never = NodeSamples { scraped_ms: 0, failed: None, ..told() };
    assert!(checked(never).is_none(), "neither a good scrape nor a failed one");
    let lines = RefusedLines { count: 1, first_line: 1, first_reason: 99 };
    let (_, handed, _) = checked(NodeSamples { refused: Some(lines), ..told() }).unwrap();
    assert_eq!(handed.scrape.rejected, Rejected::default());
}

#[test]
fn whatever_comes_nothing_breaks() {
    let failed = FailedScrape { age_ms: 9, reason: "Timeout".to_owned(), message: "none".to_owned() };
    let refused = RefusedLines { count: 1, first_line: 2, first_reason: 3 };
    let failed = NodeSamples { failed: Some(failed), refused: Some(refused), ..told() };
    let good = [told().encode_to_vec(), failed.encode_to_vec()];
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    };
    let memory = memory();
    for round in 0..20_000 {
        let mut bytes = good[round % 2].clone();
        for _ in 0..=random() % 4 {
            let at = random() % bytes.len();
            bytes[at] = random().to_le_bytes()[0];
        }
        bytes.truncate(random() % (bytes.len() + 1));
        let read = NodeSamples::decode(bytes.as_slice()).ok();
        if let Some((node, handed, _)) = read.and_then(|message| message.checked(&memory.cluster.view(), &BOUNDS)) {
            let rules = Merge { pod: &|_, _| None, oldest: BOUNDS.oldest };
            memory.store.adopt(&node, handed, &rules, &TERMS);
            memory.store.snapshot().nodes().flat_map(|(_, record)| record.runs()).for_each(|run| _ = run.usage());
            memory.store.forget(&node);
        }
    }
}
