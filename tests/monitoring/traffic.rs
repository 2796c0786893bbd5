//! What clients do: what they should, and what they should not.

use std::time::Duration;

use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use crate::support::simulation::SERVER_NAME;

/// One after the other, again and again.
const PATHS: [&str; 11] = [
    "apis/custom.example.com/v1/pods",
    "apis/custom.example.com/v1/nodes",
    "apis/custom.example.com/v1/nodescrapes",
    "apis/custom.example.com/v1/healthz",
    "apis/metrics.k8s.io/v1beta1/pods",
    "apis/metrics.k8s.io/v1beta1/nodes",
    "apis/metrics.k8s.io/v1/pods?limit=7",
    "apis",
    "openapi/v3",
    "apis/metrics.k8s.io/v1beta1/nodes/there-is-none",
    "no/such/path",
];
const PACE: Duration = Duration::from_millis(100);
/// Ten times as fast as the alert allows, which is a handshake in ten seconds.
const INTRUSION_PACE: Duration = Duration::from_millis(500);
const STRANGER_PACE: Duration = Duration::from_millis(250);
/// All at the same moment; few enough that those who fail otherwise are not lost among them.
const CROWD: usize = 16;

/// Usual requests of a viewer, and of somebody who may not; watches that end and begin. Lasts until
/// dropped.
pub(crate) fn usual(viewer: &Client, guest: &Client) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (asker, watcher, guest) = (viewer.clone(), viewer.clone(), guest.clone());
    tasks.spawn(async move {
        let mut pace = interval(PACE);
        for path in PATHS.iter().cycle() {
            pace.tick().await;
            ask(&asker, path).await;
        }
    });
    tasks.spawn(async move {
        loop {
            ask(&guest, "apis/custom.example.com/v1/pods").await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    tasks.spawn(async move {
        loop {
            let watch = ask(&watcher, "apis/metrics.k8s.io/v1beta1/pods?watch=1");
            // Leaves in the middle.
            let _ = tokio::time::timeout(Duration::from_secs(3), watch).await;
        }
    });
    tasks
}

/// Each second more requests at once than there is room for.
pub(crate) fn crowd(client: &Client) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let client = client.clone();
    tasks.spawn(async move {
        loop {
            let asked = (0..CROWD).map(|_| ask(&client, "apis/custom.example.com/v1/pods"));
            futures::future::join_all(asked).await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    tasks
}

/// Callers whom nobody knows, each with another token: somebody has to be asked about each.
pub(crate) fn strangers(client: &Client) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let client = client.clone();
    tasks.spawn(async move {
        let mut waiting = JoinSet::new();
        let mut pace = interval(STRANGER_PACE);
        for number in 0_u64.. {
            pace.tick().await;
            let request = client.get(url("apis/metrics.k8s.io/v1beta1/nodes"));
            let request = request.header("authorization", format!("Bearer stranger-{number}"));
            waiting.spawn(async move { request.send().await.is_ok() });
            while waiting.try_join_next().is_some() {}
        }
    });
    tasks
}

/// Somebody who speaks no TLS.
pub(crate) fn intruders(port: u16) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut pace = interval(INTRUSION_PACE);
        loop {
            pace.tick().await;
            let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
            let _ = socket.write_all(b"GET / HTTP/1.0\r\n\r\n").await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    });
    tasks
}

/// Whatever the answer is, it is read to its end.
async fn ask(client: &Client, path: &str) {
    match client.get(url(path)).send().await {
        Ok(answer) => drop(answer.bytes().await),
        // The server is away, and nobody else's turn should be taken.
        Err(_) => sleep(PACE).await,
    }
}

fn url(path: &str) -> String {
    format!("https://{SERVER_NAME}/{path}")
}
