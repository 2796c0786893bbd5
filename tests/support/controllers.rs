//! The real kube-controller-manager with the few controllers that read our API or make what they read.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::control_plane::{ControlPlane, binaries};
use super::process::Process;

/// Those that the tests watch, and what a Deployment needs to get pods.
const CONTROLLERS: [&str; 5] = [
    "deployment-controller",
    "replicaset-controller",
    "horizontal-pod-autoscaler-controller",
    "namespace-controller",
    "garbage-collector-controller",
];

/// Starts it as the administrator; its log goes to `controllers.log` in `folder`.
pub(crate) fn start(control_plane: &ControlPlane, folder: &Path) -> Result<Process, String> {
    let kubeconfig = control_plane.kubeconfig("admin")?;
    let log = folder.join("controllers.log");
    let log = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = Command::new(binaries()?.join("controllermanager"));
    command
        .args(["--kubeconfig", &kubeconfig.to_string_lossy()])
        .args(["--controllers", &CONTROLLERS.join(",")])
        // It serves nobody and has no rival; tests wait for what takes minutes by default.
        .args(["--secure-port=0", "--leader-elect=false"])
        .args(["--horizontal-pod-autoscaler-sync-period=2s"])
        .args(["--horizontal-pod-autoscaler-cpu-initialization-period=1s"])
        .args(["--horizontal-pod-autoscaler-initial-readiness-delay=1s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log);
    Process::start("the controllers", &mut command)
}
