//! kubectl as users run it: from PATH, or the one built beside the control plane.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// kubectl with one kubeconfig and a cache of its own.
#[derive(Clone)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Kubectl {
    /// `fallback` is used where no kubectl is on PATH.
    pub(crate) fn new(fallback: &Path, kubeconfig: &Path, home: &Path) -> Self {
        let on_path = Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|o| o.status.success());
        let program = if on_path { PathBuf::from("kubectl") } else { fallback.to_owned() };
        Self { program, kubeconfig: kubeconfig.to_owned(), home: home.to_owned() }
    }

    /// The same kubectl as somebody else.
    pub(crate) fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }

    /// Standard output of a run that succeeds; else everything it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.output(arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("kubectl {}: {}", arguments.join(" "), said(&output)))
    }

    /// What a run that must fail said.
    pub(crate) fn refused(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.output(arguments)?;
        if output.status.success() {
            return Err(format!("kubectl {} succeeded: {}", arguments.join(" "), said(&output)));
        }
        Ok(said(&output))
    }

    /// Applies a manifest given as text.
    pub(crate) fn apply(&self, manifest: &str) -> Result<String, String> {
        let file = self.home.join("manifest.yaml");
        std::fs::write(&file, manifest).map_err(|error| error.to_string())?;
        self.run(&["apply", "--server-side", "--force-conflicts", "-f", &file.to_string_lossy()])
    }

    /// A run that is yet to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.home);
        command
    }

    fn output(&self, arguments: &[&str]) -> Result<Output, String> {
        self.command(arguments)
            .args(["--request-timeout", "30s"])
            .output()
            .map_err(|error| format!("kubectl cannot be started: {error}"))
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)).trim().to_owned()
}
