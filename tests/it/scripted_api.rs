//! A Kubernetes API that answers as a test wants it to, over plain HTTP on loopback: a cluster in which
//! nothing runs, whose reviews and whose ConfigMap of authentication are the test's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::{Method, StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

const CONFIG_MAP: &str = "extension-apiserver-authentication";
/// More than any request of the server under test has.
const BODY_BYTES: usize = 1 << 20;

/// A running API; it ends with the runtime.
pub(crate) struct ScriptedApi {
    pub(crate) address: SocketAddr,
    script: Arc<Script>,
}

/// One review that it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    /// `tokenreviews` or `subjectaccessreviews`.
    pub(crate) plural: String,
    /// As posted.
    pub(crate) body: Value,
}

/// What a review is answered with; `None` is no answer, ever.
pub(crate) type Answer = dyn Fn(&Review) -> Option<Response> + Send + Sync;

struct Script {
    answer: Box<Answer>,
    config_map: watch::Sender<Version>,
    reviews: Mutex<Vec<Review>>,
}

/// The ConfigMap's data as of one version; `None` where there is none.
#[derive(Clone, Debug)]
struct Version {
    number: u64,
    data: Option<Value>,
}

impl ScriptedApi {
    /// Starts one whose ConfigMap has `data`, and which answers reviews by `answer`.
    pub(crate) async fn start(
        data: Value,
        answer: impl Fn(&Review) -> Option<Response> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let first = Version { number: 1, data: Some(data) };
        let script = Arc::new(Script {
            answer: Box::new(answer),
            config_map: watch::Sender::new(first),
            reviews: Mutex::default(),
        });
        let answering = Arc::clone(&script);
        let router = Router::new().fallback(move |request: Request| answering.clone().respond(request));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, script })
    }

    /// From now on the ConfigMap holds `data`; `None` deletes it.
    pub(crate) fn configure(&self, data: Option<Value>) {
        self.script.config_map.send_modify(|version| *version = Version { number: version.number + 1, data });
    }

    /// The reviews that were asked for so far.
    pub(crate) fn reviews(&self) -> Vec<Review> {
        self.script.reviews.lock().clone()
    }

    /// A kubeconfig for the server under test, who shows `token`.
    pub(crate) fn kubeconfig(&self, folder: &Path, token: &str) -> Result<PathBuf, String> {
        let path = folder.join("scripted.kubeconfig");
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&path, text.to_string()).map_err(|error| error.to_string())?;
        Ok(path)
    }
}

impl Script {
    async fn respond(self: Arc<Self>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let plural = path.rsplit('/').next().unwrap_or_default().to_owned();
        if head.method == Method::POST && plural.ends_with("reviews") {
            let body = to_bytes(body, BODY_BYTES).await.unwrap_or_default();
            return self.review(Review { plural, body: serde_json::from_slice(&body).unwrap_or_default() }).await;
        }
        match (plural.as_str(), query.contains("watch=true")) {
            ("configmaps", true) => self.changes_after(version_of(query)),
            ("configmaps", false) => self.config_maps(),
            // Lists, and watches of what never changes.
            (_, true) if query.contains("sendInitialEvents") => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
            (_, true) => json_body(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())),
            _ => json_body(Body::from(list("1", &[]).to_string())),
        }
    }

    async fn review(&self, review: Review) -> Response {
        self.reviews.lock().push(review.clone());
        match (self.answer)(&review) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    fn config_maps(&self) -> Response {
        let version = self.config_map.borrow().clone();
        let items: Vec<Value> = version.object().into_iter().collect();
        json_body(Body::from(list(&version.number.to_string(), &items).to_string()))
    }

    /// The changes after `number`, as they come.
    fn changes_after(&self, number: u64) -> Response {
        let events = stream::unfold((self.config_map.subscribe(), number), async |(mut versions, seen)| {
            let version = versions.wait_for(|version| version.number > seen).await.ok()?.clone();
            let event = match version.object() {
                Some(object) => json!({"type": "MODIFIED", "object": object}),
                None => json!({"type": "DELETED", "object": Version { data: Some(json!({})), ..version }.object()}),
            };
            Some((Ok::<_, std::io::Error>(Bytes::from(format!("{event}\n"))), (versions, version.number)))
        });
        json_body(Body::from_stream(events.boxed()))
    }
}

impl Version {
    fn object(&self) -> Option<Value> {
        let metadata =
            json!({"name": CONFIG_MAP, "namespace": "kube-system", "resourceVersion": self.number.to_string()});
        let data = self.data.as_ref()?;
        Some(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
    }
}

/// A review answered with `status`, as API servers do.
pub(crate) fn reviewed(review: &Review, status: &Value) -> Response {
    let mut answer = review.body.clone();
    answer["status"] = status.clone();
    (StatusCode::CREATED, json_body(Body::from(answer.to_string()))).into_response()
}

fn json_body(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn list(version: &str, items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items})
}

fn version_of(query: &str) -> u64 {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}
