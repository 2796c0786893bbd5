//! Whatever a kubelet answers.

use std::fmt::Write as _;

use serde_json::Value;

use super::encode::{Encoder, Kind};
use super::{kubelet, summary as stats_summary};
use crate::clock::UnixMillis;
use crate::fuzzing::Input;
use crate::usage::{Batch, Reading, Row};

/// From here on the text of a number goes by way of a double, which is not exact.
const EXACT: u64 = 10_u64.pow(18);
/// Bits of whole numbers that a double holds even after a division by a thousand million.
const EXACT_BITS: u32 = 51;
const FAMILIES: [&str; 6] = [
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "container_start_time_seconds",
    "node_cpu_usage_seconds_total",
    "node_memory_working_set_bytes",
    "pod_cpu_usage_seconds_total",
];

/// What was read and is written as text reads the same again.
pub(crate) fn kubelet_text(body: &[u8]) {
    let batch = kubelet::read(body);
    let lines = body.split(|byte| *byte == b'\n').count();
    assert!(batch.rows.len() <= lines && batch.rejected.count as usize <= lines);
    check_names(body, &batch);
    check_written(&batch);
}

/// The same, of protobuf: its numbers, written as text, are the same ones.
pub(crate) fn kubelet_protobuf(body: &[u8]) {
    let batch = kubelet::read_delimited(body);
    assert!(batch.rows.len() <= body.len() && batch.rejected.count as usize <= body.len());
    check_names(body, &batch);
    check_written(&batch);
}

/// The same series in both forms are the same readings, refused ones included.
pub(crate) fn kubelet_forms(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let (mut text, mut protobuf) = (Vec::new(), Vec::new());
    let mut encoder = Encoder::new(&mut text);
    while !input.is_empty() {
        let family = FAMILIES.get(usize::from(input.byte() % 8)).copied().unwrap_or(FAMILIES[0]);
        encoder.family(family, "", Kind::Gauge);
        let mut message = field(1, family.as_bytes());
        for _ in 0..=input.byte() % 4 {
            let (labels, value, time) = series(&mut input, family);
            encoder.sample(&labels, value, time);
            message.extend(field(4, &metric(&labels, value, time)));
        }
        length(&mut protobuf, message.len());
        protobuf.extend(message);
    }
    let (text, protobuf) = (kubelet::read(&text), kubelet::read_delimited(&protobuf));
    assert_eq!((&text.node, &text.rows), (&protobuf.node, &protobuf.rows));
    let refused = |batch: &Batch<'_>| (batch.rejected.count, batch.rejected.first.map(|(_, reason)| reason));
    assert_eq!(refused(&text), refused(&protobuf));
}

/// The rates of a summary are those that stand in the document, in its order.
pub(crate) fn summary(body: &[u8]) {
    let Ok(batch) = stats_summary::read(body) else { return };
    check_names(body, &batch);
    // What is skipped unread may be nested deeper than this reader goes.
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return };
    let mut told = rates(&document);
    assert_eq!(told.len(), batch.rows.len() + batch.rejected.count as usize);
    let mut told = told.drain(..);
    for row in &batch.rows {
        let rate = (Some(row.namespace), Some(row.pod), Some(row.container), row.reading.kubelet_rate);
        assert!(told.any(|told| told == rate), "{rate:?} stands nowhere");
    }
}

/// Names are parts of the body, never copies, and never empty.
fn check_names(body: &[u8], batch: &Batch<'_>) {
    let body = body.as_ptr_range();
    for name in batch.rows.iter().flat_map(|row| [row.namespace, row.pod, row.container]) {
        let name = name.as_bytes().as_ptr_range();
        assert!(body.start <= name.start && name.end <= body.end && name.start < name.end);
    }
}

fn check_written(batch: &Batch<'_>) {
    let Some(text) = written(batch) else { return };
    let again = kubelet::read(text.as_bytes());
    assert_eq!(again.rejected.count, 0, "{text}");
    assert_eq!(again.node, batch.node, "{text}");
    assert_eq!(sorted(&again), sorted(batch), "{text}");
}

/// By name; a row whose only series was refused tells nothing.
fn sorted<'a>(batch: &Batch<'a>) -> Vec<Row<'a>> {
    let mut rows: Vec<_> = batch.rows.iter().copied().filter(|row| row.reading != Reading::default()).collect();
    rows.sort_unstable_by_key(|row| (row.namespace, row.pod, row.container));
    rows
}

/// A batch as a kubelet would write it; `None` where text cannot say the same.
fn written(batch: &Batch<'_>) -> Option<String> {
    let mut text = String::new();
    let [cpu, memory, start, node_cpu, node_memory, _] = FAMILIES;
    let rows = || batch.rows.iter().map(|row| (labels(row), &row.reading));
    for (labels, reading) in rows() {
        line(&mut text, cpu, &labels?, 9, reading.cpu_ns, reading.cpu_time)?;
    }
    for (labels, reading) in rows() {
        line(&mut text, memory, &labels?, 0, reading.memory_bytes, reading.memory_time)?;
    }
    for (labels, reading) in rows() {
        let millis = reading.start.and_then(|UnixMillis(millis)| u64::try_from(millis).ok());
        line(&mut text, start, &labels?, 3, millis, None)?;
    }
    if let Some(node) = batch.node {
        line(&mut text, node_cpu, "", 9, node.cpu_ns, node.cpu_time)?;
        line(&mut text, node_memory, "", 0, node.memory_bytes, node.memory_time)?;
    }
    Some(text)
}

/// `None` where a name needs an escape, with which text refuses it.
fn labels(row: &Row<'_>) -> Option<String> {
    let Row { namespace, pod, container, .. } = row;
    let is_plain = |name: &&str| !name.contains(['"', '\\', '\n']);
    let labels = format!("{{container=\"{container}\",namespace=\"{namespace}\",pod=\"{pod}\"}}");
    [namespace, pod, container].into_iter().all(is_plain).then_some(labels)
}

/// A series, if there is a value; `None` where it is too large to be written exactly.
fn line(
    text: &mut String,
    family: &str,
    labels: &str,
    scale: u32,
    value: Option<u64>,
    time: Option<UnixMillis>,
) -> Option<()> {
    let Some(value) = value else { return Some(()) };
    let unit = 10_u64.pow(scale);
    let (whole, part) = (value / unit, value % unit);
    let _ = write!(text, "{family}{labels} {whole}");
    if scale > 0 {
        let _ = write!(text, ".{part:0digits$}", digits = scale as usize);
    }
    if let Some(UnixMillis(millis)) = time {
        let _ = write!(text, " {millis}");
    }
    text.push('\n');
    (value < EXACT).then_some(())
}

type Series = (Vec<(&'static str, &'static str)>, f64, Option<UnixMillis>);

fn series(input: &mut Input<'_>, family: &str) -> Series {
    let shape = input.byte();
    let name = ["a", "b", "c", ""].get(usize::from(shape & 3)).copied().unwrap_or_default();
    let labels =
        if family.starts_with("node") { vec![] } else { vec![("container", name), ("namespace", "n"), ("pod", "p")] };
    let whole = input.number() >> (u64::BITS - EXACT_BITS);
    #[expect(clippy::cast_precision_loss, reason = "a double holds so many bits")]
    let exact = whole as f64 / units_per_whole(family);
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1e300, 1e-300];
    let value = if shape & 4 == 0 { exact } else { odd.get(usize::from(shape >> 5)).copied().unwrap_or(exact) };
    let millis = i64::try_from(whole).unwrap_or(0);
    let time = match shape >> 3 & 3 {
        0 => None,
        1 => Some(UnixMillis(-millis)),
        _ => Some(UnixMillis(millis)),
    };
    (labels, value, time)
}

/// Of a family's values, to the unit that they are kept in.
fn units_per_whole(family: &str) -> f64 {
    if family.contains("memory") {
        1.0
    } else if family.contains("start") {
        1e3
    } else {
        1e9
    }
}

fn metric(labels: &[(&str, &str)], value: f64, time: Option<UnixMillis>) -> Vec<u8> {
    let label =
        |(name, value): &(&str, &str)| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    let mut metric: Vec<u8> = labels.iter().flat_map(label).collect();
    metric.extend(field(2, &[&[0x09], value.to_le_bytes().as_slice()].concat()));
    if let Some(UnixMillis(millis)) = time {
        metric.push(6 << 3);
        prost::encoding::encode_varint(millis.cast_unsigned(), &mut metric);
    }
    metric
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    length(&mut field, content.len());
    field.extend_from_slice(content);
    field
}

fn length(out: &mut Vec<u8>, length: usize) {
    prost::encoding::encode_varint(length as u64, out);
}

type Rate<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<u64>);

/// Every container of the document that tells a rate.
fn rates(document: &Value) -> Vec<Rate<'_>> {
    let mut rates = Vec::new();
    for pod in list(member(document, "pods", 1)) {
        let names = member(pod, "podRef", 0);
        let text = |key, place| names.and_then(|names| member(names, key, place)).and_then(Value::as_str);
        let (name, namespace) = (text("name", 0), text("namespace", 1));
        for container in list(member(pod, "containers", 1)) {
            let rate = member(container, "cpu", 2).and_then(|cpu| member(cpu, "usageNanoCores", 1));
            if let Some(rate) = rate.and_then(Value::as_u64) {
                rates.push((namespace, name, member(container, "name", 0).and_then(Value::as_str), Some(rate)));
            }
        }
    }
    rates
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// By name, or by place, since a list of values in the order of the fields is taken as well.
fn member<'v>(value: &'v Value, key: &str, place: usize) -> Option<&'v Value> {
    value.get(key).or_else(|| value.get(place))
}
