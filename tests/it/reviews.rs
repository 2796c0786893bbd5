//! The API server that is asked who somebody is and what he may: it fails, hangs, is overwhelmed, lies
//! and babbles. Nobody is ever taken for anonymous or let in by it, and no error is remembered.
//!
//! Each row has a program of its own, all at once; the slowest waits 10 s for an answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{FutureExt as _, stream};
use http::{StatusCode, header};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::Instant;

use crate::scripted_api::{Review, ScriptedApi, reviewed};
use crate::spoofing::certificates::{Authorities, Shown};
use crate::spoofing::wire::{Answer, Caller, Protocol};
use crate::support::server::{Server, free_port};
use crate::support::usage_of;
use crate::waiting::eventually;

const START: Duration = Duration::from_secs(20);
/// For one review with all its retries, and some for a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
const PATH: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const TOKEN: &str = "token-under-review";
/// What the program may take beyond what it had, whatever it is answered.
const MEMORY_BYTES: u64 = 32 << 20;

/// What the API server does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Fails,
    Hangs,
    IsOverwhelmed,
    SendsElsewhere,
    Babbles,
    SaysAGigabyte,
    SaysNothing,
    IsOfAnotherKind,
    IsOfAnotherVersion,
    SaysYesToNobody,
    SaysYesAndNo,
    SaysYesInWords,
    BreaksOff,
}

impl Manner {
    const ALL: [Self; 13] = [
        Self::Fails,
        Self::Hangs,
        Self::IsOverwhelmed,
        Self::SendsElsewhere,
        Self::Babbles,
        Self::SaysAGigabyte,
        Self::SaysNothing,
        Self::IsOfAnotherKind,
        Self::IsOfAnotherVersion,
        Self::SaysYesToNobody,
        Self::SaysYesAndNo,
        Self::SaysYesInWords,
        Self::BreaksOff,
    ];

    fn answer(self, review: &Review) -> Option<Response> {
        let yes =
            json!({"authenticated": true, "allowed": true, "user": {"username": "liar", "groups": ["system:masters"]}});
        let changed = |key: &str, value: &str| {
            let mut answer = review.body.clone();
            (answer[key], answer["status"]) = (json!(value), yes.clone());
            created(Body::from(answer.to_string()))
        };
        Some(match self {
            Self::Hangs => return None,
            Self::Fails => failure(StatusCode::INTERNAL_SERVER_ERROR, review),
            Self::IsOverwhelmed => {
                ([(header::RETRY_AFTER, "30")], failure(StatusCode::TOO_MANY_REQUESTS, review)).into_response()
            }
            Self::SendsElsewhere => (
                StatusCode::TEMPORARY_REDIRECT,
                [(header::LOCATION, "/apis/authentication.k8s.io/v1/elsewhere/tokenreviews")],
            )
                .into_response(),
            Self::Babbles => created(Body::from(format!("<html>{}</html>", review.body))),
            Self::SaysAGigabyte => {
                let chunk = Bytes::from(vec![b' '; 1 << 20]);
                created(Body::from_stream(stream::iter((0..1024).map(move |_| Ok::<_, std::io::Error>(chunk.clone())))))
            }
            Self::SaysNothing => created(Body::from(review.body.to_string())),
            Self::IsOfAnotherKind => changed("kind", "Pod"),
            Self::IsOfAnotherVersion => changed("apiVersion", "authentication.k8s.io/v1beta1"),
            Self::SaysYesToNobody => reviewed(review, &json!({"authenticated": true, "allowed": "yes", "user": {}})),
            Self::SaysYesAndNo => reviewed(
                review,
                &json!({"authenticated": false, "user": {"username": "liar"}, "allowed": true, "denied": true}),
            ),
            Self::SaysYesInWords => reviewed(review, &json!({"authenticated": "true", "allowed": "true"})),
            Self::BreaksOff => {
                let first = Bytes::from(review.body.to_string().replace('}', ""));
                let broken = vec![Ok(first), Err(std::io::Error::other("broken off"))];
                created(Body::from_stream(stream::iter(broken)))
            }
        })
    }

    /// The codes that may come of it, for whoever shows a token and for whoever is known and wants
    /// something: nobody's token is 401, what is not granted 403, what nobody knows 500.
    fn codes(self) -> (u16, u16) {
        match self {
            Self::SaysNothing => (401, 403),
            Self::SaysYesToNobody | Self::SaysYesAndNo => (401, 500),
            _ => (500, 500),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_api_server_answers_nobody_is_let_in() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let table = futures::future::join_all(Manner::ALL.into_iter().map(|manner| row(manner).boxed_local())).await;
    for line in table {
        println!("{line}");
    }
}

/// One program and an API server of this manner; a line of the table.
async fn row(manner: Manner) -> String {
    let stage = Stage::start(manner).await;
    let resident = usage_of::resident_bytes(stage.server.process.id()).unwrap();
    let (token_code, access_code) = manner.codes();
    let bearer = [("authorization".to_owned(), format!("Bearer {TOKEN}").into_bytes())];
    let begun = Instant::now();
    let (token, access) = tokio::join!(stage.ask(Shown::Nothing, &bearer), stage.ask(Shown::OfClusterClients, &[]));
    assert!(begun.elapsed() < PATIENCE, "{manner:?}: answered after {:?}", begun.elapsed());
    assert_eq!(token.code, token_code, "{manner:?}: {}", token.body);
    assert_eq!(access.code, access_code, "{manner:?}: {}", access.body);
    for answer in [&token, &access] {
        assert!(!answer.body.contains(TOKEN) && !answer.body.contains("liar"), "{manner:?}: {}", answer.body);
    }
    let grown_bytes = usage_of::peak_resident_bytes(stage.server.process.id()).unwrap().saturating_sub(resident);
    assert!(grown_bytes < MEMORY_BYTES, "{manner:?}: {grown_bytes} bytes");
    // Before it is asked again, so that only what was remembered could refuse.
    let before = stage.reviews("tokenreviews");
    stage.mended.store(true, Ordering::Relaxed);
    let (token, access) = tokio::join!(stage.ask(Shown::Nothing, &bearer), stage.ask(Shown::OfClusterClients, &[]));
    let is_remembered = |code| code != 500;
    assert_eq!(token.code, if is_remembered(token_code) { token_code } else { 200 }, "{manner:?}: {}", token.body);
    assert_eq!(access.code, if is_remembered(access_code) { access_code } else { 200 }, "{manner:?}: {}", access.body);
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert!(!log.contains(TOKEN), "{manner:?}: the log repeats the token");
    format!("{manner:?}: token {token_code}, access {access_code}, asked {before} times, +{} KiB", grown_bytes / 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_with_the_same_new_token_make_one_review() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let stage = Arc::new(Stage::start(Manner::Hangs).await);
    stage.mended.store(true, Ordering::Relaxed);
    let mut asking = JoinSet::new();
    for _ in 0..40 {
        let stage = Arc::clone(&stage);
        let bearer = [("authorization".to_owned(), format!("Bearer {TOKEN}").into_bytes())];
        asking.spawn(async move { stage.ask(Shown::Nothing, &bearer).await.code });
    }
    assert!(asking.join_all().await.into_iter().all(|code| code == 200));
    assert_eq!((stage.reviews("tokenreviews"), stage.reviews("subjectaccessreviews")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_does_not_tell_what_exists() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let scenario = kube_vitals::sim::Scenario::bench(1, 2, 1);
    let simulation = crate::support::simulation::Simulation::start(scenario, folder.path()).await.unwrap();
    let arguments = simulation.serve_arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let log = folder.path().join("server.log");
    let server = block_in_place(|| Server::start(free_port().unwrap(), &arguments, &[], &log)).unwrap();
    let now = kube_vitals::clock::Clock::system().now();
    let (pod, node) = (simulation.world.pods(now).next().unwrap().key, simulation.world.nodes().next().unwrap().name);
    let admin = eventually(START, async || simulation.server_client(server.port).await).await.unwrap();
    let guest = simulation.control_plane.token(kube_vitals::sim::control_plane::Account::Guest);
    let ask = async |path: String, token: Option<&str>| {
        let request = admin.get(format!("{}{path}", crate::look::SERVER));
        // The header of the request itself takes the place of the administrator's.
        let request =
            token.map_or_else(|| request.try_clone().unwrap(), |token| request.try_clone().unwrap().bearer_auth(token));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let mut names: Vec<_> = answer.headers().keys().map(ToString::to_string).collect();
        names.sort();
        Ok::<_, String>((answer.status().as_u16(), names, answer.text().await.map_err(|error| error.to_string())?))
    };
    let of_pods = |name: &str| format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods/{name}", pod.namespace);
    let of_nodes = |name: &str| format!("/apis/custom.example.com/v1/nodes/{name}");
    eventually(START, async || match ask(of_pods(&pod.name), None).await? {
        (200, ..) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    let node = node.to_string();
    let absent = |name: &str| "x".repeat(name.len());
    for (name, path, path_of_absent) in [
        (&*pod.name, of_pods(&pod.name), of_pods(&absent(&pod.name))),
        (&*node, of_nodes(&node), of_nodes(&absent(&node))),
    ] {
        let (code, headers, body) = ask(path, Some(guest)).await.unwrap();
        assert_eq!(code, 403, "{body}");
        let told_of_absent = ask(path_of_absent, Some(guest)).await.unwrap();
        assert_eq!((code, headers, body.replace(name, &absent(name))), told_of_absent);
    }
}

/// A program whose callers are judged by an API server of some manner, until that is mended.
struct Stage {
    /// Shows no certificate.
    stranger: Arc<ClientConfig>,
    /// Shows one of the cluster's clients.
    known: Arc<ClientConfig>,
    api: ScriptedApi,
    server: Server,
    mended: Arc<AtomicBool>,
    log: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start(manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authorities = Authorities::new();
        let mended = Arc::<AtomicBool>::default();
        let is_mended = Arc::clone(&mended);
        let answer = move |review: &Review| {
            if is_mended.load(Ordering::Relaxed) { Some(well(review)) } else { manner.answer(review) }
        };
        let config_map = json!({"client-ca-file": authorities.clients.pem()});
        let api = ScriptedApi::start(config_map, answer).await.unwrap();
        let mut arguments = vec!["--kubelet-insecure-tls".to_owned(), "--kubeconfig".to_owned()];
        arguments.push(api.kubeconfig(folder.path(), "server").unwrap().display().to_string());
        arguments.extend(authorities.serving_flags(folder.path()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = folder.path().join("server.log");
        let server = block_in_place(|| Server::start(free_port().unwrap(), &arguments, &[], &log)).unwrap();
        let read = "authentication settings read";
        let logged = || std::fs::read_to_string(&log).map_err(|error| error.to_string());
        eventually(START, async || if logged()?.contains(read) { Ok(()) } else { logged().and_then(Err) })
            .await
            .unwrap();
        let [stranger, known] =
            [Shown::Nothing, Shown::OfClusterClients].map(|shown| authorities.client(shown, Protocol::Http1.alpn()));
        Self { stranger, known, api, server, mended, log, _folder: folder }
    }

    async fn ask(&self, shown: Shown, headers: &[(String, Vec<u8>)]) -> Answer {
        // The same certificate each time: it is part of the question.
        let config = if shown == Shown::Nothing { &self.stranger } else { &self.known };
        let mut caller = Caller::new(Protocol::Http1, Arc::clone(config), Ipv4Addr::LOCALHOST, self.server.port);
        caller.ask(PATH, headers).await.unwrap()
    }

    fn reviews(&self, plural: &str) -> usize {
        self.api.reviews().iter().filter(|review| review.plural == plural).count()
    }
}

/// A good answer: the token is good, and everybody may.
fn well(review: &Review) -> Response {
    reviewed(review, &json!({"authenticated": true, "user": {"username": "ann"}, "allowed": true}))
}

fn created(body: Body) -> Response {
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// An error that repeats the question, token and all.
fn failure(code: StatusCode, review: &Review) -> Response {
    let status: Value = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
                               "message": review.body.to_string()});
    (code, [(header::CONTENT_TYPE, "application/json")], status.to_string()).into_response()
}
