//! Replicas that share scrapes, behind the real aggregator and by the rights of `deploy/`: each kubelet
//! is asked about once a resolution, and under load nobody notices.

use std::time::Duration;

use crate::environment::{Environment, eventually};
use crate::replicas_change::until_rates_are_known;
use crate::replicas_load::Load;

const SHARING: &str = "--scrape-sharing";
const RESOLUTION: Duration = Duration::from_secs(5);
/// Over how many resolutions requests to kubelets are counted.
const COUNTED: u32 = 4;
/// Requests a second.
const RATE: u32 = 200;
/// A new replica is ready, the nodes are divided, and each was asked by its new replica.
const DIVIDED: Duration = Duration::from_secs(30);

/// Two that share take the place of one that does not, and give it back.
pub(crate) async fn shared_scrapes_ask_each_kubelet_once(e: &Environment) -> Result<(), String> {
    until_rates_are_known(e).await?;
    let load = Load::begin(e, RATE).await?;
    let counted = count_shared(e).await;
    let back = e.replicas.start(0).await;
    for replica in [1, 2] {
        e.replicas.stop(replica).await?;
    }
    let seen = load.end().await?;
    let asked = counted?;
    back?;
    let wanted = u64::from(e.nodes.world.scenario().nodes * COUNTED);
    println!("  {asked} requests to kubelets in {COUNTED} resolutions, {wanted} are once each");
    println!(
        "  {} requests of clients, {} failed, {} lacked something",
        seen.asked,
        seen.failed.len(),
        seen.lacking.len()
    );
    if let Some(failed) = seen.failed.first() {
        return Err(format!("{}: {}", failed.path, failed.how));
    }
    if let Some(lacking) = seen.lacking.first() {
        return Err(lacking.clone());
    }
    // Of a node that is asked at the edge of the time one more or one less is counted; alone, each replica
    // would ask as often.
    if asked.abs_diff(wanted) > u64::from(e.nodes.world.scenario().nodes) / 2 {
        return Err(format!("{asked} requests to kubelets, {wanted} are once each"));
    }
    Ok(())
}

/// Requests to kubelets while two replicas share them.
async fn count_shared(e: &Environment) -> Result<u64, String> {
    for replica in [1, 2] {
        e.replicas.start_with(replica, &[SHARING]).await?;
    }
    e.replicas.stop(0).await?;
    eventually(DIVIDED, async || {
        let asked = requests_within(e, RESOLUTION).await;
        let nodes = u64::from(e.nodes.world.scenario().nodes);
        if asked <= nodes { Ok(()) } else { Err(format!("{asked} requests to {nodes} kubelets in a resolution")) }
    })
    .await?;
    Ok(requests_within(e, RESOLUTION * COUNTED).await)
}

async fn requests_within(e: &Environment, time: Duration) -> u64 {
    let requests = || (0..e.nodes.world.scenario().nodes).map(|node| e.nodes.fleet.requests(node)).sum::<u64>();
    let before = requests();
    tokio::time::sleep(time).await;
    requests() - before
}
