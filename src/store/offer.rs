//! The kubelet's own rates, for runs that cannot have one from two samples yet.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::store::record::NodeRecord;
use crate::usage::{Batch, Run};

/// The summary tells starts in whole seconds, the text in fractions: starts that differ by less
/// than one second of rounding and one of jitter are the same run's.
const START_TOLERANCE: Duration = Duration::from_secs(2);

/// What the kubelet says of one run: its rate and when it began.
type Offer = (u64, Option<UnixMillis>);

/// The record with the rates of `summary`; `None` if none of its runs changed.
pub(super) fn with_rates(record: &NodeRecord, summary: &Batch<'_>) -> Option<NodeRecord> {
    let offers: HashMap<(&str, &str, &str), Offer> = summary
        .rows
        .iter()
        .filter_map(|row| {
            let rate = row.reading.kubelet_rate?;
            Some(((row.namespace, row.pod, row.container), (rate, row.reading.start)))
        })
        .collect();
    let mut next = record.clone();
    let mut changed = false;
    let (node, containers) = next.runs_mut();
    if let Some((run, rate)) = node.zip(summary.node.and_then(|node| node.kubelet_rate)) {
        changed |= accept(run, (rate, None));
    }
    for (pod, container) in containers {
        if let Some(offer) = offers.get(&(&*pod.namespace, &*pod.name, container.name.as_str())) {
            changed |= accept(&mut container.run, *offer);
        }
    }
    changed.then_some(next)
}

fn accept(run: &mut Run, (rate, start): Offer) -> bool {
    let other_run = run
        .start()
        .zip(start)
        .is_some_and(|(known, told)| known.since(told) >= START_TOLERANCE || told.since(known) >= START_TOLERANCE);
    if other_run {
        return false;
    }
    let before = *run;
    run.offer_kubelet_rate(rate);
    *run != before
}
