//! The program under test, as a process of its own.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Process, eventually};

/// A running `kube-vitals serve`.
pub(crate) struct Server {
    /// The process.
    pub(crate) process: Process,
    /// Its TLS port on loopback.
    pub(crate) port: u16,
}

impl Server {
    /// Starts it with `arguments` beside its port; its log goes to `log`.
    pub(crate) fn start(
        port: u16,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Result<Self, String> {
        Self::start_build(Path::new(env!("CARGO_BIN_EXE_kube-vitals")), port, arguments, environment, log)
    }

    /// The same, of another build.
    pub(crate) fn start_build(
        program: &Path,
        port: u16,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Result<Self, String> {
        let log = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new(program);
        command.arg("serve").args(["--bind-address", "127.0.0.1", "--secure-port", &port.to_string()]).args(arguments);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = Process::start("kube-vitals", &mut command)?;
        eventually(Duration::from_secs(20), || match process.exited() {
            Some(status) => Ok(Err(format!("kube-vitals ended early with {status}"))),
            None => TcpStream::connect(("127.0.0.1", port)).map(|_| Ok(())).map_err(|error| error.to_string()),
        })??;
        Ok(Self { process, port })
    }
}

/// A loopback port that is free now.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
