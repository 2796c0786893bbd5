//! `/metrics/resource`: families and series in the order of a real kubelet, as text or protobuf.

use prost::Message;

use super::families::{CONTAINER, Family, NODE, POD, UNREAD, WELL};
use super::messages::MetricFamily;
use crate::clock::UnixMillis;
use crate::promtext::encode::{Encoder, Kind};
use crate::promtext::kubelet::Form;
use crate::sim::cluster::{Phase, SimNode, SimPod, SimReading};

/// Text of one container's lines and its share of the pod's, about: the buffer's first size.
const BYTES_PER_CONTAINER: usize = 800;
/// Text of the comment lines and the node's.
const BYTES_PER_NODE: usize = 2500;

/// How an answer differs from a good one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quirks {
    /// All timestamps are ahead by this much.
    pub(super) ahead_ms: i64,
    /// Every container's CPU series is there twice.
    pub(super) twice: bool,
    /// Nothing but the error gauges.
    pub(super) error_only: bool,
    pub(super) counters: Counters,
}

/// How counters are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counters {
    /// As they are.
    #[default]
    True,
    /// At half of what they are.
    Halved,
    /// That of every other container is not a number.
    NotANumber,
}

impl Quirks {
    /// How a reading's time is told.
    pub(super) const fn told(self, time: UnixMillis) -> UnixMillis {
        UnixMillis(time.0.saturating_add(self.ahead_ms))
    }
}

/// The labels of a series and what was read.
type Row<'a, const LABELS: usize> = ([(&'static str, &'a str); LABELS], SimReading);

/// The body at a time.
pub(super) fn write(
    form: Form,
    node: &SimNode,
    pods: impl Iterator<Item = SimPod>,
    at: UnixMillis,
    quirks: Quirks,
) -> Vec<u8> {
    let node = [([], node.reading(at))];
    let mut body = Vec::new();
    if quirks.error_only {
        Writer { form, body: &mut body, quirks }.families(&UNREAD, &node);
        return body;
    }
    let pods: Vec<_> = pods.filter(|pod| pod.phase(at) != Phase::Succeeded).collect();
    let containers = container_rows(&pods, at);
    body.reserve(BYTES_PER_NODE + BYTES_PER_CONTAINER * containers.len());
    let mut writer = Writer { form, body: &mut body, quirks };
    let [cpu, others @ ..] = &CONTAINER;
    let times = if quirks.twice { 2 } else { 1 };
    let repeated: Vec<_> = containers.iter().flat_map(|row| std::iter::repeat_n(*row, times)).collect();
    writer.families(std::slice::from_ref(cpu), &repeated);
    writer.families(others, &containers);
    writer.families(&NODE, &node);
    writer.families(&POD, &pod_rows(&pods, at));
    writer.families(&WELL, &node);
    body
}

/// Rows sorted by labels, as the body is.
fn container_rows(pods: &[SimPod], at: UnixMillis) -> Vec<Row<'_, 3>> {
    let containers = pods.iter().flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    let rows = containers.filter_map(|(pod, container)| {
        let (namespace, name) = (&*pod.key.namespace, &*pod.key.name);
        let labels = [("container", container.name.as_str()), ("namespace", namespace), ("pod", name)];
        Some((labels, container.reading(at)?))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by_key(|(labels, _)| *labels);
    rows
}

fn pod_rows(pods: &[SimPod], at: UnixMillis) -> Vec<Row<'_, 2>> {
    let rows = pods
        .iter()
        .filter_map(|pod| Some(([("namespace", &*pod.key.namespace), ("pod", &*pod.key.name)], pod.reading(at)?)));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by_key(|(labels, _)| *labels);
    rows
}

struct Writer<'a> {
    form: Form,
    body: &'a mut Vec<u8>,
    quirks: Quirks,
}

impl Writer<'_> {
    /// A family without a series is left out.
    fn families<const LABELS: usize>(&mut self, families: &[Family], rows: &[Row<'_, LABELS>]) {
        for family in families {
            let told = rows.iter().filter(|(_, reading)| reading.live || !family.live_only);
            let is_counter = family.kind == Kind::Counter;
            let mut series = told.enumerate().map(|(number, (labels, reading))| {
                let value = (family.value)(reading);
                let value = match self.quirks.counters {
                    Counters::NotANumber if is_counter && number % 2 == 0 && LABELS > 0 => f64::NAN,
                    Counters::Halved if is_counter => value / 2.0,
                    _ => value,
                };
                (labels, value, family.timed.then(|| self.quirks.told(reading.time)))
            });
            let Some(first) = series.next() else { continue };
            let series = std::iter::once(first).chain(series);
            match self.form {
                Form::Text => {
                    let mut encoder = Encoder::new(self.body);
                    encoder.family(family.name, family.help, family.kind);
                    series.for_each(|(labels, value, time)| encoder.sample(labels, value, time));
                }
                Form::Delimited => {
                    let mut message = MetricFamily::new(family.name, family.help, family.kind);
                    series.for_each(|(labels, value, time)| message.sample(labels, value, time));
                    self.body.extend(message.encode_length_delimited_to_vec());
                }
            }
        }
    }
}
