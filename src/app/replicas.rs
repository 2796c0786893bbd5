//! This process as one replica among others, if it knows the pod it runs in.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::apiserver::authn::LiveTrust;
use crate::apiserver::certificates::Introductions;
use crate::app::memory::Memory;
use crate::clock::Clock;
use crate::config::Settings;
use crate::readiness::Readiness;
use crate::replicas::{self, Credentials, Metrics, Offer, Replica, Sharing};
use crate::usage::Share;

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
    /// The part of the nodes that is ours to ask: all, unless scrapes are shared.
    pub(super) share: watch::Receiver<Share>,
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
        let mut replica = Replica::new(
            pod,
            port,
            (settings.service.clone(), client.clone()),
            (shared, clock.clone(), readiness.clone()),
            credentials,
            (settings.scraping.resolution, settings.max_sample_age),
            metrics.clone(),
        );
        let mut offer = Offer::new(memory.store.clone(), clock.clone(), readiness.clone(), metrics);
        let (told, share) = watch::channel(Share::default());
        if settings.scrape_sharing {
            let leaving = CancellationToken::new();
            replica = replica.sharing(Sharing::new(told, leaving.clone()));
            offer = offer.sharing(settings.scraping.resolution, leaving);
        }
        Self {
            replica: Some(replica),
            offer: Some(offer),
            introductions: Some(Introductions::new(trust.clone(), given, clock.clone())),
            filled,
            share,
        }
    }

    fn alone(filled: CancellationToken) -> Self {
        filled.cancel();
        let share = watch::channel(Share::default()).1;
        Self { replica: None, offer: None, introductions: None, filled, share }
    }
}
