//! Hours of faults in a minute: what watches, scrapes, stores and answers, on simulated time. Every number
//! that is served is judged, each fault has its time and its recovery, and nothing is left behind.
//!
//! The table that it prints is kept in `docs/faults.md`.

#![expect(clippy::print_stdout, reason = "the table, for people")]

mod faults;
mod left_behind;
mod machines;
mod observer;
mod process;

use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::control_plane::Trouble;
use kube_vitals::sim::{Lifetime, Scenario, Workload};

use self::observer::{Expect, MAX_SAMPLE_AGE, Observer};

const NODES: u32 = 8;
/// Nodes that come and go, each time as another machine of the same name.
const PASSING: u32 = 2;
/// Pods of a node that are deleted at one moment, together more than a thousand; that last; and that
/// come and go.
const DOOMED: u32 = 130;
const LASTING: u32 = 3;
const BRIEF: u32 = 1;
/// When the doomed are deleted.
const DOOM: Duration = Duration::from_secs(90);

#[tokio::test(start_paused = true)]
async fn hours_of_faults_are_survived_without_an_untrue_number_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = run(folder.path()).await {
        panic!("{error}");
    }
}

async fn run(folder: &Path) -> Result<(), String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut rows = doom(folder).await?;
    let mut observer = Observer::start(0, folder).await?;
    observer.recovers("the start").await?;
    observer.goes_on(Duration::from_mins(3), Expect::Fresh).await?;
    let before = observer.process.sizes();
    observer.api_server_away().await?;
    for trouble in [Trouble::Expired, Trouble::Stalled, Trouble::Garbage, Trouble::TooManyRequests] {
        observer.trouble(trouble).await?;
    }
    observer.clock_steps().await?;
    observer.kubelets().await?;
    observer.goes_on(Duration::from_mins(3), Expect::Fresh).await?;
    observer.judge_sizes(&before)?;
    rows.append(&mut observer.rows);
    println!("{}\n{observer}", rows.join("\n"));
    Ok(())
}

/// A thousand pods are deleted at one moment; in a cluster of its own, since so many make hours long.
async fn doom(folder: &Path) -> Result<Vec<String>, String> {
    let mut observer = Observer::start(DOOMED, folder).await?;
    observer.recovers("the start").await?;
    observer.doom().await?;
    // Whatever is kept because of what was deleted is gone by then.
    observer.goes_on(MAX_SAMPLE_AGE, Expect::Fresh).await?;
    observer.judge_records()?;
    Ok(observer.rows)
}

fn scenario(doomed: u32) -> Scenario {
    let mut scenario = Scenario::bench(NODES, doomed + LASTING + BRIEF, 1);
    scenario.passing_nodes = PASSING;
    let steady = scenario.workloads[0].clone();
    let lifetime = Some(Lifetime { shortest: Duration::from_mins(2), longest: Duration::from_mins(6) });
    let ends = Workload { name: "doomed".into(), ends: Some(DOOM), ..steady.clone() };
    let brief = Workload { name: "brief".into(), lifetime, ..steady.clone() };
    let copies = [(ends, doomed), (steady, LASTING), (brief, BRIEF)];
    scenario.workloads =
        copies.into_iter().flat_map(|(workload, count)| std::iter::repeat_n(workload, count as usize)).collect();
    scenario
}
