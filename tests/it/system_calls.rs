//! The server lives with the system calls that `deploy/seccomp/kube-vitals.json` allows, and dies of
//! any other: it is started under that list, used in every way that reaches the system, and stopped.
//!
//! Takes some 10 s, most of it waiting.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use kube_vitals::sim::Scenario;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::look::SERVER;
use crate::repository;
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::support::willing_store;
use crate::waiting::eventually;

const PROFILE: &str = "deploy/seccomp/kube-vitals.json";
/// What it takes beside to start a process from here, before it is the server.
const TO_START: [&str; 3] = ["dup2", "pipe2", "wait4"];
const START: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(20);

#[test]
fn the_list_of_system_calls_says_no_to_all_others_and_names_each_once() {
    let profile: Value = serde_json::from_str(&repository::read(PROFILE)).unwrap();
    assert_eq!((&profile["defaultAction"], &profile["defaultErrnoRet"]), (&json!("SCMP_ACT_ERRNO"), &json!(1)));
    assert_eq!(profile["architectures"], json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]));
    let names = names(&profile);
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len());
    for never in ["bpf", "init_module", "keyctl", "kexec_load", "mount", "ptrace", "setns", "setuid", "unshare"] {
        assert!(!names.contains(&never.to_owned()), "{never}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_makes_no_system_call_that_is_not_in_the_list() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        eprintln!("SKIPPED: system calls are filtered on Linux on x86_64 alone, so the list was not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("server.log");
    let ended = run(folder.path(), &log).await;
    let exit = ended.as_ref().ok().and_then(ExitStatus::code);
    assert_eq!(exit, Some(0), "{ended:?}; 31 is a call outside of the list\n{}", fs::read_to_string(log).unwrap());
}

async fn run(folder: &Path, log: &Path) -> Result<ExitStatus, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(Scenario::bench(2, 10, 1), folder).await?;
    let store = willing_store::start().await?.port();
    let config = folder.join("config.yaml");
    // By name, so that it is looked up; one of them is nowhere.
    let engines = format!(
        "export: {{remoteWrite: [{{name: here, url: \"http://localhost:{store}/\"}}, \
         {{name: nowhere, url: \"http://engine.invalid/\"}}]}}"
    );
    fs::write(&config, engines).map_err(|error| error.to_string())?;
    let mut arguments = simulation.serve_arguments();
    arguments.extend([
        "--metric-resolution=5s".to_owned(),
        "--shutdown-delay-duration=1s".to_owned(),
        "--tracing-sampling-rate-per-million=1000000".to_owned(),
        format!("--otlp-endpoint=http://localhost:{store}"),
        format!("--config={}", config.display()),
    ]);
    let mut server = block_in_place(|| start_confined(&arguments, log))?;
    let used = use_it(&simulation, server.port).await;
    let ended = block_in_place(|| server.process.stop(END));
    // That it was killed tells more than that it did not answer.
    ended.and_then(|status| if status.success() { used.map(|()| status) } else { Ok(status) })
}

/// A filter is for the thread that asks for it and for all that it starts.
fn start_confined(arguments: &[String], log: &Path) -> Result<Server, String> {
    std::thread::scope(|scope| {
        let confined = scope.spawn(|| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let port = free_port()?;
            seccompiler::apply_filter(&filter()).map_err(|error| error.to_string())?;
            Server::start(port, &arguments, &[], log)
        });
        confined.join().map_err(|_| "the server cannot be started".to_owned())?
    })
}

/// What the profile allows, with the end of the process for all else: a refusal might go unnoticed.
fn filter() -> seccompiler::BpfProgram {
    let profile: Value = serde_json::from_str(&repository::read(PROFILE)).unwrap();
    let allowed = names(&profile).into_iter().chain(TO_START.map(str::to_owned));
    let allowed: Vec<Value> = allowed.map(|name| json!({"syscall": name})).collect();
    let filter = json!({"server": {"mismatch_action": "kill_process", "match_action": "allow", "filter": allowed}});
    let arch = std::env::consts::ARCH.try_into().unwrap();
    seccompiler::compile_from_json(filter.to_string().as_bytes(), arch).unwrap().remove("server").unwrap()
}

fn names(profile: &Value) -> Vec<String> {
    let groups = profile["syscalls"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["action"] == "SCMP_ACT_ALLOW"));
    let names = groups.iter().flat_map(|group| group["names"].as_array().unwrap());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

async fn use_it(simulation: &Simulation, port: u16) -> Result<(), String> {
    let http2 = eventually(START, async || simulation.server_client(port).await).await?;
    eventually(START, async || get(&http2, "/readyz").await.map(drop)).await?;
    let http1 =
        simulation.server_client_builder(port).await?.http1_only().build().map_err(|error| error.to_string())?;
    let watch = format!("{SERVER}/apis/custom.example.com/v1/pods?watch=1");
    let mut watch = http2.get(watch).send().await.map_err(|error| error.to_string())?;
    for path in ["/metrics", "/metrics/usage", "/livez?verbose", "/apis", "/openapi/v3", "/version", "/nowhere"] {
        // Also refusals are answers.
        let _answered = get(&http1, path).await;
    }
    for list in ["nodes", "pods", "nodescrapes", "pods?labelSelector=app%3Dx&limit=2"] {
        let list = format!("/apis/custom.example.com/v1/{list}");
        tokio::try_join!(get(&http1, &list), get(&http2, &list))?;
    }
    watch.chunk().await.map_err(|error| error.to_string())?;
    // Some rounds of scrapes, of sending usage and spans, and of looking up a name that is nowhere.
    sleep(Duration::from_secs(6)).await;
    get(&http2, "/readyz").await.map(drop)
}

async fn get(client: &Client, path: &str) -> Result<String, String> {
    let request = client.get(format!("{SERVER}{path}")).header("accept-encoding", "gzip");
    let answer = request.send().await.map_err(|error| format!("{path}: {error:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| format!("{path}: {error:?}"))?;
    if status.is_success() { Ok(String::from_utf8_lossy(&body).into_owned()) } else { Err(format!("{path}: {status}")) }
}
