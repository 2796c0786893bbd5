//! Flags: how the process stops.

use clap::Args;

use crate::config::fault::Faults;
use crate::config::settings::Shutdown;
use crate::config::value::duration;

/// How the process stops.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Shutdown")]
pub struct ShutdownArgs {
    /// After the first signal, still serve for this long while /readyz already fails
    ///
    /// Gives the Service time to send requests elsewhere; the deployment sets a few seconds.
    #[arg(long, env = "KUBE_VITALS_SHUTDOWN_DELAY_DURATION", value_name = "DURATION", default_value = "0s")]
    pub shutdown_delay_duration: String,

    /// Then requests under way may take this long
    #[arg(long, env = "KUBE_VITALS_SHUTDOWN_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "15s")]
    pub shutdown_drain_timeout: String,
}

impl ShutdownArgs {
    pub(in crate::config) fn read(&self, faults: &mut Faults) -> Option<Shutdown> {
        let delay = faults.read("--shutdown-delay-duration", &self.shutdown_delay_duration, duration);
        let drain = faults.read("--shutdown-drain-timeout", &self.shutdown_drain_timeout, duration);
        Some(Shutdown { delay: delay?, drain: drain? })
    }
}
