use futures::StreamExt as _;
use futures::stream::BoxStream;
use prometheus_client::registry::Registry;

use super::*;
use crate::clock::UnixMillis;
use crate::replicas::fixtures::{NOW, measured, memory, scrape_here};
use crate::replicas::frames::Frames;
use crate::replicas::replica::Memory;

const BEAT: Duration = Duration::from_secs(2);

fn teller(memory: &Memory, leaving: &CancellationToken) -> Teller {
    let metrics = Metrics::register(&mut Registry::default());
    Teller::new(memory.store.clone(), Clock::manual(NOW).0, BEAT, leaving.clone(), metrics)
}

fn told(memory: &Memory) -> BoxStream<'static, Result<Bytes, TooSlow>> {
    teller(memory, &CancellationToken::new()).tell().unwrap().boxed()
}

/// Whether the next message is about the node; else it is empty.
async fn is_about_the_node(stream: &mut BoxStream<'static, Result<Bytes, TooSlow>>) -> bool {
    let mut frames = Frames::default();
    frames.push(&stream.next().await.unwrap().unwrap());
    let message = frames.next().unwrap().unwrap();
    assert!(frames.is_at_end());
    !message.is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_listener_gets_what_is_known_then_each_scrape_and_signs_of_life_between() {
    let memory = memory();
    scrape_here(&memory, NOW);
    let mut stream = told(&memory);
    assert!(is_about_the_node(&mut stream).await);
    assert!(!is_about_the_node(&mut stream).await, "that is all");
    let begun = Instant::now();
    assert!(!is_about_the_node(&mut stream).await);
    assert_eq!(begun.elapsed().as_secs(), BEAT.as_secs());
    scrape_here(&memory, NOW + BEAT);
    assert!(is_about_the_node(&mut stream).await);
    assert_eq!(begun.elapsed().as_secs(), BEAT.as_secs(), "at once");
}

#[tokio::test(start_paused = true)]
async fn what_others_have_told_is_not_told_again() {
    let memory = measured();
    let mut stream = told(&memory);
    assert!(!is_about_the_node(&mut stream).await, "nothing was scraped here");
    scrape_here(&memory, NOW + BEAT);
    assert!(is_about_the_node(&mut stream).await);
}

#[tokio::test(start_paused = true)]
async fn a_listener_who_takes_nothing_is_cut_and_one_who_misses_some_too() {
    let memory = memory();
    let mut stream = told(&memory);
    assert!(!is_about_the_node(&mut stream).await);
    tokio::time::advance(LONGEST + Duration::from_secs(1)).await;
    assert!(stream.next().await.unwrap().is_err());
    assert!(stream.next().await.is_none());

    let mut stream = told(&memory);
    assert!(!is_about_the_node(&mut stream).await);
    for round in 0..5_000 {
        scrape_here(&memory, UnixMillis(NOW.0 + round));
    }
    assert!(stream.next().await.unwrap().is_err());
    assert!(is_about_the_node(&mut told(&memory)).await, "a new stream begins with all that is known");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_we_leave_and_after_an_hour() {
    let (memory, leaving) = (memory(), CancellationToken::new());
    let mut stream = teller(&memory, &leaving).tell().unwrap().boxed();
    assert!(!is_about_the_node(&mut stream).await);
    leaving.cancel();
    assert!(stream.next().await.is_none());
    let (mut stream, begun) = (told(&memory), Instant::now());
    while let Some(message) = stream.next().await {
        assert!(message.is_ok());
    }
    assert_eq!(begun.elapsed().as_secs(), 3_600);
}

#[tokio::test]
async fn no_more_listen_than_there_can_be_replicas() {
    let (memory, leaving) = (memory(), CancellationToken::new());
    let teller = teller(&memory, &leaving);
    let streams: Vec<_> = (0..MAX_LEASES).map(|_| teller.tell().unwrap()).collect();
    assert_eq!(teller.tell().err(), Some(Refusal::Busy));
    drop(streams);
    assert!(teller.tell().is_ok());
}
