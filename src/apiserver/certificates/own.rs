//! Own certificates, from first start to stop.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::Client;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::CertificateError;
use super::api_services::Bundles;
use super::replicas::Introductions;
use super::secret::SharedSecret;
use crate::apiserver::tls::ServingCertificate;
use crate::clock::Clock;
use crate::config::Service;
use crate::readiness::Latch;
use crate::telemetry::causes;

/// How soon another replica's certificate is taken over, and one that ends is noticed.
const RECHECK: Duration = Duration::from_mins(1);
/// After a refused patch; the watch begins anew then, so nothing is forgotten.
const PATCH_RETRY: Duration = Duration::from_secs(10);

/// Serves a certificate of our own and tells the aggregator whom to verify it by.
pub struct OwnCertificates {
    secret: SharedSecret,
    bundles: Bundles,
    clock: Clock,
    serving: Arc<ServingCertificate>,
    certificate: String,
    introductions: Option<Introductions>,
}

/// Why the APIServices are gone through anew.
enum Again {
    AuthorityChanged(String),
    PatchRefused,
}

impl OwnCertificates {
    /// For the Service we stand behind; `serving` gets the certificate.
    pub fn new(client: Client, service: Service, clock: Clock, serving: Arc<ServingCertificate>) -> Self {
        Self {
            secret: SharedSecret::new(client.clone(), &service),
            bundles: Bundles::new(client, service),
            clock,
            serving,
            certificate: String::new(),
            introductions: None,
        }
    }

    /// Also makes replicas known to each other.
    #[must_use]
    pub fn introducing(self, introductions: Introductions) -> Self {
        Self { introductions: Some(introductions), ..self }
    }

    /// Works until `stop`. `latch` is released as soon as there is a certificate to serve, and says
    /// until then what is in the way; an API server that is away is waited for.
    pub async fn run(mut self, latch: Latch, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            let mut authority = self.first(&latch).await;
            latch.release();
            loop {
                match self.keep(&authority).await {
                    Again::AuthorityChanged(changed) => authority = changed,
                    Again::PatchRefused => {}
                }
            }
        })
        .await;
    }

    async fn first(&mut self, latch: &Latch) -> String {
        let mut pauses = DefaultBackoff::default();
        loop {
            match self.settle().await {
                Ok(authority) => return authority,
                Err(error) => {
                    let error = causes(&error);
                    tracing::warn!(error, "no serving certificate yet");
                    latch.explain(error);
                }
            }
            tokio::time::sleep(pauses.next().unwrap_or(RECHECK)).await;
        }
    }

    /// Serves what the replicas agree on; its authority.
    async fn settle(&mut self) -> Result<String, CertificateError> {
        let (material, pair) = self.secret.settle(self.clock.now()).await?;
        if let Some(introductions) = &mut self.introductions {
            introductions.follow(&material.authority, &material, self.clock.now());
        }
        if material.certificate != self.certificate {
            self.serving.install(pair);
            self.serving.name_authority(&material.authority);
            self.certificate = material.certificate;
            tracing::info!("serving our own certificate");
        }
        Ok(material.authority)
    }

    /// Keeps every APIService at `authority`, also those that are applied later or overwritten. One
    /// that cannot be set holds up no other.
    async fn keep(&mut self, authority: &str) -> Again {
        let watch = watcher(self.bundles.api(), watcher::Config::default()).default_backoff();
        let mut events = std::pin::pin!(watch);
        let mut recheck = tokio::time::interval_at(Instant::now() + RECHECK, RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry_at = None;
        let mut is_failing = false;
        loop {
            tokio::select! {
                event = events.try_next() => match event {
                    Ok(event) => {
                        is_failing = false;
                        let is_set = self.heed(event, authority).await;
                        if !is_set {
                            retry_at.get_or_insert(Instant::now() + PATCH_RETRY);
                        }
                    }
                    // Once for each change of state: the watch retries by itself.
                    Err(error) if !std::mem::replace(&mut is_failing, true) => {
                        tracing::warn!(%error, "APIServices cannot be watched");
                    }
                    Err(_) => {}
                },
                () = until(retry_at) => return Again::PatchRefused,
                _ = recheck.tick() => match self.settle().await {
                    Ok(settled) if settled != authority => return Again::AuthorityChanged(settled),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "the serving certificate cannot be checked"),
                },
            }
        }
    }

    /// Whether what the watch told is in order now.
    async fn heed(&mut self, event: Option<Event<APIService>>, authority: &str) -> bool {
        match event {
            Some(Event::Apply(seen) | Event::InitApply(seen)) => self.bundles.set(&seen, authority).await,
            _ => true,
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
