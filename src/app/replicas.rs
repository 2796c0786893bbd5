//! This process as one replica among others, if it knows the pod it runs in.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::apiserver::authn::LiveTrust;
use crate::apiserver::certificates::Introductions;
use crate::app::Memory;
use crate::clock::Clock;
use crate::config::Settings;
use crate::readiness::Readiness;
use crate::replicas::{self, Credentials, Metrics, Offer, Replica};

/// What there is of it before it runs.
pub(super) struct Replicas {
    /// `None` = this process knows of no others.
    pub(super) replica: Option<Replica>,
    /// What others may take.
    pub(super) offer: Option<Offer>,
    /// By what others know us, to be given to who has the authority.
    pub(super) introductions: Option<Introductions>,
    /// Cancelled when the store holds what others gave.
    pub(super) filled: CancellationToken,
}

impl Replicas {
    /// One among others, or alone where the settings tell no pod, or where there is no authority that
    /// all replicas share.
    pub(super) fn of(
        settings: &Settings,
        port: u16,
        client: &kube::Client,
        memory: &Memory,
        (clock, readiness, trust): (&Clock, &Readiness, &LiveTrust),
        metrics: Metrics,
    ) -> Self {
        let filled = CancellationToken::new();
        let Some(pod) = &settings.pod else { return Self::alone(filled) };
        if settings.serving.certificate.is_some() {
            tracing::info!("with --tls-cert-file replicas have no authority of their own, and begin empty");
            return Self::alone(filled);
        }
        let (given, credentials) = watch::channel::<Option<Credentials>>(None);
        let shared = replicas::Memory { cluster: memory.cluster.clone(), store: memory.store.clone() };
        let replica = Replica::new(
            pod,
            port,
            (settings.service.clone(), client.clone()),
            (shared, clock.clone(), readiness.clone()),
            credentials,
            (settings.scraping.resolution, settings.max_sample_age),
            metrics.clone(),
        );
        Self {
            replica: Some(replica),
            offer: Some(Offer::new(memory.store.clone(), readiness.clone(), metrics)),
            introductions: Some(Introductions::new(trust.clone(), given, clock.clone())),
            filled,
        }
    }

    fn alone(filled: CancellationToken) -> Self {
        filled.cancel();
        Self { replica: None, offer: None, introductions: None, filled }
    }
}
