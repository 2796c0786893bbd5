//! The difference of two moments.

use bytes::Bytes;

use crate::apiserver::list_options::Selection;
use crate::apiserver::resources::encoder::{Encoder, Told};
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::watch::Watched;
use crate::apiserver::resources::watch::frame::EventType;
use crate::cluster::Labels;
use crate::usage::PodKey;

/// About 100 µs of work.
const CHANGES_PER_TURN: usize = 32;

/// One object that is not the same before and after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    key: PodKey,
    before: Option<Side>,
    after: Option<Side>,
}

/// How the object was, or is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    labels: Labels,
    /// As served.
    pub(super) resource_version: u64,
    /// Empty where nobody can need it.
    pub(super) object: Bytes,
}

impl Change {
    /// What is told of it to a client who selects by `selection`: objects come into his list and leave
    /// it by their labels too.
    pub(super) fn as_seen(&self, selection: &Selection) -> Option<(EventType, &Side)> {
        let selects = |side: &&Side| selection.selects(&self.key.namespace, &self.key.name, &side.labels);
        match (self.before.as_ref().filter(selects), self.after.as_ref().filter(selects)) {
            (None, Some(after)) => Some((EventType::Added, after)),
            (Some(_), Some(after)) => Some((EventType::Modified, after)),
            (Some(before), None) => Some((EventType::Deleted, before)),
            (None, None) => None,
        }
    }
}

/// Those of `namespace`, or all where it is empty. They stand side by side in the order of lists.
pub(super) fn of_namespace<'a>(changes: &'a [Change], namespace: &str) -> &'a [Change] {
    if namespace.is_empty() {
        return changes;
    }
    let begin = changes.partition_point(|change| *change.key.namespace < *namespace);
    let rest = changes.get(begin..).unwrap_or_default();
    let end = rest.partition_point(|change| *change.key.namespace == *namespace);
    rest.get(..end).unwrap_or_default()
}

/// Every change by the step from one moment to the next, in the order of lists.
pub(super) async fn between<R: Watched>(from: &Moment, to: &Moment, encoder: &Encoder) -> Vec<Change> {
    let mut changes = Vec::new();
    for (index, key) in R::touched(from, to).into_iter().enumerate() {
        if index % CHANGES_PER_TURN == CHANGES_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        changes.extend(change::<R>(from, to, encoder, key));
    }
    changes
}

fn change<R: Watched>(from: &Moment, to: &Moment, encoder: &Encoder, key: PodKey) -> Option<Change> {
    let before = Seen::<R>::at(from, encoder, &key);
    let after = Seen::<R>::at(to, encoder, &key);
    let same_labels = match (&before, &after) {
        (None, None) => return None,
        (Some(before), Some(after)) => {
            let (old, new) = (R::metadata(before.subject), R::metadata(after.subject));
            let same_labels = old.labels == new.labels;
            let same_metadata = same_labels && old.created == new.created;
            if same_metadata && R::is_same(encoder.dialect, &before.answer, &after.answer) {
                return None;
            }
            same_labels
        }
        _ => false,
    };
    // What is gone has no version of its own any more: that of the step stands for its end.
    let gone = to.tag.served(to.step);
    let before = before.map(|seen| seen.side(encoder, gone, !same_labels));
    let after = after.map(|seen| {
        let revision = R::revision(seen.subject, &seen.answer);
        let is_of_this_step = revision > from.revision;
        let version = if is_of_this_step { to.tag.served(revision) } else { gone };
        seen.side(encoder, version, true)
    });
    Some(Change { key, before, after })
}

/// An object as it is served at a moment.
struct Seen<'m, R: Watched> {
    moment: &'m Moment,
    subject: &'m R::Subject,
    answer: R::Answer<'m>,
}

impl<'m, R: Watched> Seen<'m, R> {
    fn at(moment: &'m Moment, encoder: &Encoder, key: &PodKey) -> Option<Self> {
        let subject = R::find(&moment.view, key)?;
        let answer = R::answer(moment, encoder.dialect, subject).ok()?;
        Some(Self { moment, subject, answer })
    }

    fn side(&self, encoder: &Encoder, resource_version: u64, is_needed: bool) -> Side {
        let told = Told::<R> { moment: self.moment, subject: self.subject, answer: &self.answer, resource_version };
        let object = if is_needed { encoder.event(&told) } else { Bytes::new() };
        Side { labels: R::metadata(self.subject).labels.clone(), resource_version, object }
    }
}
