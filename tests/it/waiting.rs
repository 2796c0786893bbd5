//! Waiting for what takes a moment, in real time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Tries `attempt` until it succeeds; the last error after `limit`.
pub(crate) async fn eventually<T>(limit: Duration, attempt: impl AsyncFn() -> Result<T, String>) -> Result<T, String> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > deadline => return Err(format!("after {limit:?}: {error}")),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
