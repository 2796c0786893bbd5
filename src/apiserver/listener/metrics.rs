//! What the port counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The handshake took too long.
pub(super) const TIMEOUT: &str = "timeout";
/// The client broke the protocol, or wants what we do not offer.
pub(super) const TLS: &str = "tls";

/// Metrics of the TLS port.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) open: Gauge,
    pub(super) addresses: Gauge,
    /// Sessions that clients may go on from.
    pub(crate) sessions: Gauge,
    pub(super) accepted: Counter,
    pub(super) accept_errors: Counter,
    pub(super) full: Counter,
    pub(super) refused: Counter,
    pub(super) unread: Counter,
    handshake_failures: Family<HandshakeFailure, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeFailure {
    reason: &'static str,
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("connections_open", "Connections open now", metrics.open.clone());
        registry.register(
            "connection_addresses",
            "Addresses that have connections open now",
            metrics.addresses.clone(),
        );
        let help = "TLS sessions that clients may go on from in their next handshake";
        registry.register("tls_sessions_kept", help, metrics.sessions.clone());
        registry.register("connections_accepted", "Connections accepted", metrics.accepted.clone());
        registry.register(
            "connection_accept_errors",
            "Connections that the system failed to accept",
            metrics.accept_errors.clone(),
        );
        registry.register(
            "connections_full",
            "Times that accepting waited because all connections were taken",
            metrics.full.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections closed at once because their address had its share of all",
            metrics.refused.clone(),
        );
        registry.register(
            "connections_unread",
            "Connections cut because their client did not read what it had asked for",
            metrics.unread.clone(),
        );
        registry.register(
            "tls_handshake_failures",
            "TLS handshakes that failed, by reason",
            metrics.handshake_failures.clone(),
        );
        for reason in [TIMEOUT, TLS] {
            // From the start, so that a first failure is an increase.
            metrics.handshake_failures.get_or_create(&HandshakeFailure { reason }).inc_by(0);
        }
        metrics
    }

    /// `reason` is [`TIMEOUT`] or [`TLS`].
    pub(super) fn handshake_failed(&self, reason: &'static str) {
        self.handshake_failures.get_or_create(&HandshakeFailure { reason }).inc();
    }
}
