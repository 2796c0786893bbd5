//! What the async runtime says of itself: whether tasks pile up, and whether its threads keep up.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use tokio::runtime::{Handle, RuntimeMetrics};

use super::readings::{counters, gauges};

/// Runtimes by name; asked each time anew.
#[derive(Debug)]
struct Runtimes(Vec<(&'static str, Handle)>);

/// Registers what `runtimes`, each with its name, say of themselves.
pub fn register(registry: &mut Registry, runtimes: Vec<(&'static str, Handle)>) {
    registry.register_collector(Box::new(Runtimes(runtimes)));
}

impl Runtimes {
    fn each<N>(
        &self,
        reading: impl Fn(RuntimeMetrics) -> N,
    ) -> impl Iterator<Item = ([(&'static str, &'static str); 1], N)> {
        self.0.iter().map(move |(name, handle)| ([("runtime", *name)], reading(handle.metrics())))
    }
}

impl Collector for Runtimes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let workers = self.each(|metrics| count(metrics.num_workers()));
        gauges(&mut encoder, "runtime_workers", "Threads that run tasks", workers)?;
        let alive = self.each(|metrics| count(metrics.num_alive_tasks()));
        gauges(&mut encoder, "runtime_alive_tasks", "Tasks that have not ended", alive)?;
        let waiting = self.each(|metrics| count(metrics.global_queue_depth()));
        gauges(&mut encoder, "runtime_waiting_tasks", "Tasks that are ready and wait for any thread", waiting)?;
        let help = "Time that the threads spent running tasks, together";
        counters(&mut encoder, "runtime_busy_seconds", help, self.each(|metrics| busy_seconds(&metrics)))
    }
}

fn busy_seconds(metrics: &RuntimeMetrics) -> f64 {
    (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker).as_secs_f64()).sum()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[tokio::test]
    async fn a_runtime_tells_its_threads_and_tasks() {
        let mut registry = Registry::default();
        register(&mut registry, vec![("main", Handle::current())]);
        let task = tokio::spawn(std::future::pending::<()>());
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        assert!(told.contains("runtime_workers{runtime=\"main\"} 1\n"), "{told}");
        assert!(told.contains("runtime_alive_tasks{runtime=\"main\"} 1\n"), "{told}");
        assert!(told.contains("runtime_busy_seconds_total{runtime=\"main\"} "), "{told}");
        task.abort();
    }
}
