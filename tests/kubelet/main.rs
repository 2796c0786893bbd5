//! One real node: a kubelet with containers of known usage, joined to a real control plane and
//! served by the release binary through the aggregator.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a suite that measures real time and prints what it saw"
)]

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod node;
mod observe;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::node::Node;
use crate::support::control_plane::{ControlPlane, binaries};
use crate::support::deployment;
use crate::support::kubectl::Kubectl;
use crate::support::server::{Server, free_port};

/// Over how long served values are compared with true ones.
const WATCHED: Duration = Duration::from_secs(100);
/// First usage of every running pod after the start of the process.
const FIRST_USAGE_LIMIT: Duration = Duration::from_secs(3);
/// Of the time a container truly runs, the share that its pod is served.
const SERVED_SHARE: f64 = 0.95;

fn main() {
    let arguments = Arguments::from_args();
    let lacking = node::lacking();
    if let Some(lacking) = &lacking {
        println!("SKIPPED: no suite against a real kubelet: {lacking}");
    }
    let trial = Trial::test("one_real_node_is_served_as_its_control_groups_count", run);
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(lacking.is_some())]).exit();
}

fn run() -> Result<(), Failed> {
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = tempfile::Builder::new().prefix("kv-node").tempdir()?;
    runtime.block_on(served_as_counted(folder.path())).map_err(Failed::from)
}

async fn served_as_counted(folder: &Path) -> Result<(), String> {
    let control_plane = ControlPlane::start(&folder.join("cp"), None)?;
    let admin = control_plane.kubeconfig("admin")?;
    let kubectl = Kubectl::new(&binaries()?.join("kubectl"), admin, folder);
    let port = free_port()?;
    deployment::apply(&kubectl, folder, port)?;
    let server_kubeconfig = folder.join("server.kubeconfig");
    deployment::server_kubeconfig(&kubectl, admin, &server_kubeconfig)?;

    let node = Node::up(&folder.join("node"), &folder.join("cp"))?;
    kubectl.run(&["-n", "work", "wait", "pod", "--all", "--for=condition=Ready=True", "--timeout=5s"]).ok();
    let sampler = truth::Sampler::start(&folder.join("node"));
    let client = client(admin).await?;
    wait_for_running(&client, 8).await?;

    let kubelet_port = node.facts.port.to_string();
    let authority = node.facts.kubelet_ca.to_string_lossy().into_owned();
    let kubeconfig = server_kubeconfig.to_string_lossy().into_owned();
    let started = Instant::now();
    let mut server = Server::start(
        port,
        &[
            "--kubeconfig",
            &kubeconfig,
            "--kubelet-port",
            &kubelet_port,
            "--kubelet-certificate-authority",
            &authority,
            "--kubelet-preferred-address-types",
            "Hostname",
            "--log-filter",
            "warn",
        ],
        &[],
        &folder.join("server.log"),
    )?;
    let verdict = judge(&client, sampler, started).await;
    let stopped = server.process.stop(Duration::from_secs(30))?;
    if verdict.is_err() {
        println!("{}", std::fs::read_to_string(folder.join("server.log")).unwrap_or_default());
    }
    verdict?;
    if stopped.success() { Ok(()) } else { Err(format!("the server left with {stopped}")) }
}

async fn judge(client: &kube::Client, sampler: truth::Sampler, started: Instant) -> Result<(), String> {
    let first = first_usage(client, started).await?;
    println!("first usage of every running container {:.2} s after start", first.as_secs_f64());
    let looks = observe::watch(client, WATCHED).await?;
    println!("{} looks over {} s", looks.len(), WATCHED.as_secs());
    let mut faults = compare::dishonest_times(&looks);
    let runs = sampler.finish();
    let verdicts = compare::values(&looks, &runs);
    for (name, verdict) in &verdicts {
        println!(
            "{name}: {} answers ({} first windows, the shortest {} ms; {} more of unknown truth), CPU {:.2} m true, {:.2} m served, \
             off by {:.2} % at worst; memory by {:.2} %",
            verdict.answers,
            verdict.first_windows,
            verdict.shortest_window.unwrap_or_default(),
            verdict.unknown,
            verdict.last_cpu.0,
            verdict.last_cpu.1,
            verdict.worst_cpu * 100.0,
            verdict.worst_memory * 100.0
        );
        faults.extend(verdict.faults.iter().map(|fault| format!("{name}: {fault}")));
    }
    faults.extend(hardly_compared(&looks, &verdicts));
    if verdicts.values().all(|verdict| verdict.first_windows == 0) {
        faults.push("no first window after a start was compared".to_owned());
    }
    faults.extend(absences(&looks, &runs));
    if first > FIRST_USAGE_LIMIT {
        faults.push(format!("first usage took {first:?}"));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Containers that ran most of the time and of which no two answers were compared; what ran for
/// some seconds only may have been scraped before its truth was known.
fn hardly_compared(looks: &[observe::Look], verdicts: &BTreeMap<String, compare::Verdict>) -> Vec<String> {
    let often = |name: &str| looks.iter().filter(|look| look.running.contains_key(name)).count() * 2 > looks.len();
    let names: BTreeSet<&String> = looks.iter().flat_map(|look| look.running.keys()).collect();
    names
        .into_iter()
        .filter(|name| often(name) && verdicts.get(*name).is_none_or(|verdict| verdict.answers < 2))
        .map(|name| format!("{name}: no two answers were compared"))
        .collect()
}

fn absences(looks: &[observe::Look], runs: &[truth::Run]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, presence) in compare::presence(looks, runs) {
        let share = f64::from(presence.served_alive) / f64::from(presence.alive.max(1));
        println!(
            "{name}: served at {} of {} looks while running by its status, {:.1} % of its true life",
            presence.served,
            presence.running,
            share * 100.0
        );
        if presence.served < presence.running || (presence.running > 0 && share < SERVED_SHARE) {
            faults.push(format!(
                "{name}: not served all the time it ran: at {} of {} looks while running by its status, {:.1} % of its true \
                 life; absent at {:?}",
                presence.served,
                presence.running,
                share * 100.0,
                presence.absences
            ));
        }
    }
    faults
}

async fn first_usage(client: &kube::Client, started: Instant) -> Result<Duration, String> {
    let mut last = String::from("no answer yet");
    while started.elapsed() < Duration::from_mins(1) {
        match observe::look(client).await {
            Ok(look) if !look.running.is_empty() => {
                let missing: Vec<_> = look.running.keys().filter(|name| !look.containers.contains_key(*name)).collect();
                if missing.is_empty() {
                    return Ok(started.elapsed());
                }
                last = format!("no usage of {missing:?}");
            }
            Ok(_) => "nothing runs".clone_into(&mut last),
            Err(error) => last = error,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("no first usage within 60 s: {last}"))
}

/// Waits until `count` containers run at once, so that the first look has all of them to find.
async fn wait_for_running(client: &kube::Client, count: usize) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let pods = observe::json(client, "/api/v1/namespaces/work/pods").await?;
        let statuses = pods["items"].as_array().into_iter().flatten();
        let running = statuses
            .flat_map(|pod| ["containerStatuses", "initContainerStatuses"].map(|field| &pod["status"][field]))
            .flat_map(|statuses| statuses.as_array().into_iter().flatten())
            .filter(|status| status["state"]["running"].is_object())
            .count();
        if running >= count {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("only {running} containers run, {count} wanted"));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn client(kubeconfig: &Path) -> Result<kube::Client, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let text = |error: &dyn std::error::Error| error.to_string();
    let file = kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| text(&error))?;
    let config = kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default())
        .await
        .map_err(|error| text(&error))?;
    kube::Client::try_from(config).map_err(|error| text(&error))
}

/// Unix milliseconds.
fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
