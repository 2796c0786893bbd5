//! The Leases of the replicas, in the API server: ours is kept, the others' are read.

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use tokio::time::Instant;

use super::lease::{Presence, SERVICE_LABEL, State};
use super::metrics::{Metrics, Operation};
use super::sightings::{Leftover, Sightings};
use crate::clock::Clock;
use crate::config::Service;
use crate::telemetry::causes;

/// More replicas than this are never run; of more Leases the first are read.
pub(super) const MAX_LEASES: u32 = 64;

/// The Leases of one Service's replicas.
pub(super) struct Leases {
    api: Api<Lease>,
    service: String,
    clock: Clock,
    sightings: Sightings,
    metrics: Metrics,
    /// Whether the last round of requests met a refusal: told once for each change.
    is_failing: bool,
    /// Whether it was for want of rights.
    is_refused: bool,
}

impl Leases {
    pub(super) fn new(client: Client, service: &Service, clock: Clock, metrics: Metrics) -> Self {
        let api = Api::namespaced(client, &service.namespace);
        let service = service.name.clone();
        Self { api, service, clock, sightings: Sightings::default(), metrics, is_failing: false, is_refused: false }
    }

    /// Renews our own, looks at the others, and collects what the dead left behind; false if the API
    /// server did not let us.
    pub(super) async fn beat(&mut self, own: &Presence) -> bool {
        self.is_refused = false;
        let written = self.renew(own).await;
        let is_written = self.heed(Operation::Renew, written).is_some();
        let looked = self.look(&own.name).await && is_written;
        if looked && std::mem::take(&mut self.is_failing) {
            tracing::info!("replicas see each other by Leases again");
        }
        looked
    }

    /// Whether the last beat failed for want of rights, which does not change soon.
    pub(super) const fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Looks at the others; false if the API server did not let us.
    pub(super) async fn look(&mut self, own: &str) -> bool {
        let selector = format!("{SERVICE_LABEL}={}", self.service);
        let listed = self.api.list(&ListParams::default().labels(&selector).limit(MAX_LEASES)).await;
        let Some(leases) = self.heed(Operation::List, listed) else { return false };
        let now = Instant::now();
        self.sightings.look(&leases.items, own, now);
        for state in State::ALL {
            self.metrics.see(state, self.sightings.count(state, now));
        }
        for leftover in self.sightings.leftovers(now) {
            self.collect(leftover).await;
        }
        true
    }

    /// Those of the others who can be asked, in no order.
    pub(super) fn ready(&self) -> Vec<Presence> {
        let present = self.sightings.present(Instant::now());
        present.filter(|presence| presence.state == State::Ready).cloned().collect()
    }

    /// Those of the others who shared scrapes when we could look last.
    pub(super) fn sharing(&self) -> Vec<Presence> {
        let seen = self.sightings.seen_last();
        seen.filter(|presence| presence.state == State::Ready && presence.shares).cloned().collect()
    }

    /// Takes our own back.
    pub(super) async fn leave(&mut self, own: &str) {
        let deleted = self.api.delete(own, &DeleteParams::default()).await;
        self.heed(Operation::Delete, deleted);
    }

    async fn renew(&self, own: &Presence) -> Result<(), kube::Error> {
        let lease = own.written(&self.service, self.clock.now());
        match self.api.patch(&own.name, &PatchParams::default(), &Patch::Merge(&lease)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let lease = serde_json::from_value(lease).map_err(kube::Error::SerdeError)?;
                self.api.create(&PostParams::default(), &lease).await.map(drop)
            }
            renewed => renewed.map(drop),
        }
    }

    /// Deletes exactly what was seen: a replica that has come back meanwhile keeps its Lease.
    async fn collect(&mut self, Leftover { name, version }: Leftover) {
        let preconditions = Preconditions { resource_version: Some(version), uid: None };
        let deleted = self.api.delete(&name, &DeleteParams::default().preconditions(preconditions)).await;
        match deleted {
            // Another replica was faster, or it lives.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            deleted => {
                if self.heed(Operation::Delete, deleted).is_some() {
                    tracing::info!(replica = name, "a replica is gone without a word; its Lease is deleted");
                }
            }
        }
    }

    fn heed<T>(&mut self, operation: Operation, result: Result<T, kube::Error>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        self.metrics.lease_failed(operation);
        self.is_refused |= matches!(&error, kube::Error::Api(status) if matches!(status.code, 401 | 403));
        if !std::mem::replace(&mut self.is_failing, true) {
            let error = causes(&error);
            tracing::warn!(error, "replicas cannot see each other by Leases; this one goes on alone");
        }
        None
    }
}

#[cfg(test)]
mod tests;
