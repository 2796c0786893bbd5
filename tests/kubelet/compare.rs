//! Served numbers against true ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::observe::{Look, Served};
use crate::truth::Run;

/// CPU may differ by this share; below a thousandth of a core by that thousandth.
const CPU_TOLERANCE: f64 = 0.05;
const CPU_FLOOR_NANOCORES: f64 = 1e6;
/// Samples closer than this keep their base, so that a shorter window of a young run can begin at
/// its start only.
const STEADY_WINDOW_MS: i64 = 5000;
/// A container may be served without CPU for so long: its first second, which a start told in whole
/// seconds makes two, and the gap between two extra scrapes of a node, 3 s.
const LONGEST_BEGINNING_MS: i64 = 5000;
/// Memory may differ by this share; small containers by a few pages, which come and go in between.
const MEMORY_TOLERANCE: f64 = 0.02;
const MEMORY_FLOOR_BYTES: f64 = 192.0 * 1024.0;

/// How one container fared.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Distinct answers compared.
    pub(crate) answers: u32,
    /// Distinct answers whose truth was not seen.
    pub(crate) unknown: u32,
    /// Of those compared, first windows after a start.
    pub(crate) first_windows: u32,
    /// The shortest window compared, in milliseconds.
    pub(crate) shortest_window: Option<i64>,
    /// Greatest difference of CPU, as a share of the truth.
    pub(crate) worst_cpu: f64,
    /// Greatest difference of memory, as a share of the truth.
    pub(crate) worst_memory: f64,
    /// The last true and served CPU, in millicores.
    pub(crate) last_cpu: (f64, f64),
    /// What was out of bounds.
    pub(crate) faults: Vec<String>,
}

/// Compares each distinct answer about each container with the run it came from.
pub(crate) fn values(looks: &[Look], runs: &[Run]) -> BTreeMap<String, Verdict> {
    let names = names(looks);
    let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
    let mut before: BTreeMap<&str, &Served> = BTreeMap::new();
    for look in looks {
        for (name, served) in &look.containers {
            if before.insert(name, served) != Some(served) {
                let run = runs.iter().find(|run| {
                    names.get(run.id.as_str()).is_some_and(|of| of == name) && run.covers(served.timestamp)
                });
                let verdict = verdicts.entry(name.clone()).or_default();
                if run.and_then(|run| judge(verdict, served, run)).is_none() {
                    verdict.unknown += 1;
                }
            }
        }
    }
    verdicts
}

/// `pod/container` by the runtime's id.
fn names(looks: &[Look]) -> BTreeMap<&str, &str> {
    looks.iter().flat_map(|look| &look.ids).map(|(id, name)| (id.as_str(), name.as_str())).collect()
}

/// A served timestamp has whole seconds, so the true one may be up to a second later; the truth is
/// what the control group counted over any window of that second. Of a window that fits the run's
/// start to the millisecond, the truth is one number. `None`: it is not known.
fn judge(verdict: &mut Verdict, served: &Served, run: &Run) -> Option<()> {
    let from_start = run.start + served.window;
    let is_first =
        served.window < STEADY_WINDOW_MS && (served.timestamp..served.timestamp + 1000).contains(&from_start);
    if served.timestamp + 1000 < from_start {
        verdict.faults.push(format!("a window that begins before the run, {} ms ({served:?})", run.start));
    }
    let rates = if is_first {
        run.rate_from_start(from_start).map(|rate| (rate, rate))?
    } else {
        run.rates(served.timestamp, served.window)?
    };
    let (least, most) = run.working_set_around(served.timestamp)?;
    let rate = served.cpu.clamp(rates.0, rates.1);
    verdict.answers += 1;
    verdict.first_windows += u32::from(is_first);
    verdict.shortest_window = Some(verdict.shortest_window.map_or(served.window, |least| least.min(served.window)));
    verdict.last_cpu = (rate / 1e6, served.cpu / 1e6);
    let cpu_error = (served.cpu - rate).abs();
    if cpu_error > (rate * CPU_TOLERANCE).max(CPU_FLOOR_NANOCORES) {
        verdict.faults.push(format!("CPU {:.2} m served, {:.2} m true ({served:?})", served.cpu / 1e6, rate / 1e6));
    }
    let nearest = served.memory.clamp(least as f64, most as f64);
    let memory_error = (served.memory - nearest).abs();
    if memory_error > (nearest * MEMORY_TOLERANCE).max(MEMORY_FLOOR_BYTES) {
        verdict.faults.push(format!("memory {} B served, {least} to {most} B true ({served:?})", served.memory));
    }
    if rate > CPU_FLOOR_NANOCORES {
        verdict.worst_cpu = verdict.worst_cpu.max(cpu_error / rate);
    }
    verdict.worst_memory = verdict.worst_memory.max(memory_error / nearest.max(1.0));
    Some(())
}

/// Timestamps that lie: in the future, too old, running backwards, or a window of nothing.
pub(crate) fn dishonest_times(looks: &[Look]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    for look in looks {
        for (name, served) in &look.containers {
            let age = look.at - served.timestamp;
            if !(0..=60_000).contains(&age) || served.window < 1000 {
                faults.push(format!("{name}: age {age} ms, {served:?}"));
            }
            let last = newest.insert(name, served.timestamp);
            if last.is_some_and(|last| last > served.timestamp) {
                faults.push(format!("{name}: time ran backwards, {served:?}"));
            }
        }
    }
    faults
}

/// How often a running container was looked for, and how often it was there.
#[derive(Default)]
pub(crate) struct Presence {
    /// Looks at which the API server called it running, as at the looks before and after: what the
    /// API server says reaches us by a watch, a moment later, and may change within a look.
    pub(crate) running: u32,
    /// Of these, looks at which it was served.
    pub(crate) served: u32,
    /// Looks inside its true runs, told by their start and end afterwards.
    pub(crate) alive: u32,
    /// Of these, looks at which it was served.
    pub(crate) served_alive: u32,
    /// Unix milliseconds of all those looks at which it was not served.
    pub(crate) absences: Vec<i64>,
}

/// Presence of every container that ran.
pub(crate) fn presence(looks: &[Look], runs: &[Run]) -> BTreeMap<String, Presence> {
    let mut presence = BTreeMap::new();
    for (name, spans) in spans(looks, runs) {
        let mut count = Presence::default();
        for (at, look) in looks.iter().enumerate() {
            let start = look.running.get(name);
            let beside = [at.checked_sub(1), Some(at + 1)].map(|beside| looks.get(beside?)?.running.get(name));
            let is_running = start.is_some() && beside == [start; 2];
            let is_alive = spans.iter().any(|(start, end)| (*start..*end).contains(&look.at));
            let is_served = look.containers.contains_key(name) || is_beginning(look, name);
            count.running += u32::from(is_running);
            count.served += u32::from(is_running && is_served);
            count.alive += u32::from(is_alive);
            count.served_alive += u32::from(is_alive && is_served);
            count.absences.extend((!is_served && (is_running || is_alive)).then_some(look.at));
        }
        presence.insert(name.to_owned(), count);
    }
    presence
}

/// Start and end of all runs of each container. A status tells its start in whole seconds, up to one
/// too early; the runtime made the container at a time that is known, shortly before.
fn spans<'looks>(looks: &'looks [Look], runs: &[Run]) -> BTreeMap<&'looks str, BTreeSet<(i64, i64)>> {
    let mut spans: BTreeMap<&str, BTreeMap<i64, i64>> = BTreeMap::new();
    for look in looks {
        let running = look.running.iter().map(|(name, start)| (name, *start, look.at));
        let ended = look.ended.iter().map(|(name, (start, end))| (name, *start, *end));
        for (name, start, end) in running.chain(ended) {
            let last = spans.entry(name).or_default().entry(start).or_insert(end);
            *last = end.max(*last);
        }
    }
    let names = names(looks);
    let made = |name: &str, start: i64| {
        let of_it = runs.iter().filter(|run| names.get(run.id.as_str()) == Some(&name));
        of_it.map(|run| run.start).filter(|made| (start..start + 1000).contains(made)).max()
    };
    let known = |(name, spans): (_, BTreeMap<_, _>)| {
        (name, spans.into_iter().map(|(start, end)| (made(name, start).unwrap_or(start), end)).collect())
    };
    spans.into_iter().map(known).collect()
}

/// Whether it is served without CPU, just after its start.
fn is_beginning(look: &Look, name: &str) -> bool {
    let start = look.running.get(name);
    look.beginning.contains(name) && start.is_some_and(|start| look.at - start < LONGEST_BEGINNING_MS)
}
