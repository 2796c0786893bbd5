//! The aggregating front: requests below `/apis/G/V` of an APIService go to the server behind its
//! Service, as kube-aggregator sends them.
//!
//! The user has been authenticated and authorized before. The server hears who it is by the
//! identity headers alone, over a connection that shows the front proxy's client certificate; its
//! own certificate must be for `<service>.<namespace>.svc` and of the APIService's `caBundle`.
//! There is no way to switch that check off. The front reads APIServices and keeps their condition
//! `Available`; it decides nothing else.
//!
//! ```text
//! user ─▶ control plane: token ─▶ user, may they? ─▶ Front ─▶ identity ─▶ target ─▶ backend ══TLS══▶ our server
//!                                                      └─ availability: probes each APIService, keeps its condition
//! ```

mod api_service;
mod availability;
mod backend;
mod identity;
mod proxy;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) use api_service::{API_SERVICES, ApiService};
pub(crate) use backend::{Backends, ClientIdentity};

use crate::sim::control_plane::Storage;

/// Where the Services' servers listen: what endpoints are in a real cluster.
#[derive(Debug, Default)]
struct Endpoints(Mutex<BTreeMap<String, SocketAddr>>);

/// Proxies requests of known users to the servers behind APIServices.
#[derive(Debug)]
pub(crate) struct Front {
    storage: Arc<Storage>,
    endpoints: Endpoints,
    backends: Backends,
}

impl Front {
    /// A front that shows `identity` to every server.
    pub(crate) fn new(storage: Arc<Storage>, identity: ClientIdentity) -> Self {
        Self { storage, endpoints: Endpoints::default(), backends: Backends::new(identity) }
    }

    /// Tells where the server behind the Service of this DNS name listens.
    pub(crate) fn connect(&self, service: &str, address: SocketAddr) {
        self.endpoints.0.lock().insert(service.to_owned(), address);
    }

    /// Group and version of each aggregated APIService, in the order of discovery.
    pub(crate) fn group_versions(&self) -> Vec<(String, String)> {
        self.api_services().into_iter().map(|service| (service.group, service.version)).collect()
    }

    /// Whether another server answers this path.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.api_service(path).is_some()
    }

    fn api_service(&self, path: &str) -> Option<ApiService> {
        self.api_services().into_iter().find(|service| service.covers(path))
    }

    fn api_services(&self) -> Vec<ApiService> {
        let (_, objects) = self.storage.list(API_SERVICES);
        let mut found: Vec<ApiService> =
            objects.values().filter_map(|object| ApiService::read(&object.value())).collect();
        found.sort_by_key(|service| (std::cmp::Reverse(service.priority), service.group.clone()));
        found
    }

    fn address(&self, service: &ApiService) -> Option<SocketAddr> {
        self.endpoints.0.lock().get(&service.dns_name).copied()
    }
}
