//! What is believed of a message on its arrival: pods and containers that exist here too, and numbers that
//! can be.

use std::time::Duration;

use super::{FailedScrape, NodeSamples, PodSamples, REJECT_REASONS, RefusedLines, RunSamples};
use crate::clock::UnixMillis;
use crate::cluster::View;
use crate::store::{Handed, HandedPod};
use crate::usage::{Base, Failure, NodeName, Rejected, Run, RunParts, Sample, Scrape, Uid};

/// Longest `address:port` of a kubelet that is believed.
const MAX_ADDRESS_BYTES: usize = 300;
/// A sentence for a person has no more.
pub(super) const MAX_SENTENCE_BYTES: usize = 1_000;
/// What may be believed now.
pub(in crate::replicas) struct Bounds {
    /// By our own clock.
    pub(in crate::replicas) now: UnixMillis,
    /// Samples that are older are of no use.
    pub(in crate::replicas) oldest: UnixMillis,
    /// Samples that are newer come from a clock that is wrong.
    pub(in crate::replicas) newest: UnixMillis,
    /// A rate over more time than this tells nothing of now.
    pub(in crate::replicas) longest_window: Duration,
}

impl NodeSamples {
    /// The node and what is believed of it: what exists here too, within `bounds`. And how many runs
    /// are not. `None` for a node that we do not know.
    pub(in crate::replicas) fn checked(self, view: &View, bounds: &Bounds) -> Option<(NodeName, Handed, usize)> {
        let node = view.node(&self.name)?.name.clone();
        let told: usize = self.runs();
        let last_success = self.last_success(bounds);
        let scrape = self.scrape(last_success, bounds)?;
        let outcome_since = scrape.started - Duration::from_millis(self.lasting_ms);
        let ahead = self.scraped_ms.saturating_sub(last_success.map_or(self.scraped_ms, |ours| ours.0));
        let local = |theirs: i64| UnixMillis(theirs.saturating_sub(ahead)).min(bounds.newest);
        let own = self.own.and_then(|run| run.checked(bounds));
        let pods = self.pods.iter().filter_map(|pod| pod.checked(&node, view, bounds, &local));
        let pods: Vec<_> = pods.collect();
        let kept = usize::from(own.is_some()) + pods.iter().map(|pod| pod.containers.len()).sum::<usize>();
        let clock_was_set = self.clock_was_set;
        let handed = Handed { node: own, pods, scrape, clock_was_set, last_success, outcome_since };
        Some((node, handed, told.saturating_sub(kept)))
    }

    /// The last scrape; `None` if it neither was good nor failed for a reason that there is.
    fn scrape(&self, last_success: Option<UnixMillis>, bounds: &Bounds) -> Option<Scrape> {
        let (started, outcome) = match &self.failed {
            Some(failed) => (bounds.now - Duration::from_millis(failed.age_ms), Err(failed.checked()?)),
            None => (last_success?, Ok(())),
        };
        let is_address = self.address.len() <= MAX_ADDRESS_BYTES && !self.address.chars().any(char::is_control);
        Some(Scrape {
            started,
            duration: Duration::from_millis(self.scrape_ms.into()),
            body_bytes: self.body_bytes,
            address: if is_address { self.address.as_str().into() } else { Box::default() },
            rejected: self.refused.map(RefusedLines::checked).unwrap_or_default(),
            outcome,
        })
    }

    /// By our clock: as long ago now as it was when they told it.
    fn last_success(&self, bounds: &Bounds) -> Option<UnixMillis> {
        let theirs = (self.scraped_ms != 0).then_some(UnixMillis(self.scraped_ms))?;
        let ours = self.age_ms.map(|age_ms| bounds.now - Duration::from_millis(age_ms));
        Some(ours.unwrap_or(theirs.min(bounds.newest)))
    }
}

impl FailedScrape {
    fn checked(&self) -> Option<Failure> {
        let reason = Failure::REASONS.into_iter().find(|reason| *reason == self.reason)?;
        let is_sound = self.message.len() <= MAX_SENTENCE_BYTES && !self.message.chars().any(char::is_control);
        let message = if is_sound { self.message.clone() } else { reason.to_owned() };
        Some(Failure::Told { reason, message })
    }
}

impl RefusedLines {
    fn checked(self) -> Rejected {
        let place = usize::try_from(self.first_reason).ok().and_then(|place| place.checked_sub(1));
        let reason = place.and_then(|place| REJECT_REASONS.get(place));
        reason.map_or_else(Rejected::default, |reason| Rejected {
            count: self.count,
            first: Some((self.first_line, *reason)),
        })
    }
}

impl PodSamples {
    /// Only what runs in the very pod that we know too, on this node; names are ours from here on.
    fn checked(
        &self,
        node: &NodeName,
        view: &View,
        bounds: &Bounds,
        local: &impl Fn(i64) -> UnixMillis,
    ) -> Option<HandedPod> {
        let uid = Uid::from_bytes(self.uid.as_slice().try_into().ok()?);
        let pod = view.pod_named(&self.namespace, &self.name)?;
        if pod.uid != uid || pod.node.as_ref() != Some(node) {
            return None;
        }
        let containers = self.containers.iter().filter_map(|container| {
            let known = pod.containers.iter().find(|known| known.name.as_str() == container.name)?;
            Some((known.name.clone(), container.run?.checked(bounds)?))
        });
        let first_reported = local(self.first_reported_ms);
        Some(HandedPod { key: pod.key.clone(), uid, first_reported, containers: containers.collect() })
    }
}

impl RunSamples {
    fn checked(self, bounds: &Bounds) -> Option<Run> {
        let last = Sample { time: UnixMillis(self.last_ms), cpu_ns: self.last_cpu_ns, memory_bytes: self.memory_bytes };
        if last.time < bounds.oldest || last.time > bounds.newest {
            return None;
        }
        let base = match (self.base_age_ms.zip(self.base_cpu_less_ns), self.kubelet_nanocores) {
            (Some((age_ms, less_ns)), _) => {
                let window = Duration::from_millis(age_ms);
                let cpu_ns = last.cpu_ns.checked_sub(less_ns).filter(|_| window <= bounds.longest_window)?;
                Base::Point { time: last.time - window, cpu_ns }
            }
            (None, Some(nanocores)) => Base::Kubelet { nanocores },
            (None, None) => Base::None,
        };
        Run::from_parts(RunParts { start: self.start_ms.map(UnixMillis), base, last })
    }
}
