//! Those who ask as usual while others attack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::Client;

use crate::attacker::url;

/// Between two requests of one of them.
const PAUSE: Duration = Duration::from_millis(20);
/// kubectl and kube-apiserver give up later.
const PATIENCE: Duration = Duration::from_secs(10);

/// Honest clients at work, on a thread of their own.
pub(crate) struct Honest {
    is_over: Arc<AtomicBool>,
    working: JoinHandle<Result<Experience, String>>,
}

/// What they met with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Experience {
    times: Vec<Duration>,
    pub(crate) failures: Vec<String>,
}

impl Honest {
    /// Four kept connections that ask for one pod, health, discovery and a list, and one client that
    /// dials anew each time, as probes do.
    pub(crate) fn begin(clients: Vec<Client>, prober: Client, pod: String) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let working = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            Ok(runtime.block_on(async {
                let asking = clients.into_iter().map(|client| {
                    let paths = [&pod, "/livez", "/apis/custom.example.com/v1", "/apis/metrics.k8s.io/v1beta1/nodes"];
                    ask(client, paths.map(str::to_owned).to_vec(), &over)
                });
                let probing = ask(prober, vec!["/readyz".to_owned()], &over);
                let all = futures::future::join_all(asking.chain([probing])).await;
                all.into_iter().fold(Experience::default(), Experience::and)
            }))
        });
        Self { is_over, working }
    }

    /// Ends them.
    pub(crate) fn end(self) -> Result<Experience, String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.working.join().map_err(|_| "the honest clients panicked".to_owned())?
    }
}

async fn ask(client: Client, paths: Vec<String>, over: &AtomicBool) -> Experience {
    let mut experience = Experience::default();
    for path in paths.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        match tokio::time::timeout(PATIENCE, get(&client, path)).await {
            Ok(Ok(())) => experience.times.push(asked.elapsed()),
            Ok(Err(error)) => experience.failures.push(format!("{path}: {error}")),
            Err(_) => experience.failures.push(format!("{path}: no answer within {PATIENCE:?}")),
        }
        tokio::time::sleep(PAUSE).await;
    }
    experience
}

async fn get(client: &Client, path: &str) -> Result<(), String> {
    let answer = client.get(url(path)).send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    answer.bytes().await.map_err(|error| format!("{error:?}"))?;
    if status.is_success() { Ok(()) } else { Err(status.to_string()) }
}

impl Experience {
    fn and(mut self, other: Self) -> Self {
        self.times.extend(other.times);
        self.failures.extend(other.failures);
        self
    }

    /// Answers that they got.
    pub(crate) fn answers(&self) -> usize {
        self.times.len()
    }

    /// 99 of 100 answers came in less.
    pub(crate) fn p99(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() * 99 / 100).copied().unwrap_or(PATIENCE)
    }
}
