//! The ConfigMap, live.
//!
//! A watch tells of changes, except while the API server restarts, which is when its front proxy may come
//! with a certificate of another authority: the requests that carry it would be refused until the watch is
//! back. So a stranger who speaks for others is taken for that, and the ConfigMap is read before he is
//! refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::replicas::ReplicaTrust;
use super::trust::Trust;
use crate::apiserver::rewatch;
use crate::readiness::Latch;
use crate::telemetry::causes;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";

/// Strangers may come as fast as they like; the API server is asked five times a second.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// A stranger waits no longer, and holds a place among the requests under way for no longer.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// Whom we believe now. Cheap to clone; the last good state stays while the API server is away and
/// when the ConfigMap breaks or goes.
#[derive(Clone, Debug, Default)]
pub struct LiveTrust(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    current: ArcSwap<Trust>,
    /// Other replicas of this server.
    replicas: ReplicaTrust,
    /// Whether anybody hears the wish.
    is_followed: AtomicBool,
    wish: Notify,
    /// Looks taken so far.
    looks: watch::Sender<u64>,
}

impl LiveTrust {
    /// Follows the ConfigMap until `stop`; `latch` is released when the cluster has first answered,
    /// even if the ConfigMap is not there: then nobody is believed but tokens.
    pub async fn follow(self, client: Client, latch: Latch, stop: CancellationToken) {
        // Rights are given for this one name; a list without the selector would be refused.
        let one = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
        let api = Api::<ConfigMap>::namespaced(client, NAMESPACE);
        let events = rewatch::events(api.clone(), one);
        self.0.is_followed.store(true, Ordering::Release);
        let mut follower = Follower::new(self, latch);
        let mut events = std::pin::pin!(events);
        let following = async {
            loop {
                tokio::select! {
                    event = events.try_next() => match event {
                        Ok(Some(event)) => follower.heed(event),
                        Ok(None) => break,
                        Err(error) => follower.explain(&error),
                    },
                    () = follower.wish() => follower.look(&api).await,
                }
            }
        };
        stop.run_until_cancelled(following).await;
    }

    /// Whom we believe after a look at the ConfigMap, for who is not believed without one.
    pub(super) async fn after_a_look(&self) -> Arc<Trust> {
        if self.0.is_followed.load(Ordering::Acquire) {
            let mut looks = self.0.looks.subscribe();
            self.0.wish.notify_one();
            // Whether one was taken in time or not: what is believed is what is known.
            let _ = tokio::time::timeout(LOOK_LIMIT, looks.changed()).await;
        }
        self.current()
    }

    /// When the last authority of front proxies ends, in seconds since 1970.
    pub(in crate::apiserver) fn front_proxy_ending(&self) -> Option<i64> {
        self.0.current.load().front_proxy.as_ref()?.authorities.ending()
    }

    /// When the last authority of clients with certificates of their own ends.
    pub(in crate::apiserver) fn clients_ending(&self) -> Option<i64> {
        self.0.current.load().clients.as_ref()?.ending()
    }

    /// Believes whom this authority, our own, vouches for to be another replica of this server.
    pub(in crate::apiserver) fn believe_replicas(&self, authority_pem: &str) {
        self.0.replicas.believe(authority_pem);
    }

    pub(super) fn replicas(&self) -> &ReplicaTrust {
        &self.0.replicas
    }

    pub(super) fn current(&self) -> Arc<Trust> {
        self.0.current.load_full()
    }

    /// Believes `data` from now on, if it can be read.
    pub(super) fn adopt(&self, map: &ConfigMap) {
        let empty = std::collections::BTreeMap::new();
        match Trust::read(map.data.as_ref().unwrap_or(&empty)) {
            Ok(read) => {
                let last = self.0.current.load();
                if read.lacks(&last) {
                    tracing::warn!("{NAMESPACE}/{NAME} lacks an authority that it had, which stays in force");
                }
                let trust = read.after(&last);
                tracing::info!(
                    clients = trust.clients.is_some(),
                    front_proxy = trust.front_proxy.is_some(),
                    "authentication settings read from {NAMESPACE}/{NAME}"
                );
                self.0.current.store(Arc::new(trust));
            }
            Err(error) => {
                tracing::warn!(
                    error = causes(&error),
                    "{NAMESPACE}/{NAME} cannot be read, the last good one stays in force"
                );
            }
        }
    }
}

/// What one watch has seen so far.
struct Follower {
    trust: LiveTrust,
    latch: Option<Latch>,
    found: bool,
    failing: bool,
    /// The version of the ConfigMap that was read last.
    version: Option<String>,
    looked_at: Option<Instant>,
}

impl Follower {
    const fn new(trust: LiveTrust, latch: Latch) -> Self {
        Self { trust, latch: Some(latch), found: false, failing: false, version: None, looked_at: None }
    }

    /// Until somebody wants a look.
    fn wish(&self) -> impl Future<Output = ()> + use<> {
        let shared = Arc::clone(&self.trust.0);
        async move { shared.wish.notified().await }
    }

    async fn look(&mut self, api: &Api<ConfigMap>) {
        if let Some(last) = self.looked_at {
            tokio::time::sleep_until(last + LOOK_PAUSE).await;
        }
        self.looked_at = Some(Instant::now());
        // What fails here is told by the watch.
        if let Ok(Ok(Some(map))) = tokio::time::timeout(LOOK_LIMIT, api.get_opt(NAME)).await {
            self.read(&map);
        }
        self.trust.0.looks.send_modify(|looks| *looks += 1);
    }

    fn read(&mut self, map: &ConfigMap) {
        let version = map.resource_version();
        if version.is_none() || version != self.version {
            self.version = version;
            self.trust.adopt(map);
        }
    }

    fn heed(&mut self, event: Event<ConfigMap>) {
        // With it each attempt begins, whatever comes of it.
        self.failing &= matches!(event, Event::Init);
        match event {
            Event::Init => self.found = false,
            Event::InitApply(map) | Event::Apply(map) => {
                self.found = true;
                self.read(&map);
            }
            Event::InitDone => {
                if !self.found {
                    tracing::warn!(
                        "{NAMESPACE}/{NAME} is not there: front proxies and client certificates are not believed"
                    );
                }
                if let Some(latch) = self.latch.take() {
                    latch.release();
                }
            }
            Event::Delete(_) => tracing::warn!("{NAMESPACE}/{NAME} was deleted, the last one stays in force"),
        }
    }

    fn explain(&mut self, error: &watcher::Error) {
        if let Some(latch) = &self.latch {
            latch.explain(format!("{NAMESPACE}/{NAME}: {error}"));
        }
        // Once for each change of state: the watch retries by itself.
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "{NAMESPACE}/{NAME} cannot be watched");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::apiserver::fixtures::{ApiServer, Authority, NOW};
    use crate::readiness::Readiness;
    use crate::telemetry::warnings::Warnings;

    const PATH: &str = "/api/v1/namespaces/kube-system/configmaps";

    /// Follows a ConfigMap that is listed as `items` until quiet.
    async fn follow(code: u16, items: Vec<Value>) -> (LiveTrust, Readiness, ApiServer) {
        let list = json!({"kind": "Status", "code": code, "metadata": {"resourceVersion": "1"}, "items": items});
        let api = ApiServer::with(move |request| (!request.query.contains("watch=true")).then(|| (code, list.clone())));
        let (trust, readiness, stop) = (LiveTrust::default(), Readiness::default(), CancellationToken::new());
        let latch = readiness.latch("authentication-config", "not read yet");
        let following = tokio::spawn(trust.clone().follow(api.client(), latch, stop.clone()));
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
        following.await.unwrap();
        (trust, readiness, api)
    }

    #[tokio::test(start_paused = true)]
    async fn the_config_map_is_asked_for_by_name_and_believed() {
        let map = json!({
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": {"client-ca-file": Authority::named("ca").pem()},
        });
        let (trust, readiness, api) = follow(200, vec![map]).await;
        assert!(trust.current().clients.is_some() && readiness.is_ready());
        for request in api.requests() {
            assert_eq!(request.path, PATH);
            assert!(request.query.contains(&format!("fieldSelector=metadata.name%3D{NAME}")), "{}", request.query);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_without_the_config_map_is_served_with_tokens_alone() {
        let (trust, readiness, _) = follow(200, vec![]).await;
        assert!(trust.current().clients.is_none() && trust.current().front_proxy.is_none());
        assert!(readiness.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_waited_out_and_named() {
        let (_, readiness, api) = follow(403, vec![]).await;
        assert!(!readiness.is_ready() && api.requests().len() >= 2);
        assert!(readiness.checks()[0].failure.as_deref().unwrap().contains(NAME));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_refused_is_asked_for_ever_more_rarely_and_told_once() {
        let (warnings, _guard) = Warnings::listen();
        let api = ApiServer::answering(403, json!({"kind": "Status", "status": "Failure", "code": 403}));
        let latch = Readiness::default().latch("authentication-config", "not read yet");
        let following = tokio::spawn(LiveTrust::default().follow(api.client(), latch, CancellationToken::new()));
        tokio::time::sleep(Duration::from_mins(10)).await;
        following.abort();
        let lists = api.requests().len();
        assert!((10..40).contains(&lists), "{lists}");
        assert_eq!(warnings.saying("cannot be watched"), 1);
    }

    #[test]
    fn what_the_config_map_does_not_hold_any_more_stays_in_force() {
        let trust = LiveTrust::default();
        let (clients, proxies, next) = (Authority::named("a"), Authority::named("b"), Authority::named("c"));
        let adopt = |data: Value| trust.adopt(&serde_json::from_value(json!({"data": data})).unwrap());
        adopt(json!({"client-ca-file": clients.pem(), "requestheader-client-ca-file": proxies.pem()}));
        let vouches = |for_clients: &Authority, for_proxies: &Authority| {
            let trust = trust.current();
            let clients = trust.clients.as_ref().unwrap();
            let proxies = &trust.front_proxy.as_ref().unwrap().authorities;
            clients.verify(&for_clients.client("ann", &[]).chain(), NOW).is_ok()
                && proxies.verify(&for_proxies.client("proxy", &[]).chain(), NOW).is_ok()
        };
        assert!(vouches(&clients, &proxies));
        for emptied in [json!({}), json!({"client-ca-file": "", "requestheader-client-ca-file": " "})] {
            adopt(emptied);
            assert!(vouches(&clients, &proxies));
        }
        adopt(json!({"requestheader-client-ca-file": next.pem()}));
        assert!(vouches(&clients, &next) && !vouches(&clients, &proxies), "what it does hold counts");
    }

    /// A ConfigMap whose front proxies are vouched for by `authority`.
    fn map(version: &str, authority: &Authority) -> Value {
        json!({
            "metadata": {"name": NAME, "namespace": NAMESPACE, "resourceVersion": version},
            "data": {"requestheader-client-ca-file": authority.pem()},
        })
    }

    /// Follows a ConfigMap whose watch has nothing to tell; GETs answer `now`, if it can be had.
    async fn blind(now: Option<Value>) -> (LiveTrust, ApiServer) {
        let listed = json!({"metadata": {"resourceVersion": "1"}, "items": [map("1", &Authority::named("old"))]});
        let api = ApiServer::with(move |request| match request.path.as_str() {
            PATH if request.query.contains("watch=true") => None,
            PATH => Some((200, listed.clone())),
            _ => now.clone().map(|now| (200, now)),
        });
        let trust = LiveTrust::default();
        let latch = Readiness::default().latch("authentication-config", "not read yet");
        tokio::spawn(trust.clone().follow(api.client(), latch, CancellationToken::new()));
        tokio::time::sleep(Duration::from_secs(3)).await;
        (trust, api)
    }

    fn gets(api: &ApiServer) -> usize {
        api.requests().iter().filter(|request| request.path != PATH).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_finds_what_the_watch_has_not_told() {
        let (trust, _) = blind(Some(map("2", &Authority::named("new")))).await;
        let (before, after) = (trust.current(), trust.after_a_look().await);
        assert_eq!((before.revision, after.revision), (1, 2));
        assert_eq!(trust.after_a_look().await.revision, 2, "what has not changed is no change");
    }

    #[tokio::test(start_paused = true)]
    async fn many_strangers_share_a_look_and_none_waits_for_long() {
        let (trust, api) = blind(Some(map("2", &Authority::named("new")))).await;
        let begun = Instant::now();
        for _ in 0..10 {
            futures::future::join_all((0..100).map(|_| trust.after_a_look())).await;
        }
        assert!(gets(&api) <= 21, "{}", gets(&api));
        assert!(begun.elapsed() >= LOOK_PAUSE * 9);
        let (trust, _) = blind(None).await;
        let begun = Instant::now();
        assert_eq!(trust.after_a_look().await.revision, 1);
        assert_eq!(begun.elapsed(), LOOK_LIMIT);
    }
}
