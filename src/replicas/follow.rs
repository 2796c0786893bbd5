//! The listening side of shared scrapes: one other replica, for as long as it is there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::credentials::Credentials;
use super::error::Error;
use super::fetch::open;
use super::frames::Frames;
use super::intake::Intake;
use super::lease::Presence;
use super::message::{NodeSamples, STREAM_MEDIA_TYPE};
use super::metrics::Metrics;
use crate::cluster::View;
use crate::telemetry::causes;

/// Dialled no more often, whatever it does.
const SHORTEST_STREAM: Duration = Duration::from_secs(1);

/// What all listening has in common.
#[derive(Clone)]
pub(super) struct Listening {
    /// Whose certificate others show.
    pub(super) name: String,
    pub(super) credentials: watch::Receiver<Option<Credentials>>,
    pub(super) intake: Arc<Intake>,
    pub(super) metrics: Metrics,
}

/// Listens to one other replica.
pub(super) struct Follower {
    pub(super) other: Presence,
    /// Tells this follower's words from those of one before it, of the same name.
    pub(super) number: u64,
    pub(super) words: mpsc::Sender<Word>,
    pub(super) listening: Listening,
}

/// What a follower says of the replica it listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Which follower.
    pub(super) number: u64,
    /// Whether the other is heard, and has told all it knew.
    pub(super) is_heard: bool,
}

impl Follower {
    /// Listens until aborted.
    pub(super) async fn run(mut self) {
        let mut is_heard = false;
        loop {
            let begun = Instant::now();
            let ended = self.listen(&mut is_heard).await;
            self.listening.metrics.stream_ended(ended.as_ref().err());
            // At an end that was announced it is asked once more before it is given up.
            if let Err(error) = ended {
                let (error, replica) = (causes(&error), &self.other.name);
                if std::mem::take(&mut is_heard) {
                    tracing::warn!(replica, error, "a replica is heard no more; its nodes are divided anew");
                    self.say(false).await;
                } else {
                    tracing::debug!(replica, error, "a replica is not heard");
                }
            }
            sleep_until(begun + SHORTEST_STREAM).await;
        }
    }

    /// From dialling to the end of the stream.
    async fn listen(&mut self, is_heard: &mut bool) -> Result<(), Error> {
        let (lasts, address) = (self.other.lasts, self.other.address);
        let opened = async {
            // The sender lives as long as the process.
            let known = self.listening.credentials.wait_for(Option::is_some).await.ok();
            let credentials = known.and_then(|known| known.clone()).ok_or(Error::Slow)?;
            open(&credentials, &self.listening.name, address, STREAM_MEDIA_TYPE).await
        };
        let mut answer = timeout(lasts, opened).await.unwrap_or(Err(Error::Slow))?;
        let _open = self.listening.metrics.listening();
        let (mut frames, mut is_complete) = (Frames::default(), false);
        let mut silent_at = Instant::now() + lasts;
        loop {
            let piece = timeout_at(silent_at, answer.chunk()).await.map_err(|_| Error::Slow)?;
            let Some(piece) = piece.map_err(Error::Unreachable)? else {
                return if is_complete && frames.is_at_end() { Ok(()) } else { Err(Error::Truncated) };
            };
            self.listening.metrics.heard(piece.len());
            frames.push(&piece);
            let view = self.listening.intake.memory.cluster.view();
            while let Some(samples) = frames.next()? {
                silent_at = Instant::now() + lasts;
                if !samples.is_empty() {
                    self.take(samples, &view);
                } else if !std::mem::replace(&mut is_complete, true) && !std::mem::replace(is_heard, true) {
                    tracing::info!(replica = self.other.name, "a replica is heard; nodes are divided with it");
                    self.say(true).await;
                }
            }
        }
    }

    fn take(&self, samples: NodeSamples, view: &View) {
        let told = samples.runs();
        let taken = self.listening.intake.adopt(samples, view).unwrap_or_default();
        self.listening.metrics.shared(taken, told.saturating_sub(taken));
    }

    async fn say(&self, is_heard: bool) {
        // Nobody listens any more at the end of the process alone.
        _ = self.words.send(Word { number: self.number, is_heard }).await;
    }
}

#[cfg(test)]
mod tests;
