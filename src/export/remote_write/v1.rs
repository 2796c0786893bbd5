//! A request of version 1.0: every series carries all its texts.

use super::message::v1::{Label, MetricMetadata, TimeSeries, WriteRequest};
use super::message::{COUNTER, GAUGE};
use super::{samples, series_labels};
use crate::export::family::{FAMILIES, Family, Value};
use crate::export::queue::{Batch, points};

/// All samples of the batches. The families are described in each request: engines forget them.
pub(super) fn request(batches: &[Batch], external: &[(String, String)]) -> WriteRequest {
    let series = points(batches).flat_map(|point| {
        samples(point).map(move |(family, sample)| TimeSeries {
            labels: series_labels(family, point, external).into_iter().map(label).collect(),
            samples: vec![sample],
        })
    });
    WriteRequest { timeseries: series.collect(), metadata: FAMILIES.iter().map(metadata).collect() }
}

fn label((name, value): (&str, &str)) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}

fn metadata(family: &Family) -> MetricMetadata {
    MetricMetadata {
        kind: if family.value == Value::CpuTime { COUNTER } else { GAUGE },
        family: family.name.to_owned(),
        help: family.help.to_owned(),
        unit: family.unit.to_owned(),
    }
}
