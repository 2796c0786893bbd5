//! What all answers are made from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::apiserver::discovery::Discovery;
use crate::apiserver::document::Document;
use crate::apiserver::groups::Groups;
use crate::apiserver::negotiate::JSON;
use crate::apiserver::openapi::OpenApi;
use crate::apiserver::resources::{Ages, Moment};
use crate::apiserver::version;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::ApiGroups;
use crate::readiness::{Heartbeat, Readiness};
use crate::store::Store;
use crate::telemetry::Exposition;

/// What the API needs from the rest of the process.
#[derive(Clone, Debug)]
pub struct Api {
    /// What exists.
    pub cluster: Arc<Cluster>,
    /// What was measured.
    pub store: Arc<Store>,
    /// What time it is.
    pub clock: Clock,
    /// Whether we are ready.
    pub readiness: Readiness,
    /// Whether the scrapes go on.
    pub heartbeat: Heartbeat,
    /// Our own metrics.
    pub exposition: Arc<Exposition>,
    /// What is served.
    pub groups: ApiGroups,
    /// Target time between two scrapes of a node.
    pub resolution: Duration,
    /// Samples older than this are not served.
    pub max_sample_age: Duration,
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
    warm: AtomicBool,
}

impl Content {
    pub(crate) fn new(api: Api, paths: &[String]) -> Self {
        let groups = Groups::new(&api.groups);
        Self {
            discovery: Discovery::new(&groups),
            openapi: OpenApi::new(&groups),
            version: Document::of(&version::document(), JSON),
            index: Document::of(&serde_json::json!({ "paths": paths }), JSON),
            warm: AtomicBool::new(false),
            groups,
            api,
        }
    }

    /// All that an answer of now is made from.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            view: self.api.cluster.view(),
            snapshot: self.api.store.snapshot(),
            now: self.api.clock.now(),
            ages: Ages { resolution: self.api.resolution, max_sample_age: self.api.max_sample_age },
        }
    }

    /// Whether we were ready once, so that what we do not know does not exist. A stop takes
    /// readiness back, but not that.
    pub(crate) fn is_warm(&self) -> bool {
        let warm = self.warm.load(Ordering::Relaxed) || self.api.readiness.is_ready();
        self.warm.store(warm, Ordering::Relaxed);
        warm
    }
}
