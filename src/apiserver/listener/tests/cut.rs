//! Answers that end before they are whole: by us, and by the client.

use std::io::Read as _;

use http::HeaderValue;

use super::*;
use crate::apiserver::resources::world::{World, node, pod, reading, running};
use crate::apiserver::router::server::Server;

const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// A list of some megabytes: more than all buffers between us and a client hold.
fn large_world() -> World {
    let names: Vec<_> = (0..20_000).map(|n| format!("pod-with-a-name-{n}")).collect();
    let pods = names.iter().map(|name| pod(name, "n", &[("app", running(0.0))])).collect();
    let world = World::with(vec![node("n")], pods);
    for time in [10.0, 25.0] {
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), "app", reading(time, 1_000, 64))).collect();
        world.scrape("n", time, None, &rows);
    }
    world
}

pub(super) fn by(user: &'static str, path: &str) -> Request<Body> {
    let mut request = request(path);
    request.headers_mut().insert("x-user", HeaderValue::from_static(user));
    request
}

/// Requests and watches.
pub(super) fn under_way(server: &Server) -> (u32, u32) {
    let (_, text) = server.exposition.answer(None);
    let told = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap();
    (told("kube_vitals_requests_in_flight "), told("kube_vitals_watches_open "))
}

pub(super) async fn all_places_free(server: &Server) {
    let freed = async {
        while under_way(server) != (0, 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.expect("the work has stopped");
}

#[tokio::test]
async fn a_watch_has_its_place_for_as_long_as_the_client_stays() {
    let server = Server::over(&World::with(vec![node("n")], vec![]));
    let port = Port::serving(server.router(), 10);
    let path = "/apis/custom.example.com/v1/nodes?watch=true";
    let http2 = port.http2(None).await.send_request(by("ann", path)).await.unwrap();
    let http1 = port.http1(None).await.send_request(by("ann", path)).await.unwrap();
    assert_eq!((http2.status(), http1.status()), (StatusCode::OK, StatusCode::OK));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(under_way(&server), (0, 2));
    drop((http2, http1));
    all_places_free(&server).await;
}

#[tokio::test]
async fn an_answer_out_of_time_is_cut_off_and_never_looks_whole() {
    let server = Server::over(&large_world());
    let port = Port::serving(server.router(), 10);
    let path = format!("{PODS}?timeout=1s");
    let mut http2 = port.http2(None).await;
    let unread = http2.send_request(by("ann", &path)).await.unwrap();
    assert_eq!(unread.status(), StatusCode::OK);
    let mut http1 = port.http1(None).await;
    let unread1 = http1.send_request(by("ann", &path)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let error = unread.into_body().collect().await.unwrap_err();
    let error = std::error::Error::source(&error).unwrap().downcast_ref::<h2::Error>().unwrap();
    assert!(error.is_reset() && error.is_remote(), "{error}");
    unread1.into_body().collect().await.unwrap_err();
    assert_eq!(http2.send_request(by("ann", "/apis")).await.unwrap().status(), StatusCode::OK);
    all_places_free(&server).await;
}

#[tokio::test]
async fn a_long_list_is_the_same_compressed_or_not() {
    let server = Server::over(&large_world());
    let port = Port::serving(server.router(), 10);
    let mut client = port.http2(None).await;
    let plain = client.send_request(by("ann", PODS)).await.unwrap();
    let plain = plain.into_body().collect().await.unwrap().to_bytes();
    let mut asking = by("ann", PODS);
    asking.headers_mut().insert("accept-encoding", HeaderValue::from_static("gzip"));
    let compressed = client.send_request(asking).await.unwrap();
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let compressed = compressed.into_body().collect().await.unwrap().to_bytes();
    assert!(compressed.len() * 8 < plain.len(), "{} of {}", compressed.len(), plain.len());
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut inflated).unwrap();
    assert!(inflated == plain);
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_work_for_it() {
    let server = Server::over(&large_world());
    let port = Port::serving(server.router(), 10);
    let http2 = port.http2(None).await.send_request(by("ann", PODS)).await.unwrap();
    let http1 = port.http1(None).await.send_request(by("ann", PODS)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(under_way(&server), (2, 0), "both are being written");
    drop((http2, http1));
    all_places_free(&server).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_stops_the_work_for_it() {
    let server = Server::over(&World::with(vec![], vec![]));
    let port = Port::serving(server.router(), 10);
    let (mut http2, mut http1) = (port.http2(None).await, port.http1(None).await);
    let waiting = async {
        let _ = tokio::join!(http2.send_request(by("slow", PODS)), http1.send_request(by("slow", PODS)));
    };
    tokio::time::timeout(Duration::from_millis(300), waiting).await.expect_err("no answer ever");
    drop(http1);
    all_places_free(&server).await;
}
