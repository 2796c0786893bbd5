//! The soak from start to end.

use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use tokio::task::block_in_place;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::history::{History, Sample};
use crate::load::Deeds;
use crate::observer::Observer;
use crate::stage::Stage;
use crate::{faults, load, log, rest};

/// Between two samples.
const PERIOD: Duration = Duration::from_secs(5);
/// Between two lines that tell how it goes, in samples.
const PROGRESS: usize = 6;
/// First usage of everything, also where debug code has to share its cores.
const WARM: Duration = Duration::from_secs(90);
/// What the start took is given back by then.
const SETTLED: Duration = Duration::from_secs(10);
/// The delay of a stop, and the drain.
const STOP: Duration = Duration::from_mins(1);

/// Loads the server for `length`.
pub(crate) async fn run(folder: &Path, length: Duration) -> Result<(), String> {
    let mut stage = Stage::start(folder, length + WARM / 2).await?;
    let done = soak(&stage, length).await;
    let status = block_in_place(|| stage.server.process.stop(STOP));
    let mut faults = done.unwrap_or_else(|error| vec![error]);
    faults.extend(log::faults(&stage.log)?);
    match status {
        Ok(status) if status.success() => {}
        ended => faults.push(format!("the program did not end well: {ended:?}")),
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// What was wrong.
async fn soak(stage: &Stage, length: Duration) -> Result<Vec<String>, String> {
    let admin = stage.client(Account::Admin)?;
    let mut observer = Observer::new(stage, admin.clone());
    warm(&mut observer).await?;
    let before = Sample::now(stage.server.process.id(), &admin).await?;
    let (deeds, mut history) = (Deeds::default(), History::begin());
    let mut wrong = tokio::select! {
        wrong = observe(stage, &admin, (&mut observer, &mut history), length) => wrong?,
        ended = load::go_on(stage, &deeds) => return Err(format!("the load ended: {ended:?}")),
        () = faults::go_on(stage) => return Err("the faults ended".to_owned()),
    };
    faults::end(stage);
    stage.engine.recover();
    let (at_rest, truth, unexplained) = rest::wait(stage, &admin, &before).await?;
    println!("{}", history.table(&before, &at_rest, &truth));
    for (what, count) in deeds.counts() {
        println!("{what}: {count}");
    }
    wrong.extend(deeds.complaints());
    wrong.extend(history.faults());
    wrong.extend(unexplained);
    wrong.extend(observer.look_at_rest().await?.into_iter().take(5));
    println!("{} numbers were compared with the curves", observer.judge.values);
    Ok(wrong)
}

/// Until everything is served.
async fn warm(observer: &mut Observer<'_>) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let lacking = observer.lacking().await.unwrap_or_else(|error| vec![error]);
        match lacking.first() {
            None => break,
            Some(first) if begun.elapsed() > WARM => return Err(format!("never begun: {first}")),
            Some(_) => sleep(Duration::from_secs(1)).await,
        }
    }
    println!("all is served after {:.0} s", begun.elapsed().as_secs_f64());
    sleep(SETTLED).await;
    Ok(())
}

/// Every few seconds: a sample, and a look at every number. Ends after `length` with what was not true.
async fn observe(
    stage: &Stage,
    client: &Client,
    (observer, history): (&mut Observer<'_>, &mut History),
    length: Duration,
) -> Result<Vec<String>, String> {
    let (begun, mut wrong, mut ticks) = (Instant::now(), Vec::new(), interval(PERIOD));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 1.. {
        ticks.tick().await;
        history.add(Sample::now(stage.server.process.id(), client).await?);
        wrong.extend(observer.look().await?);
        wrong.truncate(10);
        if tick % PROGRESS == 0 {
            println!("{}", history.progress());
        }
        if begun.elapsed() >= length {
            break;
        }
    }
    Ok(wrong)
}
