//! Clients that ask for much and take nothing.

use super::cut::{all_places_free, by, under_way};
use super::*;
use crate::apiserver::resources::world::{World, node, pod, reading, running};
use crate::apiserver::router::server::Server;

const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// A list of 20 KB: one part of an answer.
fn world() -> World {
    let names: Vec<_> = (0..40).map(|n| format!("pod-{n}")).collect();
    let pods = names.iter().map(|name| pod(name, "n", &[("app", running(0.0))])).collect();
    let world = World::with(vec![node("n")], pods);
    for time in [10.0, 25.0] {
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), "app", reading(time, 1_000, 64))).collect();
        world.scrape("n", time, None, &rows);
    }
    world
}

/// A client who has room for a byte of each answer.
async fn narrow(port: &Port, pair: Option<&Pair>) -> Http2 {
    let io = TokioIo::new(port.dial(pair, HTTP2).await.unwrap());
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.initial_stream_window_size(1).handshake(io).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_holds_its_place_until_its_connection_is_cut() {
    let server = Server::over(&world());
    let port = Port::serving(server.router(), 10);
    let mut client = narrow(&port, None).await;
    let start = tokio::time::Instant::now();
    let unread = client.send_request(by("ann", PODS)).await.unwrap();
    assert_eq!(unread.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(under_way(&server), (1, 0), "written, not taken");
    while !client.is_closed() {
        // Who asks for something else meanwhile is not thought better of.
        let _ = client.send_request(by("ann", "/version")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() < Duration::from_secs(125), "still open");
    }
    all_places_free(&server).await;
    assert_eq!(port.metrics.unread.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_front_proxys_connection_is_not_cut_for_one_slow_reader() {
    let server = Server::over(&world());
    let port = Port::serving(server.router(), 10);
    let mut client = narrow(&port, Some(&front_proxy())).await;
    let unread = client.send_request(by("ann", PODS)).await.unwrap();
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!(client.send_request(by("ann", "/version")).await.unwrap().status(), StatusCode::OK);
    drop(unread);
    all_places_free(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_has_nothing_to_tell_keeps_its_connection() {
    let server = Server::over(&world());
    let port = Port::serving(server.router(), 10);
    let mut client = port.http2(None).await;
    let path = format!("{PODS}?watch=true&labelSelector=nobody%3Dhas");
    let watch = client.send_request(by("ann", &path)).await.unwrap();
    tokio::time::sleep(Duration::from_mins(25)).await;
    assert!(!client.is_closed(), "somebody waits for what there will be to tell");
    drop(watch);
    all_places_free(&server).await;
}
