//! Three replicas of the program that share scrapes: each kubelet is asked about once a resolution in
//! all, each replica answers for all nodes, and one that dies, leaves or joins is noticed by no reader.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::Scenario;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::look::Look;
use crate::replicas::{Behind, RESOLUTION, Replica, START, get, leases, true_to_the_curve, until_measured};
use crate::support::simulation::Simulation;
use crate::waiting::eventually;

const NODES: u32 = 12;
const PODS: usize = 24;
/// Whole resolutions, so that the grid of each node falls into it as often as it should.
const COUNTED: u32 = 4;
/// Between two looks at what is told within milliseconds, on a machine that does other things too.
const APART: Duration = Duration::from_secs(2);
const NAMES: [&str; 3] = ["one", "two", "three"];
/// Another that accepts no kubelet's certificate.
const AT_FAULT: &str = "four";

/// Costs two minutes, nearly all of it waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kubelet_is_asked_once_and_every_replica_answers_for_all() {
    let folder = tempfile::tempdir().unwrap();
    match run(folder.path()).await {
        Ok(seen) => println!("{}", seen.join("\n")),
        Err(error) => {
            let names = NAMES.iter().chain([&AT_FAULT]);
            let logs = names.map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default());
            panic!("{error}\n{}", logs.collect::<String>());
        }
    }
}

/// What was seen.
async fn run(folder: &Path) -> Result<Vec<String>, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(Scenario::bench(NODES, 2, 2), folder).await?;
    let mut replicas = Vec::new();
    for name in NAMES {
        replicas.push(Replica::start(&simulation, name, folder, &["--scrape-sharing"]).await?);
        divided(&replicas).await?;
    }
    for replica in &replicas {
        until_measured(replica, PODS).await?;
    }
    let mut seen = vec![steady(&simulation, &replicas).await?];

    let flags = ["--scrape-sharing", "--kubelet-server-name", "node"];
    replicas.push(Replica::start(&simulation, AT_FAULT, folder, &flags).await?);
    seen.push(format!("beside one at fault: {}", fresh_again(&replicas).await?));
    let mut at_fault = replicas.remove(NAMES.len());
    in_vain(&at_fault).await?;
    block_in_place(|| at_fault.server.process.stop(START))?;
    divided(&replicas).await?;

    let mut killed = replicas.remove(0);
    killed.server.process.kill()?;
    seen.push(format!("killed: {}", fresh_again(&replicas).await?));
    divided(&replicas).await?;

    let mut stopped = replicas.remove(0);
    block_in_place(|| stopped.server.process.stop(START))?;
    seen.push(format!("stopped: {}", fresh_again(&replicas).await?));
    divided(&replicas).await?;
    leases(&simulation, &[("three", "ready")]).await?;

    replicas.push(Replica::start(&simulation, "one", folder, &["--scrape-sharing"]).await?);
    seen.push(format!("joined: {}", fresh_again(&replicas).await?));
    divided(&replicas).await?;
    Ok(seen)
}

/// Whether this replica has asked its part of the nodes, and never with success.
async fn in_vain(replica: &Replica) -> Result<(), String> {
    let metrics = get(&replica.client, "/metrics").await?;
    let lines = metrics.lines().filter(|line| line.starts_with("kube_vitals_scrapes_total") && !line.ends_with(" 0"));
    let outcomes: Vec<_> = lines.collect();
    let is_in_vain = !outcomes.is_empty() && outcomes.iter().all(|line| !line.contains("\"Success\""));
    if is_in_vain { Ok(()) } else { Err(format!("scrapes of the one at fault: {outcomes:?}")) }
}

/// Until the replicas ask every node once, each of them some.
async fn divided(replicas: &[Replica]) -> Result<(), String> {
    let wanted = u64::from(NODES);
    eventually(RESOLUTION * 3, async || {
        let mut own = Vec::new();
        for replica in replicas {
            let metrics = get(&replica.client, "/metrics").await?;
            let [asked, others] = ["own", "other"].map(|side| {
                let series = format!("kube_vitals_divided_nodes{{replica=\"{side}\"}} ");
                metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok()).unwrap_or_default()
            });
            if asked + others != wanted || asked == 0 {
                return Err(format!("{asked} of {wanted} are its own, {others} others'"));
            }
            own.push(asked);
        }
        if own.iter().sum::<u64>() == wanted { Ok(()) } else { Err(format!("they ask {own:?} nodes")) }
    })
    .await
}

/// Over some resolutions: how often kubelets were asked, and whether the replicas say the same.
async fn steady(simulation: &Simulation, replicas: &[Replica]) -> Result<String, String> {
    let before = simulation.requests();
    let end = Instant::now() + RESOLUTION * COUNTED;
    let (mut compared, mut behind) = (0, BTreeMap::<(usize, usize), Behind>::new());
    while Instant::now() < end {
        let looks = futures::future::try_join_all(replicas.iter().map(|replica| Look::now(&replica.client))).await?;
        for (one, look) in looks.iter().enumerate() {
            all_fresh(look)?;
            compared += true_to_the_curve(&simulation.world, look)?;
            for (two, other) in looks.iter().enumerate() {
                behind.entry((one, two)).or_default().look(&look.served, &other.served)?;
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
    let asked = simulation.requests() - before;
    let wanted = u64::from(NODES * COUNTED);
    let longest = behind.values().map(|behind| behind.longest).max().unwrap_or_default();
    let told = format!(
        "{asked} requests to kubelets, {wanted} are once each; {compared} values equal their curve; one replica was \
         {longest:.1?} behind another at most"
    );
    if asked.abs_diff(wanted) * 10 > wanted || longest > APART {
        return Err(told);
    }
    Ok(told)
}

/// No node's last good scrape is older than two resolutions at any time while the nodes are divided anew.
async fn fresh_again(replicas: &[Replica]) -> Result<String, String> {
    let end = Instant::now() + RESOLUTION * 4;
    let mut oldest = Duration::ZERO;
    while Instant::now() < end {
        for replica in replicas {
            oldest = oldest.max(all_fresh(&Look::now(&replica.client).await?)?);
        }
        sleep(Duration::from_millis(250)).await;
    }
    Ok(format!("the oldest last good scrape of a node was {oldest:.1?} ago"))
}

/// Everything is served, and every node was scraped well within two resolutions: how long ago at most.
fn all_fresh(look: &Look) -> Result<Duration, String> {
    if look.served.len() != PODS || look.scrapes.len() != NODES as usize || !look.missing.is_empty() {
        return Err(format!("{} pods are served, missing: {:?}", look.served.len(), look.missing));
    }
    let age = |scrape: &serde_json::Value| look.age(&scrape["lastSuccess"]);
    let oldest = look.scrapes.values().map(age).max().unwrap_or_default();
    // The time is told in whole seconds.
    if oldest > RESOLUTION * 2 + Duration::from_secs(1) {
        return Err(format!("a node was scraped {oldest:?} ago: {:?}", look.scrapes));
    }
    Ok(oldest)
}
