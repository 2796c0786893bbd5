//! Hours of faults in a minute: what watches, scrapes, stores and answers, on simulated time. Every number
//! that is served is judged, each fault has its time and its recovery, and nothing is left behind.
//!
//! The table that it prints is kept in `docs/faults.md`.

#![expect(clippy::print_stdout, reason = "the table, for people")]

mod process;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::control_plane::Trouble;
use kube_vitals::sim::{Basis, Fault, Lifetime, Scenario, SimNode, Workload};
use kube_vitals::usage::{Bytes, Nanocores};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use self::process::{Process, Sizes};
use crate::support::judge::{Judge, Lie};

const RESOLUTION: &str = "30s";
const MAX_SAMPLE_AGE: Duration = Duration::from_mins(2);
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
/// How often all that is served is judged.
const LOOK: Duration = Duration::from_secs(30);
/// How long most troubles last.
const TROUBLE: Duration = Duration::from_mins(10);
/// An hour, which a clock is off after a wrong time zone.
const HOUR_MILLIS: i64 = 3_600_000;
/// Two resolutions, a failing node's pause of at most four more, and the watch's of half a minute.
const RECOVERY: Duration = Duration::from_mins(5);
/// A pod's deletion is told within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// Real time for what the system passes on.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
/// Which nodes have faults of their own.
const HANGING: u32 = 0;
const FLAPPING: u32 = 1;
const RESTARTING: u32 = 2;
/// Pools of shared copies are not swept below this size (`src/cluster/intern.rs`); each machine under a new
/// name leaves one.
const UNSWEPT: f64 = 1024.0;

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

/// What is served of the pods that last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
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
struct Observer {
    process: Process,
    judge: Judge,
    begin: Instant,
    real_begin: UnixMillis,
    looks: u32,
    /// Uids under which passing nodes were served.
    machines: BTreeSet<String>,
    rows: Vec<String>,
}

impl Observer {
    async fn start(doomed: u32, folder: &Path) -> Result<Self, String> {
        let process = Process::start(scenario(doomed), folder, &["--metric-resolution", RESOLUTION]).await?;
        let judge = Judge::new(process.world.clone(), MAX_SAMPLE_AGE);
        let (begin, real_begin) = (Instant::now(), Clock::system().now());
        Ok(Self { process, judge, begin, real_begin, looks: 0, machines: BTreeSet::new(), rows: Vec::new() })
    }

    /// A thousand pods are deleted at one moment.
    async fn doom(&mut self) -> Result<(), String> {
        let before = self.look(Expect::Anything).await?.pods;
        while self.process.theirs.now() < self.process.world.origin() + DOOM + TOLD_WITHIN {
            sleep(Duration::from_secs(1)).await;
        }
        let after = self.look(Expect::Fresh).await?.pods;
        if before.saturating_sub(after) < 1000 {
            return Err(format!("{before} pods were served, and then {after}"));
        }
        self.row("1,000 pods deleted at one moment", "none of them 5 s later, all others fresh", Duration::ZERO);
        Ok(())
    }

    async fn api_server_away(&mut self) -> Result<(), String> {
        self.process.relay.cut().await;
        self.goes_on(TROUBLE, Expect::FreshOfWhatWasKnown).await?;
        self.process.relay.mend().await.map_err(|error| error.to_string())?;
        let recovery = self.recovers("the API server's absence").await?;
        self.row("API server away for 10 minutes", "all pods that last, fresh", recovery);
        Ok(())
    }

    async fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
        self.process.control_plane.set_trouble(Some(trouble));
        self.goes_on(TROUBLE, Expect::FreshOfWhatWasKnown).await?;
        self.process.control_plane.set_trouble(None);
        let recovery = self.recovers(&format!("{trouble:?}")).await?;
        let what = match trouble {
            Trouble::Expired => "410 to every watch, for 10 minutes",
            Trouble::Stalled => "watches that fall silent, for 10 minutes",
            Trouble::Garbage => "changes that cannot be read, for 10 minutes",
            _ => "429 to every list and watch, for 10 minutes",
        };
        self.row(what, "all pods that last, fresh", recovery);
        Ok(())
    }

    /// Our clock is set, and set right again.
    async fn clock_steps(&mut self) -> Result<(), String> {
        for (ahead, what) in [(HOUR_MILLIS, "our clock set ahead by 1 h"), (-HOUR_MILLIS, "our clock set back by 1 h")]
        {
            self.process.set_ahead(ahead);
            self.goes_on(MAX_SAMPLE_AGE, Expect::NothingFresh).await?;
            self.goes_on(TROUBLE, Expect::NothingFresh).await?;
            self.process.set_ahead(0);
            let recovery = self.recovers(what).await?;
            self.row(&format!("{what}, for 12 minutes"), "nothing that is called fresh", recovery);
        }
        Ok(())
    }

    /// One hangs, one flaps, one restarts every five minutes, and all connections are cut now and then.
    async fn kubelets(&mut self) -> Result<(), String> {
        self.process.faults.set(HANGING, Fault::Hang);
        self.process.faults.set(FLAPPING, Fault::Flap);
        for _ in 0..6 {
            self.process.faults.set(RESTARTING, Fault::ScrapeErrorOnly);
            self.process.fleet.cut();
            self.goes_on(Duration::from_secs(20), Expect::FreshElsewhere).await?;
            self.process.faults.clear(RESTARTING);
            self.goes_on(Duration::from_mins(5), Expect::FreshElsewhere).await?;
        }
        let seen = self.look(Expect::FreshElsewhere).await?;
        for (node, wanted, what) in
            [(HANGING, 0, "hangs"), (FLAPPING, LASTING, "flaps"), (RESTARTING, LASTING, "restarted")]
        {
            let fresh = seen.fresh_of(node, self);
            if fresh != wanted as usize {
                return Err(format!("a kubelet that {what}: {fresh} pods are fresh, not {wanted}"));
            }
        }
        if let Some(pod) = seen.served.iter().find(|pod| self.judge.node_of(pod) == Some(HANGING)) {
            return Err(format!("{pod} is served, half an hour after its kubelet hung"));
        }
        self.process.faults.clear(HANGING);
        self.process.faults.clear(FLAPPING);
        let recovery = self.recovers("the kubelets' faults").await?;
        self.row("kubelet hangs for half an hour", "kept samples until they are 2 minutes old, then none", recovery);
        self.row(
            "kubelet answers every other request 503, for half an hour",
            "all the while, by the retry",
            Duration::ZERO,
        );
        self.row("kubelet restarts six times, all connections are cut each time", "all the while", Duration::ZERO);
        Ok(())
    }

    /// So long, looked at all the while.
    async fn goes_on(&mut self, length: Duration, expect: Expect) -> Result<(), String> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            sleep(LOOK.min(end - Instant::now())).await;
            self.look(expect).await?;
        }
        Ok(())
    }

    /// How long until all is as it should be.
    async fn recovers(&mut self, from: &str) -> Result<Duration, String> {
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
    async fn look(&mut self, expect: Expect) -> Result<Seen, String> {
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
    fn missed(&self, seen: &Seen, expect: Expect) -> Option<String> {
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

    /// A node's numbers are those of the machine that had its name then.
    fn judge_node(&mut self, item: &Value, expect: Expect) -> Option<String> {
        let name = text(&item["metadata"]["name"]);
        let time: jiff::Timestamp = text(&item["timestamp"]).parse().ok()?;
        let window: kube::core::Duration = text(&item["window"]).parse().ok()?;
        let Nanocores(cpu) = text(&item["usage"]["cpu"]).parse().ok()?;
        let Bytes(memory) = text(&item["usage"]["memory"]).parse().ok()?;
        let basis = if item["source"] == "Kubelet" { Basis::KubeletRate } else { Basis::Window(window.into()) };
        self.judge.values += 2;
        let second = UnixMillis(time.as_millisecond());
        let machines = self.machines_at(name, second, second + Duration::from_secs(1));
        let fits = |node: &&SimNode| {
            let bounds = node.bounds(second, basis);
            bounds.is_some_and(|bounds| bounds.cpu_nanocores.contains(&cpu) && bounds.memory_bytes.contains(&memory))
        };
        let can_be_known = matches!(expect, Expect::Fresh | Expect::FreshElsewhere);
        let is_passing = !self.process.world.nodes().any(|node| node.name.as_str() == name);
        if is_passing && !can_be_known {
            // One that takes another's place behind its address cannot be told from it.
            return None;
        }
        let Some(node) = machines.iter().find(fits) else {
            return Some(format!("{item} is none of {machines:?}"));
        };
        if node.index >= NODES {
            self.machines.insert(node.uid());
        }
        None
    }

    /// Whether a node is another machine by now than the one that is told of.
    fn is_ghost(&self, item: &Value) -> bool {
        let now = self.process.theirs.now();
        let told_of = |node: &SimNode| node.booted.to_string() == text(&item["metadata"]["creationTimestamp"]);
        !self.machines_at(text(&item["metadata"]["name"]), now - TOLD_WITHIN, now).iter().any(told_of)
    }

    /// Those that had a name at one of two times.
    fn machines_at(&self, name: &str, one: UnixMillis, other: UnixMillis) -> Vec<SimNode> {
        let nodes = [one, other].into_iter().flat_map(|at| self.process.world.nodes_at(at).collect::<Vec<_>>());
        nodes.filter(|node| node.name.as_str() == name).collect()
    }

    /// Pods and nodes that come and go, and connections to the API server, make some difference.
    fn judge_sizes(&self, before: &Sizes) -> Result<(), String> {
        let after = self.process.sizes();
        let grown = before.kept.iter().zip(&after.kept).find(|((series, before), (_, after))| {
            let passing = f64::from(2 * PASSING + NODES * BRIEF);
            let most = if series.contains("_interned{") { UNSWEPT } else { before + passing };
            series.is_empty() || *after > most
        });
        if let Some(grown) = grown {
            return Err(format!("left behind: {grown:?}"));
        }
        if before.kept.is_empty() || after.kept.len() != before.kept.len() || after.tasks > before.tasks + 12 {
            return Err(format!("left behind: {after:?}, before {before:?}"));
        }
        println!("before: {before:?}\nafter: {after:?}");
        Ok(())
    }

    /// What is kept is what there is.
    fn judge_records(&self) -> Result<(), String> {
        let kept = self.process.sizes().kept;
        let most = f64::from(NODES * (LASTING + BRIEF));
        let of_pods = ["kube_vitals_store_records{kind=\"pods\"}", "kube_vitals_cluster_objects{resource=\"pods\"}"];
        let pods = kept.iter().filter(|(series, _)| of_pods.contains(&series.as_str()));
        let counts: Vec<f64> = pods.map(|(_, count)| *count).collect();
        let is_whole = counts.len() == 2 && counts.iter().all(|count| *count > 0.0 && *count <= most);
        if is_whole { Ok(()) } else { Err(format!("more is kept than there is: {kept:?}")) }
    }

    fn row(&mut self, fault: &str, served: &str, recovery: Duration) {
        let recovery =
            if recovery.is_zero() { "at once".to_owned() } else { format!("{:.0} s", recovery.as_secs_f64()) };
        self.rows.push(format!("| {fault} | {served} | {recovery} |"));
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
struct Seen {
    pods: usize,
    served: Vec<String>,
    fresh: Vec<String>,
    /// Nodes that are told of as machines that are gone.
    ghosts: Vec<String>,
}

impl Seen {
    fn fresh_of(&self, node: u32, observer: &Observer) -> usize {
        let now = observer.process.theirs.now();
        let lasting = observer.process.world.pods_of_node(node, now).filter(|pod| pod.deleted.is_none());
        lasting.filter(|pod| self.fresh.contains(&pod.key.to_string())).count()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
