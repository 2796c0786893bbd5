//! What a client sees: the first usage, lists, single pods.

use std::time::{Duration, Instant};

use crate::simulation::Simulation;

const PODS: &str = "https://custom-api.custom-api.svc/apis/metrics.k8s.io/v1beta1/pods";
/// Lists and single reads measured.
const LISTS: u32 = 7;
const GETS: u32 = 2000;

/// Waits until all `pods` are served and prints how long that took; a client for more, and that time.
pub(crate) async fn first_usage(
    simulation: &Simulation,
    port: u16,
    pods: u64,
    started: Instant,
) -> Result<(reqwest::Client, Duration), String> {
    let limit = Duration::from_mins(3);
    let mut told = String::new();
    while started.elapsed() < limit {
        match served(simulation, port).await {
            Ok((client, served)) if served == pods => {
                let took = started.elapsed();
                println!("first usage of all {pods} pods {:.2} s after start", took.as_secs_f64());
                return Ok((client, took));
            }
            Ok((_, served)) => told = format!("{served} of {pods} pods"),
            Err(error) => told = error,
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(format!("not all pods are served after {limit:?}: {told}"))
}

/// Lists all pods a few times and prints time and size; how often they were listed.
pub(crate) async fn lists(client: &reqwest::Client, pods: u64) -> Result<u32, String> {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..LISTS {
        let asked = Instant::now();
        let body = get(client, PODS).await?;
        times.push(asked.elapsed());
        bytes = body.len();
    }
    times.sort();
    println!(
        "LIST of {pods} pods, {:.1} MB JSON: least {:.3} s, median {:.3} s of {LISTS}",
        bytes as f64 / 1e6,
        times[0].as_secs_f64(),
        times[times.len() / 2].as_secs_f64()
    );
    Ok(LISTS)
}

/// Reads one pod many times, one after the other, and prints percentiles; how often it was read.
pub(crate) async fn gets(client: &reqwest::Client) -> Result<u32, String> {
    let list: serde_json::Value =
        serde_json::from_slice(&get(client, PODS).await?).map_err(|error| error.to_string())?;
    let metadata = &list["items"][0]["metadata"];
    let name = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
    let path = PODS.replace("/pods", &format!("/namespaces/{}/pods/{}", name("namespace"), name("name")));
    let mut times = Vec::new();
    for _ in 0..GETS {
        let asked = Instant::now();
        get(client, &path).await?;
        times.push(asked.elapsed());
    }
    times.sort();
    let percentile = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1000.0;
    println!("GET of one pod: p50 {:.3} ms, p99 {:.3} ms of {GETS}", percentile(50), percentile(99));
    Ok(GETS)
}

async fn served(simulation: &Simulation, port: u16) -> Result<(reqwest::Client, u64), String> {
    let client = simulation.server_client(port).await?;
    let body = get(&client, PODS).await?;
    // Every item has one; far cheaper than parsing, on the cores that the server needs.
    let items = body.windows(12).filter(|window| window == b"\"timestamp\":").count();
    Ok((client, items as u64))
}

/// The body of a good answer.
pub(crate) async fn get(client: &reqwest::Client, url: &str) -> Result<bytes::Bytes, String> {
    let answer = client.get(url).send().await.map_err(|error| format!("{url}: {error:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| format!("{url}: {error:?}"))?;
    if status.is_success() { Ok(body) } else { Err(format!("{url}: {status}: {}", String::from_utf8_lossy(&body))) }
}
