//! Long tasks with a name and an owner.

use std::collections::HashMap;

use anyhow::anyhow;
use tokio::runtime::Handle;
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

    /// Starts a task on another runtime.
    pub(super) fn spawn_on(
        &mut self,
        name: &'static str,
        runtime: &Handle,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let handle = self.running.spawn_on(task, runtime);
        self.names.insert(handle.id(), name);
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
    async fn a_task_that_panics_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("broken", async { panic!("bad luck") });
        assert!(tasks.first_end().await.unwrap_err().to_string().starts_with("broken: "));
    }
}
