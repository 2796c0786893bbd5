//! The watch against a scripted API server, on paused time.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use hyper::body::Frame;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::readiness::Readiness;

/// What the server does with the next request for pods.
enum Answer {
    Status(u16),
    /// One page; the token of the next one, if there is one.
    Page(&'static [&'static str], Option<&'static str>),
    /// These events, then silence.
    Quiet(Vec<Value>),
    /// These events, then the end of the stream.
    Ended(Vec<Value>),
    /// A line that is no event, then these events, then silence.
    Garbled(Vec<Value>),
    /// No answer, ever.
    Hang,
}

#[derive(Clone, Default)]
struct Server {
    script: Arc<Mutex<VecDeque<Answer>>>,
    queries: Arc<Mutex<Vec<String>>>,
}

fn pod(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string()}})
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

fn status(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
           "reason": "Scripted", "message": "scripted"})
}

fn lines(events: &[Value]) -> Bytes {
    events.iter().flat_map(|event| [event.to_string(), "\n".to_owned()]).collect::<String>().into()
}

type Body = BoxBody<Bytes, std::convert::Infallible>;

fn body(bytes: Bytes, ends: bool) -> Body {
    let first = stream::once(async { Ok(Frame::data(bytes)) });
    if ends {
        BoxBody::new(StreamBody::new(first))
    } else {
        BoxBody::new(StreamBody::new(first.chain(stream::pending())))
    }
}

impl Server {
    fn playing(script: Vec<Answer>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into())), queries: Arc::default() }
    }

    fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let server = server.clone();
            let uri = request.uri().clone();
            async move { Ok::<_, std::io::Error>(server.answer(&uri).await) }
        });
        kube::Client::new(service, "default")
    }

    async fn answer(&self, uri: &http::Uri) -> Response<Body> {
        let query = uri.query().unwrap_or_default().to_owned();
        let answer = if uri.path().ends_with("/pods") {
            self.queries.lock().push(query);
            self.script.lock().pop_front().unwrap_or(Answer::Hang)
        } else if query.contains("watch=true") {
            Answer::Quiet(vec![])
        } else {
            self.queries.lock().push(format!("nodes?{query}"));
            Answer::Page(&[], None)
        };
        let (code, body) = match answer {
            Answer::Status(code) => (code, body(status(code).to_string().into(), true)),
            Answer::Page(names, token) => {
                let items: Vec<Value> = names.iter().map(|name| pod(name, 1)).collect();
                let list = json!({"kind": "PodList", "apiVersion": "v1", "items": items,
                                  "metadata": {"resourceVersion": "10", "continue": token}});
                (200, body(list.to_string().into(), true))
            }
            Answer::Quiet(events) => (200, body(lines(&events), false)),
            Answer::Ended(events) => (200, body(lines(&events), true)),
            Answer::Garbled(events) => {
                let garbled = [b"{\"type\":\"DELETED\",!}\n".as_slice(), &lines(&events)].concat();
                (200, body(garbled.into(), false))
            }
            Answer::Hang => std::future::pending().await,
        };
        Response::builder().status(code).body(body).unwrap()
    }

    fn queries_with(&self, part: &str) -> usize {
        self.queries.lock().iter().filter(|query| query.contains(part)).count()
    }
}

struct Watched {
    cluster: Arc<Cluster>,
    readiness: Readiness,
    pods_up: Gauge,
    stop: CancellationToken,
}

fn watch(server: &Server) -> Watched {
    let watched = Watched {
        cluster: Arc::default(),
        readiness: Readiness::default(),
        pods_up: Gauge::default(),
        stop: CancellationToken::new(),
    };
    let signs = |check, waiting_for, lost, up| Signs {
        latch: watched.readiness.latch(check, waiting_for),
        lost: watched.readiness.notice(lost),
        up,
    };
    let nodes = signs("node-sync", "nodes are being listed", "nodes are lost", Gauge::default());
    let pods = signs("pod-sync", "pods are being listed", "pods are lost", watched.pods_up.clone());
    let selector = LabelSelector::parse("pool=a").unwrap();
    let cluster = Arc::clone(&watched.cluster);
    tokio::spawn(run(cluster, server.client(), selector, nodes, pods, watched.stop.clone()));
    watched
}

impl Watched {
    fn pods(&self) -> Vec<String> {
        self.cluster.view().pods().map(|pod| pod.key.name.to_string()).collect()
    }

    /// Paused time runs ahead only while everybody waits, so this costs nothing.
    async fn until_pods_are(&self, names: &[&str]) {
        let reached = async {
            while self.pods() != names {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(10), reached).await;
        assert!(in_time.is_ok(), "{:?} instead of {names:?}", self.pods());
    }
}

#[tokio::test(start_paused = true)]
async fn all_pages_become_visible_at_once_and_release_the_latch() {
    let server = Server::playing(vec![
        Answer::Page(&["a", "b"], Some("next")),
        Answer::Page(&["c"], None),
        Answer::Quiet(vec![event("ADDED", &pod("d", 11)), event("DELETED", &pod("a", 12))]),
    ]);
    let watched = watch(&server);
    watched.until_pods_are(&["b", "c", "d"]).await;
    assert!(watched.readiness.is_ready());
    assert_eq!(server.queries_with("limit=500&continue=next"), 1);
    assert_eq!(server.queries_with("nodes?&labelSelector=pool+in+%28a%29&limit=500"), 1, "{:?}", server.queries.lock());
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_lists_anew_and_keeps_the_view_meanwhile() {
    for expiry in [Answer::Quiet(vec![event("ERROR", &status(410))]), Answer::Status(410)] {
        let server = Server::playing(vec![
            Answer::Page(&["a"], None),
            expiry,
            Answer::Status(500),
            Answer::Page(&["b"], None),
            Answer::Quiet(vec![]),
        ]);
        let watched = watch(&server);
        watched.until_pods_are(&["a"]).await;
        while server.queries.lock().len() < 5 {
            assert_eq!(watched.pods(), ["a"]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        watched.until_pods_are(&["b"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_is_resumed_from_its_last_version() {
    let server = Server::playing(vec![
        Answer::Page(&["a"], None),
        Answer::Ended(vec![event("ADDED", &pod("b", 77))]),
        Answer::Quiet(vec![event("ADDED", &pod("c", 78))]),
    ]);
    let watched = watch(&server);
    watched.until_pods_are(&["a", "b", "c"]).await;
    assert_eq!(server.queries_with("resourceVersion=77"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_is_explained_and_asked_ever_more_rarely() {
    let server = Server::playing((0..1000).map(|_| Answer::Status(403)).collect());
    let watched = watch(&server);
    tokio::time::sleep(Duration::from_mins(5)).await;
    let asked = server.queries_with("");
    assert!((8..40).contains(&asked), "{asked} requests in 300 s");
    let failure = watched.readiness.checks().into_iter().find(|check| check.name == "pod-sync").unwrap().failure;
    assert!(failure.as_deref().is_some_and(|text| text.contains("scripted")), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_watch_is_told_until_it_is_back_and_costs_no_readiness() {
    let mut script = vec![Answer::Page(&["a"], None), Answer::Quiet(vec![event("ERROR", &status(410))])];
    script.extend((0..5).map(|_| Answer::Status(500)));
    script.extend([Answer::Page(&["b"], None), Answer::Quiet(vec![])]);
    let server = Server::playing(script);
    let watched = watch(&server);
    assert_eq!(watched.pods_up.get(), 0);
    watched.until_pods_are(&["a"]).await;
    while watched.pods() == ["a"] {
        let told = (watched.readiness.notices(), watched.pods_up.get());
        assert!(told == (vec![], 1) || told == (vec!["pods are lost"], 0), "{told:?}");
        assert!(watched.readiness.is_ready());
        tokio::time::sleep(Duration::from_millis(10)).await;
        if server.queries_with("limit=500") > 2 && watched.pods() == ["a"] {
            assert_eq!(watched.readiness.notices(), ["pods are lost"]);
        }
    }
    watched.until_pods_are(&["b"]).await;
    assert_eq!((watched.readiness.notices(), watched.pods_up.get()), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_back_and_quiet_is_known_to_be_back() {
    let mut script = vec![Answer::Page(&["a"], None), Answer::Ended(vec![])];
    script.extend((0..3).map(|_| Answer::Status(500)));
    script.push(Answer::Quiet(vec![]));
    let server = Server::playing(script);
    let watched = watch(&server);
    watched.until_pods_are(&["a"]).await;
    while watched.pods_up.get() == 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(watched.readiness.notices(), ["pods are lost"]);
    tokio::time::sleep(Duration::from_mins(3)).await;
    assert_eq!((watched.readiness.notices(), watched.pods_up.get()), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_is_asked_for_again() {
    let server = Server::playing(vec![Answer::Hang, Answer::Page(&["a"], None), Answer::Quiet(vec![])]);
    watch(&server).until_pods_are(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_read_is_made_up_for_by_a_list() {
    let server = Server::playing(vec![
        Answer::Page(&["a", "b"], None),
        Answer::Garbled(vec![event("ADDED", &pod("c", 11))]),
        Answer::Page(&["b", "c"], None),
        Answer::Quiet(vec![]),
    ]);
    watch(&server).until_pods_are(&["b", "c"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_falls_silent_is_begun_again_from_where_it_was() {
    let server = Server::playing(vec![
        Answer::Page(&["a"], None),
        Answer::Quiet(vec![event("ADDED", &pod("b", 77))]),
        Answer::Quiet(vec![event("DELETED", &pod("a", 78))]),
    ]);
    let watched = watch(&server);
    watched.until_pods_are(&["a", "b"]).await;
    let silent = tokio::time::Instant::now();
    watched.until_pods_are(&["b"]).await;
    let after = silent.elapsed();
    assert!(after > Duration::from_secs(90) && after < Duration::from_secs(100), "{after:?}");
    assert_eq!(server.queries_with("resourceVersion=77"), 1);
    assert!(watched.readiness.notices().is_empty(), "nothing was lost");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_expired_versions_is_answered_by_ever_rarer_lists() {
    let storm = (0..1000).flat_map(|_| [Answer::Page(&["a"], None), Answer::Status(410)]);
    let server = Server::playing(storm.collect());
    let watched = watch(&server);
    tokio::time::sleep(Duration::from_mins(10)).await;
    let lists = server.queries_with("limit=500");
    assert!((15..60).contains(&lists), "{lists} lists in 600 s");
    assert_eq!(watched.pods(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_watch() {
    let server = Server::playing(vec![Answer::Page(&["a"], None), Answer::Quiet(vec![])]);
    let watched = watch(&server);
    watched.until_pods_are(&["a"]).await;
    let cluster = Arc::downgrade(&watched.cluster);
    watched.stop.cancel();
    drop(watched);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(cluster.upgrade().is_none(), "nobody holds the cluster any more");
}
