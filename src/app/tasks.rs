//! Long tasks with a name and an owner.

use std::collections::HashMap;
use std::{io, thread};

use anyhow::anyhow;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinSet};

/// Tasks of which none may end before it is told to.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Starts a task.
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Starts a task on a thread with a runtime of its own. Its many short turns then cost no wake of
    /// another thread, and those who are served on the others do not wait for them.
    pub(super) fn spawn_apart(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(name, async move {
            let (mut alive, ended) = oneshot::channel::<()>();
            let work = move || -> io::Result<()> {
                let apart = async {
                    tokio::select! {
                        () = task => {}
                        // Nobody waits for it any more.
                        () = alive.closed() => {}
                    }
                };
                Builder::new_current_thread().enable_all().build()?.block_on(apart);
                Ok(())
            };
            let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
            // Told by the sender's end, however that comes.
            let _ = ended.await;
            match thread.map(thread::JoinHandle::join) {
                Ok(Ok(Ok(()))) => {}
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Ok(Ok(Err(error))) | Err(error) => tracing::error!(%error, "no thread for the {name}"),
            }
        });
    }

    /// Waits for the first task to end, and says which it was and how.
    pub(super) async fn first_end(&mut self) -> anyhow::Result<()> {
        let (id, how) = match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, "ended by itself".to_owned()),
            Some(Err(error)) => (error.id(), error.to_string()),
            None => return std::future::pending().await,
        };
        let name = self.names.get(&id).copied().unwrap_or("a task");
        Err(anyhow!("{name}: {how}"))
    }

    /// Waits for all.
    pub(super) async fn join(mut self) {
        while let Some(ended) = self.running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task broke while stopping");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("endless", std::future::pending());
        tasks.spawn("short", std::future::ready(()));
        assert_eq!(tasks.first_end().await.unwrap_err().to_string(), "short: ended by itself");
    }

    #[tokio::test]
    async fn a_task_apart_is_named_by_its_end_and_by_its_panic() {
        let mut tasks = Tasks::default();
        tasks.spawn_apart("short", std::future::ready(()));
        assert_eq!(tasks.first_end().await.unwrap_err().to_string(), "short: ended by itself");
        tasks.spawn_apart("broken", async { panic!("bad luck") });
        assert!(tasks.first_end().await.unwrap_err().to_string().starts_with("broken: "));
    }

    #[tokio::test]
    async fn a_task_apart_ends_when_nobody_waits_for_it() {
        let (held, dropped) = oneshot::channel::<()>();
        let mut tasks = Tasks::default();
        tasks.spawn_apart("endless", async {
            std::future::pending::<()>().await;
            drop(held);
        });
        tokio::task::yield_now().await;
        drop(tasks);
        assert!(dropped.await.is_err());
    }

    #[tokio::test]
    async fn a_task_that_panics_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("broken", async { panic!("bad luck") });
        assert!(tasks.first_end().await.unwrap_err().to_string().starts_with("broken: "));
    }
}
