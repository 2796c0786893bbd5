//! Which objects may have changed between two moments.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::apiserver::groups::Dialect;
use crate::apiserver::resources::join::{Moment, NodeAnswer, PodAnswer};
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::{Nodes, Pods};
use crate::store::NodeRecord;
use crate::usage::{NodeName, PodKey};

/// A resource whose changes can be told.
pub(crate) trait Watched: Resource {
    /// The keys of all objects that are not the same in both moments, and maybe of some that are.
    fn touched(from: &Moment, to: &Moment) -> BTreeSet<PodKey>;

    /// Whether both are written alike.
    fn is_same(dialect: Dialect, before: &Self::Answer<'_>, after: &Self::Answer<'_>) -> bool;
}

impl Watched for Nodes {
    fn touched(from: &Moment, to: &Moment) -> BTreeSet<PodKey> {
        let key = |name: &NodeName| PodKey { namespace: Arc::default(), name: name.shared() };
        let changed = to.view.nodes_changed_since(&from.view).map(key);
        changed.chain(touched_records(from, to).map(|(name, ..)| key(name))).collect()
    }

    fn is_same(dialect: Dialect, before: &NodeAnswer, after: &NodeAnswer) -> bool {
        before.usage == after.usage && (dialect == Dialect::Plain || before.freshness == after.freshness)
    }
}

impl Watched for Pods {
    fn touched(from: &Moment, to: &Moment) -> BTreeSet<PodKey> {
        let keys = |record: Option<&NodeRecord>| {
            let pods = record.map(NodeRecord::pods).unwrap_or_default();
            pods.iter().map(|pod| pod.key.clone()).collect::<Vec<_>>()
        };
        let changed = to.view.pods_changed_since(&from.view).cloned();
        let reported = touched_records(from, to).flat_map(|(_, old, new)| [keys(old), keys(new)]);
        changed.chain(reported.flatten()).collect()
    }

    fn is_same(dialect: Dialect, before: &PodAnswer<'_>, after: &PodAnswer<'_>) -> bool {
        (before.time, before.window) == (after.time, after.window)
            && before.containers == after.containers
            && (dialect == Dialect::Plain || before.freshness == after.freshness)
    }
}

/// The records that were replaced, have come or gone, or have aged; each as it was and as it is.
fn touched_records<'m>(
    from: &'m Moment,
    to: &'m Moment,
) -> impl Iterator<Item = (&'m NodeName, Option<&'m NodeRecord>, Option<&'m NodeRecord>)> {
    let there = to.snapshot.nodes().filter_map(|(name, new)| {
        let old = from.snapshot.node(name);
        let is_touched = old.is_none_or(|old| old.revision != new.revision || from.is_outgrown(new, to.now));
        is_touched.then_some((name, old, Some(new)))
    });
    let gone = from.snapshot.nodes().filter(|(name, _)| to.snapshot.node(name).is_none());
    there.chain(gone.map(|(name, old)| (name, Some(old), None)))
}
