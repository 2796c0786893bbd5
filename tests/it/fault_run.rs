//! Many faults at once, with the program as a process of its own, in real time: what is served meanwhile
//! is true, whoever is well does not notice, all recover, and nothing is left behind.
//!
//! Takes about a minute and a half. The table that it prints is kept in `docs/faults.md`.

#![expect(clippy::print_stdout, reason = "the table, for people")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::control_plane::Trouble;
use kube_vitals::sim::{Fault, Lifetime, Scenario, Workload};
use reqwest::Client;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::look::{Look, SERVER};
use crate::support::judge::{Judge, Lie};
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::waiting::eventually;

/// The shortest there is.
const RESOLUTION: &str = "5s";
const MAX_SAMPLE_AGE: Duration = Duration::from_mins(2);
/// How far the clock is ahead that is not so far off that it is refused.
const AHEAD: Duration = Duration::from_secs(10);
/// Longer than two resolutions, after which what is kept is stale.
const HELD: Duration = Duration::from_secs(17);
const TROUBLE_HELD: Duration = Duration::from_secs(4);
/// A failing node is asked each 20 s.
const RECOVERY: Duration = Duration::from_secs(50);
/// A pod's deletion is told within this time, on a busy machine as well.
const TOLD_WITHIN: Duration = Duration::from_secs(4);
/// Pods of a node that go at once, together a thousand; that last; and that come and go.
const DOOMED: u32 = 60;
const LASTING: u32 = 6;
const BRIEF: u32 = 2;
/// When the doomed go, after the beginning: in the middle of the faults.
const DOOM: Duration = Duration::from_secs(30);

/// What is served of a node's lasting pods while its fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Fresh,
    Stale,
}

use Meanwhile::{Fresh, Stale};

/// Each on a node of its own; the node behind `OthersPods` is one whose pods nobody else may vouch for.
const FAULTS: [(Fault, Meanwhile); BROKEN as usize] = [
    (Fault::Hang, Stale),
    (Fault::Flap, Fresh),
    (Fault::CounterJumps, Fresh),
    (Fault::ClockOff(AHEAD), Fresh),
    (Fault::ClockBehind(Duration::from_hours(1)), Stale),
    (Fault::NotANumber, Fresh),
    (Fault::DuplicateSeries, Fresh),
    (Fault::OthersPods, Fresh),
    (Fault::Reset, Stale),
    (Fault::ScrapeErrorOnly, Stale),
    (Fault::Moved, Fresh),
    (Fault::OtherAuthority, Fresh),
    (Fault::WrongCertificate, Stale),
    (Fault::SwappedName, Fresh),
    (Fault::BadNetwork, Fresh),
];
/// As many nodes are broken, the first ones; the rest is well.
const BROKEN: u32 = 15;
const NODES: u32 = 17;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_faults_at_once_are_survived_without_an_untrue_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("server.log");
    if let Err(error) = run(folder.path(), &log).await {
        panic!("{error}\n{}", fs::read_to_string(log).unwrap_or_default());
    }
}

async fn run(folder: &Path, log: &Path) -> Result<(), String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(scenario(), folder).await?;
    let mut arguments = simulation.serve_arguments();
    arguments.extend(["--metric-resolution", RESOLUTION].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = without_disk(folder)?;
    let server = block_in_place(|| Server::start_build(&program, free_port()?, &arguments, &[], log))?;
    let client = eventually(RECOVERY, async || simulation.server_client(server.port).await).await?;
    let judge = Judge::new(simulation.world.clone(), MAX_SAMPLE_AGE);
    let mut watcher = Observer { simulation: &simulation, client, judge, lying: true };
    let lasting = Deadline::after(RECOVERY);
    while watcher.look().await?.lacking_any(0..NODES) {
        lasting.check("not all pods are served fresh")?;
    }
    let before = Leftovers::of(&watcher.client).await?;

    kubelets(&mut watcher).await?;
    api_server(&mut watcher).await?;
    let told = fs::read_to_string(log).map_err(|error| error.to_string())?;
    if !told.contains("watch lost") {
        return Err("the API server's troubles troubled nobody".to_owned());
    }

    sleep(Duration::from_secs(2)).await;
    let after = Leftovers::of(&watcher.client).await?;
    println!("before: {before:?}\nafter: {after:?}\n{} numbers judged", watcher.judge.values);
    after.judge(&before)
}

/// The program as one that has nothing: no environment, a working directory that is gone, and no byte of
/// a file that it may write; what it logs goes through a pipe.
fn without_disk(folder: &Path) -> Result<PathBuf, String> {
    let (path, gone) = (folder.join("without-disk"), folder.join("gone"));
    let (gone, program) = (gone.display(), env!("CARGO_BIN_EXE_kube-vitals"));
    let script = format!(
        "#!/bin/bash\nset -e\nexec 2> >(exec cat >&2)\nmkdir '{gone}'\ncd '{gone}'\nrmdir '{gone}'\nulimit -f 0\n\
         exec env -i '{program}' \"$@\"\n"
    );
    fs::write(&path, script).map_err(|error| error.to_string())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    Ok(path)
}

/// All at once, while a thousand pods are deleted.
async fn kubelets(watcher: &mut Observer<'_>) -> Result<(), String> {
    let simulation = watcher.simulation;
    set(simulation, |node, fault| simulation.faults.set(node, fault), true);
    let held = Instant::now();
    let mut last = watcher.look().await?;
    while held.elapsed() < HELD {
        sleep(Duration::from_secs(1)).await;
        last = watcher.look().await?;
        for well in BROKEN..NODES {
            last.expect(well, Fresh, "nothing")?;
        }
    }
    for (node, (fault, meanwhile)) in (0..).zip(FAULTS) {
        last.expect(node, meanwhile, &fault.to_string())?;
    }
    set(simulation, |node, _| simulation.faults.clear(node), false);
    let cleared = Instant::now();
    let mut recovered = BTreeMap::new();
    // What was made of lies has to go.
    watcher.lying = false;
    let deadline = Deadline::after(RECOVERY);
    while recovered.len() < FAULTS.len() {
        deadline.check(&format!("recovered are only {recovered:?}"))?;
        sleep(Duration::from_millis(500)).await;
        let seen = watcher.look_at_recovery().await?;
        for node in 0..BROKEN {
            if !seen.lacking_any(node..node + 1) && !seen.untrue.contains_key(&node) {
                recovered.entry(node).or_insert_with(|| cleared.elapsed());
            } else {
                recovered.remove(&node);
            }
        }
    }
    for (node, (fault, meanwhile)) in (0..).zip(FAULTS) {
        println!("| kubelet: {fault} | {meanwhile:?} | {:.1} s |", recovered[&node].as_secs_f64());
    }
    Ok(())
}

fn set(simulation: &Simulation, change: impl Fn(u32, Fault), moves: bool) {
    for (index, (fault, _)) in (0..).zip(FAULTS) {
        change(index, fault);
        if fault == Fault::Moved
            && let Some(node) = simulation.world.node(index)
        {
            let address = if moves { node.second_address() } else { node.address };
            simulation.control_plane.move_node(node.name.as_str(), address);
        }
    }
}

/// One trouble after the other: what was known is measured on, and what was missed is caught up with.
async fn api_server(watcher: &mut Observer<'_>) -> Result<(), String> {
    for trouble in [Trouble::TooManyRequests, Trouble::Expired, Trouble::Garbage] {
        watcher.simulation.control_plane.set_trouble(Some(trouble));
        let held = Instant::now();
        while held.elapsed() < TROUBLE_HELD {
            sleep(Duration::from_secs(1)).await;
            let seen = watcher.look_during_trouble().await?;
            (0..NODES).try_for_each(|node| seen.expect(node, Fresh, &format!("{trouble:?}")))?;
        }
    }
    watcher.simulation.control_plane.set_trouble(None);
    let (ended, deadline) = (Instant::now(), Deadline::after(RECOVERY));
    while let Some(difference) = watcher.behind().await? {
        deadline.check(&difference)?;
        sleep(Duration::from_millis(500)).await;
    }
    println!("| API server: 429, then 410, then garbage | Fresh | {:.1} s |", ended.elapsed().as_secs_f64());
    Ok(())
}

fn scenario() -> Scenario {
    let mut scenario = Scenario::bench(NODES, DOOMED + LASTING + BRIEF, 1);
    let steady = scenario.workloads[0].clone();
    let lifetime = Some(Lifetime { shortest: Duration::from_secs(20), longest: Duration::from_mins(1) });
    let doomed = Workload { name: "doomed".into(), ends: Some(DOOM), ..steady.clone() };
    let brief = Workload { name: "brief".into(), lifetime, ..steady.clone() };
    let copies = [(doomed, DOOMED), (steady, LASTING), (brief, BRIEF)];
    scenario.workloads =
        copies.into_iter().flat_map(|(workload, count)| std::iter::repeat_n(workload, count as usize)).collect();
    scenario
}

/// Asks, and judges every number.
struct Observer<'a> {
    simulation: &'a Simulation,
    client: Client,
    judge: Judge,
    /// Whether lies are told.
    lying: bool,
}

/// What was served at one moment.
struct Seen {
    at: UnixMillis,
    look: Look,
    /// Lasting pods by node.
    lasting: BTreeMap<u32, Vec<String>>,
    /// What is not as the rules say, by node.
    untrue: BTreeMap<u32, Vec<String>>,
}

impl Observer<'_> {
    /// Fails on any number that is not true, and on pods that are gone.
    async fn look(&mut self) -> Result<Seen, String> {
        let seen = self.look_during_trouble().await?;
        let gone = |name: &&String| self.judge.ended(name).is_some_and(|ended| ended + TOLD_WITHIN < seen.at);
        match seen.look.served.keys().find(gone) {
            Some(pod) => Err(format!("{pod} is served though it is gone")),
            None => Ok(seen),
        }
    }

    /// The same while changes of the cluster cannot be known.
    async fn look_during_trouble(&mut self) -> Result<Seen, String> {
        let seen = self.see().await?;
        if seen.untrue.is_empty() { Ok(seen) } else { Err(format!("not true: {:?}", seen.untrue)) }
    }

    /// The same after lies, which live on in rates until the next reading.
    async fn look_at_recovery(&mut self) -> Result<Seen, String> {
        let seen = self.see().await?;
        let honest = |node: &&u32| !is_liar(**node);
        match seen.untrue.keys().find(honest) {
            Some(node) => Err(format!("not true of node {node}: {:?}", seen.untrue[node])),
            None => Ok(seen),
        }
    }

    async fn see(&mut self) -> Result<Seen, String> {
        self.judge.learn(Clock::system().now());
        let look = Look::now(&self.client).await?;
        let at = Clock::system().now();
        self.judge.learn(at);
        let lying = self.lying;
        let mut untrue: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (name, item) in &look.served {
            let lie = |node| if lying { lie(node) } else { Lie::default() };
            let wrong = self.judge.pods([(name, item)], at, lie);
            if !wrong.is_empty() {
                untrue.entry(self.judge.node_of(name).unwrap_or(u32::MAX)).or_default().extend(wrong);
            }
        }
        let mut lasting: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for pod in self.simulation.world.pods(at).filter(|pod| pod.deleted.is_none()) {
            lasting.entry(pod.node).or_default().push(pod.key.to_string());
        }
        Ok(Seen { at, look, lasting, untrue })
    }

    /// In what the answer lags behind the cluster; `None`: it is as the cluster is.
    async fn behind(&mut self) -> Result<Option<String>, String> {
        let seen = self.look_during_trouble().await?;
        let known = |name: &String| seen.look.served.contains_key(name) || seen.look.missing.contains_key(name);
        let settled = |pod: &kube_vitals::sim::SimPod| pod.created + TOLD_WITHIN < seen.at;
        let missed = self.simulation.world.pods(seen.at).filter(settled).find(|pod| !known(&pod.key.to_string()));
        let served = seen.look.served.keys().chain(seen.look.missing.keys());
        let ghost =
            served.into_iter().find(|name| self.judge.ended(name).is_some_and(|ended| ended + TOLD_WITHIN < seen.at));
        Ok(missed.map(|pod| format!("{} is not known", pod.key)).or(ghost.map(|pod| format!("{pod} is gone"))))
    }
}

impl Seen {
    /// Whether a lasting pod of these nodes is not served fresh, or their last scrape failed.
    fn lacking_any(&self, nodes: std::ops::Range<u32>) -> bool {
        nodes.into_iter().any(|node| {
            let scrape = self.look.scrapes.get(&format!("node-{node}"));
            let is_well = scrape.is_some_and(|scrape| scrape["outcome"] == "Success");
            !is_well || self.expect(node, Fresh, "").is_err()
        })
    }

    fn expect(&self, node: u32, meanwhile: Meanwhile, fault: &str) -> Result<(), String> {
        let pods = self.lasting.get(&node).map(Vec::as_slice).unwrap_or_default();
        let other = |pod: &&String| {
            self.look.served.get(*pod).is_none_or(|served| served["freshness"] != format!("{meanwhile:?}"))
        };
        match pods.iter().find(other) {
            None if pods.is_empty() => Err(format!("node {node} has no pods")),
            None => Ok(()),
            Some(pod) => Err(format!(
                "{fault} at node {node}: {pod} is not {meanwhile:?}: {:?}, {:?}",
                self.look.served.get(pod),
                self.look.scrapes.get(&format!("node-{node}"))
            )),
        }
    }
}

fn is_liar(node: u32) -> bool {
    lie(node) != Lie::default()
}

fn lie(node: u32) -> Lie {
    match FAULTS.get(node as usize) {
        Some((Fault::CounterJumps, _)) => Lie { counters: true, ..Lie::default() },
        // The same counters under other times, which no rate may stand astride.
        Some((Fault::ClockOff(ahead), _)) => Lie { ahead: *ahead, ..Lie::default() },
        _ => Lie::default(),
    }
}

struct Deadline(Instant);

impl Deadline {
    fn after(length: Duration) -> Self {
        Self(Instant::now() + length)
    }

    fn check(&self, what: &str) -> Result<(), String> {
        if Instant::now() < self.0 { Ok(()) } else { Err(format!("too late: {what}")) }
    }
}

/// What would grow if something were left behind.
#[derive(Debug)]
struct Leftovers {
    open_files: f64,
    tasks: f64,
    records: f64,
}

impl Leftovers {
    async fn of(client: &Client) -> Result<Self, String> {
        let answer = client.get(format!("{SERVER}/metrics")).send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let value = |series: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(series)).ok_or(format!("no {series}"))?;
            line.trim().parse::<f64>().map_err(|error| format!("{series}: {error}"))
        };
        Ok(Self {
            open_files: value("process_open_fds ")?,
            tasks: value("kube_vitals_runtime_alive_tasks{runtime=\"main\"} ")?,
            records: value("kube_vitals_store_records{kind=\"nodes\"} ")?,
        })
    }

    /// Some connections to the API server come and go.
    fn judge(&self, before: &Self) -> Result<(), String> {
        let is_same = self.open_files <= before.open_files + 6.0 && self.tasks <= before.tasks + 6.0;
        let is_whole = (self.records - f64::from(NODES)).abs() < 0.5;
        if is_same && is_whole { Ok(()) } else { Err(format!("left behind: {self:?}, before: {before:?}")) }
    }
}
