//! The APIServices that lead to us: each must know our authority.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

use crate::config::Service;

/// Between two patches of one APIService: somebody else may insist on another bundle, and a quarrel
/// must not become load.
const PATCH_PAUSE: Duration = Duration::from_secs(5);

/// Sets the `caBundle` of APIServices that lead to one Service.
pub(super) struct Bundles {
    api: Api<APIService>,
    service: Service,
    patched: HashMap<String, Instant>,
    refused: HashSet<String>,
}

impl Bundles {
    pub(super) fn new(client: Client, service: Service) -> Self {
        Self { api: Api::all(client), service, patched: HashMap::new(), refused: HashSet::new() }
    }

    pub(super) fn api(&self) -> Api<APIService> {
        self.api.clone()
    }

    /// Makes `seen` verify us by `authority`, if it leads to us and does not yet; whether it does now.
    pub(super) async fn set(&mut self, seen: &APIService, authority: &str) -> bool {
        if !self.lacks(seen, authority) {
            return true;
        }
        let name = seen.name_any();
        if let Some(last) = self.patched.get(&name) {
            tokio::time::sleep_until(*last + PATCH_PAUSE).await;
        }
        self.patched.insert(name.clone(), Instant::now());
        match self.patch(&name, authority).await {
            Ok(()) => {
                self.refused.remove(&name);
                tracing::info!(api_service = name, "caBundle set to our authority");
                true
            }
            Err(error) => {
                // Once for each change of state.
                if self.refused.insert(name.clone()) {
                    tracing::warn!(%error, api_service = name, "caBundle cannot be set");
                }
                false
            }
        }
    }

    async fn patch(&self, name: &str, authority: &str) -> Result<(), kube::Error> {
        let bundle = ByteString(authority.as_bytes().to_vec());
        let patch = json!({"spec": {"caBundle": bundle, "insecureSkipTLSVerify": false}});
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    }

    fn lacks(&self, seen: &APIService, authority: &str) -> bool {
        let Some(spec) = &seen.spec else { return false };
        let leads_to_us = spec.service.as_ref().is_some_and(|service| {
            service.name.as_ref() == Some(&self.service.name)
                && service.namespace.as_ref() == Some(&self.service.namespace)
        });
        let is_set = spec.ca_bundle.as_ref().is_some_and(|bundle| bundle.0 == authority.as_bytes());
        leads_to_us && (!is_set || spec.insecure_skip_tls_verify == Some(true))
    }
}
