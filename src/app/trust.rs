//! Whose word counts: read from the cluster and followed.

use tokio_util::sync::CancellationToken;

use crate::apiserver::authn::LiveTrust;
use crate::app::kubernetes;
use crate::config::Settings;
use crate::readiness::Latch;

/// Whose word counts, and where it is read.
pub(super) struct Trust {
    pub(super) live: LiveTrust,
    pub(super) client: kube::Client,
}

impl Trust {
    pub(super) async fn of(settings: &Settings, client: &kube::Client, live: LiveTrust) -> anyhow::Result<Self> {
        let kubeconfig = settings.authentication.kubeconfig.as_deref();
        let client = kubernetes::other_client("--authentication-kubeconfig", kubeconfig, client).await?;
        Ok(Self { live, client })
    }

    pub(super) async fn follow(self, latch: Latch, stop: CancellationToken) {
        self.live.follow(self.client, latch, stop).await;
    }
}
