//! What the containers truly use: their control groups, read a hundred times a second.
//!
//! A container that just began needs that: the runtime spends about 10 ms of CPU in its first
//! 30 ms, as much as a small load in half a second.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::now_ms;

/// As often as the loads burn. One round takes well below a millisecond.
const PERIOD: Duration = Duration::from_millis(10);
const PERIOD_MS: i64 = 10;
/// Memory takes more files, and changes slowly: read once in so many rounds.
const MEMORY_EVERY: u32 = 10;
/// Between two readings further apart, what was used when is not known: this reader or the node was
/// held up. The runtime takes up to about 400 ms from a container's start to its control group.
const LONGEST_GAP_MS: i64 = 500;

/// Where CPU and memory of the node's control groups are, by the two versions of control groups.
const TREES: [(&str, &str); 2] = [
    ("/sys/fs/cgroup/cpuacct/kube-vitals-node", "/sys/fs/cgroup/memory/kube-vitals-node"),
    ("/sys/fs/cgroup/kube-vitals-node", "/sys/fs/cgroup/kube-vitals-node"),
];

/// What is known of one run of a container.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The runtime's id of it, which its control group is named by.
    pub(crate) id: String,
    /// When the runtime made it, in unix milliseconds: nothing was used before, and it is the start
    /// that kubelets tell.
    pub(crate) start: i64,
    /// Unix milliseconds and nanoseconds consumed since the start, in order of time.
    cpu: Vec<(i64, u64)>,
    /// Unix milliseconds and working set: usage less inactive file pages, as kubelets count it.
    memory: Vec<(i64, u64)>,
}

impl Run {
    /// Nanocores over the window from its very start to `end`.
    pub(crate) fn rate_from_start(&self, end: i64) -> Option<f64> {
        Some(self.cpu_at(end)? / ((end - self.start) as f64 / 1000.0))
    }

    /// Least and greatest nanocores over the windows inside this run that end in the second after
    /// `end`.
    pub(crate) fn rates(&self, end: i64, window: i64) -> Option<(f64, f64)> {
        let ends = (end..end + 1000).step_by(usize::try_from(PERIOD_MS).ok()?);
        let rates = ends.filter(|end| end - window >= self.start).filter_map(|end| {
            let (first, last) = (self.cpu_at(end - window)?, self.cpu_at(end)?);
            Some((last - first) / (window as f64 / 1000.0))
        });
        rates.fold(None, |seen, rate| {
            Some(seen.map_or((rate, rate), |(low, high): (f64, f64)| (low.min(rate), high.max(rate))))
        })
    }

    /// Least and greatest working set from a second before `time` to two after.
    pub(crate) fn working_set_around(&self, time: i64) -> Option<(u64, u64)> {
        let near = self.memory.iter().filter(|(at, _)| (time - 1000..=time + 2000).contains(at));
        near.map(|(_, bytes)| *bytes).fold(None, |seen, value| {
            seen.map_or(Some((value, value)), |(low, high): (u64, u64)| Some((low.min(value), high.max(value))))
        })
    }

    /// Whether the container lived at `time`.
    pub(crate) fn covers(&self, time: i64) -> bool {
        self.start <= time && self.cpu.last().is_some_and(|(last, _)| time <= *last)
    }

    /// On the line between the readings before and after.
    fn cpu_at(&self, time: i64) -> Option<f64> {
        let after = self.cpu.partition_point(|(at, _)| *at < time);
        let (right_at, right) = *self.cpu.get(after)?;
        let (left_at, left) = after.checked_sub(1).map_or((self.start, 0), |before| self.cpu[before]);
        if left_at > time || right_at - left_at > LONGEST_GAP_MS {
            return None;
        }
        let share = (time - left_at) as f64 / (right_at - left_at).max(1) as f64;
        Some(left as f64 + share * right.saturating_sub(left) as f64)
    }
}

/// Reads on until it is stopped.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Run>>>,
}

impl Sampler {
    /// Begins to read the containers of the node in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let starts = folder.join("containerd/root/io.containerd.grpc.v1.cri/containers");
        let thread = std::thread::spawn(move || {
            let mut groups = BTreeMap::new();
            for round in 0_u32.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                find_groups(&starts, &mut groups);
                for group in groups.values_mut() {
                    group.read(round % MEMORY_EVERY == 0);
                }
                std::thread::sleep(PERIOD);
            }
            groups.into_values().map(|group| group.run).collect()
        });
        Self { stop, thread: Some(thread) }
    }

    /// All runs seen.
    pub(crate) fn finish(mut self) -> Vec<Run> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A container's control group under the reader's eyes.
struct Group {
    run: Run,
    /// `None` once the group is gone.
    cpu: Option<File>,
    memory: PathBuf,
}

impl Group {
    /// The pause containers of pods have no start of their own there, and are left out.
    fn open(id: &str, folder: &Path, memory: PathBuf, starts: &Path) -> Option<Self> {
        let status: Value = serde_json::from_slice(&fs::read(starts.join(id).join("status")).ok()?).ok()?;
        let start = status["CreatedAt"].as_i64()? / 1_000_000;
        let cpu = File::open(folder.join("cpuacct.usage")).or_else(|_| File::open(folder.join("cpu.stat"))).ok()?;
        Some(Self { run: Run { id: id.to_owned(), start, ..Run::default() }, cpu: Some(cpu), memory })
    }

    fn read(&mut self, with_memory: bool) {
        let Some(cpu) = &self.cpu else { return };
        match cpu_ns(cpu) {
            Ok(ns) => self.run.cpu.push((now_ms(), ns)),
            Err(_) => self.cpu = None,
        }
        if with_memory {
            self.run.memory.extend(working_set(&self.memory).map(|bytes| (now_ms(), bytes)));
        }
    }
}

/// Adds the control groups that are new. Those of containers are named by 64 hexadecimal digits.
fn find_groups(starts: &Path, groups: &mut BTreeMap<PathBuf, Group>) {
    let mut open: Vec<_> = TREES.map(|(cpu, memory)| (PathBuf::from(cpu), PathBuf::from(memory))).into();
    while let Some((folder, memory)) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let (name, path) = (entry.file_name(), entry.path());
            let id = name.to_str().filter(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
            match id {
                None => open.push((path, memory.join(&name))),
                Some(_) if groups.contains_key(&path) => {}
                Some(id) => groups.extend(Group::open(id, &path, memory.join(id), starts).map(|group| (path, group))),
            }
        }
    }
}

/// Control groups v1 tell nanoseconds in a file of their own, v2 microseconds in `cpu.stat`.
fn cpu_ns(file: &File) -> io::Result<u64> {
    let mut buffer = [0; 4096];
    let length = file.read_at(&mut buffer, 0)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    let ns = text.trim().parse().ok().or_else(|| field(&text, "usage_usec").map(|us| us * 1000));
    ns.ok_or_else(|| io::Error::other("no CPU time"))
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
