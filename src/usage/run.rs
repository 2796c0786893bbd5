//! One run of a container (or of a node): cumulative samples become a rate over a window.
//!
//! The rules are those of the design (4.1, rules 1 to 4). A run remembers two points: a base and
//! the last sample. Every container has its own clock, so the window is the distance between the
//! two samples' own timestamps and never the distance between two scrapes.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::usage::{Bytes, Nanocores, Reading};

/// The shortest window a rate may stand on.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// Samples closer than this keep the longer base, so that the rate stays steady.
const STEADY_WINDOW: Duration = Duration::from_secs(5);
/// A base older than this moves on even if all samples are close together.
const LONGEST_STEADY_WINDOW: Duration = Duration::from_mins(1);
/// A start time that moves by less is the same run: kubelets round.
const START_JITTER: Duration = Duration::from_secs(1);
/// A run at most this old is measured from its start: the kubelet's own rate of a young container
/// is made from its first moments, and may be twice too high or 0.
const YOUNG: Duration = Duration::from_secs(30);
/// What the kubelet's own rate stands on: one refresh of its readings.
const KUBELET_WINDOW: Duration = Duration::from_secs(15);

/// One cumulative reading with its own timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was read, by the node's clock.
    pub time: UnixMillis,
    /// CPU time consumed since the run began, in nanoseconds.
    pub cpu_ns: u64,
    /// Working set in bytes.
    pub memory_bytes: u64,
}

impl Sample {
    /// A sample needs CPU and memory; a line without timestamp was read at `asked`. Zero is a
    /// reading, but not both at once: so a kubelet answers, with an unchanged start, for a container
    /// that ended a moment ago.
    pub fn from_reading(reading: &Reading, asked: UnixMillis) -> Option<Self> {
        let (cpu_ns, memory_bytes) = (reading.cpu_ns?, reading.memory_bytes?);
        let time = reading.cpu_time.or(reading.memory_time).unwrap_or(asked);
        (cpu_ns > 0 || memory_bytes > 0).then_some(Self { time, cpu_ns, memory_bytes })
    }
}

/// What is known of one run: 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    start: Option<UnixMillis>,
    base: Base,
    last: Sample,
}

/// What the CPU rate is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing yet: the first sample came alone.
    None,
    /// The kubelet told its own current rate.
    Kubelet {
        /// The rate.
        nanocores: u64,
    },
    /// An earlier point of the same run.
    Point {
        /// When it was read.
        time: UnixMillis,
        /// CPU time consumed by then.
        cpu_ns: u64,
    },
}

/// All that a run consists of, to be told to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunParts {
    /// When it began, if the kubelet told.
    pub start: Option<UnixMillis>,
    /// What its rate is measured from.
    pub base: Base,
    /// The last sample.
    pub last: Sample,
}

/// What a run made of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is the last sample now.
    Stored,
    /// The kubelet had nothing newer; the answer stays.
    Unchanged,
    /// It is older than the last one, and dropped.
    TooOld,
    /// It began a new run.
    Restarted,
}

/// Where a CPU rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The difference of two samples.
    Samples,
    /// The kubelet's own rate, before a second sample exists.
    Kubelet,
}

/// Usage over a window, as served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The last sample's own time.
    pub time: UnixMillis,
    /// The true distance between the two samples used; zero while `cpu` is absent.
    pub window: Duration,
    /// CPU rate; absent while a second sample is awaited.
    pub cpu: Option<Nanocores>,
    /// Working set at `time`.
    pub memory: Bytes,
    /// Where `cpu` comes from.
    pub source: Source,
}

impl Run {
    /// Begins with a first sample. It makes no rate yet, unless the run is young: then its start,
    /// when CPU was 0, is the other point.
    pub fn begin(start: Option<UnixMillis>, first: Sample) -> Self {
        let base = match start {
            Some(time) if time <= first.time && first.time.since(time) <= YOUNG => Base::Point { time, cpu_ns: 0 },
            _ => Base::None,
        };
        Self { start, base, last: first }
    }

    /// Begins, or goes on, with a sample that no earlier point can be compared with.
    pub const fn alone(start: Option<UnixMillis>, sample: Sample) -> Self {
        Self { start, base: Base::None, last: sample }
    }

    /// The run that another process told of; `None` if there can be no such run: time and counter
    /// only grow.
    pub fn from_parts(RunParts { start, base, last }: RunParts) -> Option<Self> {
        let is_after_base = match base {
            Base::Point { time, cpu_ns } => time <= last.time && cpu_ns <= last.cpu_ns,
            Base::None | Base::Kubelet { .. } => true,
        };
        let is_after_start = start.is_none_or(|start| start <= last.time + START_JITTER);
        (is_after_base && is_after_start).then_some(Self { start, base, last })
    }

    /// What it consists of.
    pub const fn parts(&self) -> RunParts {
        RunParts { start: self.start, base: self.base, last: self.last }
    }

    /// Takes the next sample of the same container.
    pub fn record(&mut self, start: Option<UnixMillis>, sample: Sample) -> Recorded {
        if sample.time < self.last.time {
            return Recorded::TooOld;
        }
        if sample.time == self.last.time {
            return Recorded::Unchanged;
        }
        if self.is_restart(start, &sample) {
            *self = Self::begin_anew(start, sample, self.last.time);
            return Recorded::Restarted;
        }
        let step = sample.time.since(self.last.time);
        let moves_on = |base: UnixMillis| {
            step >= STEADY_WINDOW || (step >= SHORTEST_WINDOW && sample.time.since(base) >= LONGEST_STEADY_WINDOW)
        };
        match self.base {
            Base::Point { time, .. } if !moves_on(time) => {}
            Base::None | Base::Kubelet { .. } if step < SHORTEST_WINDOW => return Recorded::Unchanged,
            _ => self.base = Base::Point { time: self.last.time, cpu_ns: self.last.cpu_ns },
        }
        self.start = start.or(self.start);
        self.last = sample;
        Recorded::Stored
    }

    /// Takes the kubelet's own rate, unless two points make a better one, now or within a second: of
    /// a run in its first second a kubelet tells 0, or several times too much.
    pub const fn offer_kubelet_rate(&mut self, nanocores: u64) {
        if !matches!(self.base, Base::Point { .. }) {
            self.base = Base::Kubelet { nanocores };
        }
    }

    /// Whether CPU usage waits for a second sample or the kubelet's own rate.
    pub const fn awaits_rate(&self) -> bool {
        matches!(self.base, Base::None)
    }

    /// Whether CPU usage waits for the end of the run's first second, and for nothing else.
    pub fn is_in_first_second(&self) -> bool {
        matches!(self.base, Base::Point { .. }) && self.usage().cpu.is_none()
    }

    /// What is served for this run.
    pub fn usage(&self) -> Usage {
        let (cpu, window, source) = match self.base {
            Base::Kubelet { nanocores } => (Some(Nanocores(nanocores)), KUBELET_WINDOW, Source::Kubelet),
            Base::Point { time, cpu_ns } if self.last.time.since(time) >= SHORTEST_WINDOW => {
                let window = self.last.time.since(time);
                (Some(rate(self.last.cpu_ns.saturating_sub(cpu_ns), window)), window, Source::Samples)
            }
            Base::None | Base::Point { .. } => (None, Duration::ZERO, Source::Samples),
        };
        Usage { time: self.last.time, window, cpu, memory: Bytes(self.last.memory_bytes), source }
    }

    /// When the run began, if the kubelet told.
    pub const fn start(&self) -> Option<UnixMillis> {
        self.start
    }

    /// The last sample.
    pub const fn last(&self) -> Sample {
        self.last
    }

    /// Time of the last sample.
    pub const fn last_time(&self) -> UnixMillis {
        self.last.time
    }

    fn is_restart(&self, start: Option<UnixMillis>, sample: &Sample) -> bool {
        let started_later = match (self.start, start) {
            (Some(known), Some(told)) => told.since(known) >= START_JITTER,
            _ => false,
        };
        started_later || sample.cpu_ns < self.last.cpu_ns
    }

    /// The run's start is its first point, with CPU 0; but only a start after the last sample of
    /// the run before can be that (a counter that fell without a later start tells no start).
    fn begin_anew(start: Option<UnixMillis>, sample: Sample, run_before: UnixMillis) -> Self {
        let base = match start {
            Some(time) if time + START_JITTER > run_before && time <= sample.time => Base::Point { time, cpu_ns: 0 },
            _ => Base::None,
        };
        Self { start, base, last: sample }
    }
}

/// Nanoseconds of CPU time over a window, as nanocores.
fn rate(cpu_ns: u64, window: Duration) -> Nanocores {
    let per_second = u128::from(cpu_ns) * 1000 / window.as_millis().max(1);
    Nanocores(u64::try_from(per_second).unwrap_or(u64::MAX))
}
