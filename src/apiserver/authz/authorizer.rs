//! The chain of authorizers.

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use tracing::{Instrument, Span, field};

use super::access_review::AccessReviewer;
use super::always_allowed::AlwaysAllowed;
use super::{AuthzError, Decision};
use crate::apiserver::authn::User;
use crate::apiserver::reviews::Source;
use crate::apiserver::{RequestInfo, ReviewMetrics};
use crate::config;

/// Decides whether a user may.
pub trait Authorize: Send + Sync {
    /// Whether `user` may do what `request` asks for.
    fn authorize<'a>(&'a self, user: &'a User, request: &'a RequestInfo)
    -> BoxFuture<'a, Result<Decision, AuthzError>>;
}

/// Decides as the cluster does.
pub struct Authorizer {
    always_allowed: AlwaysAllowed,
    reviewer: AccessReviewer,
    metrics: ReviewMetrics,
}

impl Authorizer {
    /// An authorizer that asks the API server of `client`.
    pub fn new(client: Client, settings: &config::Authorization, metrics: ReviewMetrics) -> Self {
        Self {
            always_allowed: AlwaysAllowed::new(&settings.always_allow_paths),
            reviewer: AccessReviewer::new(client, settings, metrics.clone()),
            metrics,
        }
    }

    async fn decide(&self, user: &User, request: &RequestInfo) -> Result<Decision, AuthzError> {
        let (method, outcome) = match self.always_allowed.reason(user, request) {
            Some(reason) => (reason, Ok(Decision::Allowed)),
            None => ("review", self.review(user, request).await),
        };
        self.metrics.attempted(method, outcome.as_ref().map_or("error", Decision::as_str));
        let span = Span::current();
        span.record("kube_vitals.authorization.source", method);
        match &outcome {
            Ok(decision) => span.record("kube_vitals.authorization.decision", decision.as_str()),
            Err(_) => span.record("otel.status_code", "ERROR"),
        };
        outcome
    }

    async fn review(&self, user: &User, request: &RequestInfo) -> Result<Decision, AuthzError> {
        let (decision, source) = self.reviewer.review(user, request).await?;
        Span::current().record("kube_vitals.cache.hit", source == Source::Kept);
        Ok(decision)
    }
}

impl Authorize for Authorizer {
    fn authorize<'a>(
        &'a self,
        user: &'a User,
        request: &'a RequestInfo,
    ) -> BoxFuture<'a, Result<Decision, AuthzError>> {
        let span = tracing::info_span!(
            "authorization",
            kube_vitals.authorization.decision = field::Empty,
            kube_vitals.authorization.source = field::Empty,
            kube_vitals.cache.hit = field::Empty,
            otel.status_code = field::Empty,
        );
        self.decide(user, request).instrument(span).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;
    use prometheus_client::registry::Registry;
    use serde_json::json;

    use super::*;
    use crate::apiserver::authz::register_metrics;
    use crate::apiserver::fixtures::ApiServer;

    #[tokio::test]
    async fn the_control_plane_and_open_paths_are_let_in_while_the_api_server_is_away() {
        let settings = config::Authorization {
            kubeconfig: None,
            always_allow_paths: vec!["/livez".to_owned()],
            allowed_ttl: Duration::from_secs(10),
            denied_ttl: Duration::from_secs(10),
        };
        let away = ApiServer::answering(403, json!({"kind": "Status", "code": 403}));
        let mut registry = Registry::default();
        let authorizer = Authorizer::new(away.client(), &settings, register_metrics(&mut registry));
        let may = async |user: &User, path: &str| {
            authorizer.authorize(user, &RequestInfo::of(&Method::GET, path, None)).await
        };
        let aggregator = User { groups: vec!["system:masters".to_owned()], ..User::anonymous() };
        assert_eq!(may(&aggregator, "/apis/metrics.k8s.io/v1beta1").await.unwrap(), Decision::Allowed);
        assert_eq!(may(&User::anonymous(), "/livez").await.unwrap(), Decision::Allowed);
        may(&User::anonymous(), "/metrics").await.unwrap_err();
        assert_eq!(away.requests().len(), 1);

        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains(r#"authorization_attempts_total{method="masters",result="allowed"} 1"#), "{text}");
        assert!(text.contains(r#"authorization_attempts_total{method="review",result="error"} 1"#), "{text}");
    }
}
