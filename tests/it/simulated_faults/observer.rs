//! Asks again and again, and judges every number by the curve it came from.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::simulated_faults::faults::{HANGING, RESTARTING};
use crate::simulated_faults::process::Process;
use crate::simulated_faults::{PASSING, scenario};
use crate::support::judge::{Judge, Lie};

const RESOLUTION: &str = "30s";
pub(super) const MAX_SAMPLE_AGE: Duration = Duration::from_mins(2);
/// How often all that is served is judged.
const LOOK: Duration = Duration::from_secs(30);
/// Two resolutions, a failing node's pause of at most four more, and the watch's of half a minute.
const RECOVERY: Duration = Duration::from_mins(5);
/// A pod's deletion is told within this time.
pub(super) const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// Real time for what the system passes on.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// What is served of the pods that last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// All are fresh, and no pod is served that is gone.
    Fresh,
    /// All are fresh. What has changed in the cluster is not known.
    FreshOfWhatWasKnown,
    /// Nothing is known to be fresh.
    NothingFresh,
    /// As `Fresh`, but for the nodes with faults of their own, of which all but one are served.
    FreshElsewhere,
    /// Nothing is said.
    Anything,
}

/// Asks, and judges every number.
pub(super) struct Observer {
    pub(super) process: Process,
    pub(super) judge: Judge,
    begin: Instant,
    real_begin: UnixMillis,
    looks: u32,
    /// Uids under which passing nodes were served.
    pub(super) machines: BTreeSet<String>,
    pub(super) rows: Vec<String>,
}

impl Observer {
    pub(super) async fn start(doomed: u32, folder: &Path) -> Result<Self, String> {
        let process = Process::start(scenario(doomed), folder, &["--metric-resolution", RESOLUTION]).await?;
        let judge = Judge::new(process.world.clone(), MAX_SAMPLE_AGE);
        let (begin, real_begin) = (Instant::now(), Clock::system().now());
        Ok(Self { process, judge, begin, real_begin, looks: 0, machines: BTreeSet::new(), rows: Vec::new() })
    }

    /// So long, looked at all the while.
    pub(super) async fn goes_on(&mut self, length: Duration, expect: Expect) -> Result<(), String> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            sleep(LOOK.min(end - Instant::now())).await;
            self.look(expect).await?;
        }
        Ok(())
    }

    /// How long until all is as it should be.
    pub(super) async fn recovers(&mut self, from: &str) -> Result<Duration, String> {
        let begin = Instant::now();
        loop {
            let seen = self.look(Expect::Anything).await?;
            match self.missed(&seen, Expect::Fresh) {
                None => return Ok(begin.elapsed()),
                Some(missed) if begin.elapsed() > RECOVERY => return Err(format!("no recovery from {from}: {missed}")),
                Some(_) => sleep(Duration::from_secs(2)).await,
            }
        }
    }

    /// Everything that is served now, none of it untrue; as expected, or so at a second look: what is on its
    /// way takes the system real time, in which the simulated one leaps.
    #[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
    pub(super) async fn look(&mut self, expect: Expect) -> Result<Seen, String> {
        let seen = self.see(expect).await?;
        if self.missed(&seen, expect).is_none() {
            return Ok(seen);
        }
        std::thread::sleep(ON_ITS_WAY);
        sleep(Duration::from_secs(1)).await;
        let seen = self.see(expect).await?;
        match self.missed(&seen, expect) {
            Some(missed) => Err(format!("after {:?}: {missed}", self.begin.elapsed())),
            None => Ok(seen),
        }
    }

    /// Everything that is served now, none of it untrue.
    async fn see(&mut self, expect: Expect) -> Result<Seen, String> {
        self.judge.learn(self.process.theirs.now());
        let list = self.process.get("/apis/custom.example.com/v1/pods").await?;
        let nodes = self.process.get("/apis/custom.example.com/v1/nodes").await?;
        let now = self.process.ours.now();
        self.looks += 1;
        let named =
            |item: &Value| format!("{}/{}", text(&item["metadata"]["namespace"]), text(&item["metadata"]["name"]));
        let items = list["items"].as_array().ok_or("no list")?;
        let named: Vec<(String, &Value)> = items.iter().map(|item| (named(item), item)).collect();
        let mut wrong = self.judge.pods(named.iter().map(|(name, item)| (name, *item)), now, |_| Lie::default());
        let nodes = nodes["items"].as_array().ok_or("no list of nodes")?;
        for node in nodes {
            wrong.extend(self.judge_node(node, expect));
        }
        let ghosts = nodes.iter().filter(|node| self.is_ghost(node)).map(ToString::to_string).collect();
        if !wrong.is_empty() {
            return Err(format!("after {:?}: not true: {wrong:?}", self.begin.elapsed()));
        }
        let fresh =
            named.iter().filter(|(_, item)| item["freshness"] == "Fresh").map(|(name, _)| name.clone()).collect();
        let served: Vec<String> = named.into_iter().map(|(name, _)| name).collect();
        Ok(Seen { pods: served.len(), fresh, served, ghosts })
    }

    /// What is not as expected.
    pub(super) fn missed(&self, seen: &Seen, expect: Expect) -> Option<String> {
        let now = self.process.theirs.now();
        if expect == Expect::Anything {
            return None;
        }
        if expect == Expect::NothingFresh {
            return seen.fresh.first().map(|pod| format!("{pod} is called fresh"));
        }
        let gone = |name: &&String| self.judge.ended(name).is_some_and(|ended| ended + TOLD_WITHIN < now);
        if expect != Expect::FreshOfWhatWasKnown
            && let Some(pod) = seen.served.iter().find(gone)
        {
            return Some(format!("{pod} is gone, and served"));
        }
        if expect != Expect::FreshOfWhatWasKnown
            && let Some(node) = seen.ghosts.first()
        {
            return Some(format!("{node} is told of a machine that is gone at {now}"));
        }
        if expect == Expect::FreshElsewhere {
            let lasting = self.process.world.pods(now).filter(|pod| pod.deleted.is_none() && pod.node != HANGING);
            if let Some(pod) = lasting.map(|pod| pod.key.to_string()).find(|pod| !seen.served.contains(pod)) {
                return Some(format!("{pod} is not served"));
            }
        }
        let is_faulty = |node: u32| expect == Expect::FreshElsewhere && node <= RESTARTING;
        let mut lasting = self.process.world.pods(now).filter(|pod| pod.deleted.is_none() && !is_faulty(pod.node));
        let stale = lasting.find(|pod| !seen.fresh.contains(&pod.key.to_string()));
        stale.map(|pod| format!("{} is not fresh", pod.key))
    }
}

impl std::fmt::Display for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let real = Clock::system().now().since(self.real_begin);
        let (minutes, machines) = (self.begin.elapsed().as_secs() / 60, self.machines.len());
        write!(
            f,
            "{minutes} simulated minutes in {real:?}: {} looks, {} numbers judged, {machines} machines under {PASSING} names",
            self.looks, self.judge.values
        )
    }
}

/// What was served at one moment.
pub(super) struct Seen {
    pub(super) pods: usize,
    pub(super) served: Vec<String>,
    pub(super) fresh: Vec<String>,
    /// Nodes that are told of as machines that are gone.
    pub(super) ghosts: Vec<String>,
}

impl Seen {
    pub(super) fn fresh_of(&self, node: u32, observer: &Observer) -> usize {
        let now = observer.process.theirs.now();
        let lasting = observer.process.world.pods_of_node(node, now).filter(|pod| pod.deleted.is_none());
        lasting.filter(|pod| self.fresh.contains(&pod.key.to_string())).count()
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
