//! The server under test, started as `serve` starts it.

use std::net::SocketAddr;
use std::path::Path;

use clap::Parser;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{ServeArgs, Settings};
use crate::sim::demo::DemoError;
use crate::telemetry;

/// The Service the server stands behind: the default of `--service`.
pub(super) const SERVICE_DNS_NAME: &str = "custom-api.custom-api.svc";

/// What the server has to be told of the simulated cluster.
#[derive(Debug)]
pub(super) struct ServeFlags<'a> {
    pub(super) kubeconfig: &'a Path,
    pub(super) kubelet_port: u16,
    pub(super) kubelet_authority: &'a Path,
    pub(super) resolution: &'a str,
    /// As typed after `--`; they win over those above.
    pub(super) further: &'a [String],
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    /// `None` once its end has been seen.
    task: Option<JoinHandle<Result<(), DemoError>>>,
    stop: CancellationToken,
    telemetry: telemetry::traces::Guard,
}

impl ServeFlags<'_> {
    /// The flags as one would type them.
    pub(super) fn typed(&self) -> Vec<String> {
        let flags = [
            ("--kubeconfig", self.kubeconfig.display().to_string()),
            ("--bind-address", "127.0.0.1".to_owned()),
            ("--secure-port", "0".to_owned()),
            ("--kubelet-port", self.kubelet_port.to_string()),
            ("--kubelet-certificate-authority", self.kubelet_authority.display().to_string()),
            ("--metric-resolution", self.resolution.to_owned()),
            // The status line is the demo's own; what the server logs beside it is trouble.
            ("--log-filter", "error".to_owned()),
        ];
        let given = |flag: &str| self.further.iter().any(|typed| typed.split('=').next() == Some(flag));
        let ours =
            flags.into_iter().filter(|(flag, _)| !given(flag)).flat_map(|(flag, value)| [flag.to_owned(), value]);
        ours.chain(self.further.iter().cloned()).collect()
    }

    /// What they mean, by the same way as those of `serve`.
    pub(super) fn settings(&self) -> Result<Settings, DemoError> {
        let typed = std::iter::once("kube-vitals serve".to_owned()).chain(self.typed());
        let args = ServeArgs::try_parse_from(typed).map_err(DemoError::Flags)?;
        Settings::from_args(&args).map_err(DemoError::Settings)
    }
}

impl Server {
    /// Builds and runs it in a task of its own.
    pub(super) async fn start(settings: Settings, clock: Clock) -> Result<Self, DemoError> {
        let telemetry = telemetry::start(&settings.telemetry)?;
        let bound = App::build(settings, clock).await.map_err(|error| DemoError::Server(error.into()))?;
        let address = bound.address();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task =
            tokio::spawn(async move { bound.run(stopped).await.map_err(|error| DemoError::Server(error.into())) });
        Ok(Self { address, task: Some(task), stop, telemetry })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> Result<(), DemoError> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let ended = task.await;
        self.task = None;
        ended.unwrap_or_else(|panic| Err(DemoError::Server(panic.into())))
    }

    /// Stops it as a signal would, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), DemoError> {
        self.stop.cancel();
        let ended = self.ended().await;
        self.telemetry.shutdown().await;
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(further: &[String]) -> ServeFlags<'_> {
        ServeFlags {
            kubeconfig: Path::new("/dev/null"),
            kubelet_port: 20250,
            kubelet_authority: Path::new("/dev/null"),
            resolution: "5s",
            further,
        }
    }

    #[test]
    fn the_flags_are_flags_of_serve() {
        let settings = flags(&[]).settings().unwrap();
        assert_eq!((settings.serving.port, settings.scraping.port), (0, 20250));
        assert_eq!(settings.service.dns_name(), SERVICE_DNS_NAME);
    }

    #[test]
    fn further_flags_win_and_wrong_ones_are_told() {
        let further = ["--metric-resolution=7s".to_owned()];
        assert_eq!(flags(&further).settings().unwrap().scraping.resolution.as_secs(), 7);
        assert!(matches!(flags(&["--no-such-flag".to_owned()]).settings(), Err(DemoError::Flags(_))));
        assert!(matches!(flags(&["--secure-port=x".to_owned()]).settings(), Err(DemoError::Settings(_))));
    }
}
