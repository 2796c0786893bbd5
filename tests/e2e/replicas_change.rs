//! Replicas come, go and die under load, through the real aggregator: nobody notices.

use std::time::{Duration, Instant};

use crate::environment::{Environment, eventually};
use crate::replicas_load::{Failed, Load, Seen, is_by_kubelet};

/// Requests a second.
const RATE: u32 = 500;
/// Below this the machine was too busy for the run to tell anything.
const LEAST_RATE: f64 = 100.0;
/// What is asked of replicas that stay as they are, before, between and after.
const STEADY: Duration = Duration::from_secs(2);
/// Two rounds and some.
const SETTLED: Duration = Duration::from_secs(30);

type Checked = Result<(), String>;

/// Replicas are replaced as a Deployment does it: the new one first, then an old one goes.
pub(crate) async fn a_rolling_update_under_load_fails_no_request(e: &Environment) -> Checked {
    begin_with_two(e).await?;
    let load = Load::begin(e, RATE).await?;
    let rolled = roll(e).await;
    let seen = load.end().await?;
    rolled?;
    tell("a rolling update of two replicas", &seen);
    e.replicas.stop(1).await?;
    no_other_failed(&seen, |_| false)?;
    whole(&seen)
}

/// Starts the second, when the first knows every rate from two samples.
async fn begin_with_two(e: &Environment) -> Checked {
    until_rates_are_known(e).await?;
    e.replicas.start(1).await
}

/// Waits until every rate is from two samples.
pub(crate) async fn until_rates_are_known(e: &Environment) -> Checked {
    eventually(SETTLED, async || match e.admin.answer("/apis/custom.example.com/v1/pods").await? {
        (status, body) if status.is_success() && !is_by_kubelet(&body) => Ok(()),
        (status, _) => Err(format!("{status}: rates are still the kubelet's own")),
    })
    .await
}

async fn roll(e: &Environment) -> Checked {
    tokio::time::sleep(STEADY).await;
    for (new, old) in [(2, 0), (0, 1), (1, 2)] {
        e.replicas.start(new).await?;
        e.replicas.stop(old).await?;
        tokio::time::sleep(STEADY).await;
    }
    Ok(())
}

/// Each of two replicas is ended in turn as Kubernetes kills a pod that is deleted, evicted or drained:
/// SIGTERM, and nobody in its place. The other one carries all of the load meanwhile.
pub(crate) async fn a_deleted_replica_fails_no_request(e: &Environment) -> Checked {
    begin_with_two(e).await?;
    let load = Load::begin(e, RATE).await?;
    let deleted = delete_both(e).await;
    let seen = load.end().await?;
    deleted?;
    tell("each of two replicas deleted", &seen);
    e.replicas.stop(1).await?;
    no_other_failed(&seen, |_| false)?;
    whole(&seen)
}

async fn delete_both(e: &Environment) -> Checked {
    tokio::time::sleep(STEADY).await;
    for index in [0, 1] {
        e.replicas.stop(index).await?;
        tokio::time::sleep(STEADY).await;
        e.replicas.start(index).await?;
        tokio::time::sleep(STEADY).await;
    }
    Ok(())
}

/// Each of two replicas is killed in turn, so that the one that carries the aggregator's connection
/// is among them. What dies with it, and nothing else, is what it was asked at that moment, and what
/// was sent to its address until the endpoint was gone.
pub(crate) async fn a_killed_replica_costs_only_what_it_was_asked(e: &Environment) -> Checked {
    begin_with_two(e).await?;
    let load = Load::begin(e, RATE).await?;
    let killed = kill_both(e).await;
    let seen = load.end().await?;
    let kills = killed?;
    e.replicas.stop(1).await?;
    tell("two kills", &seen);
    let died = |failed: &Failed| kills.iter().any(|&(dead, _)| failed.sent <= dead && dead <= failed.ended);
    let refused = |failed: &Failed| kills.iter().any(|&(dead, gone)| dead < failed.sent && failed.sent < gone);
    let count = |is_it: &dyn Fn(&Failed) -> bool| seen.failed.iter().filter(|failed| is_it(failed)).count();
    println!("  of them {} were under way in the replica that died", count(&died));
    println!("  and {} were sent to its address before the endpoint was gone", count(&refused));
    // Each is an answer of the aggregator's own, for want of one of ours, or visibly broken off where ours had
    // begun.
    let is_told = |failed: &Failed| failed.how.contains("error trying to reach service");
    let is_broken_off = |failed: &Failed| failed.how.contains("cut off") && died(failed);
    no_other_failed(&seen, |failed| is_broken_off(failed) || (is_told(failed) && (died(failed) || refused(failed))))?;
    whole(&seen)
}

async fn kill_both(e: &Environment) -> Result<[(Instant, Instant); 2], String> {
    tokio::time::sleep(STEADY).await;
    let mut kills = [(Instant::now(), Instant::now()); 2];
    for (index, kill) in kills.iter_mut().enumerate() {
        *kill = e.replicas.kill(index).await?;
        tokio::time::sleep(STEADY).await;
        e.replicas.start(index).await?;
        tokio::time::sleep(STEADY).await;
    }
    Ok(kills)
}

fn tell(what: &str, seen: &Seen) {
    let (asked, lists, rate, took) = (seen.asked, seen.lists, seen.rate(), seen.took);
    println!("  {what}: {asked} requests ({lists} lists) in {took:.1?}, {rate:.0} a second");
    println!("  {} failed, {} lists lacked something", seen.failed.len(), seen.lacking.len());
}

/// No request failed but those that are known to.
fn no_other_failed(seen: &Seen, is_known: impl Fn(&Failed) -> bool) -> Checked {
    let others = seen.failed.iter().filter(|failed| !is_known(failed));
    let told = others.map(|failed| format!("{} after {:?}: {}", failed.path, failed.ended - failed.sent, failed.how));
    let told: Vec<_> = told.collect();
    if told.is_empty() { Ok(()) } else { Err(format!("{} failed:\n{}", told.len(), first(&told))) }
}

/// Nothing was missing, and the run was one.
fn whole(seen: &Seen) -> Checked {
    if !seen.lacking.is_empty() {
        return Err(format!("{} answers lacked something:\n{}", seen.lacking.len(), first(&seen.lacking)));
    }
    let rate = seen.rate();
    if rate < LEAST_RATE { Err(format!("only {rate:.0} requests a second were made")) } else { Ok(()) }
}

fn first(told: &[String]) -> String {
    told.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n")
}
