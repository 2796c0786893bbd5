//! metrics-server against the same simulated cluster at the same time: what our costs are to be
//! compared with, on whatever machine this is. Built by
//! `go install sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0`.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::pair::Pair;
use crate::process::Process;
use crate::server::Server;
use crate::simulation::{SERVER_NAME, Simulation};

/// Starts it; the server, and the certificate that it is known by.
pub(crate) fn start(
    program: &Path,
    port: u16,
    resolution: Duration,
    simulation: &Simulation,
    folder: &Path,
    log: &Path,
) -> Result<(Server, Vec<u8>), String> {
    let pair = Pair::write(SERVER_NAME, Duration::from_hours(1), folder, "metrics-server")?;
    let log = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = Command::new(program);
    for flag in ["--kubeconfig", "--authentication-kubeconfig", "--authorization-kubeconfig"] {
        command.arg(flag).arg(simulation.kubeconfig());
    }
    command.args(["--bind-address", "127.0.0.1", "--secure-port", &port.to_string()]);
    command.args(["--kubelet-port", &simulation.fleet.port().to_string()]);
    command.arg("--kubelet-certificate-authority").arg(simulation.kubelet_authority());
    command.args(["--kubelet-preferred-address-types", "InternalIP"]);
    command.args(["--metric-resolution", &format!("{}s", resolution.as_secs())]);
    command.args(pair.flags("--tls-cert-file", "--tls-private-key-file"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let process = Process::start("metrics-server", &mut command)?;
    Ok((Server { process, port }, pair.pem.into_bytes()))
}
