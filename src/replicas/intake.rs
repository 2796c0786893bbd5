//! What other replicas tell, judged: nothing gets past here that is not known to exist.

use std::time::Duration;

use super::message::{Bounds, NodeSamples};
use super::replica::Memory;
use crate::clock::Clock;
use crate::cluster::View;
use crate::store::{Merge, Terms};

/// Kubelets whose clocks are further off than this are refused by the scrapes as well.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

/// Where samples go, and what may be believed of them.
pub(super) struct Intake {
    pub(super) memory: Memory,
    pub(super) clock: Clock,
    pub(super) resolution: Duration,
    pub(super) max_sample_age: Duration,
}

impl Intake {
    /// How many runs were taken of one node; `None` if nothing of it is.
    pub(super) fn adopt(&self, samples: NodeSamples, view: &View) -> Option<usize> {
        let told = samples.runs();
        let bounds = self.bounds();
        let (node, handed, dropped) = samples.checked(view, &bounds)?;
        let on_this_node = |namespace: &str, name: &str| {
            let pod = view.pod_named(namespace, name).filter(|pod| pod.node.as_ref() == Some(&node))?;
            Some((pod.key.clone(), pod.uid))
        };
        let rules = Merge { pod: &on_this_node, oldest: bounds.oldest };
        let terms = Terms { now: bounds.now, resolution: self.resolution };
        self.memory.store.adopt(&node, handed, &rules, &terms).then(|| told.saturating_sub(dropped))
    }

    fn bounds(&self) -> Bounds {
        let now = self.clock.now();
        Bounds {
            now,
            oldest: now - self.max_sample_age,
            newest: now + self.max_sample_age.max(CLOCK_TOLERANCE),
            longest_window: self.max_sample_age * 2,
        }
    }
}
