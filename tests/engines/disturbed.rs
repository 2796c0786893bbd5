//! Engines that hang, refuse, or are slow, beside a server that has none.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::environment::{Environment, start_server};
use crate::support::server::Server;
use crate::support::usage_of::{peak_resident_bytes, resident_bytes};

/// What is measured at both servers in turn.
const ROUNDS: usize = 300;
/// Answers and scrapes of the one with bad engines take at most this much longer, at the median.
/// Both run at once on the same machine, so that noise meets both.
const RATIO: f64 = 1.3;
/// More than the queues of all three engines together hold.
const MORE_MEMORY_BYTES: u64 = 8 << 20;
/// So small that they are full within the test.
const QUEUE_SAMPLES: usize = 1_000;
/// Certificates and first connections are behind both servers then.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// A dozen scrapes of each node, and time enough for all queues to be full.
const DISTURBED_FOR: Duration = Duration::from_mins(1);

pub(crate) async fn change_nothing(environment: &Environment) -> Result<(), String> {
    let (simulation, folder) = (&environment.simulation, &environment.folder);
    let mut targets = String::new();
    for (name, answers) in [("hangs", Answers::Never), ("refuses", Answers::Refusal), ("slow", Answers::Late)] {
        let address = listen(answers).await?;
        targets += &format!(
            "  - {{name: {name}, url: 'http://{address}/', protocol: v1, timeout: 15s, samplesPerRequest: 300, \
             queueSamples: {QUEUE_SAMPLES}}}\n"
        );
    }
    let disturbed = start_server(simulation, folder, "disturbed", &format!("export:\n  remoteWrite:\n{targets}"))?;
    let quiet = start_server(simulation, folder, "quiet", "export: {}\n")?;
    tokio::time::sleep(SETTLED_AFTER).await;
    scrapes_take_as_long(environment, &quiet, &disturbed).await?;
    answers_take_as_long(environment, &quiet, &disturbed).await?;
    let peaks = [&quiet, &disturbed].map(|server| peak_resident_bytes(server.process.id()));
    let [quiet_peak, disturbed_peak] = [peaks[0].clone()?, peaks[1].clone()?];
    println!("peak of memory: {quiet_peak} bytes without engines, {disturbed_peak} with three bad ones");
    println!("now: {} bytes", resident_bytes(disturbed.process.id())?);
    if disturbed_peak > quiet_peak + MORE_MEMORY_BYTES {
        return Err(format!("memory grew by {} bytes", disturbed_peak - quiet_peak));
    }
    drops_are_counted(&metrics(environment, &disturbed).await?)
}

async fn answers_take_as_long(environment: &Environment, quiet: &Server, disturbed: &Server) -> Result<(), String> {
    let clients = [client(environment, quiet).await?, client(environment, disturbed).await?];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (client, times) in clients.iter().zip(&mut times) {
            let asked = Instant::now();
            get(client, "/apis/custom.example.com/v1/pods").await?;
            times.push(asked.elapsed().as_secs_f64());
        }
    }
    let [quiet, disturbed] = times.map(median);
    told("LIST of all pods, median", quiet, disturbed)
}

async fn scrapes_take_as_long(environment: &Environment, quiet: &Server, disturbed: &Server) -> Result<(), String> {
    let clients = [client(environment, quiet).await?, client(environment, disturbed).await?];
    // By node and the time of the attempt.
    let mut scrapes: [BTreeMap<(String, String), f64>; 2] = Default::default();
    let begun = Instant::now();
    while begun.elapsed() < DISTURBED_FOR {
        for (client, scrapes) in clients.iter().zip(&mut scrapes) {
            let list = get(client, "/apis/custom.example.com/v1/nodescrapes").await?;
            let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
            for item in list["items"].as_array().into_iter().flatten().filter(|item| item["lastAttempt"].is_string()) {
                if item["outcome"] != "Success" {
                    return Err(format!("a scrape failed: {item}"));
                }
                let name = [&item["metadata"]["name"], &item["lastAttempt"]].map(ToString::to_string);
                scrapes.insert(name.into(), item["durationSeconds"].as_f64().ok_or("no duration")?);
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let counts = scrapes.each_ref().map(BTreeMap::len);
    println!("scrapes compared: {counts:?}");
    let [quiet, disturbed] = scrapes.map(|scrapes| median(scrapes.into_values().collect()));
    told("scrape, median", quiet, disturbed)
}

fn told(what: &str, quiet: f64, disturbed: f64) -> Result<(), String> {
    let ratio = disturbed / quiet;
    println!(
        "{what}: {:.3} ms without engines, {:.3} ms with three bad ones, ratio {ratio:.2}",
        quiet * 1e3,
        disturbed * 1e3
    );
    if ratio <= RATIO { Ok(()) } else { Err(format!("{what}: the ratio is {ratio:.2}, above {RATIO}")) }
}

fn drops_are_counted(text: &str) -> Result<(), String> {
    let of = |target: &str, reason: &str| {
        value(text, &format!("kube_vitals_export_dropped_samples_total{{target=\"{target}\",reason=\"{reason}\"}}"))
    };
    let waiting = |target: &str| value(text, &format!("kube_vitals_export_queue_samples{{target=\"{target}\"}}"));
    let counts = [
        ("hangs, unanswered", of("hangs", "unanswered")?),
        ("hangs, queue full", of("hangs", "queue_full")?),
        ("refuses, refused", of("refuses", "refused")?),
        ("slow, taken", value(text, "kube_vitals_export_samples_total{target=\"slow\"}")?),
        ("slow, queue full", of("slow", "queue_full")?),
    ];
    println!("samples: {counts:?}");
    if let Some((what, _)) = counts.iter().find(|(_, count)| *count == 0.0) {
        return Err(format!("{what}: none counted"));
    }
    let full =
        ["hangs", "refuses", "slow"].into_iter().find(|target| waiting(target).is_ok_and(|n| n > QUEUE_SAMPLES as f64));
    full.map_or(Ok(()), |target| Err(format!("{target} has more waiting than its queue holds")))
}

fn value(text: &str, series: &str) -> Result<f64, String> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|rest| rest.trim().parse().ok()).ok_or_else(|| format!("no {series} in:\n{text}"))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

async fn client(environment: &Environment, server: &Server) -> Result<(reqwest::Client, u16), String> {
    Ok((environment.simulation.server_client(server.port).await?, server.port))
}

async fn get((client, port): &(reqwest::Client, u16), path: &str) -> Result<String, String> {
    let url = format!("https://custom-api.custom-api.svc:{port}{path}");
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(|error| format!("{error:?}"))?.text().await.map_err(|error| error.to_string())
}

async fn metrics(environment: &Environment, server: &Server) -> Result<String, String> {
    get(&client(environment, server).await?, "/metrics").await
}

/// How a bad engine answers.
#[derive(Clone, Copy)]
enum Answers {
    Never,
    Refusal,
    /// So late that more samples come than it takes.
    Late,
}

async fn listen(answers: Answers) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, answers));
        }
    });
    Ok(address)
}

/// Reads one request to its end and answers it; then the connection is closed.
async fn answer(mut stream: TcpStream, answers: Answers) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
            _ => return,
        }
        if is_whole(&request) {
            break;
        }
    }
    match answers {
        Answers::Never => std::future::pending().await,
        Answers::Refusal => {}
        Answers::Late => tokio::time::sleep(Duration::from_secs(12)).await,
    }
    let head: &[u8] = match answers {
        Answers::Refusal => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
        _ => b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    };
    let _ = stream.write_all(head).await;
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}
