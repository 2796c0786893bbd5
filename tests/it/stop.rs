//! The program is stopped while clients ask: it says so first, serves on for a while, finishes what
//! it has begun, and no request fails.

use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::Scenario;
use reqwest::Client;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, sleep, timeout};

use crate::look::SERVER;
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::waiting::eventually;

/// Starting, and first usage of everything.
const START: Duration = Duration::from_secs(20);
/// `--shutdown-delay-duration`.
const DELAY: Duration = Duration::from_secs(2);
/// More than enough to drain.
const END: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_program_stops() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("server.log");
    match run(folder.path(), &log).await {
        Ok(answered) => println!("{answered} requests answered"),
        Err(error) => panic!("{error}\n{}", fs::read_to_string(log).unwrap_or_default()),
    }
}

/// How many requests were answered.
async fn run(folder: &Path, log: &Path) -> Result<usize, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(Scenario::bench(2, 10, 1), folder).await?;
    let mut arguments = simulation.serve_arguments();
    let delay = format!("{}s", DELAY.as_secs());
    arguments.extend(["--shutdown-delay-duration".to_owned(), delay]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut server = block_in_place(|| Server::start(free_port()?, &arguments, &[], log))?;
    let http2 = eventually(START, async || simulation.server_client(server.port).await).await?;
    eventually(START, async || expect(&http2, "/readyz", 200).await).await?;

    let mut clients = JoinSet::new();
    for number in 0..8 {
        let builder = simulation.server_client_builder(server.port).await?;
        let builder = if number % 2 == 0 { builder } else { builder.http1_only() };
        clients.spawn(ask_until_refused(builder.build().map_err(|error| error.to_string())?));
    }
    sleep(Duration::from_secs(1)).await;
    server.process.terminate();
    let stopped = Instant::now();
    eventually(DELAY / 2, async || expect(&http2, "/readyz", 500).await).await?;
    while stopped.elapsed() < DELAY * 3 / 4 {
        let newcomer = simulation.server_client(server.port).await?;
        expect(&newcomer, "/apis/custom.example.com/v1/nodes", 200).await?;
        sleep(Duration::from_millis(100)).await;
    }

    let mut answered = 0;
    while let Some(client) = timeout(END, clients.join_next()).await.map_err(|_| "clients still get answers")? {
        let (number, last) = client.map_err(|error| error.to_string())??;
        if last < stopped + DELAY * 3 / 4 {
            return Err("a client was refused while the server should still serve".to_owned());
        }
        answered += number;
    }
    let exit = exit_code(&mut server).await?;
    if exit == Some(0) { Ok(answered) } else { Err(format!("exit code {exit:?}")) }
}

async fn exit_code(server: &mut Server) -> Result<Option<i32>, String> {
    let deadline = Instant::now() + END;
    while Instant::now() < deadline {
        if let Some(status) = server.process.exited() {
            return Ok(status.code());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("still running".to_owned())
}

/// How many requests were answered, and when the last one was.
async fn ask_until_refused(client: Client) -> Result<(usize, Instant), String> {
    let (mut answered, mut last) = (0, Instant::now());
    let mut cut_idle = 0;
    loop {
        match client.get(format!("{SERVER}/apis/metrics.k8s.io/v1beta1/pods")).send().await {
            Ok(answer) => {
                let status = answer.status();
                let body = answer.bytes().await.map_err(|error| format!("cut off: {error:?}"))?;
                if !status.is_success() {
                    return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
                }
                (answered, last, cut_idle) = (answered + 1, Instant::now(), 0);
            }
            Err(error) if error.is_connect() => return Ok((answered, last)),
            // An idle HTTP/1 connection may end as the next request is sent; any client dials again.
            Err(error) if cut_idle == 0 && ended_while_idle(&error) => cut_idle = 1,
            Err(error) => return Err(format!("a request failed: {error:?}")),
        }
    }
}

fn ended_while_idle(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return true;
        }
        cause = error.source();
    }
    false
}

async fn expect(client: &Client, path: &str, code: u16) -> Result<(), String> {
    let answer = client.get(format!("{SERVER}{path}")).send().await.map_err(|error| format!("{path}: {error:?}"))?;
    let status = answer.status();
    if status == code { Ok(()) } else { Err(format!("{path}: {status} instead of {code}")) }
}
