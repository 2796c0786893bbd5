//! A real body to exact numbers, bad messages one by one, and damaged bodies to no panic.

use super::*;
use crate::usage::Reading;

const REAL: &[u8] = include_bytes!("../../../../tests/data/kubelet/resource.delimited.pb");
const CPU: &str = "container_cpu_usage_seconds_total";

/// A field of bytes, short or long.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        field.push(0x80 | u8::try_from(length & 0x7f).unwrap());
        length >>= 7;
    }
    field.push(u8::try_from(length).unwrap());
    [field.as_slice(), content].concat()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    bytes(1, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat())
}

fn labels(pod: &str) -> Vec<u8> {
    [label("container", "c"), label("namespace", "n"), label("pod", pod)].concat()
}

fn value(value: f64) -> Vec<u8> {
    bytes(3, &[&[0x09][..], &value.to_le_bytes()].concat())
}

fn family(name: &str, metrics: &[Vec<u8>]) -> Vec<u8> {
    let metrics = metrics.iter().flat_map(|metric| bytes(4, metric));
    let message: Vec<u8> = bytes(1, name.as_bytes()).into_iter().chain(metrics).collect();
    // Behind its length alone: a field of bytes without its key.
    bytes(1, &message).split_off(1)
}

fn metric(pod: &str, seconds: f64) -> Vec<u8> {
    [labels(pod), value(seconds)].concat()
}

fn row<'b>(batch: &'b Batch<'_>, pod: &str) -> Option<&'b Reading> {
    batch.rows.iter().find(|row| row.pod == pod).map(|row| &row.reading)
}

#[test]
fn a_real_kubelets_answer_reads_as_it_was_measured() {
    let batch = read(REAL);
    assert_eq!((batch.rows.len(), batch.rejected.count), (9, 0));
    let burn = Reading {
        cpu_time: Some(UnixMillis(1_795_391_143_158)),
        cpu_ns: Some(4_378_710_666),
        memory_time: Some(UnixMillis(1_795_391_143_158)),
        memory_bytes: Some(204_800),
        start: Some(UnixMillis(1_795_391_056_483)),
        kubelet_rate: None,
    };
    assert_eq!(row(&batch, "burn"), Some(&burn));
    let node = batch.node.unwrap();
    assert_eq!((node.cpu_ns, node.memory_bytes), (Some(3_374_844_798_488), Some(887_226_368)));
    assert_eq!(node.cpu_time, Some(UnixMillis(1_795_391_144_993)));
}

#[test]
fn a_bad_series_costs_that_series() {
    let nameless = [label("container", "c"), label("pod", "p"), value(1.0)].concat();
    let twice_named = [labels("p"), label("pod", "q"), value(1.0)].concat();
    let bad = [
        (metric("p", f64::NAN), RejectReason::Value),
        (metric("p", f64::INFINITY), RejectReason::Value),
        (metric("p", -1.0), RejectReason::Value),
        (labels("p"), RejectReason::Value),
        (nameless, RejectReason::Label),
        (twice_named, RejectReason::Label),
        (metric("", 1.0), RejectReason::Label),
        (metric("first", 2.0), RejectReason::Duplicate),
        ([labels("p"), value(1.0), vec![0x30], vec![0xff; 9], vec![1]].concat(), RejectReason::Timestamp),
        (vec![0x0b], RejectReason::Syntax),
        ([bytes(1, &[0x0a, 9]), value(1.0)].concat(), RejectReason::Syntax),
        ([label("container", "c"), bytes(1, &bytes(2, b"x")), value(1.0)].concat(), RejectReason::Label),
    ];
    for (metric_of_reason, reason) in bad {
        let body = family(CPU, &[metric("first", 1.0), metric_of_reason.clone(), metric("last", 3.0)]);
        let batch = read(&body);
        assert_eq!(batch.rejected.count, 1, "{reason:?} {metric_of_reason:?}");
        assert_eq!(batch.rejected.first, Some((2, reason)));
        assert_eq!(row(&batch, "first").unwrap().cpu_ns, Some(1_000_000_000));
        assert_eq!(row(&batch, "last").unwrap().cpu_ns, Some(3_000_000_000));
        assert_eq!(batch.rows.len(), 2);
    }
}

#[test]
fn names_that_are_no_text_are_refused() {
    let pod = bytes(1, &[bytes(1, b"pod"), bytes(2, b"\xff")].concat());
    let series = [label("container", "c"), label("namespace", "n"), pod, value(1.0)].concat();
    assert_eq!(read(&family(CPU, &[series])).rejected.first, Some((1, RejectReason::Encoding)));
}

#[test]
fn fields_may_stand_in_any_order_and_unknown_ones_are_passed_over() {
    let scattered = [value(1.0), label("pod", "p"), vec![0x38, 7], label("container", "c"), label("namespace", "n")];
    let memory = [labels("p"), bytes(9, b"later"), value(4096.0)].concat();
    let body = [family(CPU, &[scattered.concat()]), family("container_memory_working_set_bytes", &[memory])].concat();
    let batch = read(&body);
    assert_eq!((batch.rows.len(), batch.rejected.count), (1, 0));
    let reading = row(&batch, "p").unwrap();
    assert_eq!((reading.cpu_ns, reading.memory_bytes), (Some(1_000_000_000), Some(4096)));
}

#[test]
fn a_series_with_one_label_more_is_not_taken_for_the_expected_one() {
    let other = [labels("p"), label("pod", "q"), value(2.0)].concat();
    let body = [family(CPU, &[metric("p", 1.0)]), family("container_memory_working_set_bytes", &[other])].concat();
    let batch = read(&body);
    assert_eq!(batch.rejected.first, Some((2, RejectReason::Label)));
    assert_eq!(row(&batch, "p").unwrap().memory_bytes, None);
}

#[test]
fn what_follows_a_bad_length_is_lost_and_what_came_before_is_not() {
    let good = family(CPU, &[metric("p", 1.0)]);
    for bad in [&[0xff_u8; 4][..], &[9, 1], b"# HELP text"] {
        let body = [good.as_slice(), bad].concat();
        let batch = read(&body);
        assert_eq!((batch.rows.len(), batch.rejected.count), (1, 1), "{bad:?}");
        assert_eq!(batch.rejected.first, Some((2, RejectReason::Syntax)));
    }
}

#[test]
fn a_body_without_families_is_empty_and_prose_is_garbage() {
    assert!(read(b"").is_empty());
    let prose = read(b"it is no protobuf, however long one looks at it");
    assert!(prose.is_empty() && prose.rejected.count > 0);
}

#[test]
fn no_damage_makes_the_reader_panic() {
    for end in 0..REAL.len() {
        let batch = read(&REAL[..end]);
        assert!(batch.rows.len() <= 9);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        let mut body = REAL.to_vec();
        for _ in 0..4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let place = usize::try_from(state >> 16).unwrap() % body.len();
            body[place] = state.to_le_bytes()[0];
        }
        let _ = read(&body);
    }
}
