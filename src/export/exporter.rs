//! All engines of the configuration, built and run together.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{Export, ExportProtocol, ExportTarget};
use crate::export::Error;
use crate::export::collector::Collector;
use crate::export::http::Http;
use crate::export::ledger::Ledger;
use crate::export::metrics::Metrics;
use crate::export::otlp::Otlp;
use crate::export::queue::Queue;
use crate::export::remote_write::RemoteWrite;
use crate::export::sender::Sender;
use crate::export::wire::Wire;
use crate::store::Store;

/// Passes usage on. Built only where there is an engine; then it costs a look at the store every
/// few seconds and what its queues hold.
pub struct Exporter {
    collector: Collector,
    senders: Vec<Sender>,
}

impl Exporter {
    /// An exporter to all engines of `settings`; `None` where there are none. Reads every file that
    /// their TLS needs.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn build(
        settings: &Export,
        max_sample_age: Duration,
        (cluster, store): (Arc<Cluster>, Arc<Store>),
        clock: &Clock,
        registry: &mut Registry,
    ) -> Result<Option<Self>, Error> {
        if settings.targets.is_empty() {
            return Ok(None);
        }
        let metrics = Metrics::register(registry);
        let senders = settings.targets.iter().map(|target| sender(target, &metrics, clock));
        let senders = senders.collect::<Result<Vec<_>, _>>()?;
        let queues = senders.iter().map(|sender| (Arc::clone(&sender.queue), sender.metrics.clone())).collect();
        let (ledger, ledger_entries) = (Ledger::default(), metrics.ledger_entries.clone());
        let clock = clock.clone();
        let collector = Collector { cluster, store, clock, max_sample_age, ledger, ledger_entries, queues };
        Ok(Some(Self { collector, senders }))
    }

    /// Runs until `stop`. What waits then is not sent any more.
    pub async fn run(self, stop: CancellationToken) {
        let senders = self.senders.into_iter().map(Sender::run);
        let all = async { tokio::join!(self.collector.run(), join_all(senders)) };
        stop.run_until_cancelled(all).await;
    }
}

fn sender(target: &ExportTarget, metrics: &Metrics, clock: &Clock) -> Result<Sender, Error> {
    let wire: Box<dyn Wire> = match target.protocol {
        ExportProtocol::Otlp(protocol) => Box::new(Otlp::new(protocol, target.labels.clone())),
        protocol => Box::new(RemoteWrite::new(protocol, target.labels.clone())),
    };
    Ok(Sender {
        name: target.name.clone(),
        queue: Arc::new(Queue::new(target.queue_samples)),
        wire,
        transport: Box::new(Http::new(target)?),
        samples_per_request: target.samples_per_request,
        metrics: metrics.of(&target.name),
        clock: clock.clone(),
        is_failing: false,
    })
}
