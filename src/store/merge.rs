//! How a new batch is merged into what is remembered of a node.
//!
//! Both sides are walked once in the same order, by namespace, pod and container:
//!
//! ```text
//! batch rows (sorted here) ─┐
//!                           ├─▶ reported: the run takes the sample
//! previous record (sorted) ─┘   absent:   carried over until it is too old
//! ```

use crate::clock::UnixMillis;
use crate::store::names::Names;
use crate::store::record::{ContainerRecord, NodeRecord, PodRecord};
use crate::usage::{Batch, ContainerName, PodKey, Reading, Recorded, Row, Run, Sample, Uid};

/// What merging needs to know from outside.
pub struct Merge<'a> {
    /// Which pod a namespace and a name mean now, on this node; the key must spell these very
    /// names. `None`: there is no such pod, its rows are skipped and its old record is dropped.
    pub pod: &'a PodLookup<'a>,
    /// Samples older than this are neither taken nor carried over.
    pub oldest: UnixMillis,
}

/// Finds a pod by namespace and name.
pub type PodLookup<'a> = dyn Fn(&str, &str) -> Option<(PodKey, Uid)> + 'a;

/// What a merge came upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Some run of this batch has no CPU rate yet.
    pub awaiting_rate: bool,
    /// Some run of this batch is in its first second, after which a sample alone makes a CPU rate.
    pub in_first_second: bool,
    /// Runs that began: seen for the first time, or restarted.
    pub new_runs: u32,
    /// Samples that were older than what is known, or too old to be served.
    pub too_old: u32,
    /// Rows of pods that do not exist.
    pub skipped: u32,
}

/// The numbers of one node.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub(super) node: Option<Run>,
    pub(super) pods: Box<[PodRecord]>,
    pub(super) containers: Box<[ContainerRecord]>,
    pub(super) clock_was_set: bool,
}

/// Merges `batch`, asked for at `asked`, into the previous record.
pub(super) fn merge(
    previous: Option<&NodeRecord>,
    batch: &Batch<'_>,
    asked: UnixMillis,
    rules: &Merge<'_>,
    names: &Names,
) -> (Readings, Merged) {
    let mut rows: Vec<&Row<'_>> = batch.rows.iter().collect();
    // Rows come as a few runs that are in order already, one for each container's name: the stable
    // sort merges them.
    rows.sort_by_key(|row| (row.namespace, row.pod, row.container));
    let pod_count = previous.map_or(0, |record| record.pods().len());
    let mut merger = Merger {
        rules,
        names,
        asked,
        clock_was_set: batch.clock_was_set,
        pods: Vec::with_capacity(pod_count),
        containers: Vec::with_capacity(rows.len()),
        merged: Merged::default(),
    };
    let node = merger.advance(previous.and_then(|record| record.node), batch.node.as_ref());
    merger.all_pods(previous, &rows);
    let (pods, containers) = (merger.pods.into(), merger.containers.into());
    let readings = Readings { node, pods, containers, clock_was_set: batch.clock_was_set };
    (readings, merger.merged)
}

struct Merger<'a> {
    rules: &'a Merge<'a>,
    names: &'a Names,
    asked: UnixMillis,
    clock_was_set: bool,
    pods: Vec<PodRecord>,
    containers: Vec<ContainerRecord>,
    merged: Merged,
}

impl Merger<'_> {
    fn all_pods(&mut self, previous: Option<&NodeRecord>, rows: &[&Row<'_>]) {
        let mut known = previous.into_iter().flat_map(NodeRecord::pods).peekable();
        for reported in rows.chunk_by(|a, b| names(a) == names(b)) {
            let Some(name) = reported.first().map(|row| names(row)) else { continue };
            while let Some(absent) = known.next_if(|pod| key_names(pod) < name) {
                self.pod(key_names(absent), previous.zip(Some(absent)), &[]);
            }
            let known = known.next_if(|pod| key_names(pod) == name);
            self.pod(name, previous.zip(known), reported);
        }
        for absent in known {
            self.pod(key_names(absent), previous.zip(Some(absent)), &[]);
        }
    }

    fn pod(&mut self, name: (&str, &str), known: Option<(&NodeRecord, &PodRecord)>, reported: &[&Row<'_>]) {
        let Some((key, uid)) = (self.rules.pod)(name.0, name.1) else {
            self.merged.skipped = self.merged.skipped.saturating_add(index(reported.len()));
            return;
        };
        let known = known.filter(|(_, pod)| pod.uid == uid);
        let start = index(self.containers.len());
        self.join(known.map(|(record, pod)| record.containers(pod)).unwrap_or_default(), reported);
        let containers = start..index(self.containers.len());
        if !containers.is_empty() {
            let first_reported = known.map_or(self.asked, |(_, pod)| pod.first_reported);
            self.pods.push(PodRecord { key, uid, first_reported, containers });
        }
    }

    fn join(&mut self, known: &[ContainerRecord], reported: &[&Row<'_>]) {
        let mut known = known.iter().peekable();
        for row in reported {
            while let Some(absent) = known.next_if(|container| container.name.as_str() < row.container) {
                self.container(Some(absent), &absent.name, None);
            }
            let known = known.next_if(|container| container.name.as_str() == row.container);
            match known {
                Some(known) => self.container(Some(known), &known.name, Some(&row.reading)),
                None => self.container(None, &self.names.shared(row.container), Some(&row.reading)),
            }
        }
        for absent in known {
            self.container(Some(absent), &absent.name, None);
        }
    }

    fn container(&mut self, known: Option<&ContainerRecord>, name: &ContainerName, reading: Option<&Reading>) {
        if let Some(run) = self.advance(known.map(|container| container.run), reading) {
            self.containers.push(ContainerRecord { name: name.clone(), run });
        }
    }

    /// A run after this batch. One whose last sample is too old to be served is forgotten even when
    /// a new sample comes: a rate across the gap would hide what is going on now.
    fn advance(&mut self, known: Option<Run>, reading: Option<&Reading>) -> Option<Run> {
        let known = known.filter(|run| run.last_time() >= self.rules.oldest);
        let Some(reading) = reading else { return known };
        let Some(sample) = Sample::from_reading(reading, self.asked) else { return known };
        if sample.time < self.rules.oldest {
            self.merged.too_old += 1;
            return known;
        }
        let before = known.map(|run| run.last_time());
        let run = match known {
            Some(run) if run.last_time() == sample.time => run,
            // Whichever of the two times is the later one.
            _ if self.clock_was_set => {
                self.merged.new_runs += 1;
                Run::alone(reading.start, sample)
            }
            None => {
                self.merged.new_runs += 1;
                Run::begin(reading.start, sample)
            }
            Some(mut run) => {
                match run.record(reading.start, sample) {
                    Recorded::Restarted => self.merged.new_runs += 1,
                    Recorded::TooOld => self.merged.too_old += 1,
                    Recorded::Stored | Recorded::Unchanged => {}
                }
                run
            }
        };
        self.merged.awaiting_rate |= run.awaits_rate();
        // Once for each sample: a kubelet that has nothing newer is not asked ever again.
        self.merged.in_first_second |= run.is_in_first_second() && before != Some(run.last_time());
        Some(run)
    }
}

fn names<'a>(row: &Row<'a>) -> (&'a str, &'a str) {
    (row.namespace, row.pod)
}

fn key_names(pod: &PodRecord) -> (&str, &str) {
    (&pod.key.namespace, &pod.key.name)
}

/// Containers of one node are counted in 32 bits: a body with more lines than that does not fit the
/// cap on bodies.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
