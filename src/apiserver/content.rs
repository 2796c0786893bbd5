//! What all answers are made from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::counter::Counter;
use tokio_util::sync::CancellationToken;

use crate::apiserver::discovery::Discovery;
use crate::apiserver::document::Document;
use crate::apiserver::groups::Groups;
use crate::apiserver::metrics::Metrics;
use crate::apiserver::moments::Moments;
use crate::apiserver::negotiate::JSON;
use crate::apiserver::openapi::OpenApi;
use crate::apiserver::resources::Watches;
use crate::apiserver::status::Status;
use crate::apiserver::version;
use crate::clock::Clock;
use crate::config::ApiGroups;
use crate::pressure::Pressure;
use crate::readiness::{Heartbeat, Readiness};
use crate::replicas::Offer;
use crate::telemetry::Exposition;

/// What the API needs from the rest of the process.
#[derive(Clone, Debug)]
pub struct Api {
    /// What exists and what was measured.
    pub moments: Arc<Moments>,
    /// What time it is.
    pub clock: Clock,
    /// Whether we are ready.
    pub readiness: Readiness,
    /// Whether the scrapes go on.
    pub heartbeat: Heartbeat,
    /// Our own metrics.
    pub exposition: Arc<Exposition>,
    /// Cancelled when the listener stops taking requests: watches end then.
    pub closing: CancellationToken,
    /// What is served.
    pub groups: ApiGroups,
    /// How near the limit of memory is.
    pub pressure: Pressure,
    /// What other replicas may take; `None` = they are none of our business.
    pub offer: Option<Offer>,
}

/// The same, and the documents that do not change.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) api: Api,
    pub(crate) groups: Groups,
    pub(crate) discovery: Discovery,
    pub(crate) openapi: OpenApi,
    pub(crate) version: Document,
    /// Paths of the index, with placeholders.
    pub(crate) index: Document,
    pub(crate) watches: Arc<Watches>,
    /// Refused for want of memory.
    shed: Counter,
    warm: AtomicBool,
}

impl Content {
    pub(crate) fn new(api: Api, paths: &[String], metrics: &Metrics) -> Self {
        let groups = Groups::new(&api.groups);
        Self {
            discovery: Discovery::new(&groups),
            openapi: OpenApi::new(&groups),
            version: Document::of(&version::document(), JSON),
            index: Document::of(&serde_json::json!({ "paths": paths }), JSON),
            watches: Arc::new(Watches::new(metrics.watches_behind.clone(), metrics.watch_steps.clone())),
            shed: metrics.shed("memory"),
            warm: AtomicBool::new(false),
            groups,
            api,
        }
    }

    /// What answers about resources are made from.
    pub(crate) const fn moments(&self) -> &Arc<Moments> {
        &self.api.moments
    }

    /// Refuses what there is no memory for.
    pub(crate) fn short_of_memory(&self) -> Status {
        self.shed.inc();
        Status::too_many_requests()
    }

    /// Whether we were ready once, so that what we do not know does not exist. A stop takes
    /// readiness back, but not that.
    pub(crate) fn is_warm(&self) -> bool {
        let warm = self.warm.load(Ordering::Relaxed) || self.api.readiness.is_ready();
        self.warm.store(warm, Ordering::Relaxed);
        warm
    }
}
