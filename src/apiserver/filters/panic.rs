//! A panic costs its own request, never the connection or the process.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use crate::apiserver::status::Status;

/// What `work` makes, or the `Status` of its panic. Nothing that outlives the request is left half
/// done: answers only read immutable snapshots.
pub(super) async fn caught<T>(work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(Status::panicked(message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("no message"))
}
