//! Whether anything happens on a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::unread::Unread;

/// A connection on which no request begins, no part of an answer is taken and nobody watches for so long is
/// closed, and cut when it is still there after as long again. Longer than any request may take; without it,
/// idle clients could hold every slot.
pub(super) const IDLE: Duration = Duration::from_mins(5);

/// Counts what moves; shared by a connection and the requests on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    moves: Arc<AtomicU64>,
    begun: CancellationToken,
}

impl Activity {
    /// Something moved.
    pub(super) fn note(&self) {
        if self.moves.fetch_add(1, Ordering::Relaxed) == 0 {
            self.begun.cancel();
        }
    }

    /// Waits for the first request, `limit` at most; whether it came.
    pub(super) async fn begins_within(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.begun.cancelled()).await.is_ok()
    }

    /// Waits until nothing has moved for at least [`IDLE`], and nobody waits for one of the answers.
    pub(super) async fn silence(&self, answers: &Unread) {
        let mut before = self.moves.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(IDLE).await;
            let now = self.moves.load(Ordering::Relaxed);
            if now == before && !answers.is_awaited() {
                return;
            }
            before = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_comes_only_after_the_last_movement() {
        let (activity, start) = (Activity::default(), tokio::time::Instant::now());
        let step = Duration::from_mins(4);
        let moving = async {
            for _ in 0..3 {
                tokio::time::sleep(step).await;
                activity.note();
            }
        };
        let nothing = Unread::default();
        tokio::join!(activity.silence(&nothing), moving);
        assert!((step * 2 + IDLE..=step * 3 + IDLE * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
}
