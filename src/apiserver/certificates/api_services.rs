//! The APIServices that lead to us: each must know our authorities.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

use crate::config::Service;

/// Between two patches of one APIService: somebody else may insist on another bundle, and a quarrel
/// must not become load.
const PATCH_PAUSE: Duration = Duration::from_secs(5);
/// One request to an API server that answers at all.
const PATCH_LIMIT: Duration = Duration::from_secs(10);
/// How the annotations begin by which cert-manager is told to keep a `caBundle`.
const INJECTED: &str = "cert-manager.io/inject-";

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

    /// Whether every APIService that leads to us verifies us by `bundle`, whoever sets it. As long as
    /// they cannot be asked for, they do not.
    pub(super) async fn are_all(&self, bundle: &str) -> bool {
        match self.api.list(&ListParams::default()).await {
            Ok(list) => list.items.iter().all(|seen| !self.leads_to_us(seen) || is_set(seen, bundle)),
            Err(_) => false,
        }
    }

    /// Whether `seen` leads to us, is ours to set, and does not verify us by `bundle`.
    pub(super) fn lacks(&self, seen: &APIService, bundle: &str) -> bool {
        let is_anothers = seen.annotations().keys().any(|name| name.starts_with(INJECTED));
        self.leads_to_us(seen) && !is_anothers && !is_set(seen, bundle)
    }

    /// Makes `seen` verify us by `bundle`; whether it does now.
    pub(super) async fn set(&mut self, seen: &APIService, bundle: &str) -> bool {
        let name = seen.name_any();
        if let Some(last) = self.patched.get(&name) {
            tokio::time::sleep_until(*last + PATCH_PAUSE).await;
        }
        self.patched.insert(name.clone(), Instant::now());
        let patched = tokio::time::timeout(PATCH_LIMIT, self.patch(&name, seen, bundle)).await;
        let error = match patched {
            Ok(Ok(())) => {
                self.refused.remove(&name);
                tracing::info!(api_service = name, "caBundle set to what is to be believed of us");
                return true;
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                // It was not changed by us, so that there is nothing to pause for.
                self.patched.remove(&name);
                tracing::debug!(api_service = name, "caBundle not set: the APIService has changed meanwhile");
                return false;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATCH_LIMIT:?}"),
        };
        // Once for each change of state.
        if self.refused.insert(name.clone()) {
            tracing::warn!(error, api_service = name, "caBundle cannot be set");
        }
        false
    }

    /// Changes exactly the version that was seen: the next one may lead to somebody else.
    async fn patch(&self, name: &str, seen: &APIService, bundle: &str) -> Result<(), kube::Error> {
        let bundle = ByteString(bundle.as_bytes().to_vec());
        let patch = json!({
            "metadata": {"resourceVersion": seen.resource_version()},
            "spec": {"caBundle": bundle, "insecureSkipTLSVerify": false},
        });
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    }

    fn leads_to_us(&self, seen: &APIService) -> bool {
        let service = seen.spec.as_ref().and_then(|spec| spec.service.as_ref());
        service.is_some_and(|service| {
            service.name.as_ref() == Some(&self.service.name)
                && service.namespace.as_ref() == Some(&self.service.namespace)
        })
    }
}

fn is_set(seen: &APIService, bundle: &str) -> bool {
    seen.spec.as_ref().is_some_and(|spec| {
        let told = spec.ca_bundle.as_ref().is_some_and(|told| told.0 == bundle.as_bytes());
        told && spec.insecure_skip_tls_verify != Some(true)
    })
}
