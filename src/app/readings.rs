//! What is read from the rooms whenever somebody asks for metrics.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::apiserver::authn::LiveTrust;
use crate::apiserver::tls::ServingCertificate;
use crate::apiserver::{register_coverage, register_expirations};
use crate::app::memory::Memory;
use crate::app::workers::Workers;
use crate::store;
use crate::telemetry::{Registry, runtime};

/// Registers the state of `memory` and how much of it is used, of the certificates that the door depends
/// on, of the runtime that this is called on, which watches and scrapes, and of the one that answers.
pub(super) fn register(
    registry: &mut Registry,
    memory: &Memory,
    serving: &Arc<ServingCertificate>,
    trust: &LiveTrust,
    workers: &Workers,
) {
    memory.guard.register_metrics(registry);
    register_coverage(registry, Arc::clone(&memory.moments));
    store::register_metrics(registry, Arc::clone(&memory.store));
    register_expirations(registry, serving, trust);
    runtime::register(registry, vec![("main", Handle::current()), ("answers", workers.handle.clone())]);
}
