//! The port, and what every request passes on its way in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::apiserver::authn::{Authenticate as _, Authenticator};
use crate::apiserver::authz::Authorizer;
use crate::apiserver::tls::{self, ServingCertificate};
use crate::apiserver::{self, Api, Limits, Listener, ListenerMetrics, Trusted};
use crate::app::kubernetes;
use crate::app::rooms::DoorMetrics;
use crate::app::trust::Trust;
use crate::clock::Clock;
use crate::config::Settings;

/// The port and what is behind it.
pub(super) struct Door {
    listener: Listener,
    tls: Arc<ServerConfig>,
    pub(super) router: Router,
    trusted: Trusted,
    metrics: ListenerMetrics,
}

impl Door {
    pub(super) async fn build(
        listener: Listener,
        serving: Arc<ServingCertificate>,
        api: Api,
        settings: &Settings,
        trust: &Trust,
        (client, clock): (&kube::Client, Clock),
        metrics: DoorMetrics,
    ) -> anyhow::Result<Self> {
        let live = trust.live.clone();
        let authenticator =
            Authenticator::new(trust.client.clone(), &settings.authentication, live, clock, metrics.authn)
                .context("no random key for the memory of tokens")?;
        let kubeconfig = settings.authorization.kubeconfig.as_deref();
        let reviewer = kubernetes::other_client("--authorization-kubeconfig", kubeconfig, client).await?;
        let authorizer = Authorizer::new(reviewer, &settings.authorization, metrics.authz);
        let limits = Limits {
            requests_in_flight: settings.serving.max_requests_in_flight,
            request_timeout: settings.serving.request_timeout,
        };
        let authenticator = Arc::new(authenticator);
        let judge = Arc::clone(&authenticator);
        let trusted: Trusted = Arc::new(move |peer| judge.is_front_proxy(peer));
        let router = apiserver::router(api, authenticator, Arc::new(authorizer), limits, metrics.requests);
        Ok(Self {
            listener,
            tls: Arc::new(tls::server_config(serving, metrics.listener.sessions.clone())?),
            router,
            trusted,
            metrics: metrics.listener,
        })
    }

    pub(super) async fn serve(self, drain: Duration, stop: CancellationToken) {
        self.listener.serve(self.tls, self.router, self.trusted, self.metrics, drain, stop).await;
    }
}
