//! Answers that their reader does not take.
//!
//! What hyper was given and cannot pass on waits in our memory, and nothing polls the answer meanwhile: its
//! own time does not help. So each answer notes when hyper asks it for more. One connection counts those that
//! were given something and not asked since, by the minute in which that was:
//!
//! ```text
//! asked ──nothing yet──▶ awaited ──┐
//!   ▲  └──given a part──▶ given in minute 0 │ 1 │ 2   some left of the minute before last: too long
//!   └──────────────────────────────┘
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::activity::Activity;

/// The time of a request. Whoever takes nothing for between once and twice as long is not served any further.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// This minute, the one before, and the one before that.
const MINUTES: usize = 3;

/// The answers of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    minute: AtomicUsize,
    /// Answers that were given a part in each minute, and not asked for more since.
    given: [AtomicUsize; MINUTES],
    /// Answers that have nothing to give yet: watches.
    awaited: AtomicUsize,
}

/// Where an answer is counted.
#[derive(Clone, Copy, Debug)]
enum Counted {
    Given(usize),
    Awaited,
}

impl Unread {
    /// The same body, counted; each of its parts is a movement of the connection.
    pub(super) fn follow(&self, body: Body, activity: Activity) -> Body {
        Body::new(Followed { body, counts: Arc::clone(&self.0), counted: None, activity })
    }

    /// Whether somebody waits for what we will have to tell.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.awaited.load(Ordering::Relaxed) > 0
    }

    /// Waits until something has not been taken for [`PATIENCE`] or longer.
    pub(super) async fn too_long(&self) {
        loop {
            tokio::time::sleep(PATIENCE).await;
            let minute = self.0.minute.fetch_add(1, Ordering::Relaxed) + 1;
            // Of three minutes, the one that comes next is the one before last.
            if self.0.given.get((minute + 1) % MINUTES).is_some_and(|given| given.load(Ordering::Relaxed) > 0) {
                return;
            }
        }
    }
}

impl Counts {
    fn of(&self, counted: Counted) -> Option<&AtomicUsize> {
        match counted {
            Counted::Given(minute) => self.given.get(minute % MINUTES),
            Counted::Awaited => Some(&self.awaited),
        }
    }
}

/// A body that is counted.
struct Followed {
    body: Body,
    counts: Arc<Counts>,
    counted: Option<Counted>,
    activity: Activity,
}

impl Followed {
    fn count(&mut self, counted: Option<Counted>) {
        let before = std::mem::replace(&mut self.counted, counted);
        if let Some(count) = before.and_then(|before| self.counts.of(before)) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(count) = counted.and_then(|counted| self.counts.of(counted)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl http_body::Body for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let counted = match &polled {
            Poll::Pending => Some(Counted::Awaited),
            Poll::Ready(Some(Ok(_))) => Some(Counted::Given(self.counts.minute.load(Ordering::Relaxed))),
            Poll::Ready(_) => None,
        };
        self.count(counted);
        if polled.is_ready() {
            self.activity.note();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.count(None);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use http_body_util::BodyExt as _;
    use tokio::time::Instant;

    use super::*;

    fn answer(unread: &Unread) -> Body {
        let parts = futures::stream::iter((0..9).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"part"))));
        unread.follow(Body::from_stream(parts), Activity::default())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_is_noticed_after_a_minute_or_two() {
        let (unread, start) = (Unread::default(), Instant::now());
        let mut answer = answer(&unread);
        answer.frame().await.unwrap().unwrap();
        unread.too_long().await;
        assert!((PATIENCE..=PATIENCE * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_taken_slowly_is_let_be_and_so_are_those_that_end_or_go() {
        let unread = Unread::default();
        let (mut slow, mut gone) = (answer(&unread), answer(&unread));
        gone.frame().await.unwrap().unwrap();
        drop(gone);
        let reading = async {
            while let Some(part) = slow.frame().await {
                part.unwrap();
                tokio::time::sleep(Duration::from_secs(59)).await;
            }
            tokio::time::sleep(PATIENCE * 5).await;
        };
        tokio::select! {
            () = unread.too_long() => panic!("nothing waits for so long"),
            () = reading => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_us_is_not_slow() {
        let unread = Unread::default();
        let quiet = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let mut watch = unread.follow(Body::from_stream(quiet), Activity::default());
        assert!(!unread.is_awaited());
        assert!(watch.frame().now_or_never().is_none());
        assert!(unread.is_awaited());
        tokio::time::timeout(PATIENCE * 5, unread.too_long()).await.expect_err("it is our turn");
        drop(watch);
        assert!(!unread.is_awaited());
    }
}
