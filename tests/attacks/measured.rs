//! What an attack cost.

use std::fmt::Write as _;
use std::time::Duration;

use crate::honest::Experience;

/// Figures of one attack.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// What the attackers did, as they count it.
    pub(crate) deeds: u64,
    /// The most that was resident, beyond what was before.
    pub(crate) peak_bytes: u64,
    /// CPU of the server, in cores.
    pub(crate) cores: f64,
    pub(crate) honest: Experience,
    /// How long after the attack all was given back; an error says what was not.
    pub(crate) recovery: Result<Duration, String>,
    /// Reviews that the API server was asked for.
    pub(crate) reviews: u64,
    /// Connections that were refused because of their address.
    pub(crate) refused_connections: u64,
    /// Requests that were answered 429.
    pub(crate) shed_requests: u64,
    pub(crate) seconds: f64,
}

/// All attacks as a Markdown table.
pub(crate) fn table(rows: &[(&'static str, Measured)]) -> String {
    let mut text = "\n| attack | deeds | peak memory | CPU, cores | honest p99 | honest failures | all back after |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for (name, measured) in rows {
        let Measured { deeds, peak_bytes, cores, honest, recovery, .. } = measured;
        let mebibytes = *peak_bytes as f64 / (1024.0 * 1024.0);
        let p99 = honest.p99().as_secs_f64() * 1e3;
        let recovery = recovery.as_ref().map_or("never".to_owned(), |after| format!("{:.1} s", after.as_secs_f64()));
        let (failures, answers) = (honest.failures.len(), honest.answers());
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            text,
            "| {name} | {deeds} | +{mebibytes:.1} MiB | {cores:.2} | {p99:.1} ms | {failures} of {answers} | {recovery} |"
        );
    }
    text
}
