//! Where the streams of an HTTP/2 connection are answered.

use std::pin::Pin;
use std::task::{Context, Waker};

use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;

/// Answers what needs no waiting right on the connection's own task, and gives the rest a task of its
/// own. Most requests are such: to hand one over wakes another thread, which costs more than the
/// answer. What a long list writes before it first has to wait is bounded by the send buffer.
#[derive(Clone, Debug)]
pub(super) struct AtOnce;

impl<F> Executor<F> for AtOnce
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut future = Box::pin(future);
        // The task, if there has to be one, polls anew before it waits: nothing is lost on this waker.
        let is_pending = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        if is_pending {
            TokioExecutor::new().execute(future as Pin<Box<F>>);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_is_ready_is_done_at_once() {
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        AtOnce.execute(async move { count.fetch_add(1, Ordering::Relaxed) });
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_has_to_wait_goes_on_by_itself() {
        let (go, wait) = tokio::sync::oneshot::channel();
        let (done, end) = tokio::sync::oneshot::channel();
        AtOnce.execute(async move {
            let word: &str = wait.await.unwrap();
            done.send(word).unwrap();
        });
        go.send("went on").unwrap();
        assert_eq!(end.await.unwrap(), "went on");
    }
}
