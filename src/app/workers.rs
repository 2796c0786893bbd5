//! The threads that answer requests.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

/// Each thread keeps a stack, and of every size of memory that it ever asked for a page: on a large
/// machine one for each core would hold more than the cluster does. Four write lists faster than a
/// network takes them.
const MOST: usize = 4;

/// A runtime beside the one that watches and scrapes: what is asked of us never waits for that, nor
/// that for us. Ends when dropped, and waits for nobody then.
#[derive(Debug)]
pub(super) struct Workers {
    /// Where tasks are started.
    pub(super) handle: Handle,
    /// Taken by the end.
    runtime: Option<Runtime>,
}

impl Workers {
    /// One thread for each core that we may use, up to a bound.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn start() -> io::Result<Self> {
        let threads = available_parallelism().map_or(1, NonZero::get).min(MOST);
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("answers").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // We may be on a thread that must not wait.
            runtime.shutdown_background();
        }
    }
}
