//! The real node: containerd, a kubelet and its pods, brought up by the scripts beside this file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// A running node; taken down, with all it changed on the machine, when dropped.
pub(crate) struct Node {
    /// What it told when it was ready.
    pub(crate) facts: Facts,
    folder: PathBuf,
}

/// The line that `up` prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facts {
    /// The kubelet's port on 127.0.0.1.
    pub(crate) port: u16,
    /// The authority of the kubelet's serving certificate.
    #[serde(rename = "kubeletCA")]
    pub(crate) kubelet_ca: PathBuf,
}

/// Why a node cannot be brought up here; `None` if it can.
pub(crate) fn lacking() -> Option<String> {
    let binaries = match crate::support::control_plane::binaries() {
        Ok(binaries) => binaries,
        Err(lacking) => return Some(lacking),
    };
    if !binaries.join("kubelet").exists() {
        return Some("the kubelet is not built: run tests/controlplane/build".to_owned());
    }
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if !root {
        return Some("a kubelet needs root".to_owned());
    }
    let containerd = Command::new("containerd").arg("--version").output().is_ok_and(|o| o.status.success());
    (!containerd).then(|| "containerd is not installed: run tests/kubelet/install".to_owned())
}

impl Node {
    /// Brings it up in `folder`, joined to the control plane in `control_plane`.
    pub(crate) fn up(folder: &Path, control_plane: &Path) -> Result<Self, String> {
        let output = Command::new(script("up"))
            .arg("--dir")
            .arg(folder)
            .arg("--controlplane")
            .arg(control_plane)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("tests/kubelet/up: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find(|line| line.starts_with('{')).ok_or("the node did not come up")?;
        let facts = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        Ok(Self { facts, folder: folder.to_owned() })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = Command::new(script("down")).arg("--dir").arg(&self.folder).stdin(Stdio::null()).status();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubelet").join(name)
}
