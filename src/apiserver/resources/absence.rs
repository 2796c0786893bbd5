//! Why a number is not there: one word for machines, one sentence for people, and since when.

use crate::clock::UnixMillis;
use crate::usage::Failure;

/// What is missing and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence<'m> {
    /// Why.
    pub(crate) cause: Cause<'m>,
    /// When this began.
    pub(crate) since: UnixMillis,
}

/// Why usage of a node, a pod or a container is not known. `Display` is the sentence for a person;
/// [`Cause::reason`] is the word for machines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cause<'m> {
    /// The pod will not run again.
    #[error("the pod has finished")]
    Finished,
    /// The pod is not bound to a node.
    #[error("the pod is not bound to a node yet")]
    NotScheduled,
    /// The pod's node is gone, or left out by the node selector.
    #[error("the pod's node is not among the nodes that are served")]
    NodeNotServed,
    /// No container of the pod has run yet.
    #[error("no container of the pod has started yet")]
    NotStarted,
    /// All containers ended: back-off, or between two runs.
    #[error("no container of the pod is running")]
    NotRunning,
    /// The node was never asked.
    #[error("the node's kubelet has not been asked yet")]
    NotScrapedYet,
    /// The kubelet answers, but not about this.
    #[error("the kubelet does not report it")]
    NotReported,
    /// The last sample is older than the limit.
    #[error("the last sample is too old to be served")]
    Expired,
    /// Memory is known, the CPU rate is not.
    #[error("a CPU rate needs a second sample")]
    AwaitingSecondSample,
    /// The node's scrapes fail.
    #[error("the node's kubelet could not be read: {0}")]
    Scrape(&'m Failure),
}

impl Cause<'_> {
    /// One CamelCase word, of a fixed set.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Finished => "Finished",
            Self::NotScheduled => "NotScheduled",
            Self::NodeNotServed => "NodeNotServed",
            Self::NotStarted => "NotStarted",
            Self::NotRunning => "NotRunning",
            Self::NotScrapedYet => "NotScrapedYet",
            Self::NotReported => "NotReported",
            Self::Expired => "Expired",
            Self::AwaitingSecondSample => "AwaitingSecondSample",
            Self::Scrape(failure) => failure.reason(),
        }
    }

    /// Whether usage was to be expected, so that lists name it as missing.
    pub(crate) const fn is_unexpected(&self) -> bool {
        !matches!(self, Self::Finished | Self::NotScheduled | Self::NodeNotServed)
    }
}
