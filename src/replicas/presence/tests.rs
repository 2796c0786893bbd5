use std::time::Duration;

use http::Method;

use super::*;
use crate::clock::UnixMillis;
use crate::replicas::fixtures::LeaseServer;

fn service() -> Service {
    Service { namespace: "custom-api".to_owned(), name: "custom-api".to_owned() }
}

fn leases(server: &LeaseServer) -> Leases {
    Leases::new(server.client(), &service(), Clock::manual(UnixMillis(0)).0, Metrics::default())
}

fn presence(name: &str, state: State) -> Presence {
    let address = ([10, 0, 0, 1], 8080).into();
    Presence { name: name.to_owned(), address, state, lasts: Duration::from_secs(15), shares: true }
}

#[tokio::test(start_paused = true)]
async fn replicas_see_each_other_by_what_they_write() {
    let server = LeaseServer::default();
    let (mut one, mut other) = (leases(&server), leases(&server));
    assert!(one.beat(&presence("one", State::Ready)).await);
    assert!(one.ready().is_empty(), "nobody sees himself");
    assert!(other.beat(&presence("other", State::Starting)).await);
    assert_eq!(other.ready(), [presence("one", State::Ready)]);
    assert!(one.beat(&presence("one", State::Stopping)).await);
    assert!(one.ready().is_empty(), "the other is not ready yet");
    assert!(other.look("other").await);
    assert!(other.ready().is_empty(), "who stops is not asked");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_gone_at_once() {
    let server = LeaseServer::default();
    let mut one = leases(&server);
    assert!(one.beat(&presence("one", State::Ready)).await);
    one.leave("one").await;
    assert!(server.0.lock().leases.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_leave_behind_is_collected_and_nothing_of_the_living() {
    let server = LeaseServer::default();
    let (mut one, mut dead, mut living) = (leases(&server), leases(&server), leases(&server));
    assert!(dead.beat(&presence("dead", State::Ready)).await);
    for _ in 0..8 {
        assert!(living.beat(&presence("living", State::Ready)).await);
        assert!(one.beat(&presence("one", State::Ready)).await);
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    let kept: Vec<_> = server.0.lock().leases.keys().cloned().collect();
    assert_eq!(kept, ["living", "one"]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_came_back_keeps_its_lease() {
    let server = LeaseServer::default();
    let mut one = leases(&server);
    let mut back = leases(&server);
    assert!(back.beat(&presence("back", State::Ready)).await);
    assert!(one.beat(&presence("one", State::Ready)).await);
    let leftover = Leftover { name: "back".to_owned(), version: "1".to_owned() };
    assert!(back.beat(&presence("back", State::Ready)).await);
    one.collect(leftover).await;
    assert!(server.0.lock().leases.contains_key("back"));
}

#[tokio::test(start_paused = true)]
async fn without_rights_a_replica_goes_on_alone_and_notices_when_it_gets_them() {
    let server = LeaseServer::default();
    let mut one = leases(&server);
    server.0.lock().refusal = Some(403);
    assert!(!one.beat(&presence("one", State::Ready)).await);
    assert!(one.is_failing && one.is_refused() && one.ready().is_empty());
    server.0.lock().refusal = Some(500);
    assert!(!one.beat(&presence("one", State::Ready)).await);
    assert!(one.is_failing && !one.is_refused());
    server.0.lock().refusal = None;
    assert!(one.beat(&presence("one", State::Ready)).await);
    assert!(!one.is_failing);
}

#[tokio::test(start_paused = true)]
async fn a_beat_is_two_requests() {
    let server = LeaseServer::default();
    let mut one = leases(&server);
    one.beat(&presence("one", State::Ready)).await;
    server.0.lock().requests.clear();
    one.beat(&presence("one", State::Ready)).await;
    let asked: Vec<_> = server.0.lock().requests.iter().map(|(method, _)| method.clone()).collect();
    assert_eq!(asked, [Method::PATCH, Method::GET]);
}
