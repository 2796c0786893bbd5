use http::{Method, Request, StatusCode};

use super::server::{Server, assert_golden, read};
use crate::apiserver::resources::world::{World, at, node, pod, reading, running};
use crate::cluster::{ContainerState, Phase};
use crate::usage::Failure;

const OWN: &str = "/apis/custom.example.com/v1";
const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";

/// Two nodes, one of which fails, and pods in every state that lists tell apart.
pub(super) fn world() -> World {
    let app = |name| pod(name, "node-a", &[("app", running(0.0))]);
    let mut done = app("done");
    done.phase = Phase::Finished;
    let two = pod("two", "node-a", &[("app", running(0.0)), ("proxy", running(0.0))]);
    let young = pod("young", "node-a", &[("app", running(29.0))]);
    let failing = pod("unseen", "node-b", &[("app", running(0.0))]);
    let crashing = pod("crashing", "node-a", &[("app", ContainerState::Ended(at(20.0)))]);
    let world = World::with(
        vec![node("node-a"), node("node-b"), node("node-c")],
        vec![app("whole"), two, young, done, failing, crashing],
    );
    let whole = |time, cpu| ("whole", "app", reading(time, cpu, 64));
    world.scrape(
        "node-a",
        15.0,
        Some(reading(14.0, 9_000, 900)),
        &[whole(14.5, 1_000), ("two", "app", reading(14.0, 0, 1))],
    );
    world.fail("node-b", 15.0, Failure::Forbidden);
    let rows = [whole(29.713, 1_380), ("two", "app", reading(29.0, 150, 1)), ("young", "app", reading(30.0, 10, 8))];
    world.scrape("node-a", 30.0, Some(reading(29.25, 21_200, 901)), &rows);
    world.fail("node-b", 30.0, Failure::Forbidden);
    world
}

fn server() -> Server {
    Server::over(&world())
}

fn names(list: &serde_json::Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn objects_and_lists_have_the_agreed_form() {
    let server = server();
    for (file, path) in [
        ("metrics-nodes.json", format!("{METRICS}/nodes")),
        ("metrics-node.json", format!("{METRICS}/nodes/node-a")),
        ("metrics-pods.json", format!("{METRICS}/pods")),
        ("metrics-pod.json", format!("{METRICS}/namespaces/shop/pods/whole")),
        ("own-nodes.json", format!("{OWN}/nodes?pretty=true")),
        ("own-node.json", format!("{OWN}/nodes/node-a?pretty=1")),
        ("own-pods.json", format!("{OWN}/namespaces/shop/pods?pretty=true")),
        ("own-pod-partial.json", format!("{OWN}/namespaces/shop/pods/two?pretty=true")),
        ("nodescrapes.json", format!("{OWN}/nodescrapes?pretty=true")),
        ("nodescrape.json", format!("{OWN}/nodescrapes/node-b?pretty=true")),
    ] {
        let (code, body) = server.get(&path).await;
        assert_eq!(code, 200, "{path}: {body}");
        assert_golden(file, &body);
    }
}

#[tokio::test]
async fn lists_are_cut_by_namespace_and_selectors() {
    let server = server();
    for (query, expected) in [
        ("pods", vec!["two", "whole", "young"]),
        ("namespaces/shop/pods", vec!["two", "whole", "young"]),
        ("namespaces/other/pods", vec![]),
        ("pods?fieldSelector=metadata.name%3Dwhole&limit=1", vec!["whole"]),
        ("pods?fieldSelector=metadata.namespace!=shop", vec![]),
        ("pods?labelSelector=app%20in%20(web)", vec!["two", "whole", "young"]),
        ("pods?labelSelector=app!%3Dweb", vec![]),
        ("nodes?labelSelector=zone%3Da", vec!["node-a"]),
        ("nodescrapes?fieldSelector=metadata.name!%3Dnode-b", vec!["node-a", "node-c"]),
    ] {
        let list = server.document(&format!("{OWN}/{query}")).await;
        assert_eq!(names(&list), expected, "{query}");
    }
    let (_, empty) = server.get(&format!("{METRICS}/namespaces/other/pods")).await;
    assert!(empty.contains(r#""items":[]"#), "{empty}");
}

#[tokio::test]
async fn what_is_missing_is_named_only_if_it_was_asked_for() {
    let server = server();
    let missing = async |query: &str| {
        let list = server.document(&format!("{OWN}/pods{query}")).await;
        let missing = list["missing"].as_array().cloned().unwrap_or_default();
        missing
            .iter()
            .map(|entry| format!("{}:{}", entry["name"], entry["reason"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(missing("").await, ["crashing:NotRunning", "unseen:Forbidden"]);
    assert_eq!(missing("?fieldSelector=metadata.name=unseen").await, ["unseen:Forbidden"]);
    assert_eq!(missing("?fieldSelector=metadata.name=whole").await, [""; 0]);
}

#[tokio::test]
async fn metrics_k8s_io_leaves_partial_pods_out_and_our_group_says_why() {
    let server = server();
    let list = server.document(&format!("{METRICS}/pods")).await;
    assert_eq!(names(&list), ["whole"]);
    let (code, body) = server.get(&format!("{METRICS}/namespaces/shop/pods/two")).await;
    assert_eq!(code, 404);
    assert!(
        body.contains(r#"podmetrics.metrics.k8s.io \"shop/two\" not found: the kubelet does not report it"#),
        "{body}"
    );
    assert!(body.contains(r#""causes":[{"reason":"NotReported""#), "{body}");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_in_the_words_that_clients_know() {
    let server = server();
    for (path, message) in [
        (format!("{METRICS}/nodes/x"), r#"nodes.metrics.k8s.io \"x\" not found"#),
        (format!("{METRICS}/namespaces/shop/pods/x"), r#"pods.metrics.k8s.io \"x\" not found"#),
        (format!("{METRICS}/nodes/node-b"), r#"nodemetrics.metrics.k8s.io \"node-b\" not found: "#),
        (format!("{OWN}/nodescrapes/x"), r#"nodescrapes.custom.example.com \"x\" not found"#),
        (format!("{METRICS}/nodescrapes"), "the server could not find the requested resource"),
        (format!("{METRICS}/nodes/n/history"), "the server could not find the requested resource"),
        ("/apis/metrics.k8s.io/v9".to_owned(), "the server could not find the requested resource"),
        ("/apis/foreign".to_owned(), "the server could not find the requested resource"),
        ("/api/v1/nodes".to_owned(), "the server could not find the requested resource"),
        ("/%2e%2e/etc".to_owned(), "the server could not find the requested resource"),
    ] {
        let (code, body) = server.get(&path).await;
        assert_eq!(code, 404, "{path}");
        assert!(body.starts_with(r#"{"kind":"Status","apiVersion":"v1""#) && body.contains(message), "{path}: {body}");
    }
}

#[tokio::test]
async fn while_the_cluster_is_not_known_nothing_is_said_not_to_exist() {
    let server = server();
    let latch = server.readiness.latch("pod-sync", "pods are being listed");
    let response = server.send(Request::get(format!("{METRICS}/nodes/x"))).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get(&format!("{METRICS}/nodes/node-a")).await.0, 200, "what is known is served");
    latch.release();
    assert_eq!(server.get(&format!("{METRICS}/nodes/x")).await.0, 404);
    server.readiness.begin_stop();
    assert_eq!(server.get(&format!("{METRICS}/nodes/x")).await.0, 404, "a stop forgets nothing");
}

#[tokio::test]
async fn methods_and_watches_that_we_lack_are_405() {
    let server = server();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(&method).uri(format!("{METRICS}/nodes"));
        let (code, body) = read(server.send(request).await).await;
        assert_eq!(code, 405, "{method}");
        assert!(body.contains(r#""reason":"MethodNotAllowed""#), "{body}");
    }
    let (code, body) = server.get(&format!("{OWN}/nodescrapes?watch=true")).await;
    assert_eq!(code, 405);
    assert!(body.contains("watch is not supported on resources of kind"), "{body}");
    assert_eq!(server.get(&format!("{METRICS}/nodes?watch=false")).await.0, 200);
    let head = server.send(Request::head(format!("{METRICS}/nodes"))).await;
    assert_eq!(head.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_status_with_the_right_code() {
    let server = server();
    let (code, body) = server.get(&format!("{METRICS}/pods?labelSelector=a%20b%20c")).await;
    assert_eq!(code, 400);
    assert!(body.contains(r#""reason":"BadRequest""#), "{body}");
    for path in ["/apis", OWN, &format!("{OWN}/nodes"), &format!("{OWN}/nodes/node-a")] {
        let (code, body) = read(server.send(Request::get(path).header("accept", "text/html")).await).await;
        assert_eq!(code, 406, "{path}");
        assert!(body.contains("only the following media types are accepted: application/json"), "{body}");
    }
    let kubectl = Request::get(format!("{METRICS}/nodes")).header("accept", "application/vnd.kubernetes.protobuf, */*");
    assert_eq!(server.send(kubectl).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn refusals_come_before_anything_is_told() {
    let server = server();
    let (code, body) = server.get_as("nobody", "/no/such/path").await;
    assert_eq!((code, body.contains("an old token")), (401, false));
    let (code, body) = server.get_as("mallory", &format!("{METRICS}/namespaces/shop/pods/none")).await;
    assert_eq!(code, 403);
    assert!(
        body.contains(r#"pods.metrics.k8s.io \"none\" is forbidden: User \"mallory\" cannot get resource"#),
        "{body}"
    );
    assert!(body.contains(": no role"), "{body}");
    assert_eq!(server.get_as("mallory", "/no/such/path").await.0, 403);
}

#[tokio::test]
async fn somebody_who_shows_nothing_is_asked_for_credentials() {
    let (code, body) = server().get_as("stranger", &format!("{METRICS}/nodes")).await;
    assert_eq!((code, body.contains(r#""reason":"Unauthorized""#)), (401, true), "{body}");
}

#[tokio::test]
async fn nobody_is_let_in_because_nobody_could_decide() {
    let server = server();
    for user in ["broken", "unsure"] {
        let (code, body) = server.get_as(user, &format!("{METRICS}/nodes")).await;
        assert_eq!(code, 500, "{user}");
        assert!(body.contains(r#""reason":"InternalError""#) && !body.contains("no route"), "{body}");
    }
}

#[tokio::test]
async fn a_panic_costs_its_own_request() {
    let server = server();
    let (code, body) = server.get_as("panic", "/apis").await;
    assert_eq!((code, body.contains("caused apiserver to panic")), (500, true));
    assert_eq!(server.get("/apis").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_ends_with_504() {
    let (code, body) = server().get_as("slow", "/apis").await;
    assert_eq!(code, 504);
    assert!(body.contains("request did not complete within the allotted timeout"), "{body}");
}

#[tokio::test]
async fn overload_is_told_and_health_and_discovery_are_still_served() {
    let server = Server::limited(&world(), 1);
    let path = format!("{METRICS}/nodes");
    let mut stuck = Box::pin(server.get_as("slow", &path));
    assert!(futures::poll!(&mut stuck).is_pending());
    let refused = server.send(Request::get(&path)).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(read(refused).await.1.contains(r#""reason":"TooManyRequests""#));
    for path in ["/livez", "/readyz", "/apis", METRICS, &format!("{OWN}/healthz")] {
        assert_eq!(server.get(path).await.0, 200, "{path}");
    }
    drop(stuck);
    assert_eq!(server.get(&path).await.0, 200, "a client that leaves frees its place");
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_kept_by_no_cache() {
    let server = server();
    let given = server.send(Request::get(format!("{METRICS}/nodes")).header("audit-id", "abc-1")).await;
    assert_eq!(given.headers()["audit-id"], "abc-1");
    assert_eq!(given.headers()["cache-control"], "no-cache, private");
    assert_eq!(given.headers()["x-content-type-options"], "nosniff");
    let made = server.send(Request::get("/nowhere").header("audit-id", "x".repeat(65))).await;
    assert_eq!(made.headers()["audit-id"].len(), 36);
}

#[tokio::test]
async fn readiness_is_told_check_by_check() {
    let server = server();
    let latch = server.readiness.latch("node-sync", "nodes: connection refused");
    assert_eq!(
        server.get("/readyz").await,
        (500, "[+]ping ok\n[-]node-sync failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n".to_owned())
    );
    assert_eq!(server.get("/readyz?exclude=node-sync").await, (200, "ok".to_owned()));
    let verbose = "[+]ping ok\n[+]node-sync excluded: ok\n[+]shutdown ok\n\
                   warn: some health checks cannot be excluded: no matches for \"x\"\nreadyz check passed\n";
    assert_eq!(server.get("/readyz?verbose&exclude=node-sync&exclude=x").await, (200, verbose.to_owned()));
    let one = server.get("/readyz/node-sync").await;
    assert_eq!(one, (500, "internal server error: nodes: connection refused\n".to_owned()));
    assert_eq!(server.get("/readyz/ping").await, (200, "ok".to_owned()));
    assert_eq!(server.get("/readyz/nothing").await.0, 404);
    assert_eq!(server.get("/livez").await, (200, "ok".to_owned()), "not ready is not dead");
    latch.release();
    assert_eq!(server.get("/readyz").await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn excluded_checks_that_do_not_exist_are_named_in_order_and_once() {
    let (code, body) = server().get("/livez?exclude=z&exclude=a&exclude=z&exclude=ping&verbose").await;
    let expected = "[+]ping excluded: ok\n[+]metric-collection-timely ok\n\
                    warn: some health checks cannot be excluded: no matches for \"a\",\"z\"\nlivez check passed\n";
    assert_eq!((code, body.as_str()), (200, expected));
}

#[tokio::test]
async fn trouble_upstream_is_warned_of_by_readyz_and_fails_nothing() {
    let server = server();
    let notice = server.readiness.notice("the watch of nodes is lost; the nodes last known are served");
    let lines = "[+]ping ok\n[+]shutdown ok\n";
    assert_eq!(server.get("/readyz?verbose").await, (200, format!("{lines}readyz check passed\n")));
    notice.set(true);
    let warning = "warn: the watch of nodes is lost; the nodes last known are served\n";
    assert_eq!(server.get("/readyz?verbose").await, (200, format!("{lines}{warning}readyz check passed\n")));
    assert_eq!(server.get("/readyz").await, (200, "ok".to_owned()));
    assert!(!server.get("/livez?verbose").await.1.contains("warn"));
    assert_eq!(server.get(&format!("{OWN}/healthz")).await.0, 200);
}

#[tokio::test]
async fn health_is_plain_text_that_no_browser_guesses_at() {
    let server = server();
    for path in ["/livez", "/readyz?verbose", "/healthz/ping"] {
        let response = server.send(Request::get(path)).await;
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_heart_that_stopped_fails_liveness() {
    let server = server();
    server.hand.advance(std::time::Duration::from_secs(31));
    for probe in ["/livez", "/healthz"] {
        let (code, body) = server.get(probe).await;
        assert_eq!(code, 500);
        assert!(body.contains("[-]metric-collection-timely failed: reason withheld"), "{body}");
    }
    assert_eq!(server.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn the_groups_own_healthz_says_what_is_wrong() {
    let server = server();
    let path = format!("{OWN}/healthz");
    assert_eq!(server.get(&path).await, (200, r#"{"text":"Custom API Server is healthy!"}"#.to_owned()));
    let _latch = server.readiness.latch("node-sync", "nodes are being listed");
    let (code, body) = server.get(&path).await;
    assert_eq!(code, 503);
    assert!(body.contains("Custom API Server is not healthy: node-sync: nodes are being listed"), "{body}");
    assert_eq!(server.get(&format!("{METRICS}/healthz")).await.0, 404);
}

#[tokio::test]
async fn requests_are_counted_by_what_we_serve_and_never_by_what_is_made_up() {
    let server = server();
    server.get(&format!("{METRICS}/nodes")).await;
    server.get(&format!("{METRICS}/made-up/by/client")).await;
    let request = Request::builder().method("BREW").uri("/coffee");
    server.send(request).await;
    let (_, text) = server.exposition.answer(None);
    let nodes = r#"kube_vitals_requests_total{verb="list",group="metrics.k8s.io",version="v1beta1",resource="nodes",code="200"} 1"#;
    assert!(text.contains(nodes), "{text}");
    assert!(text.contains(r#"verb="other""#), "{text}");
    assert!(!text.contains("made-up") && !text.contains("brew") && !text.contains("coffee"), "{text}");
    assert!(text.contains("kube_vitals_requests_in_flight 0"), "{text}");
}

#[tokio::test]
async fn our_own_metrics_are_text() {
    let response = server().send(Request::get("/metrics")).await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn versions_grow_with_every_scrape() {
    let world = world();
    let server = Server::over(&world);
    let version = async || {
        let list = server.document(&format!("{OWN}/nodes")).await;
        list["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap()
    };
    let before = version().await;
    world.fail("node-a", 31.0, Failure::Unauthorized);
    server.hand.advance(std::time::Duration::from_secs(1));
    assert!(version().await > before);
}

#[tokio::test]
async fn nodescrapes_names_the_pods_that_are_served_without_a_silent_container() {
    let world = World::with(
        vec![node("n"), node("other")],
        vec![
            pod("web", "n", &[("app", running(0.0)), ("silent", running(0.0))]),
            pod("well", "n", &[("app", running(0.0))]),
        ],
    );
    for time in [-60.0, -30.0, 0.0, 15.0] {
        let rows = ["web", "well"].map(|pod| (pod, "app", reading(time, 1_000, 1)));
        world.scrape("n", time, None, &rows);
    }
    world.fail("other", 15.0, Failure::Unauthorized);
    let server = Server::over(&world);
    let partial = async |path: &str| server.document(&format!("{OWN}/nodescrapes{path}")).await;
    assert_eq!(partial("/n").await["partialPods"], serde_json::Value::Null, "15 s after both began to run");
    for time in [45.0, 75.0] {
        let rows = ["web", "well"].map(|pod| (pod, "app", reading(time, 2_000, 1)));
        world.scrape("n", time, None, &rows);
    }
    server.hand.advance(std::time::Duration::from_secs(45));
    assert_eq!(partial("/n").await["partialPods"], serde_json::json!(["shop/web"]));
    assert_eq!(partial("").await["items"][0]["partialPods"], serde_json::json!(["shop/web"]));
    let pods = server.document(&format!("{METRICS}/pods")).await;
    assert_eq!(names(&pods), ["web", "well"]);
    assert_eq!(pods["items"][0]["containers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_allowed_is_what_is_answered() {
    let server = server();
    for path in [
        // Allowed as `get pods/x`, routed as the list of a namespace.
        "namespaces/shop%2Fpods/pods",
        "namespaces/shop%2Fpods%2Fwhole/pods",
        // Allowed as a resource or a subresource that we do not have.
        "namespaces/other%2Fthings/pods",
        "namespaces/shop/pods/whole%2Flog",
        "nodes/node-a%2Fproxy",
        "nodes%2Fnode-a",
    ] {
        assert_eq!(server.get(&format!("{METRICS}/{path}")).await.0, 404, "{path}");
    }
    assert_eq!(server.get(&format!("{METRICS}/nodes/node%2Da")).await.0, 200, "other escapes change nothing");
}
