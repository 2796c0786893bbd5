//! Keeps the condition `Available` of every APIService with a Service behind it.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::sim::control_plane::{Key, User};
use crate::sim::front::{API_SERVICES, ApiService, Front, identity};
use crate::telemetry::causes;

/// Between two rounds; the aggregator's 30 s would only make a demo slow.
const PROBE_PERIOD: Duration = Duration::from_secs(3);
/// The aggregator's bound for one probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Probes sent together, of which the first success decides.
const ATTEMPTS: usize = 5;

impl Front {
    /// Probes until `stop`: each period, and at once when an APIService has been written.
    pub(crate) async fn keep_availability(&self, clock: Clock, stop: CancellationToken) {
        let mut seen = Vec::new();
        let mut revisions = self.storage.subscribe();
        let mut tick = tokio::time::interval(PROBE_PERIOD);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
                changed = revisions.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if self.api_services() == seen {
                        continue;
                    }
                }
            }
            for service in self.api_services() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    found = self.probe(&service) => self.keep(&service, found, &clock),
                }
            }
            seen = self.api_services();
        }
    }

    async fn probe(&self, service: &ApiService) -> Result<(), String> {
        let attempts = (0..ATTEMPTS).map(|_| Box::pin(self.attempt(service)));
        futures::future::select_ok(attempts).await.map(|_| ())
    }

    async fn attempt(&self, service: &ApiService) -> Result<(), String> {
        let user = User {
            name: "system:kube-aggregator".to_owned(),
            uid: String::new(),
            groups: vec!["system:masters".to_owned()],
        };
        let mut headers = HeaderMap::new();
        identity::set_identity(&mut headers, &user);
        let url = format!("https://{}{}", service.dns_name, service.path());
        let request = self.request(service, Method::GET, &service.path())?;
        match request.headers(headers).timeout(PROBE_TIMEOUT).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("bad status from {url}: {}", answer.status().as_u16())),
            Err(error) => Err(format!("failing or missing response from {url}: {}", causes(&error))),
        }
    }

    fn keep(&self, service: &ApiService, found: Result<(), String>, clock: &Clock) {
        let (status, reason, message) = match found {
            Ok(()) => ("True", "Passed", "all checks passed".to_owned()),
            Err(message) => ("False", "FailedDiscoveryCheck", message),
        };
        let key = Key { namespace: String::new(), name: service.name.clone() };
        let kept = self.storage.modify(API_SERVICES, &key, |mut object| {
            let before = object.pointer("/status/conditions/0").cloned().unwrap_or_default();
            let since = match before.get("lastTransitionTime").and_then(Value::as_str) {
                Some(since) if before.get("status").is_some_and(|before| before == status) => since.to_owned(),
                _ => clock.now().to_string(),
            };
            let condition = json!({
                "type": "Available", "status": status, "reason": reason, "message": message,
                "lastTransitionTime": since,
            });
            if let Some(fields) = object.as_object_mut() {
                fields.insert("status".to_owned(), json!({"conditions": [condition]}));
            }
            Ok(object)
        });
        if kept.is_err() {
            tracing::debug!(api_service = service.name, "deleted while it was probed");
        }
    }
}
