//! Going through the objects of a moment, some at a time.

use std::num::NonZeroUsize;
use std::ops::Bound;
use std::sync::Arc;

use crate::apiserver::groups::Dialect;
use crate::apiserver::list_options::Selection;
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::fields::Metadata;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::resource::Resource;
use crate::cluster::{Stretch, View};
use crate::usage::PodKey;

/// About 50 µs of work.
const ROWS_PER_TURN: usize = 64;

/// Which objects of a moment are meant.
#[derive(Clone, Debug)]
pub(super) struct Range {
    /// What they are read from.
    pub(super) moment: Arc<Moment>,
    /// As far as it serves them.
    dialect: Dialect,
    /// Those that it selects.
    selection: Selection,
    /// Those of one namespace; empty for all.
    namespace: Arc<str>,
    /// Up to this one.
    until: Option<PodKey>,
    /// Where they stand, in the order of lists.
    spans: Arc<[Span]>,
}

/// A part of all objects, side by side.
#[derive(Clone, Debug)]
struct Span {
    start: Bound<PodKey>,
    /// Its last object; `None` if it goes on to the end.
    last: Option<PodKey>,
}

/// A way through them that can be interrupted; at its end it may be gone anew.
pub(super) struct Walk {
    pub(super) range: Range,
    /// Index of the span it has come to.
    span: usize,
    /// The last object seen of it.
    position: Option<PodKey>,
}

impl Range {
    /// The objects of `namespace` (empty for all) that `selection` means; those behind `after`.
    pub(super) fn of<R: Resource>(
        moment: Arc<Moment>,
        dialect: Dialect,
        selection: Selection,
        namespace: Arc<str>,
        after: Option<&PodKey>,
    ) -> Self {
        let spans = spans::<R>(&moment.view, &namespace, &selection);
        let spans = spans.into_iter().filter_map(|span| span.behind(after)).collect();
        Self { moment, dialect, selection, namespace, until: None, spans }
    }

    /// Cuts the range after `limit` objects; where that is, if there are more.
    pub(super) async fn limit_to<R: Resource>(&mut self, limit: NonZeroUsize) -> Option<PodKey> {
        let mut walk = Walk::new(self.clone());
        let (mut told, mut last, mut is_longer) = (0, None, false);
        loop {
            let more = walk.turn::<R>(|subject, answer| {
                if answer.is_err() {
                    return;
                }
                is_longer |= told == limit.get();
                if told < limit.get() {
                    told += 1;
                    last = (told == limit.get()).then(|| R::key(subject));
                }
            });
            if !more || is_longer {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.until = last.filter(|_| is_longer);
        self.until.clone()
    }

    fn includes(&self, span: &Span, subject: &Metadata<'_>) -> bool {
        let namespace = subject.namespace.unwrap_or_default();
        let is_up_to = |end: &PodKey| (namespace, subject.name) <= (&*end.namespace, &*end.name);
        (self.namespace.is_empty() || *self.namespace == *namespace)
            && span.last.as_ref().is_none_or(is_up_to)
            && self.until.as_ref().is_none_or(is_up_to)
    }
}

/// Where to look: at one object where its name is known, where labels are wanted at the pods that may
/// have them, else at all of the namespace.
fn spans<R: Resource>(view: &View, namespace: &Arc<str>, selection: &Selection) -> Vec<Span> {
    let one = selection.demanded_name().filter(|_| !namespace.is_empty() || !R::TYPE.namespaced);
    if let Some(name) = one {
        let key = PodKey { namespace: Arc::clone(namespace), name: Arc::from(name) };
        return vec![Span { start: Bound::Included(key.clone()), last: Some(key) }];
    }
    if let Some(stretches) = R::stretches(view, namespace, selection) {
        let span = |Stretch { first, last }| Span { start: Bound::Included(first), last: Some(last) };
        return stretches.into_iter().map(span).collect();
    }
    // No object has the empty name.
    let begin = || Bound::Excluded(PodKey { namespace: Arc::clone(namespace), name: Arc::default() });
    let start = if namespace.is_empty() { Bound::Unbounded } else { begin() };
    vec![Span { start, last: None }]
}

impl Span {
    /// What of it is behind `after`, if any.
    fn behind(mut self, after: Option<&PodKey>) -> Option<Self> {
        let Some(after) = after else { return Some(self) };
        if self.last.as_ref().is_some_and(|last| last <= after) {
            return None;
        }
        let begins_behind = match &self.start {
            Bound::Included(start) => start > after,
            Bound::Excluded(start) => start >= after,
            Bound::Unbounded => false,
        };
        if !begins_behind {
            self.start = Bound::Excluded(after.clone());
        }
        Some(self)
    }
}

impl Walk {
    pub(super) const fn new(range: Range) -> Self {
        Self { range, span: 0, position: None }
    }

    /// Shows the next objects that are selected, for well under a millisecond. Returns whether there
    /// are more; if not, the next turn begins anew.
    pub(super) fn turn<R: Resource>(
        &mut self,
        mut visit: impl FnMut(&R::Subject, Result<R::Answer<'_>, Absence<'_>>),
    ) -> bool {
        let range = &self.range;
        let mut rows_left = ROWS_PER_TURN;
        while let Some(span) = range.spans.get(self.span) {
            let start = self.position.take().map_or_else(|| span.start.clone(), Bound::Excluded);
            let subjects = R::starting_at(&range.moment.view, start);
            let mut subjects = subjects.take_while(|subject| range.includes(span, &R::metadata(subject)));
            let mut last = None;
            for subject in subjects.by_ref().take(rows_left) {
                last = Some(subject);
                rows_left -= 1;
                let metadata = R::metadata(subject);
                if range.selection.selects(metadata.namespace.unwrap_or_default(), metadata.name, metadata.labels) {
                    visit(subject, R::answer(&range.moment, range.dialect, subject));
                }
            }
            if subjects.next().is_some() {
                self.position = last.map(|subject| R::key(subject));
                return true;
            }
            self.span += 1;
            // Finding where a span begins is work as well.
            rows_left = rows_left.saturating_sub(1);
            if rows_left == 0 && self.span < range.spans.len() {
                return true;
            }
            rows_left = rows_left.max(1);
        }
        self.span = 0;
        false
    }
}
