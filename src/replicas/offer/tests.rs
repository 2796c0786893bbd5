use prometheus_client::registry::Registry;

use super::*;
use crate::clock::Clock;
use crate::replicas::fixtures::{NOW, intake, measured, memory};
use crate::replicas::frames::Frames;

fn offer(readiness: Readiness) -> Offer {
    Offer::new(measured().store, Clock::manual(NOW).0, readiness, Metrics::register(&mut Registry::default()))
}

#[tokio::test]
async fn what_is_given_is_what_another_replica_takes() {
    let offer = offer(Readiness::default());
    let mut samples = offer.samples(Some(MEDIA_TYPE)).unwrap().samples;
    let taker = memory();
    let intake = intake(taker.clone());
    let mut frames = Frames::default();
    while let Some(piece) = samples.next().await {
        frames.push(&piece.unwrap());
        while let Some(message) = frames.next().unwrap() {
            assert_eq!(intake.adopt(message, &taker.cluster.view()), Some(5));
        }
    }
    assert!(frames.is_at_end());
    let snapshot = taker.store.snapshot();
    let (_, record) = snapshot.nodes().next().unwrap();
    assert_eq!((record.pods().len(), record.container_count()), (2, 4));
    assert_eq!(record.last_success, Some(NOW));
}

#[tokio::test]
async fn who_reads_another_version_is_refused() {
    let offer = offer(Readiness::default());
    for accept in [None, Some("*/*"), Some("application/vnd.kube-vitals.samples.v2+protobuf")] {
        assert_eq!(offer.samples(accept).err(), Some(Refusal::OtherVersion), "{accept:?}");
    }
    let both = format!("application/vnd.kube-vitals.samples.v2+protobuf, {MEDIA_TYPE}");
    assert!(offer.samples(Some(&both)).is_ok());
}

#[tokio::test]
async fn who_starts_or_stops_gives_nothing() {
    let readiness = Readiness::default();
    let latch = readiness.latch("pod-sync", "pods are being listed");
    let offer = offer(readiness.clone());
    assert_eq!(offer.samples(Some(MEDIA_TYPE)).err(), Some(Refusal::NotReady));
    latch.release();
    assert!(offer.samples(Some(MEDIA_TYPE)).is_ok());
    readiness.begin_stop();
    assert_eq!(offer.samples(Some(MEDIA_TYPE)).err(), Some(Refusal::NotReady));
}

#[tokio::test]
async fn a_third_taker_is_asked_to_come_again_until_one_is_done() {
    let offer = offer(Readiness::default());
    let first = offer.samples(Some(MEDIA_TYPE)).unwrap();
    let _second = offer.samples(Some(MEDIA_TYPE)).unwrap();
    assert_eq!(offer.samples(Some(MEDIA_TYPE)).err(), Some(Refusal::Busy));
    drop(first);
    assert!(offer.samples(Some(MEDIA_TYPE)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_slow_taker_gets_a_broken_stream_not_a_short_one() {
    let offer = offer(Readiness::default());
    let mut samples = offer.samples(Some(MEDIA_TYPE)).unwrap().samples;
    tokio::time::advance(LONGEST + Duration::from_secs(1)).await;
    assert!(samples.next().await.unwrap().is_err());
}
