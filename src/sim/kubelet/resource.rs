//! `/metrics/resource`: families and lines in the order of a real kubelet.

use std::time::Duration;

use super::families::{CONTAINER, Family, NODE, POD, UNREAD, WELL};
use crate::clock::UnixMillis;
use crate::promtext::encode::Encoder;
use crate::sim::cluster::{Phase, SimNode, SimPod, SimReading};

/// Text of one container's lines and its share of the pod's, about: the buffer's first size.
const BYTES_PER_CONTAINER: usize = 800;
/// Text of the comment lines and the node's.
const BYTES_PER_NODE: usize = 2500;

/// How an answer differs from a good one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quirks {
    /// All timestamps are ahead by this much.
    pub(super) ahead: Duration,
    /// Every container's CPU series is there twice.
    pub(super) twice: bool,
    /// Nothing but the error gauges.
    pub(super) error_only: bool,
}

/// The labels of a series and what was read.
type Row<'a, const LABELS: usize> = ([(&'static str, &'a str); LABELS], SimReading);

/// The text at a time.
pub(super) fn write(node: &SimNode, pods: impl Iterator<Item = SimPod>, at: UnixMillis, quirks: Quirks) -> Vec<u8> {
    let node = [([], node.reading(at))];
    let mut text = Vec::new();
    if quirks.error_only {
        Writer { encoder: Encoder::new(&mut text), ahead: quirks.ahead }.families(&UNREAD, &node);
        return text;
    }
    let pods: Vec<_> = pods.filter(|pod| pod.phase(at) != Phase::Succeeded).collect();
    let containers = container_rows(&pods, at);
    text.reserve(BYTES_PER_NODE + BYTES_PER_CONTAINER * containers.len());
    let mut writer = Writer { encoder: Encoder::new(&mut text), ahead: quirks.ahead };
    let [cpu, others @ ..] = &CONTAINER;
    let times = if quirks.twice { 2 } else { 1 };
    let repeated: Vec<_> = containers.iter().flat_map(|row| std::iter::repeat_n(*row, times)).collect();
    writer.families(std::slice::from_ref(cpu), &repeated);
    writer.families(others, &containers);
    writer.families(&NODE, &node);
    writer.families(&POD, &pod_rows(&pods, at));
    writer.families(&WELL, &node);
    text
}

/// Rows sorted by labels, as the text is.
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
    encoder: Encoder<'a>,
    ahead: Duration,
}

impl Writer<'_> {
    /// A family without a line is left out.
    fn families<const LABELS: usize>(&mut self, families: &[Family], rows: &[Row<'_, LABELS>]) {
        for family in families {
            let mut told = rows.iter().filter(|(_, reading)| reading.live || !family.live_only).peekable();
            if told.peek().is_some() {
                self.encoder.family(family.name, family.help, family.kind);
            }
            for (labels, reading) in told {
                let time = family.timed.then_some(reading.time + self.ahead);
                self.encoder.sample(labels, (family.value)(reading), time);
            }
        }
    }
}
