use http::Request;

use crate::apiserver::resources::world::{World, node, pod, reading, running};
use crate::apiserver::router::server::{Server, read};

/// Two nodes with a reading each, and a pod on one of them.
fn server() -> Server {
    let world = World::with(vec![node("m"), node("n")], vec![pod("a", "n", &[("x", running(-100.0))])]);
    for time in [10.0, 25.0] {
        world.scrape("m", time, Some(reading(time, 1_000, 64)), &[]);
        world.scrape("n", time, Some(reading(time, 1_000, 64)), &[("a", "x", reading(time, 500, 32))]);
    }
    Server::over(&world)
}

#[tokio::test]
async fn usage_is_a_page_in_the_format_that_is_preferred() {
    let server = server();
    for (accept, content_type, end) in [
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8", "1800000025000\n"),
        (
            "application/openmetrics-text,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF\n",
        ),
    ] {
        let request = Request::get("/metrics/usage").header("x-user", "ann").header("accept", accept);
        let response = server.send(request).await;
        assert_eq!(response.headers()["content-type"], content_type);
        let (code, text) = read(response).await;
        assert_eq!(code, 200);
        assert!(
            text.contains("\nkube_vitals_node_memory_working_set_bytes{node=\"m\"} 6.7108864e+07 1800000025"),
            "{text}"
        );
        assert!(text.ends_with(end), "{text}");
    }
}

#[tokio::test]
async fn a_page_longer_than_a_chunk_is_streamed_whole() {
    let nodes: Vec<_> = (0..1_000).map(|number| format!("a-node-with-a-long-name-{number:04}")).collect();
    let world = World::with(nodes.iter().map(|name| node(name)).collect(), vec![]);
    for name in &nodes {
        world.scrape(name, 10.0, Some(reading(10.0, 1_000, 64)), &[]);
    }
    let (code, text) = Server::over(&world).get_as("ann", "/metrics/usage").await;
    assert_eq!(code, 200);
    assert!(text.len() > 128 << 10, "{}", text.len());
    let family = "kube_vitals_node_cpu_usage_seconds_total{";
    assert_eq!(text.lines().filter(|line| line.starts_with(family)).count(), 1_000);
}

#[tokio::test]
async fn a_query_selects_and_one_that_cannot_is_refused_with_a_status() {
    let server = server();
    let (_, text) = server.get_as("ann", "/metrics/usage?node=m&family=kube_vitals_node_cpu_usage_cores").await;
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 1, "{text}");
    for query in ["pod=a", "family=up", "node=", "namespace=a&Namespace=b"] {
        let (code, text) = server.get_as("ann", &format!("/metrics/usage?{query}")).await;
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (code, &status["kind"], &status["reason"]),
            (400, &"Status".into(), &"BadRequest".into()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn who_may_not_read_metrics_may_not_read_usage() {
    let server = server();
    assert_eq!(server.get_as("mallory", "/metrics/usage").await.0, 403);
    assert_eq!(server.get_as("nobody", "/metrics/usage").await.0, 401);
    let post = Request::post("/metrics/usage").header("x-user", "ann");
    assert_eq!(read(server.send(post).await).await.0, 405);
}
