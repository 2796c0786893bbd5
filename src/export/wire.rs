//! What a sender needs of a protocol, and of the way to an engine.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};

use crate::export::queue::Batch;

/// As much of an engine's words as is told.
const LONGEST_EXCERPT: usize = 200;

/// A protocol: how batches are written, and what answers mean.
pub(super) trait Wire: Send {
    /// Batches as one request.
    fn write(&self, batches: &[Batch]) -> Message;

    /// What an answer to such a request means; the protocol may change by it.
    fn judge(&mut self, answer: &Answer) -> Verdict;

    /// Why an answer that is no success is none, in the engine's words.
    fn reason(&self, answer: &Answer) -> String {
        said(answer)
    }
}

/// A way to an engine.
pub(super) trait Transport: Send {
    /// Sends one request and waits for its answer, for a limited time.
    fn post<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Answer, Failed>>;
}

/// A request that can be sent, and sent again.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// What the protocol says of the body.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Compressed as the headers say.
    pub(super) body: Bytes,
}

/// What an engine answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Trailers included.
    pub(super) headers: HeaderMap,
    /// Its first bytes.
    pub(super) body: Bytes,
}

/// Status and first words.
pub(super) fn said(answer: &Answer) -> String {
    let excerpt = answer.body.get(..LONGEST_EXCERPT).unwrap_or(&answer.body);
    format!("{}: {}", answer.status, String::from_utf8_lossy(excerpt).trim())
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The engine has it.
    Taken(Share),
    /// The engine does not want it, but for so much as it says; again would be no better.
    Refused { taken: usize },
    /// The engine took nothing, and may take it later: after this, if it says when.
    Later(Option<Duration>),
    /// The engine took nothing, since it does not understand; it is to be written anew.
    Rewrite,
}

/// How much of a request an engine has taken, counted in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Everything.
    All,
    /// So much.
    Only(usize),
    /// All but so much.
    AllBut(usize),
}

impl Share {
    /// In samples, of a request of `samples`.
    pub(super) fn of(self, samples: usize) -> usize {
        match self {
            Self::All => samples,
            Self::Only(taken) => taken.min(samples),
            Self::AllBut(refused) => samples.saturating_sub(refused),
        }
    }
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// Nothing was sent.
    #[error("cannot be reached")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was sent, and may have been taken.
    #[error("did not answer")]
    Unanswered(#[source] Box<dyn std::error::Error + Send + Sync>),
}
