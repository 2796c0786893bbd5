//! A connection that wakes itself while it is polled.
//!
//! An answer written on the connection's own task ([`AtOnce`](super::at_once::AtOnce)) tells the connection
//! that there is something to send, which wakes the task that is running already. The runtime takes that
//! for a task that lets others go first, and wakes another thread to take it over: two threads turn up for
//! each request. Polled again on the spot, it sends and waits. A wake from elsewhere is never held back.
//!
//! ```text
//! idle ──poll──▶ polled ──waits──▶ idle ──woken──▶ the task is woken
//!                  │ ▲
//!            woken ▼ │ once more
//!                 woken ──again──▶ the task is woken
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

/// Polls without letting others go first: the request, then its answer.
const POLLS: u32 = 2;

const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// A future whose waking itself is nobody else's business.
pub(super) struct Rewoken<F> {
    future: Pin<Box<F>>,
    state: Arc<State>,
    waker: Waker,
}

impl<F> Rewoken<F> {
    pub(super) fn new(future: F) -> Self {
        let state = Arc::new(State { now: AtomicU8::new(IDLE), task: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&state));
        Self { future: Box::pin(future), state, waker }
    }
}

impl<F: Future> Future for Rewoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, state, waker } = &mut *self;
        state.task.register(context.waker());
        for _ in 0..POLLS {
            state.now.store(POLLED, Ordering::SeqCst);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if state.now.compare_exchange(POLLED, IDLE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return Poll::Pending;
            }
        }
        state.now.store(IDLE, Ordering::SeqCst);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What those who wake it see.
struct State {
    now: AtomicU8,
    task: AtomicWaker,
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let told = self.now.compare_exchange(POLLED, WOKEN, Ordering::SeqCst, Ordering::SeqCst);
        if told == Err(IDLE) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use parking_lot::Mutex;

    use super::*;

    /// Counts how often the task is woken.
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn task() -> (Arc<Task>, Waker) {
        let task = Arc::new(Task(AtomicUsize::new(0)));
        (Arc::clone(&task), Waker::from(task))
    }

    #[test]
    fn what_wakes_itself_is_polled_again_and_its_task_sleeps() {
        let mut polls = 0;
        let future = poll_fn(move |context| {
            polls += 1;
            if polls == 1 {
                context.waker().wake_by_ref();
            }
            if polls < 3 { Poll::Pending } else { Poll::Ready(polls) }
        });
        let (task, waker) = task();
        let mut rewoken = Rewoken::new(future);
        assert!(Pin::new(&mut rewoken).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(task.0.load(Ordering::SeqCst), 0);
        assert_eq!(Pin::new(&mut rewoken).poll(&mut Context::from_waker(&waker)), Poll::Ready(3));
    }

    #[test]
    fn what_wakes_itself_again_and_again_lets_others_go_first() {
        let mut rewoken = Rewoken::new(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let (task, waker) = task();
        assert!(Pin::new(&mut rewoken).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn others_wake_the_task_when_it_waits() {
        let kept = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&kept);
        let mut rewoken = Rewoken::new(poll_fn(move |context| {
            *keep.lock() = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        let (task, waker) = task();
        assert!(Pin::new(&mut rewoken).poll(&mut Context::from_waker(&waker)).is_pending());
        let of_others: Waker = kept.lock().take().unwrap();
        of_others.wake();
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_another_thread_is_lost() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let counted = tokio::spawn(Rewoken::new(async move {
            let mut count = 0;
            while let Some(number) = receiver.recv().await {
                count += u32::from(number == count);
            }
            count
        }));
        for number in 0..100_000 {
            sender.send(number).await.unwrap();
        }
        drop(sender);
        assert_eq!(counted.await.unwrap(), 100_000);
    }
}
