//! What a served number may be.
//!
//! An API serves a sample's time in whole seconds, so its true time is one of the readings of that
//! second. The bounds are taken over exactly those: a served usage outside of them is wrong, and a
//! served time at which there was no reading has no bounds at all.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{SimContainer, SimNode, SimReading};
use crate::clock::UnixMillis;
use crate::sim::load::Load;

/// The kubelet's own rate is another request's answer: asked for at most this much before or after
/// the sample it is served with.
const RATE_APART_BY: Duration = Duration::from_secs(3);
/// The next reading may come between the two requests, however long after the sample: readings of
/// one clock are at most one and a half periods of 10 s apart. It is looked for in steps.
const NEXT_READING_WITHIN: Duration = Duration::from_secs(16);
const NEXT_READING_STEP_MS: usize = 50;
/// A run's start is told as a float of seconds, so a window that begins there may be off by this.
const START_ROUNDING: Duration = Duration::from_millis(1);
/// A counter is told as a float of seconds: each of a window's two ends may be off by this.
const COUNTER_ROUNDING_NS: u128 = 1;

/// What a served CPU rate stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Two samples this far apart.
    Window(Duration),
    /// The kubelet's own rate.
    KubeletRate,
}

/// What may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// CPU rate, nanocores.
    pub cpu_nanocores: RangeInclusive<u64>,
    /// Working set, bytes.
    pub memory_bytes: RangeInclusive<u64>,
}

impl SimContainer {
    /// What may be served with the time `second` (a whole second); `None` if the kubelet has no
    /// such reading.
    pub fn bounds(&self, second: UnixMillis, basis: Basis) -> Option<Bounds> {
        bounds(&self.load, second, basis, |at| self.reading(at))
    }
}

impl SimNode {
    /// What may be served with the time `second` (a whole second); `None` if the kubelet has no
    /// such reading.
    pub fn bounds(&self, second: UnixMillis, basis: Basis) -> Option<Bounds> {
        bounds(&self.load, second, basis, |at| Some(self.reading(at)))
    }
}

fn bounds(
    load: &Load,
    second: UnixMillis,
    basis: Basis,
    reading: impl Fn(UnixMillis) -> Option<SimReading>,
) -> Option<Bounds> {
    let next_second = second + Duration::from_secs(1);
    let (mut memory, mut cpu) = (Span::default(), Span::default());
    readings(second, next_second, &reading).filter(|reading| reading.time >= second).for_each(|reading| {
        memory.add(reading.memory_bytes, 0);
        if let Basis::Window(window) = basis {
            cpu.add_rate(load, &reading, window);
        }
    });
    if basis == Basis::KubeletRate && memory.0.is_some() {
        let around = readings(second - RATE_APART_BY, next_second + RATE_APART_BY, &reading);
        let moments = (second.0..(second + NEXT_READING_WITHIN).0).step_by(NEXT_READING_STEP_MS);
        let mut told = moments.filter_map(|at| reading(UnixMillis(at)));
        let next = told.find(|told| !told.live && told.time >= next_second);
        around.chain(next).filter_map(|reading| reading.rate).for_each(|rate| cpu.add(rate, 1));
    }
    Some(Bounds { cpu_nanocores: cpu.0?, memory_bytes: memory.0? })
}

/// All different readings that are told between two moments.
fn readings(
    from: UnixMillis,
    to: UnixMillis,
    reading: impl Fn(UnixMillis) -> Option<SimReading>,
) -> impl Iterator<Item = SimReading> {
    let mut last = None;
    (from.0..to.0).filter_map(move |at| {
        let told = reading(UnixMillis(at))?;
        (last.replace(told.time) != Some(told.time)).then_some(told)
    })
}

/// The range of all values added.
#[derive(Default)]
struct Span(Option<RangeInclusive<u64>>);

impl Span {
    fn add(&mut self, value: u64, slack: u64) {
        let (low, high) = (value.saturating_sub(slack), value.saturating_add(slack));
        self.0 = Some(match self.0.take() {
            Some(range) => low.min(*range.start())..=high.max(*range.end()),
            None => low..=high,
        });
    }

    /// A window that began before the run cannot have been used.
    fn add_rate(&mut self, load: &Load, reading: &SimReading, window: Duration) {
        let until = reading.time.since(reading.start);
        if window.is_zero() || window > until + START_ROUNDING {
            return;
        }
        let slack = (2 * COUNTER_ROUNDING_NS * 1_000_000_000).div_ceil(window.as_nanos()) + 1;
        self.add(load.mean_rate(until.saturating_sub(window), until), u64::try_from(slack).unwrap_or(u64::MAX));
    }
}
