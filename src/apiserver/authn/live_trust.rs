//! The ConfigMap, live.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use super::replicas::ReplicaTrust;
use super::trust::Trust;
use crate::readiness::Latch;
use crate::telemetry::causes;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";

/// Whom we believe now. Cheap to clone; the last good state stays while the API server is away and
/// when the ConfigMap breaks or goes.
#[derive(Clone, Debug, Default)]
pub struct LiveTrust {
    cluster: Arc<ArcSwap<Trust>>,
    /// Other replicas of this server.
    pub(super) replicas: ReplicaTrust,
}

impl LiveTrust {
    /// Follows the ConfigMap until `stop`; `latch` is released when the cluster has first answered,
    /// even if the ConfigMap is not there: then nobody is believed but tokens.
    pub async fn follow(self, client: Client, latch: Latch, stop: CancellationToken) {
        // Rights are given for this one name; a list without the selector would be refused.
        let one = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
        let events = watcher(Api::<ConfigMap>::namespaced(client, NAMESPACE), one).default_backoff();
        let mut follower = Follower { trust: self, latch: Some(latch), found: false, failing: false };
        let mut events = std::pin::pin!(events);
        while let Some(event) = stop.run_until_cancelled(events.try_next()).await {
            match event {
                Ok(Some(event)) => follower.heed(event),
                Ok(None) => break,
                Err(error) => follower.explain(&error),
            }
        }
    }

    /// When the last authority of front proxies ends, in seconds since 1970.
    pub(in crate::apiserver) fn front_proxy_ending(&self) -> Option<i64> {
        self.cluster.load().front_proxy.as_ref()?.authorities.ending()
    }

    /// When the last authority of clients with certificates of their own ends.
    pub(in crate::apiserver) fn clients_ending(&self) -> Option<i64> {
        self.cluster.load().clients.as_ref()?.ending()
    }

    /// Believes whom this authority, our own, vouches for to be another replica of this server.
    pub(in crate::apiserver) fn believe_replicas(&self, authority_pem: &str) {
        self.replicas.believe(authority_pem);
    }

    pub(super) fn current(&self) -> Arc<Trust> {
        self.cluster.load_full()
    }

    /// Believes `data` from now on, if it can be read.
    pub(super) fn adopt(&self, map: &ConfigMap) {
        let empty = std::collections::BTreeMap::new();
        match Trust::read(map.data.as_ref().unwrap_or(&empty)) {
            Ok(mut trust) => {
                trust.revision = self.cluster.load().revision + 1;
                tracing::info!(
                    clients = trust.clients.is_some(),
                    front_proxy = trust.front_proxy.is_some(),
                    "authentication settings read from {NAMESPACE}/{NAME}"
                );
                self.cluster.store(Arc::new(trust));
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
}

impl Follower {
    fn heed(&mut self, event: Event<ConfigMap>) {
        self.failing = false;
        match event {
            Event::Init => self.found = false,
            Event::InitApply(map) | Event::Apply(map) => {
                self.found = true;
                self.trust.adopt(&map);
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
    use crate::apiserver::fixtures::{ApiServer, Authority};
    use crate::readiness::Readiness;

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
}
