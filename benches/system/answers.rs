//! What a client sees: the first usage, lists, single pods.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::client::{self, Door, Protocol};
use crate::simulation::Simulation;
use crate::{cpu, usage_of};

const PODS: &str = "https://custom-api.custom-api.svc/apis/metrics.k8s.io/v1beta1/pods";
/// All pods, on a connection that is there.
pub(crate) const LIST_PATH: &str = "/apis/metrics.k8s.io/v1beta1/pods";
/// Lists and single reads measured.
const LISTS: u32 = 7;
const GETS: usize = 4000;

/// Waits until all `pods` are served and prints how long that took; a client for more, and that time.
/// Without an authority the server is known by what it has put into its APIService.
pub(crate) async fn first_usage(
    simulation: &Simulation,
    port: u16,
    authority_pem: Option<&[u8]>,
    pods: u64,
    started: Instant,
) -> Result<(reqwest::Client, Duration), String> {
    let limit = Duration::from_mins(3);
    let mut told = String::new();
    while started.elapsed() < limit {
        match served(simulation, port, authority_pem).await {
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

/// Lists all pods a few times and prints times and size.
pub(crate) async fn lists(door: &Door, id: u32, pods: u64) -> Result<(), String> {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut connection = door.connect(protocol).await?;
        let (mut firsts, mut lasts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let cpu = usage_of::cpu_seconds(id)?;
        for _ in 0..LISTS {
            let asked = Instant::now();
            let mut body = connection.get(LIST_PATH).await?.into_body();
            bytes = 0;
            while let Some(frame) = body.frame().await {
                if bytes == 0 {
                    firsts.push(asked.elapsed());
                }
                bytes += frame.map_err(client::text)?.data_ref().map_or(0, Bytes::len);
            }
            lasts.push(asked.elapsed());
        }
        let cpu = (usage_of::cpu_seconds(id)? - cpu) * 1000.0 / f64::from(LISTS);
        firsts.sort();
        lasts.sort();
        let millis = |times: &[Duration], place: usize| times[place].as_secs_f64() * 1000.0;
        println!(
            "LIST of {pods} pods, {:.1} MB JSON, {protocol:?}: last byte after {:.0} ms at least, {:.0} ms median; \
             first after {:.1} ms median, {:.1} ms at most of {LISTS}; {cpu:.0} ms CPU with scrapes",
            bytes as f64 / 1e6,
            millis(&lasts, 0),
            millis(&lasts, lasts.len() / 2),
            millis(&firsts, firsts.len() / 2),
            millis(&firsts, firsts.len() - 1),
        );
    }
    Ok(())
}

/// Reads one pod many times, one after the other and by many at once, and prints percentiles.
pub(crate) async fn gets(door: &Door, id: u32) -> Result<(), String> {
    let path = first_pod(door).await?;
    for (protocol, clients) in
        [(Protocol::Http1, 1), (Protocol::Http2, 1), (Protocol::Http1, 16), (Protocol::Http2, 16)]
    {
        let before = (usage_of::cpu_seconds(id)?, cpu::answering_seconds(id)?);
        let mut reading = tokio::task::JoinSet::new();
        for _ in 0..clients {
            let (mut connection, path) = (door.connect(protocol).await?, path.clone());
            reading.spawn(async move {
                let mut times = Vec::new();
                for _ in 0..GETS / clients {
                    let asked = Instant::now();
                    connection.drain(&path).await?;
                    times.push(asked.elapsed());
                }
                Ok::<_, String>(times)
            });
        }
        let mut times = Vec::new();
        while let Some(read) = reading.join_next().await {
            times.extend(read.map_err(client::text)??);
        }
        times.sort();
        let each = |seconds: f64| seconds * 1000.0 / times.len() as f64;
        let percentile = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1000.0;
        println!(
            "GET of one pod, {clients} connections, {protocol:?}: p50 {:.3} ms, p99 {:.3} ms of {}; CPU of the \
             threads that answer {:.4} ms, of all with scrapes {:.3} ms",
            percentile(50),
            percentile(99),
            times.len(),
            each(cpu::answering_seconds(id)? - before.1),
            each(usage_of::cpu_seconds(id)? - before.0),
        );
    }
    Ok(())
}

/// The path of some pod.
async fn first_pod(door: &Door) -> Result<String, String> {
    let mut connection = door.connect(Protocol::Http1).await?;
    let body = connection.get(&format!("{LIST_PATH}?limit=1")).await?.into_body();
    let list = body.collect().await.map_err(client::text)?.to_bytes();
    let list: serde_json::Value = serde_json::from_slice(&list).map_err(client::text)?;
    let metadata = &list["items"][0]["metadata"];
    let name = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
    Ok(LIST_PATH.replace("/pods", &format!("/namespaces/{}/pods/{}", name("namespace"), name("name"))))
}

async fn served(
    simulation: &Simulation,
    port: u16,
    authority_pem: Option<&[u8]>,
) -> Result<(reqwest::Client, u64), String> {
    let client = match authority_pem {
        Some(pem) => simulation.client_of(pem, port)?.build().map_err(client::text)?,
        None => simulation.server_client(port).await?,
    };
    let body = get(&client, PODS).await?;
    // Every item has one; far cheaper than parsing, on the cores that the server needs.
    let items = body.windows(12).filter(|window| window == b"\"timestamp\":").count();
    Ok((client, items as u64))
}

/// The body of a good answer.
pub(crate) async fn get(client: &reqwest::Client, url: &str) -> Result<Bytes, String> {
    let answer = client.get(url).send().await.map_err(|error| format!("{url}: {error:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| format!("{url}: {error:?}"))?;
    if status.is_success() { Ok(body) } else { Err(format!("{url}: {status}: {}", String::from_utf8_lossy(&body))) }
}
