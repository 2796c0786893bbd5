//! What can be wrong with the API server, set while it runs.

use std::time::Duration;

use tokio::sync::watch;

/// One way for the API server to misbehave towards who lists and watches nodes and pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Every watch is told at once that its version is too old (410), whatever it is.
    Expired,
    /// Watches stay open and say nothing more, not even that they are alive.
    Stalled,
    /// Watches send, in place of each change, bytes that mean nothing.
    Garbage,
    /// A list takes this long.
    SlowList(Duration),
    /// Lists and watches are refused for now (429).
    TooManyRequests,
}

/// The trouble of now, for all connections.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Troubles(watch::Sender<Option<Trouble>>);

impl Default for Troubles {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Troubles {
    /// Begins, changes or ends it.
    pub(in crate::sim) fn set(&self, trouble: Option<Trouble>) {
        self.0.send_replace(trouble);
    }

    pub(in crate::sim) fn now(&self) -> Option<Trouble> {
        *self.0.borrow()
    }

    /// Tells each change.
    pub(in crate::sim) fn subscribe(&self) -> watch::Receiver<Option<Trouble>> {
        self.0.subscribe()
    }
}
