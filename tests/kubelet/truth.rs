//! What the containers truly use: their control groups, read several times a second.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::now_ms;

/// Once for each burst of the burning containers, so that a straight line between two readings is true.
const PERIOD: Duration = Duration::from_millis(100);

/// Where the node's control groups are, by the two versions of control groups.
const TREES: [&str; 2] = ["/sys/fs/cgroup/cpuacct/kube-vitals-node", "/sys/fs/cgroup/kube-vitals-node"];
/// A container that began while we looked is first read at most this late; no sample of the
/// kubelet's is older than that, but for the start itself.
const BEFORE_FIRST_MS: i64 = 1100;

/// One reading of a control group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Unix milliseconds.
    pub(crate) at: i64,
    /// Consumed since the start, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Usage less inactive file pages, as kubelets count it; not known before the container has a name.
    pub(crate) working_set: Option<u64>,
}

/// All readings of one run of a container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// `pod/container`
    pub(crate) name: String,
    /// Whether it began while we looked, so that its CPU was 0 just before the first reading.
    pub(crate) is_whole: bool,
    /// In order of time.
    pub(crate) readings: Vec<Reading>,
}

/// Reads on until it is stopped.
pub(crate) struct Sampler {
    runs: Arc<Mutex<BTreeMap<PathBuf, Run>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Run {
    /// Least and greatest CPU in nanocores over a span of time that begins in the second after
    /// `from`, if the readings cover it.
    pub(crate) fn rates(&self, from: i64, window: i64) -> Option<(f64, f64)> {
        let shifted = (0..1000).step_by(100).filter_map(|shift| {
            let (first, last) = (self.cpu_at(from + shift)?, self.cpu_at(from + shift + window)?);
            Some((last - first) / (window as f64 / 1000.0))
        });
        shifted.fold(None, |seen, rate| {
            Some(seen.map_or((rate, rate), |(low, high): (f64, f64)| (low.min(rate), high.max(rate))))
        })
    }

    /// Least and greatest working set from a second before `time` to two after.
    pub(crate) fn working_set_around(&self, time: i64) -> Option<(u64, u64)> {
        let near = self.readings.iter().filter(|reading| (time - 1000..=time + 2000).contains(&reading.at));
        near.filter_map(|reading| reading.working_set).fold(None, |seen, value| {
            seen.map_or(Some((value, value)), |(low, high): (u64, u64)| Some((low.min(value), high.max(value))))
        })
    }

    /// Whether the process lived at `time`.
    pub(crate) fn covers(&self, time: i64) -> bool {
        let (first, last) = (self.readings.first(), self.readings.last());
        first.is_some_and(|first| first.at <= time) && last.is_some_and(|last| time <= last.at)
    }

    fn cpu_at(&self, time: i64) -> Option<f64> {
        let first = self.readings.first()?;
        if self.is_whole && (first.at - BEFORE_FIRST_MS..first.at).contains(&time) {
            return Some(0.0);
        }
        let after = self.readings.partition_point(|reading| reading.at < time);
        let (left, right) = (self.readings.get(after.checked_sub(1)?)?, self.readings.get(after)?);
        let share = (time - left.at) as f64 / (right.at - left.at).max(1) as f64;
        Some(left.cpu_ns as f64 + share * right.cpu_ns.saturating_sub(left.cpu_ns) as f64)
    }
}

impl Sampler {
    /// Begins to read the containers of the node in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let runs = Arc::new(Mutex::new(BTreeMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped, folder) = (Arc::clone(&runs), Arc::clone(&stop), folder.to_owned());
        let thread = std::thread::spawn(move || {
            let mut known = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                let groups = container_groups();
                if groups != known {
                    // Names take a while to find out, in which much CPU can be used.
                    let early: Vec<_> = groups.difference(&known).filter_map(|group| first_reading(group)).collect();
                    discover(&folder, &shared, &early, !known.is_empty());
                    known = groups;
                }
                read_all(&shared);
                std::thread::sleep(PERIOD);
            }
        });
        Self { runs, stop, thread: Some(thread) }
    }

    /// All runs seen so far.
    pub(crate) fn runs(&self) -> Vec<Run> {
        self.runs.lock().map(|runs| runs.values().cloned().collect()).unwrap_or_default()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Control groups of containers, which are named by 64 hexadecimal digits: cheap to look for, and
/// asked for so often that a new container is read well within its first second.
fn container_groups() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open: Vec<PathBuf> = TREES.iter().map(PathBuf::from).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            let is_container = name.len() == 64 && name.to_string_lossy().bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_container {
                found.insert(entry.path());
            } else {
                open.push(entry.path());
            }
        }
    }
    found
}

/// A group and its CPU now.
fn first_reading(group: &Path) -> Option<(String, Reading)> {
    let cpu_ns = cpu_ns(&group.join("cpuacct.usage")).or_else(|| cpu_ns(&group.join("cpu.stat")))?;
    Some((group.display().to_string(), Reading { at: now_ms(), cpu_ns, working_set: None }))
}

/// The memory folder of a run stands beside its CPU file, as `tests/kubelet/containers` prints it.
fn discover(folder: &Path, runs: &Mutex<BTreeMap<PathBuf, Run>>, early: &[(String, Reading)], is_whole: bool) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubelet/containers");
    let Ok(output) = Command::new(script).arg("--dir").arg(folder).output() else { return };
    let Ok(mut runs) = runs.lock() else { return };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let [_namespace, pod, container, _pid, cpu_file, memory] = line.split(' ').collect::<Vec<_>>()[..] else {
            continue;
        };
        let files = PathBuf::from(format!("{cpu_file}|{memory}"));
        runs.entry(files).or_insert_with(|| {
            let first = early.iter().find(|(group, _)| cpu_file.starts_with(group.as_str()));
            let readings = first.map(|(_, reading)| *reading).into_iter().collect();
            Run { name: format!("{pod}/{container}"), is_whole, readings }
        });
    }
}

fn read_all(runs: &Mutex<BTreeMap<PathBuf, Run>>) {
    let Ok(mut runs) = runs.lock() else { return };
    for (files, run) in runs.iter_mut() {
        let Some((cpu_file, memory)) = files.to_str().and_then(|files| files.split_once('|')) else { continue };
        if let Some(cpu_ns) = cpu_ns(Path::new(cpu_file)) {
            let working_set = working_set(Path::new(memory));
            run.readings.push(Reading { at: now_ms(), cpu_ns, working_set });
        }
    }
}

/// Control groups v1 tell nanoseconds in a file of their own, v2 microseconds in `cpu.stat`.
fn cpu_ns(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    match text.trim().parse() {
        Ok(ns) => Some(ns),
        Err(_) => field(&text, "usage_usec").map(|us| us * 1000),
    }
}

fn working_set(folder: &Path) -> Option<u64> {
    let number = |name| fs::read_to_string(folder.join(name)).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let usage = number("memory.usage_in_bytes").or_else(|| number("memory.current"))?;
    let stat = fs::read_to_string(folder.join("memory.stat")).ok()?;
    let inactive = field(&stat, "total_inactive_file").or_else(|| field(&stat, "inactive_file"))?;
    Some(usage.saturating_sub(inactive))
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
