//! Watch: the changes of one kind as they happen, one JSON object on each line.
//!
//! No watcher has a queue: each reads on in the storage's own history, from the revision it has
//! seen. One that falls behind the history is told so (410) and must list again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderValue, Response, header};
use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::sim::control_plane::attributes::{Attributes, Query};
use crate::sim::control_plane::kinds::Kind;
use crate::sim::control_plane::read::present;
use crate::sim::control_plane::selector::Selector;
use crate::sim::control_plane::status::Status;
use crate::sim::control_plane::storage::{Event, Object, Storage};
use crate::sim::control_plane::trouble::{Trouble, Troubles};

/// Where the client does not say how long a watch may last: kube-apiserver's own least.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);
/// Between two bookmarks, as kube-apiserver does.
const BOOKMARK_PERIOD: Duration = Duration::from_mins(1);

/// One watcher's place in the history.
struct Watcher {
    storage: Arc<Storage>,
    revisions: Receiver<u64>,
    stop: CancellationToken,
    trouble: Receiver<Option<Trouble>>,
    kind: &'static Kind,
    namespace: String,
    selector: Selector,
    seen: u64,
    waiting: VecDeque<Bytes>,
    bookmarks: bool,
    next_bookmark: Instant,
    ends: Instant,
    over: bool,
}

/// Answers a watch; it ends when its time is over, when the client leaves, or on `stop`.
pub(crate) fn watch(
    storage: &Arc<Storage>,
    kind: &'static Kind,
    wanted: &Attributes,
    query: &Query,
    (stop, troubles): (&CancellationToken, &Troubles),
) -> Result<Response<Body>, Status> {
    let watcher = Watcher::begin(Arc::clone(storage), kind, wanted, query, (stop.clone(), troubles.subscribe()))?;
    let mut response = Response::new(Body::from_stream(watcher.lines()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

impl Watcher {
    fn begin(
        storage: Arc<Storage>,
        kind: &'static Kind,
        wanted: &Attributes,
        query: &Query,
        (stop, trouble): (CancellationToken, Receiver<Option<Trouble>>),
    ) -> Result<Self, Status> {
        let selector =
            Selector::parse(query.text("labelSelector"), query.text("fieldSelector")).map_err(Status::bad_request)?;
        let now = Instant::now();
        let lasts = query.text("timeoutSeconds").parse().map_or(DEFAULT_TIMEOUT, Duration::from_secs);
        let mut watcher = Self {
            revisions: storage.subscribe(),
            storage,
            stop,
            trouble,
            kind,
            namespace: wanted.namespace.clone(),
            selector,
            seen: 0,
            waiting: VecDeque::new(),
            bookmarks: query.is_true("allowWatchBookmarks"),
            next_bookmark: now + BOOKMARK_PERIOD,
            ends: now + lasts,
            over: false,
        };
        let from = query.text("resourceVersion");
        let initial_events = query.is_true("sendInitialEvents");
        match from.parse() {
            Ok(revision) if revision > 0 && !initial_events => watcher.seen = revision,
            Err(_) if !from.is_empty() => {
                return Err(Status::bad_request(format!("invalid resource version {from:?}")));
            }
            _ => watcher.begin_with_all(initial_events),
        }
        Ok(watcher)
    }

    /// Everything that is there comes first, as if it had just been added.
    fn begin_with_all(&mut self, told: bool) {
        let (revision, objects) = self.storage.list(self.kind.plural);
        self.seen = revision;
        self.waiting = present(&objects, &self.namespace, &self.selector).map(|object| line("ADDED", object)).collect();
        if told {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            self.waiting.push_back(self.bookmark(&annotations));
        }
    }

    fn lines(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut watcher| async move {
            let line = watcher.next().await?;
            Some((Ok(line), watcher))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            match self.trouble_of_now() {
                // The connection stays open, whatever becomes of the trouble: nobody hears of it any more.
                Some(Trouble::Stalled) => std::future::pending().await,
                Some(Trouble::Expired) => self.expire(),
                Some(Trouble::Garbage) => self.read_on_garbled(),
                _ => self.read_on(),
            }
            if self.waiting.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Takes what the history has after the last revision seen.
    fn read_on(&mut self) {
        self.revisions.mark_unchanged();
        let Ok((revision, events)) = self.storage.events_after(self.kind.plural, self.seen) else {
            return self.expire();
        };
        let shown: Vec<Bytes> = events.iter().filter_map(|event| self.shown(event)).collect();
        self.waiting.extend(shown);
        self.seen = revision.max(self.seen);
    }

    fn expire(&mut self) {
        let error = json!({"type": "ERROR", "object": Status::expired().object()});
        self.waiting.push_back(Bytes::from(format!("{error}\n")));
        self.over = true;
    }

    /// As many lines as there are changes, and none that can be read.
    fn read_on_garbled(&mut self) {
        self.read_on();
        self.waiting.iter_mut().for_each(|line| *line = Bytes::from_static(b"{\"type\":\"MODIFIED\",!}\n"));
    }

    /// Of nodes and pods alone; the others' watches are well.
    fn trouble_of_now(&mut self) -> Option<Trouble> {
        let trouble = *self.trouble.borrow_and_update();
        trouble.filter(|_| matches!(self.kind.plural, "nodes" | "pods"))
    }

    async fn wait(&mut self) {
        let until = if self.bookmarks { self.ends.min(self.next_bookmark) } else { self.ends };
        tokio::select! {
            changed = self.revisions.changed() => self.over = changed.is_err(),
            // Looked at when the loop comes round.
            _ = self.trouble.changed() => {}
            () = self.stop.cancelled() => self.over = true,
            () = sleep_until(until) => {
                let now = Instant::now();
                self.over = now >= self.ends;
                if self.bookmarks {
                    self.waiting.push_back(self.bookmark(&json!({})));
                    self.next_bookmark = now + BOOKMARK_PERIOD;
                }
            }
        }
    }

    /// The event as this watcher sees it: what begins to match is added, what ceases to is deleted.
    fn shown(&self, event: &Event) -> Option<Bytes> {
        let matches = |object: &Option<Arc<Object>>| object.as_deref().is_some_and(|object| self.covers(object));
        match (matches(&event.before), matches(&event.after)) {
            (false, true) => Some(line("ADDED", &event.last)),
            (true, true) => Some(line("MODIFIED", &event.last)),
            (true, false) => Some(line("DELETED", &event.last)),
            (false, false) => None,
        }
    }

    fn covers(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || object.key.namespace == self.namespace) && self.selector.matches(object)
    }

    fn bookmark(&self, annotations: &serde_json::Value) -> Bytes {
        let object = json!({
            "kind": self.kind.name, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.seen.to_string(), "annotations": annotations},
        });
        Bytes::from(format!("{}\n", json!({"type": "BOOKMARK", "object": object})))
    }
}

fn line(kind: &str, object: &Object) -> Bytes {
    let mut line = format!(r#"{{"type":"{kind}","object":"#).into_bytes();
    line.extend_from_slice(&object.json);
    line.extend_from_slice(b"}\n");
    Bytes::from(line)
}
