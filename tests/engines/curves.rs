//! Every sample that an engine holds, against the curve it came from.
//!
//! Counters and levels are compared with the curve at the very millisecond. A rate is compared with
//! the mean of the curve over each window that it may stand on: from an earlier sample of the same
//! run, or from the run's start; else it has to be the kubelet's own rate. What no known window
//! explains (its first point was replaced before it was passed on) has to lie in the curve's range.

use std::time::Duration;

use kube_vitals::clock::UnixMillis;
use kube_vitals::sim::{Basis, Load, SimContainer, World};

use crate::series::{AllSeries, Samples, Value};

/// A counter is told as a float of seconds: either end of a window may be off by a nanosecond.
const ROUNDING_NS: u64 = 1;
/// No window is longer.
const LONGEST_WINDOW: Duration = Duration::from_mins(1);
/// Samples of a pod's containers are at most so far apart: two of a kubelet's refreshes with jitter.
const APART: i64 = 30_000;

/// By how much of itself a value may be off that an engine holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Precision {
    /// A float is kept as it is.
    Whole,
    /// VictoriaMetrics turns floats into decimals, and stops where the rest is a millionth of a
    /// millionth of the number: `conversionPrecision` in its `lib/decimal`.
    Decimal,
}

impl Precision {
    fn of(self, value: u64) -> u64 {
        match self {
            Self::Whole => 0,
            Self::Decimal => value / 1_000_000_000_000 + 1,
        }
    }
}

/// How many values were compared, and how.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) series: usize,
    /// With one true number.
    pub(crate) exact: usize,
    /// With the range of a curve.
    pub(crate) ranged: usize,
}

/// Compares everything; the first difference is an error.
pub(crate) fn compare(world: &World, all: &AllSeries, precision: Precision) -> Result<Compared, String> {
    let mut compared = Compared { series: all.len(), ..Compared::default() };
    for ((subject, value), samples) in all {
        in_order(samples).map_err(|error| format!("{subject:?} {value:?}: {error}"))?;
        for (time, number) in samples.iter().filter_map(|(time, number)| Some((*time, (*number)?))) {
            let told = || format!("{subject:?} {value:?} at {time}: {number}");
            let is_exact = match &subject[..] {
                [node] => of_node((world, all, precision), node, *value, time, number),
                [_, _, _] => of_pod(all, subject, *value, time, number).map(|()| true),
                [_, namespace, pod, container] => {
                    of_container((world, all, precision), &[namespace, pod, container], subject, *value, time, number)
                }
                _ => Err("what is it?".to_owned()),
            };
            if is_exact.map_err(|error| format!("{}: {error}", told()))? {
                compared.exact += 1;
            } else {
                compared.ranged += 1;
            }
        }
    }
    Ok(compared)
}

/// Never the same time twice, never an older one after a newer one; no end after an end.
fn in_order(samples: &Samples) -> Result<(), String> {
    match samples.windows(2).find(|pair| pair[0].0 >= pair[1].0 || (pair[0].1.is_none() && pair[1].1.is_none())) {
        Some(pair) => Err(format!("{:?} is followed by {:?}", pair[0], pair[1])),
        None => Ok(()),
    }
}

type Context<'a> = (&'a World, &'a AllSeries, Precision);

/// Whether it was compared with one true number.
type Exact = Result<bool, String>;

fn of_node((world, all, precision): Context<'_>, name: &str, value: Value, time: i64, number: f64) -> Exact {
    let mut nodes = world.nodes_at(UnixMillis(time));
    let node = nodes.find(|node| node.name.as_str() == name).ok_or("there was no such node")?;
    let curve = Curve { load: &node.load, start: node.booted, time: UnixMillis(time), precision };
    match value {
        Value::CpuSeconds => curve.cpu_seconds(number),
        Value::MemoryBytes => curve.memory(number),
        Value::CpuCores => {
            let earlier = earlier(all, &[name.to_owned()], time);
            let kubelet = |nanocores| {
                let bounds = node.bounds(whole_second(time), Basis::KubeletRate);
                bounds.is_some_and(|bounds| bounds.cpu_nanocores.contains(&nanocores))
            };
            curve.rate(number, &earlier, kubelet)
        }
    }
}

fn of_container(
    (world, all, precision): Context<'_>,
    names: &[&String; 3],
    subject: &[String],
    value: Value,
    time: i64,
    number: f64,
) -> Exact {
    let [namespace, pod, container] = names;
    let of_pod = |pod_key: &kube_vitals::usage::PodKey| *pod_key.namespace == ***namespace && *pod_key.name == ***pod;
    let pod = world.pods(UnixMillis(time)).find(|known| of_pod(&known.key)).ok_or("there was no such pod")?;
    let container: &SimContainer =
        pod.containers.iter().find(|known| known.name.as_str() == **container).ok_or("there was no such container")?;
    let run = container.run_at(UnixMillis(time)).ok_or("it did not run")?;
    let curve = Curve { load: &container.load, start: run.start, time: UnixMillis(time), precision };
    match value {
        Value::CpuSeconds => curve.cpu_seconds(number),
        Value::MemoryBytes => curve.memory(number),
        Value::CpuCores => {
            let kubelet = |nanocores| {
                let bounds = container.bounds(whole_second(time), Basis::KubeletRate);
                bounds.is_some_and(|bounds| bounds.cpu_nanocores.contains(&nanocores))
            };
            curve.rate(number, &earlier(all, subject, time), kubelet)
        }
    }
}

/// A pod is the sum of what its containers were told with at about this time.
fn of_pod(all: &AllSeries, subject: &[String], value: Value, time: i64, number: f64) -> Result<(), String> {
    let containers = all.iter().filter(|((of, what), _)| of.len() == 4 && of[..3] == *subject && *what == value);
    let mut sums: Vec<(bool, f64)> = vec![(false, 0.0)];
    for (_, samples) in containers {
        let near = samples.iter().filter(|(at, _)| (time..time + APART).contains(at));
        let near: Vec<(bool, f64)> = near.filter_map(|(at, number)| Some((*at == time, (*number)?))).collect();
        // One that had ended by then, or had not begun, is no part of it.
        let without = sums.clone();
        let with = sums.iter().flat_map(|sum| near.iter().map(|one| (sum.0 || one.0, sum.1 + one.1)));
        sums = with.chain(without).collect();
    }
    let unit = if value == Value::CpuCores { 1e-9 } else { 1.0 };
    let is_sum = |(is_of_this_time, sum): &(bool, f64)| *is_of_this_time && (sum - number).abs() < unit / 2.0;
    if sums.iter().any(is_sum) { Ok(()) } else { Err(format!("is none of the sums of its containers: {sums:?}")) }
}

/// Times of the samples before.
fn earlier(all: &AllSeries, subject: &[String], time: i64) -> Vec<i64> {
    let counter = all.get(&(subject.to_vec(), Value::CpuSeconds)).map(Vec::as_slice).unwrap_or_default();
    counter.iter().map(|(at, _)| *at).filter(|at| *at < time).collect()
}

fn whole_second(millis: i64) -> UnixMillis {
    UnixMillis(millis - millis.rem_euclid(1000))
}

/// One run's load at one time.
struct Curve<'a> {
    load: &'a Load,
    start: UnixMillis,
    time: UnixMillis,
    precision: Precision,
}

impl Curve<'_> {
    fn cpu_seconds(&self, number: f64) -> Exact {
        let expected = self.load.cpu_ns(self.time.since(self.start));
        let told = (number * 1e9).round() as u64;
        // Beyond 2^53 ns a float of seconds is coarser than a nanosecond.
        let slack = ROUNDING_NS + expected / (1 << 52) + self.precision.of(expected);
        if told.abs_diff(expected) <= slack { Ok(true) } else { Err(format!("should be {expected} ns")) }
    }

    fn memory(&self, number: f64) -> Exact {
        let expected = self.load.memory(self.time.since(self.start));
        if number as u64 == expected { Ok(true) } else { Err(format!("should be {expected} bytes")) }
    }

    fn rate(&self, number: f64, earlier: &[i64], kubelet: impl Fn(u64) -> bool) -> Exact {
        let told = (number * 1e9).round() as u64;
        let end = self.time.since(self.start);
        let within = |window: Duration, rate: u64| {
            let slack = 2 * ROUNDING_NS * 1_000_000_000 / u64::try_from(window.as_nanos()).unwrap_or(1).max(1) + 1;
            told.abs_diff(rate) <= slack + self.precision.of(rate)
        };
        let from_sample = earlier.iter().filter(|at| **at >= self.start.0).any(|at| {
            let window = self.time.since(UnixMillis(*at));
            within(window, self.load.mean_rate(end.saturating_sub(window), end))
        });
        // The start is told as a float of seconds, and may be off by a millisecond.
        let from_start = [-1, 0, 1].into_iter().any(|off: i64| {
            let millis = u64::try_from((self.time.0 - self.start.0).saturating_add(off).max(1)).unwrap_or(1);
            within(Duration::from_millis(millis), self.load.cpu_ns(end) * 1000 / millis)
        });
        if from_sample || from_start || kubelet(told) {
            return Ok(true);
        }
        let first = end.saturating_sub(LONGEST_WINDOW);
        let steps = (0..=600).map(|step| self.load.rate(first + end.saturating_sub(first) * step / 600));
        let (low, high) = steps.fold((u64::MAX, 0), |(low, high), rate| (low.min(rate), high.max(rate)));
        // The curve may peak between two steps.
        let slack = high / 10_000 + 1;
        let range = low.saturating_sub(slack)..=high + slack;
        if range.contains(&told) { Ok(false) } else { Err(format!("should be one of {range:?} nanocores")) }
    }
}
