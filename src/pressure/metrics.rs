//! Memory in numbers, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Budget, Pressure};

/// Registers what is used of `budget`, and how near its limit is.
pub(super) fn register(registry: &mut Registry, budget: Budget, pressure: Pressure) {
    registry.register_collector(Box::new(Memory { budget, pressure }));
}

#[derive(Debug)]
struct Memory {
    budget: Budget,
    pressure: Pressure,
}

impl Collector for Memory {
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Memory that may be used, by --memory-limit or the control group; infinite where neither says";
        let limit = self.budget.limit_bytes().map_or(f64::INFINITY, |bytes| bytes as f64);
        gauge(&mut encoder, "memory_limit_bytes", help, limit)?;
        if let Some(bytes) = self.budget.used_bytes() {
            gauge(&mut encoder, "memory_used_bytes", "Memory that counts against the limit", bytes as f64)?;
        }
        let help = "How near the limit is: 0 far; 1 less is kept for later; 2 long lists and watches are refused";
        gauge(&mut encoder, "memory_pressure", help, f64::from(self.pressure.level() as u8))
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
