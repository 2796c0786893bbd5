//! When the certificates end that the door depends on, as a metric.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::apiserver::authn::LiveTrust;
use crate::apiserver::tls::ServingCertificate;
use crate::telemetry::expiry;

/// Registers the ends of the certificate we show, of its authority where it is our own, and of the
/// authorities by which we know the front proxy and clients with certificates.
pub fn register_expirations(registry: &mut Registry, serving: &Arc<ServingCertificate>, trust: &LiveTrust) {
    let (shown, its_authority) = (Arc::clone(serving), Arc::clone(serving));
    let (front_proxy, clients) = (trust.clone(), trust.clone());
    let certificates: Vec<(_, expiry::Ending)> = vec![
        ("serving", Box::new(move || shown.ending())),
        ("serving_authority", Box::new(move || its_authority.authority_ending())),
        ("front_proxy_authority", Box::new(move || front_proxy.front_proxy_ending())),
        ("client_authority", Box::new(move || clients.clients_ending())),
    ];
    expiry::register(registry, "certificate_expiration_timestamp_seconds", certificates);
}
