//! The real control plane: etcd and kube-apiserver in one process, built from `tests/controlplane`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;

use super::process::Process;

/// Starts in seconds; a cold and busy machine takes longer.
const START_LIMIT: Duration = Duration::from_mins(3);

/// Long enough for any stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running control plane and where its files are.
pub(crate) struct ControlPlane {
    process: Mutex<Process>,
    folder: PathBuf,
    otlp_endpoint: Option<String>,
    /// What it told when it was ready.
    pub(crate) facts: Facts,
}

/// The line it prints when it is ready.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facts {
    /// `https://127.0.0.1:PORT`
    pub(crate) server: String,
    /// Who vouches for it.
    #[serde(rename = "servingCA")]
    pub(crate) serving_authority: PathBuf,
    /// Kubeconfig files by user.
    pub(crate) kubeconfig: std::collections::BTreeMap<String, PathBuf>,
}

/// Where the built binaries are, or why the suite cannot run.
pub(crate) fn binaries() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/controlplane");
    if folder.join("controlplane").exists() {
        return Ok(folder);
    }
    Err("the control plane is not built: run tests/controlplane/build (needs Go)".to_owned())
}

impl ControlPlane {
    /// Starts it in `folder`, exporting its spans to `otlp_endpoint` (`host:port`).
    pub(crate) fn start(folder: &Path, otlp_endpoint: Option<&str>) -> Result<Self, String> {
        let (process, facts) = run(folder, otlp_endpoint, &[])?;
        let otlp_endpoint = otlp_endpoint.map(str::to_owned);
        Ok(Self { process: Mutex::new(process), folder: folder.to_owned(), otlp_endpoint, facts })
    }

    /// Stops it and starts it again, with all it knew and at the same address. Its front proxy then has a
    /// certificate of a new authority.
    pub(crate) fn restart_with_other_front_proxy(&self) -> Result<(), String> {
        let port = self.facts.server.rsplit(':').next().ok_or("the server has no port")?;
        let mut running = self.process.lock();
        running.stop(STOP_LIMIT)?;
        let resumed = ["--resume", "--rotate-front-proxy", "--secure-port", port];
        (*running, _) = run(&self.folder, self.otlp_endpoint.as_deref(), &resumed)?;
        Ok(())
    }

    /// The kubeconfig of a user.
    pub(crate) fn kubeconfig(&self, user: &str) -> Result<&Path, String> {
        self.facts.kubeconfig.get(user).map(PathBuf::as_path).ok_or_else(|| format!("no kubeconfig for {user}"))
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        self.process.get_mut().stop(STOP_LIMIT).map(|_| ())
    }
}

fn run(folder: &Path, otlp_endpoint: Option<&str>, further: &[&str]) -> Result<(Process, Facts), String> {
    let mut command = Command::new(binaries()?.join("controlplane"));
    command.arg("--dir").arg(folder).arg("--stdin-lifetime").args(further);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some(endpoint) = otlp_endpoint {
        command.args(["--otlp-endpoint", endpoint]);
    }
    let mut process = Process::start("the control plane", &mut command)?;
    let line = process.line(START_LIMIT, |line| line.starts_with('{'))?;
    let facts = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
    Ok((process, facts))
}
