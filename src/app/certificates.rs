//! Our own serving certificate: made here and kept in a Secret, or read from files.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::apiserver::certificates::{FileCertificates, Introductions, OwnCertificates};
use crate::apiserver::tls::ServingCertificate;
use crate::clock::Clock;
use crate::config::Settings;
use crate::readiness::Latch;

/// Where the serving certificate comes from.
pub(super) enum Certificates {
    Own(Box<OwnCertificates>),
    Files(FileCertificates),
}

impl Certificates {
    pub(super) async fn of(
        settings: &Settings,
        client: &kube::Client,
        clock: &Clock,
        serving: &Arc<ServingCertificate>,
        introductions: Option<Introductions>,
    ) -> anyhow::Result<Self> {
        let serving = Arc::clone(serving);
        if let Some((certificate, key)) = settings.serving.certificate.clone() {
            let files = FileCertificates::load(certificate, key, &settings.service, clock.clone(), serving);
            return Ok(Self::Files(files.await?));
        }
        let (service, overlap) = (settings.service.clone(), settings.serving.authority_overlap);
        let own = OwnCertificates::new(client.clone(), service, clock.clone(), overlap, serving);
        let own = match introductions {
            Some(introductions) => own.introducing(introductions),
            None => own,
        };
        Ok(Self::Own(Box::new(own)))
    }

    pub(super) async fn keep(self, latch: Latch, stop: CancellationToken) {
        match self {
            Self::Own(own) => Box::pin(own.run(latch, stop)).await,
            Self::Files(files) => {
                latch.release();
                files.run(stop).await;
            }
        }
    }
}
