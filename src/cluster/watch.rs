//! Keeps the index in step with the API server: one list and watch for nodes, one for pods.
//!
//! Neither ever gives up, and neither ever empties the index because of trouble: a list is
//! collected aside and swapped in whole when it is complete, and until then the last known state
//! is served. Trouble is logged once when it begins and once when it is over.
//!
//! ```text
//!          ┌────────────── 410: the version is too old ───────────────┐
//!          ▼                                                          │
//!       list, page by page ──complete──▶ swap in ──▶ watch ──event──▶ apply, delete
//!          ▲                                          │ ▲
//!          └── back off ◀── failed                    └─┘ ended, failed: back off, resume
//! ```

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use kube::Api;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cluster::index::Indexed;
use crate::cluster::selector::LabelSelector;
use crate::cluster::wire::{SlimNode, SlimPod, Wire};
use crate::cluster::{Cluster, Node, Pod};
use crate::readiness::{Latch, Notice};

/// Objects in one page of a list: as client-go, so that no page is more than some megabytes.
const PAGE_OBJECTS: u32 = 500;
/// The API server ends a watch after this long, and one that has been silent for 5 s more is given up:
/// so long may a connection that died without a word hide what changes. To go on from there costs one
/// request. Also below the 5 minutes after which proxies cut.
const WATCH_SECONDS: u32 = 90;
/// A page that has not come after this long never will: the connection is dead.
const PAGE_TIMEOUT: Duration = Duration::from_mins(1);

/// Where the watch of one resource tells how it fares.
#[derive(Debug)]
pub struct Signs {
    /// Released by the first complete list; before that it explains the last error.
    pub latch: Latch,
    /// Applies while the API server is away.
    pub lost: Notice,
    /// 1 while the watch is followed, 0 before the first list and while it is lost.
    pub up: Gauge,
}

/// Watches until `stop`.
///
/// Only nodes that match `node_selector` are asked for; pods are all asked for.
pub async fn run(
    cluster: Arc<Cluster>,
    client: kube::Client,
    node_selector: LabelSelector,
    node_signs: Signs,
    pod_signs: Signs,
    stop: CancellationToken,
) {
    let mut node_config = config();
    if !node_selector.is_empty() {
        node_config = node_config.labels(&node_selector.to_string());
    }
    let nodes = Follower::<Node>::new(&cluster, "nodes", node_signs);
    let pods = Follower::<Pod>::new(&cluster, "pods", pod_signs);
    let both = async {
        tokio::join!(nodes.follow::<SlimNode>(&client, node_config), pods.follow::<SlimPod>(&client, config()))
    };
    // On the heap: two watchers and their connections make a large future.
    stop.run_until_cancelled(Box::pin(both)).await;
}

fn config() -> watcher::Config {
    watcher::Config::default().page_size(PAGE_OBJECTS).timeout(WATCH_SECONDS)
}

/// Follows one resource.
struct Follower<'a, T: Indexed> {
    cluster: &'a Cluster,
    resource: &'static str,
    /// Held until the first complete list.
    latch: Option<Latch>,
    notice: Notice,
    up: Gauge,
    /// The list under way, aside of the index; `None` while watching.
    listed: Option<Vec<Arc<T>>>,
    /// Whether trouble has been logged and not been over since.
    lost: bool,
    /// The API server has answered well: a watch that is resumed may be quiet for long, and the
    /// watcher does not tell that it has begun.
    answered: Arc<Notify>,
    backoff: DefaultBackoff,
}

/// What to do after an event or its absence.
enum Next {
    Go,
    /// The watcher resumes by itself after this long.
    BackOff(Duration),
    /// The watcher must begin with a list, after this long.
    Relist(Duration),
}

impl<'a, T: Indexed> Follower<'a, T> {
    fn new(cluster: &'a Cluster, resource: &'static str, signs: Signs) -> Self {
        let backoff = DefaultBackoff::default();
        let Signs { latch, lost: notice, up } = signs;
        let answered = Arc::default();
        Self { cluster, resource, latch: Some(latch), notice, up, listed: None, lost: false, answered, backoff }
    }

    async fn follow<W: Wire<Object = T>>(mut self, client: &kube::Client, config: watcher::Config) {
        let api = Api::<W>::all(telling(client.clone(), Arc::clone(&self.answered)));
        loop {
            let events = pin!(watcher(api.clone(), config.clone()));
            let wait = self.until_relist(events).await;
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes events until the watcher has to be replaced; how long to wait before that.
    async fn until_relist<W: Wire<Object = T>>(
        &mut self,
        mut events: impl Stream<Item = watcher::Result<Event<W>>> + Unpin,
    ) -> Duration {
        loop {
            let next = match self.next_event(&mut events).await {
                Ok(Some(Ok(event))) => {
                    self.take(event);
                    Next::Go
                }
                Ok(Some(Err(error))) => self.fail(&error),
                Ok(None) => Next::Relist(self.pause()),
                Err(_elapsed) => {
                    self.trouble(format!("no page of the list came within {PAGE_TIMEOUT:?}"));
                    Next::Relist(self.pause())
                }
            };
            match next {
                Next::Go => {}
                Next::BackOff(wait) => tokio::time::sleep(wait).await,
                Next::Relist(wait) => return wait,
            }
        }
    }

    /// Listing has a time limit; a watch may be quiet for as long as nothing changes.
    async fn next_event<S: Stream + Unpin>(
        &mut self,
        events: &mut S,
    ) -> Result<Option<S::Item>, tokio::time::error::Elapsed> {
        if self.listed.is_some() {
            return tokio::time::timeout(PAGE_TIMEOUT, events.next()).await;
        }
        let answered = Arc::clone(&self.answered);
        loop {
            tokio::select! {
                event = events.next() => return Ok(event),
                () = answered.notified(), if self.lost => self.recover(),
            }
        }
    }

    fn take<W: Wire<Object = T>>(&mut self, event: Event<W>) {
        match event {
            Event::Init => self.listed = Some(Vec::new()),
            Event::InitApply(wire) => {
                let object = self.read(wire).map(|object| self.cluster.share(object));
                if let Some(listed) = &mut self.listed {
                    listed.extend(object);
                }
            }
            Event::InitDone => {
                self.cluster.replace(self.listed.take().unwrap_or_default());
                if let Some(latch) = self.latch.take() {
                    latch.release();
                }
                self.recover();
            }
            Event::Apply(wire) => {
                if let Some(object) = self.read(wire) {
                    self.cluster.apply(object);
                }
                self.recover();
            }
            Event::Delete(wire) => {
                if let Some(object) = self.read(wire) {
                    self.cluster.delete::<T>(object.key());
                }
                self.recover();
            }
        }
    }

    fn read<W: Wire<Object = T>>(&self, wire: W) -> Option<T> {
        wire.into_object(&mut self.cluster.interner().lock())
    }

    fn fail(&mut self, error: &watcher::Error) -> Next {
        self.trouble(chain(error));
        let wait = self.pause();
        match error {
            // The watcher would ask for the same expired version again and again.
            watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 410 => Next::Relist(wait),
            // What could not be read was a change, and the next one would hide that it is missing.
            watcher::Error::WatchFailed(kube::Error::SerdeError(_)) => Next::Relist(wait),
            _ => Next::BackOff(wait),
        }
    }

    fn trouble(&mut self, error: String) {
        // An answer before the trouble says nothing about after it.
        let _ = self.answered.notified().now_or_never();
        if !self.lost {
            self.lost = true;
            self.notice.set(true);
            self.up.set(0);
            tracing::warn!(resource = self.resource, error, "watch lost; what was last known is kept");
        }
        if let Some(latch) = &self.latch {
            latch.explain(error);
        }
    }

    /// The pauses stay as long as they have become until there was no trouble for two minutes, which the
    /// back-off sees by itself: a list that is good and a watch that never is would else be asked for
    /// each second.
    fn recover(&mut self) {
        self.up.set(1);
        if self.lost {
            self.lost = false;
            self.notice.set(false);
            tracing::info!(resource = self.resource, "watch is back");
        }
    }

    fn pause(&mut self) -> Duration {
        self.backoff.next().unwrap_or(PAGE_TIMEOUT)
    }
}

/// The same client; each good answer is told to `answered` when its head is there.
fn telling(client: kube::Client, answered: Arc<Notify>) -> kube::Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request| {
        let (client, answered) = (client.clone(), Arc::clone(&answered));
        async move {
            let answer = client.send(request).await?;
            if answer.status().is_success() {
                answered.notify_one();
            }
            Ok::<_, kube::Error>(answer)
        }
    });
    kube::Client::new(service, namespace)
}

/// The error and its causes in one line; a cause that its effect already tells is left out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
