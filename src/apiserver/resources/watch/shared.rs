//! The changes of a step, written once for all who need them at about the same time.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::OnceCell;

use crate::apiserver::resources::encoder::Encoder;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::watch::Watched;
use crate::apiserver::resources::watch::changes::{self, Change};

/// What watchers hold in common. Nothing is kept that no watcher is at.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    steps: Mutex<HashMap<Step, Weak<OnceCell<Vec<Change>>>>>,
    kept: Gauge,
    /// Those that were ended because their client fell behind.
    pub(super) behind: Counter,
}

/// From which moment to which, of what, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Step {
    from: u64,
    to: u64,
    resource: &'static str,
    encoder: Encoder,
}

impl Watches {
    /// Nothing yet; `behind` counts clients that fall behind, `kept` is told how many steps there are.
    pub(crate) fn new(behind: Counter, kept: Gauge) -> Self {
        Self { steps: Mutex::default(), kept, behind }
    }

    /// The changes between two moments that follow each other.
    pub(super) async fn changes<R: Watched>(
        &self,
        from: &Moment,
        to: &Moment,
        encoder: &Encoder,
    ) -> Arc<OnceCell<Vec<Change>>> {
        let step = Step { from: from.revision, to: to.revision, resource: R::TYPE.plural, encoder: encoder.clone() };
        let changes = self.of(step);
        changes.get_or_init(|| changes::between::<R>(from, to, encoder)).await;
        changes
    }

    fn of(&self, step: Step) -> Arc<OnceCell<Vec<Change>>> {
        let mut steps = self.steps.lock();
        if let Some(known) = steps.get(&step).and_then(Weak::upgrade) {
            return known;
        }
        steps.retain(|_, changes| changes.strong_count() > 0);
        let changes = Arc::default();
        steps.insert(step, Arc::downgrade(&changes));
        self.kept.set(i64::try_from(steps.len()).unwrap_or(i64::MAX));
        changes
    }
}
