//! How much of what exists is served now, as metrics.
//!
//! Goes through the cluster as a list does, by the same rules, whenever the metrics are asked for:
//! some half a microsecond a pod, and nothing in between.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use crate::apiserver::Moments;
use crate::apiserver::resources::{Absence, Completeness, Freshness, Moment};
use crate::clock::UnixMillis;
use crate::telemetry::readings::gauges;

/// Registers what `moments` tell of the cluster.
pub fn register_coverage(registry: &mut Registry, moments: Arc<Moments>) {
    registry.register_collector(Box::new(Coverage(moments)));
}

#[derive(Debug)]
struct Coverage(Arc<Moments>);

/// The objects of one resource, as they are served.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    fresh: u32,
    stale: u32,
    partial: u32,
    missing: BTreeMap<&'static str, u32>,
    oldest: Option<Duration>,
}

impl Collector for Coverage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Earlier states of the cluster that lists and watches go on from";
        let kept = u32::try_from(self.0.kept_count()).unwrap_or(u32::MAX);
        gauges(&mut encoder, "kept_moments", help, [([("", ""); 0], kept)])?;
        let moment = self.0.glance();
        let tallies = [("nodes", nodes(&moment)), ("pods", pods(&moment))];
        let help = "Nodes and pods that have or should have usage, by how it is served; partial lacks some of it";
        let states = tallies.iter().flat_map(|(resource, tally)| tally.states(resource));
        gauges(&mut encoder, "objects", help, states)?;
        let help = "Nodes and pods whose usage is not served, by the reason that the API tells";
        let missing = tallies.iter().flat_map(|(resource, tally)| {
            tally.missing.iter().map(|(reason, count)| ([("resource", *resource), ("reason", *reason)], *count))
        });
        gauges(&mut encoder, "missing_objects", help, missing)?;
        let help = "Age of the oldest sample that is served, by its own timestamp";
        let ages = tallies
            .iter()
            .filter_map(|(resource, tally)| Some(([("resource", *resource)], tally.oldest?.as_secs_f64())));
        gauges(&mut encoder, "oldest_sample_age_seconds", help, ages)
    }
}

fn nodes(moment: &Moment) -> Tally {
    let mut tally = Tally::default();
    for node in moment.view.nodes() {
        match moment.node(node) {
            Ok(answer) => {
                let is_whole = answer.usage.cpu.is_some();
                tally.serve(moment.now, answer.usage.time, answer.freshness, is_whole);
            }
            Err(absence) => tally.miss(&absence),
        }
    }
    tally
}

fn pods(moment: &Moment) -> Tally {
    let mut tally = Tally::default();
    for pod in moment.view.pods() {
        match moment.pod(pod) {
            Ok(answer) => {
                let is_whole = answer.completeness != Completeness::Partial;
                tally.serve(moment.now, answer.time, answer.freshness, is_whole);
            }
            Err(absence) => tally.miss(&absence),
        }
    }
    tally
}

impl Tally {
    fn serve(&mut self, now: UnixMillis, time: UnixMillis, freshness: Freshness, is_whole: bool) {
        let count = match (is_whole, freshness) {
            (false, _) => &mut self.partial,
            (true, Freshness::Fresh) => &mut self.fresh,
            (true, Freshness::Stale) => &mut self.stale,
        };
        *count += 1;
        self.oldest = self.oldest.max(Some(now.since(time)));
    }

    /// A pod that has finished, or is bound to no node of ours, is not missed.
    fn miss(&mut self, absence: &Absence<'_>) {
        if absence.cause.is_unexpected() {
            *self.missing.entry(absence.cause.reason()).or_default() += 1;
        }
    }

    fn states(&self, resource: &'static str) -> [([(&'static str, &'static str); 2], u32); 4] {
        let missing = self.missing.values().sum();
        [("fresh", self.fresh), ("stale", self.stale), ("partial", self.partial), ("missing", missing)]
            .map(|(state, count)| ([("resource", resource), ("state", state)], count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::resources::world::{World, node, pod, reading, running};
    use crate::usage::Failure;

    #[test]
    fn every_object_is_counted_once_as_it_is_served() {
        let nodes = vec![node("new"), node("well"), node("failing")];
        let pods = vec![
            pod("whole", "well", &[("app", running(-100.0))]),
            pod("half", "well", &[("app", running(-100.0)), ("side", running(20.0))]),
            pod("kept", "failing", &[("app", running(-100.0))]),
            pod("unknown", "new", &[("app", running(20.0))]),
            pod("elsewhere", "gone", &[("app", running(20.0))]),
        ];
        let world = World::with(nodes, pods);
        for (time, cpu_millis) in [(0.0, 100), (15.0, 250)] {
            let (early, late) = (reading(time, cpu_millis, 64), reading(time + 60.0, cpu_millis, 64));
            world.scrape("failing", time, Some(early), &[("kept", "app", early)]);
            world.scrape("well", time + 60.0, Some(late), &[("whole", "app", late), ("half", "app", late)]);
        }
        world.fail("failing", 75.0, Failure::Unauthorized);
        let moment = world.moment(80.0);

        let nodes = self::nodes(&moment);
        assert_eq!((nodes.fresh, nodes.stale, nodes.partial), (1, 1, 0));
        assert_eq!(nodes.missing, BTreeMap::from([("NotScrapedYet", 1)]));
        assert_eq!(nodes.oldest, Some(Duration::from_secs(65)));
        let pods = self::pods(&moment);
        assert_eq!((pods.fresh, pods.stale, pods.partial), (1, 1, 1));
        assert_eq!(pods.missing, BTreeMap::from([("NotScrapedYet", 1)]), "elsewhere is not missed");

        let later = world.moment(300.0);
        assert_eq!(
            self::nodes(&later).missing,
            BTreeMap::from([("Expired", 1), ("NotScrapedYet", 1), ("Unauthorized", 1)])
        );
        assert_eq!(self::nodes(&later).oldest, None);
    }
}
