//! `kubectl get` of our resources, in every form it prints.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::environment::Environment;
use crate::support::process::Process;

/// Four rounds.
const WATCHED: Duration = Duration::from_secs(20);
/// What the server is told. Of many pods some have a new reading in every round.
const ROUND: Duration = Duration::from_secs(5);
/// How often a kubelet reads its node; there are few of them.
const READING: Duration = Duration::from_secs(10);
/// How late a line may be on a busy machine.
const SLACK: Duration = Duration::from_secs(2);
const PODS: [&str; 2] = ["pods.metrics.k8s.io", "pods.v1.custom.example.com"];
const NODES_READ: [&str; 2] = ["nodes.metrics.k8s.io", "nodes.v1.custom.example.com"];
const NODES: [&str; 3] = ["nodes.metrics.k8s.io", "nodes.v1.custom.example.com", "nodescrapes.v1.custom.example.com"];

type Checked = Result<(), String>;

/// Tables with columns of ours, more of them when asked for wide ones.
pub(crate) async fn kubectl_get_prints_tables(e: &Environment) -> Checked {
    let (pods, nodes) = (e.nodes.running().count(), e.nodes.world.nodes().count());
    for (resource, rows) in PODS.map(|name| (name, pods)).into_iter().chain(NODES.map(|name| (name, nodes))) {
        let narrow = get(e, &[resource, "-A"])?;
        let wide = get(e, &[resource, "-A", "-o", "wide"])?;
        let columns = |table: &str| table.lines().next().unwrap_or_default().split_whitespace().count();
        expect(resource, narrow.lines().count(), rows + 1)?;
        // Without a table of the server's kubectl prints NAME and AGE.
        if columns(&narrow) < 4 || columns(&wide) <= columns(&narrow) {
            return Err(format!("{resource}: {narrow}\n{wide}"));
        }
        wide.lines().take(2).for_each(|line| println!("  {line}"));
    }
    Ok(())
}

/// JSON and YAML hold the same objects.
pub(crate) async fn kubectl_get_prints_json_and_yaml(e: &Environment) -> Checked {
    for resource in PODS.into_iter().chain(NODES) {
        let json: Value = serde_json::from_str(&get(e, &[resource, "-A", "-o", "json"])?).map_err(text)?;
        let yaml: Value = serde_saphyr::from_str(&get(e, &[resource, "-A", "-o", "yaml"])?).map_err(text)?;
        let names = |list: &Value| -> Vec<Value> {
            let items = list["items"].as_array().into_iter().flatten();
            items.map(|item| serde_json::json!([item["kind"], item["metadata"]["name"]])).collect()
        };
        if names(&json).is_empty() || names(&json) != names(&yaml) {
            return Err(format!("{resource}: {json}\n{yaml}"));
        }
    }
    Ok(())
}

/// The server selects; pages of any size add up to the whole list.
pub(crate) async fn kubectl_get_selects_and_reads_in_chunks(e: &Environment) -> Checked {
    let pods: Vec<_> = e.nodes.running().collect();
    let first = pods.first().ok_or("no pod runs")?;
    let (name, namespace) = (&*first.key.name, &*first.key.namespace);
    let alike = pods.iter().filter(|pod| pod.workload == first.workload).count();
    let together = pods.iter().filter(|pod| pod.key.namespace == first.key.namespace).count();
    for resource in PODS {
        for (arguments, wanted) in [
            (&["-A", "-l", &format!("app={}", first.workload)][..], alike),
            (&["-A", "-l", &format!("app notin ({})", first.workload)], pods.len() - alike),
            (&["-A", "--field-selector", &format!("metadata.name={name}")], 1),
            (&["-A", "--field-selector", &format!("metadata.namespace={namespace}")], together),
            (&["-n", namespace], together),
            (&["-n", namespace, name], 1),
            (&["-A", "--chunk-size=50"], pods.len()),
            (&["-A", "--chunk-size=3"], pods.len()),
            (&["-A", "--chunk-size=0"], pods.len()),
        ] {
            let rows = get(e, &[&[resource, "--no-headers"], arguments].concat())?;
            expect(&format!("{resource} {}", arguments.join(" ")), rows.lines().count(), wanted)?;
        }
    }
    Ok(())
}

/// A watch prints what was there, then changes with every round, of each object sooner or later.
pub(crate) async fn kubectl_get_watches_every_round(e: &Environment) -> Checked {
    let mut watches = Vec::new();
    for (resource, round) in PODS.map(|name| (name, ROUND)).into_iter().chain(NODES_READ.map(|name| (name, READING))) {
        let arguments = ["get", resource, "-A", "--watch", "--no-headers", "--output-watch-events"];
        let mut command = e.kubectl.command(&arguments);
        let kubectl = Process::start("kubectl", command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        watches.push(tokio::task::spawn_blocking(move || (resource, round, watched(kubectl))));
    }
    for watch in watches {
        let (resource, round, seen) = watch.await.map_err(text)?;
        let seen = seen?;
        let of = |event: &'static str| seen.iter().filter(move |(_, line)| line.starts_with(event));
        let (added, modified) = (of("ADDED").count(), of("MODIFIED").count());
        let times: Vec<Duration> = of("MODIFIED").map(|(at, _)| *at).chain([WATCHED]).collect();
        let pause = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(WATCHED);
        println!("  {resource}: {added} were there, {modified} changes in {WATCHED:?}, pauses up to {pause:.1?}");
        if added == 0 || modified < added || added + modified != seen.len() || pause > round + SLACK {
            return Err(format!("{seen:?}"));
        }
    }
    Ok(())
}

/// The lines of a kubectl, and when they came.
fn watched(mut kubectl: Process) -> Result<Vec<(Duration, String)>, String> {
    let lines = kubectl.lines()?;
    let started = Instant::now();
    let mut seen = Vec::new();
    while let Ok(Some(line)) = lines.next(WATCHED.saturating_sub(started.elapsed())) {
        seen.push((started.elapsed(), line));
    }
    Ok(seen)
}

fn get(e: &Environment, arguments: &[&str]) -> Result<String, String> {
    e.kubectl.run(&[&["get"], arguments].concat())
}

fn expect(what: &str, got: usize, wanted: usize) -> Checked {
    if got == wanted { Ok(()) } else { Err(format!("{what}: {got} lines instead of {wanted}")) }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
