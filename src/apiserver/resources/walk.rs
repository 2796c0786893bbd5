//! Going through the objects of a moment, some at a time.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::apiserver::groups::Dialect;
use crate::apiserver::list_options::Selection;
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::resource::Resource;
use crate::usage::PodKey;

/// About 100 µs of work.
const ROWS_PER_TURN: usize = 64;

/// Which objects of a moment are meant.
#[derive(Clone, Debug)]
pub(super) struct Range {
    /// What they are read from.
    pub(super) moment: Arc<Moment>,
    /// As far as it serves them.
    pub(super) dialect: Dialect,
    /// Those that it selects.
    pub(super) selection: Selection,
    /// Those of one namespace; empty for all.
    pub(super) namespace: Arc<str>,
    /// Those after this one.
    pub(super) after: Option<PodKey>,
    /// Up to this one.
    pub(super) until: Option<PodKey>,
}

/// A way through them that can be interrupted; at its end it may be gone anew.
pub(super) struct Walk {
    pub(super) range: Range,
    position: Option<PodKey>,
}

impl Range {
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

    fn start(&self) -> Option<PodKey> {
        let before_namespace = (!self.namespace.is_empty())
            .then(|| PodKey { namespace: Arc::clone(&self.namespace), name: Arc::default() });
        before_namespace.max(self.after.clone())
    }

    fn includes(&self, namespace: &str, key: impl FnOnce() -> PodKey) -> bool {
        (self.namespace.is_empty() || *self.namespace == *namespace)
            && self.until.as_ref().is_none_or(|until| key() <= *until)
    }
}

impl Walk {
    pub(super) fn new(range: Range) -> Self {
        Self { position: range.start(), range }
    }

    /// Shows the next objects that are selected, for well under a millisecond. Returns whether there
    /// are more; if not, the next turn begins anew.
    pub(super) fn turn<R: Resource>(
        &mut self,
        mut visit: impl FnMut(&R::Subject, Result<R::Answer<'_>, Absence<'_>>),
    ) -> bool {
        let range = &self.range;
        let mut subjects = R::after(&range.moment.view, self.position.as_ref()).take_while(|subject| {
            range.includes(R::metadata(subject).namespace.unwrap_or_default(), || R::key(subject))
        });
        let mut last = None;
        for subject in subjects.by_ref().take(ROWS_PER_TURN) {
            last = Some(subject);
            let metadata = R::metadata(subject);
            if range.selection.selects(metadata.namespace.unwrap_or_default(), metadata.name, metadata.labels) {
                visit(subject, R::answer(&range.moment, range.dialect, subject));
            }
        }
        let has_more = subjects.next().is_some();
        let next = last.filter(|_| has_more).map(|subject| R::key(subject));
        drop(subjects);
        self.position = next.or_else(|| self.range.start());
        has_more
    }
}
