//! Own certificates, from first start to stop.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::Client;
use kube::runtime::watcher::{self, DefaultBackoff, Event};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::CertificateError;
use super::agreement::Agreement;
use super::api_services::Bundles;
use super::replicas::Introductions;
use crate::apiserver::rewatch;
use crate::apiserver::tls::ServingCertificate;
use crate::clock::Clock;
use crate::config::Service;
use crate::readiness::{Condition, Latch};
use crate::telemetry::causes;

/// How soon another replica's certificate is taken over, and one that ends is noticed.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// In an overlap every replica looks at least so often.
const LOOKS_IN_OVERLAP: u32 = 10;
/// After a look that failed.
const LOOK_RETRY: Duration = Duration::from_secs(5);
/// A few requests to an API server that answers at all.
const LOOK_LIMIT: Duration = Duration::from_secs(30);
/// A look that hangs when half an overlap is over leaves the rest for others to notice.
const LOOK_LIMITS_IN_OVERLAP: u32 = 4;
/// After a refused patch; the watch begins anew then, so nothing is forgotten.
const PATCH_RETRY: Duration = Duration::from_secs(10);

/// Serves a certificate of our own and tells the aggregator whom to verify it by.
pub struct OwnCertificates {
    agreement: Agreement,
    bundles: Bundles,
    overlap: Duration,
    serving: Arc<ServingCertificate>,
    certificate: String,
    introductions: Option<Introductions>,
    looked_at: Instant,
    is_failing: bool,
}

/// Why the APIServices are gone through anew.
enum Again {
    BundleChanged(String),
    PatchRefused,
}

impl OwnCertificates {
    /// For the Service we stand behind; `serving` gets the certificate. When an authority takes over
    /// from another, both are believed for `overlap` before and after.
    pub fn new(
        client: Client,
        service: Service,
        clock: Clock,
        overlap: Duration,
        serving: Arc<ServingCertificate>,
    ) -> Self {
        Self {
            agreement: Agreement::new(client.clone(), &service, clock, overlap),
            bundles: Bundles::new(client, service),
            overlap,
            serving,
            certificate: String::new(),
            introductions: None,
            looked_at: Instant::now(),
            is_failing: false,
        }
    }

    /// Also makes replicas known to each other.
    #[must_use]
    pub fn introducing(self, introductions: Introductions) -> Self {
        Self { introductions: Some(introductions), ..self }
    }

    /// Works until `stop`. `latch` is released as soon as there is a certificate to serve, and says
    /// until then what is in the way; an API server that is away is waited for. The condition is lost
    /// again while we cannot know whether what we serve is still believed.
    pub async fn run(mut self, latch: Latch, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            self.stand_in();
            let mut bundle = self.first(&latch).await;
            let known = latch.release();
            loop {
                // On the heap: a watch and a patch make a large future.
                match Box::pin(self.keep(&bundle, &known)).await {
                    Again::BundleChanged(changed) => bundle = changed,
                    Again::PatchRefused => {}
                }
            }
        })
        .await;
    }

    /// Until there is a certificate, shows one that nobody believes: probes, which verify nothing, find
    /// that we live, and people why we are not ready.
    fn stand_in(&self) {
        match self.agreement.stand_in() {
            Ok(pair) => self.serving.install(pair),
            Err(error) => tracing::warn!(error = causes(&error), "nobody can ask us before there is a certificate"),
        }
    }

    async fn first(&mut self, latch: &Latch) -> String {
        let mut pauses = DefaultBackoff::default();
        loop {
            match self.look().await {
                Ok(bundle) => return bundle,
                Err(error) => {
                    let error = causes(&error);
                    tracing::warn!(error, "no serving certificate yet");
                    latch.explain(error);
                }
            }
            tokio::time::sleep(pauses.next().unwrap_or(LOOK_INTERVAL)).await;
        }
    }

    /// Serves what the replicas agree on; whom to believe.
    async fn look(&mut self) -> Result<String, CertificateError> {
        let limit = LOOK_LIMIT.min(self.overlap / LOOK_LIMITS_IN_OVERLAP);
        let settled = tokio::time::timeout(limit, self.agreement.settle(&self.bundles)).await;
        let slow = |_| CertificateError::Slow { secret: self.agreement.secret(), limit };
        let agreed = settled.map_err(slow)??;
        self.looked_at = Instant::now();
        self.serving.set_authority_ending(agreed.authority_ending);
        if let Some(introductions) = &mut self.introductions {
            introductions.follow(&agreed.material);
        }
        if agreed.material.certificate != self.certificate {
            self.serving.install(agreed.pair);
            self.certificate = agreed.material.certificate;
            tracing::info!("serving our own certificate");
        }
        Ok(agreed.material.authorities)
    }

    /// Keeps every APIService at `bundle`, also those that are applied later or overwritten. One that
    /// cannot be set holds up no other.
    async fn keep(&mut self, bundle: &str, known: &Condition) -> Again {
        let mut events = std::pin::pin!(rewatch::events(self.bundles.api(), watcher::Config::default()));
        let mut look_at = Instant::now() + self.look_interval();
        let mut retry_at = None;
        let mut is_unwatched = false;
        loop {
            let looked = tokio::select! {
                event = events.try_next() => match event {
                    Ok(event) => {
                        // With it each attempt begins, whatever comes of it.
                        is_unwatched &= matches!(event, Some(Event::Init));
                        let Some(lacking) = self.lacking(event, bundle) else { continue };
                        // Another replica may have set it, and know better.
                        let looked = self.look_again(known).await;
                        let is_current = looked.as_deref() == Some(bundle);
                        if looked.is_none() || (is_current && !self.bundles.set(&lacking, bundle).await) {
                            retry_at.get_or_insert(Instant::now() + PATCH_RETRY);
                        }
                        looked
                    }
                    // Once for each change of state: the watch retries by itself.
                    Err(error) => {
                        if !std::mem::replace(&mut is_unwatched, true) {
                            tracing::warn!(%error, "APIServices cannot be watched");
                        }
                        continue;
                    }
                },
                () = until(retry_at) => return Again::PatchRefused,
                () = tokio::time::sleep_until(look_at) => self.look_again(known).await,
            };
            let interval = self.look_interval();
            look_at = Instant::now() + if looked.is_some() { interval } else { interval.min(LOOK_RETRY) };
            if let Some(changed) = looked.filter(|looked| looked != bundle) {
                return Again::BundleChanged(changed);
            }
        }
    }

    fn lacking(&self, event: Option<Event<APIService>>, bundle: &str) -> Option<APIService> {
        match event {
            Some(Event::Apply(seen) | Event::InitApply(seen)) if self.bundles.lacks(&seen, bundle) => Some(seen),
            _ => None,
        }
    }

    /// Whom to believe, if that can be known now.
    async fn look_again(&mut self, known: &Condition) -> Option<String> {
        match self.look().await {
            Ok(bundle) => {
                self.is_failing = false;
                known.regain();
                Some(bundle)
            }
            Err(error) => {
                let error = causes(&error);
                // Half an overlap is left for others to notice that we are not ready.
                if self.looked_at.elapsed() >= self.overlap / 2 {
                    self.agreement.forget();
                    known.lose(format!("what is served may not be believed any more: {error}"));
                }
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(error, "the serving certificate cannot be checked");
                }
                None
            }
        }
    }

    fn look_interval(&self) -> Duration {
        LOOK_INTERVAL.min(self.overlap / LOOKS_IN_OVERLAP)
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
