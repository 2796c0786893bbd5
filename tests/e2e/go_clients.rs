//! client-go as controllers use it: the program is in `tests/controlplane/clients`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::environment::Environment;
use crate::support::control_plane::binaries;
use crate::support::process::{Lines, Process};
use crate::support::service::Service;

/// Ten rounds of 5 s and the program's own limit for one of them.
const LIMIT: Duration = Duration::from_mins(2);

type Checked = Result<(), String>;

/// A line of the program.
#[derive(Deserialize)]
struct Report {
    check: String,
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    seen: Value,
}

/// Typed, dynamic and metadata clients find the same by list, by get, in pages, in JSON and in
/// protobuf.
pub(crate) async fn every_kind_of_go_client_reads_the_same(e: &Environment) -> Checked {
    let mut program = Program::start(e, "once", e.control_plane.kubeconfig("admin")?, None)?;
    let reports = block_in_place(|| program.reports())?;
    if reports < 20 { Err(format!("only {reports} checks were made: {}", program.said())) } else { Ok(()) }
}

/// Informers equal a fresh list over ten rounds, after their connection was cut, after ours was,
/// when another replica goes on, and after our restart; with and without `WatchList`.
pub(crate) async fn informers_stay_in_sync(e: &Environment) -> Checked {
    let way = Service::start().await.map_err(|error| error.to_string())?;
    let kubeconfig = through(e, &way)?;
    let mut programs = Vec::new();
    for watch_list in ["true", "false"] {
        let gate = ("KUBE_FEATURE_WatchListClient", watch_list);
        programs.push(Program::start(e, "follow", &kubeconfig, Some(gate))?);
    }
    all_in_sync(&mut programs, 10, "steady")?;
    way.cut();
    all_in_sync(&mut programs, 2, "the client's connection cut")?;
    e.replicas.cut_connections();
    all_in_sync(&mut programs, 2, "the aggregator's connection cut")?;
    e.replicas.start(1).await?;
    e.replicas.stop(0).await?;
    all_in_sync(&mut programs, 2, "another replica goes on")?;
    e.replicas.stop(1).await?;
    e.replicas.start(0).await?;
    all_in_sync(&mut programs, 2, "the server restarted")
}

fn all_in_sync(programs: &mut [Program], rounds: usize, label: &str) -> Checked {
    for program in &mut *programs {
        program.ask(&format!("rounds {rounds} {label}"))?;
    }
    for program in programs {
        println!("  {}:", program.name);
        if block_in_place(|| program.reports())? < 3 {
            return Err(format!("an informer is missing: {}", program.said()));
        }
    }
    Ok(())
}

/// The administrator's kubeconfig, by another way to the same API server.
fn through(e: &Environment, way: &Service) -> Result<PathBuf, String> {
    let kubeconfig = e.folder.join("through.kubeconfig");
    std::fs::copy(e.control_plane.kubeconfig("admin")?, &kubeconfig).map_err(|error| error.to_string())?;
    let server = &e.control_plane.facts.server;
    let port = server.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    way.lead_to(&[port.ok_or_else(|| format!("{server} has no port"))?]);
    let server = format!("--server=https://127.0.0.1:{}", way.port);
    e.kubectl.with_kubeconfig(&kubeconfig).run(&["config", "set-cluster", "controlplane", &server])?;
    Ok(kubeconfig)
}

/// The running program.
struct Program {
    name: String,
    lines: Lines,
    process: Process,
    log: PathBuf,
}

impl Program {
    fn start(e: &Environment, task: &str, kubeconfig: &Path, gate: Option<(&str, &str)>) -> Result<Self, String> {
        let mut command = Command::new(binaries()?.join("clients"));
        command.arg(task).arg("--kubeconfig").arg(kubeconfig).envs(gate);
        // client-go logs there how its connections were cut.
        let log = e.folder.join("clients.log");
        command.stderr(File::options().create(true).append(true).open(&log).map_err(|error| error.to_string())?);
        let name = gate.map(|(name, value)| format!("{name}={value}")).unwrap_or_default();
        let mut process = Process::start("clients", command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        Ok(Self { name, lines: process.lines()?, process, log })
    }

    fn ask(&mut self, line: &str) -> Checked {
        let stdin = self.process.stdin().ok_or("standard input is not piped")?;
        writeln!(stdin, "{line}").map_err(|error| error.to_string())
    }

    /// What it logged.
    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Prints what it reports until it is done or ends; how many checks there were, or the first
    /// that failed.
    fn reports(&mut self) -> Result<usize, String> {
        let (mut checks, mut failed) = (0, None);
        while let Some(line) = self.lines.next(LIMIT)? {
            let report: Report = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
            if report.check == "all done" {
                break;
            }
            println!("    {}: {}", report.check, report.seen);
            checks += 1;
            if !report.ok {
                failed.get_or_insert(format!("{}: {}", report.check, report.error));
            }
        }
        failed.map_or(Ok(checks), Err)
    }
}
