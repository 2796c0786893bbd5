//! What becomes of a body.

use super::*;
use crate::revision::Revisions;
use crate::scrape::fixtures::{node, pod, resource_text, summary_json};
use crate::usage::{Nanocores, PodKey, RejectReason, Rejected, Source, Uid, Usage};

const NOW: UnixMillis = UnixMillis(1_795_391_071_000);

fn minutes_ago(minutes: u64) -> UnixMillis {
    NOW - Duration::from_mins(minutes)
}

fn intake() -> Intake {
    let (clock, _) = Clock::manual(NOW);
    let cluster = Cluster::with(vec![node("n", &[]), node("other", &[])], vec![pod("n", minutes_ago(1))]);
    Intake {
        cluster: Arc::new(cluster),
        store: Arc::new(Store::new(Revisions::after(0))),
        clock,
        max_sample_age: Duration::from_mins(2),
        bound: Arc::default(),
    }
}

fn scrape() -> Scrape {
    Scrape {
        started: NOW,
        duration: Duration::from_millis(20),
        body_bytes: 0,
        address: "10.0.0.1:10250".into(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    }
}

fn text(body: &str) -> Answer<'_> {
    Answer { form: Form::Text, bytes: body.as_bytes(), clock_was_set: false }
}

fn outcome_of(body: &str) -> crate::usage::Outcome {
    intake().take(&"n".into(), text(body), scrape()).0.outcome
}

fn usage_of_container(intake: &Intake) -> Option<Usage> {
    let snapshot = intake.store.snapshot();
    let record = snapshot.node(&"n".into())?;
    let pod = record.pod(&PodKey::new("ns", "p"), Uid::parse("pod"))?;
    record.containers(pod).first().map(|container| container.run.usage())
}

#[test]
fn a_good_body_is_stored_with_its_size_and_refused_lines() {
    let intake = intake();
    let body = format!("{}node_cpu_usage_seconds_total NaN 5\n", resource_text(NOW, minutes_ago(1)));
    let (scrape, merged) = intake.take(&"n".into(), text(&body), scrape());
    assert_eq!(scrape.outcome, Ok(()));
    assert_eq!((scrape.body_bytes, scrape.rejected.count), (body.len() as u64, 1));
    assert!(merged.awaiting_rate && merged.new_runs == 2, "{merged:?}");
    assert_eq!(usage_of_container(&intake).map(|usage| usage.memory.0), Some(4096));
}

#[test]
fn the_kubelets_own_rates_make_the_first_usage() {
    let intake = intake();
    intake.take(&"n".into(), text(&resource_text(NOW, minutes_ago(1))), scrape());
    assert!(intake.take_rates(&"n".into(), summary_json().as_bytes()));
    let usage = usage_of_container(&intake).unwrap();
    assert_eq!((usage.cpu, usage.source), (Some(Nanocores(250_000_000)), Source::Kubelet));
}

#[test]
fn a_summary_without_rates_or_that_is_none_does_not_do() {
    let intake = intake();
    intake.take(&"n".into(), text(&resource_text(NOW, minutes_ago(1))), scrape());
    assert!(!intake.take_rates(&"n".into(), br#"{"node": {"nodeName": "n"}, "pods": null}"#));
    assert!(!intake.take_rates(&"n".into(), b"<html>"));
}

#[test]
fn an_answer_without_readings_is_not_ready_yet() {
    for body in ["scrape_error 1\n", ""] {
        assert_eq!(outcome_of(body), Err(Failure::NotReadyYet), "{body:?}");
    }
}

#[test]
fn an_answer_in_another_language_is_garbage() {
    let garbage = outcome_of("<html>\n<body>Welcome</body>\n");
    let Err(Failure::Garbage(rejected)) = garbage else { unreachable!("{garbage:?}") };
    assert_eq!(rejected.first, Some((1, RejectReason::Syntax)));
}

#[test]
fn a_clock_that_is_years_off_fails_the_scrape() {
    let year = Duration::from_hours(24 * 365);
    let ahead = outcome_of(&resource_text(NOW + year, NOW));
    assert_eq!(ahead, Err(Failure::ClockSkew(365 * 86_400)));
    let behind = outcome_of(&resource_text(NOW - year, NOW - year));
    assert_eq!(behind, Err(Failure::ClockSkew(-365 * 86_400)));
    assert_eq!(outcome_of(&resource_text(minutes_ago(1), minutes_ago(2))), Ok(()), "an old sample is normal");
}

#[test]
fn a_failure_keeps_the_samples() {
    let intake = intake();
    intake.take(&"n".into(), text(&resource_text(NOW, minutes_ago(1))), scrape());
    let failed = intake.fail(&"n".into(), scrape(), Failure::Unauthorized);
    assert_eq!(failed.outcome, Err(Failure::Unauthorized));
    assert!(usage_of_container(&intake).is_some());
}

#[test]
fn nothing_is_stored_of_a_node_that_has_left_meanwhile() {
    let intake = intake();
    intake.cluster.delete::<crate::cluster::Node>(&"n".into());
    intake.take(&"n".into(), text(&resource_text(NOW, minutes_ago(1))), scrape());
    intake.take(&"n".into(), text("<html>"), scrape());
    assert!(intake.store.snapshot().node(&"n".into()).is_none());
}

#[test]
fn containers_of_pods_that_are_elsewhere_are_skipped() {
    let intake = intake();
    let (_, merged) = intake.take(&"other".into(), text(&resource_text(NOW, minutes_ago(1))), scrape());
    assert_eq!(merged.skipped, 1);
}

#[test]
fn a_pod_made_anew_under_its_name_is_told_from_the_one_before() {
    let intake = intake();
    let take = || intake.take(&"n".into(), text(&resource_text(NOW, minutes_ago(1))), scrape());
    let known = |uid: &str| {
        let snapshot = intake.store.snapshot();
        let record = snapshot.node(&"n".into()).unwrap();
        record.pod(&PodKey::new("ns", "p"), Uid::parse(uid)).is_some()
    };
    take();
    take();
    assert!(known("pod"));
    let mut anew = pod("n", minutes_ago(1));
    anew.uid = Uid::parse("anew");
    intake.cluster.apply(anew);
    take();
    assert!(known("anew") && !known("pod"));
    intake.cluster.delete::<crate::cluster::Pod>(&PodKey::new("ns", "p"));
    assert_eq!(take().1.skipped, 1);
    assert!(!known("anew"));
}
