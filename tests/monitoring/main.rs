//! A real Prometheus scrapes the server of a simulated cluster while it is used and while things go
//! wrong: the dashboards show something, and each alert fires by its fault and ends with it.
//!
//! ```text
//! sim kubelets, sim API server ──▶ two servers ◀──1 s── prometheus ◀── queries of panels, ALERTS
//!        ▲ faults                       ▲ requests                └── rules, in a sixtieth of the time
//!        └──────────────────────────────┴── this suite
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a suite that waits in real time and prints what it saw"
)]

#[path = "../it/api_server_away/relay.rs"]
mod relay;
#[path = "../support/mod.rs"]
mod support;
#[path = "../it/waiting.rs"]
mod waiting;

mod checks;
mod prometheus;
mod run;
mod servers;
mod source;
mod traffic;

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use crate::prometheus::Prometheus;
use crate::run::Seen;

type Check = fn(&Seen) -> Result<(), String>;

const CHECKS: [(&str, Check); 7] = [
    ("nothing_fires_while_all_is_well", checks::nothing_fires_while_all_is_well),
    ("every_alert_fires_by_its_fault_and_ends_with_it", checks::every_alert_fires_by_its_fault_and_ends_with_it),
    ("every_rule_records", checks::every_rule_records),
    ("every_query_of_every_panel_returns_data", checks::every_query_of_every_panel_returns_data),
    ("every_variable_has_something_to_choose", checks::every_variable_has_something_to_choose),
    ("every_metric_told_is_used_or_listed", checks::every_metric_told_is_used_or_listed),
    ("durations_carry_exemplars", checks::durations_carry_exemplars),
];

fn main() {
    let arguments = Arguments::from_args();
    let lacking = Prometheus::lacking();
    if let Some(lacking) = &lacking {
        println!("SKIPPED: no suite with a real Prometheus: {lacking}");
    }
    let seen = lacking.is_none().then(|| Arc::new(seen()));
    let trials = CHECKS.iter().map(|&(name, check)| {
        let seen = seen.clone();
        let trial = move || seen.as_deref().map_or(Ok(()), |seen| check(seen).map_err(Into::into));
        Trial::test(name, trial).with_ignored_flag(lacking.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn seen() -> Seen {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::Builder::new().prefix("kv-monitoring").tempdir().unwrap();
    let seen = Runtime::new().unwrap().block_on(run::run(folder.path()));
    seen.unwrap_or_else(|error| {
        println!("the suite could not run: {error}");
        // Of both servers and of Prometheus, where they are.
        for log in ["usual.log", "small.log", "prometheus.log"] {
            let text = std::fs::read_to_string(folder.path().join(log)).unwrap_or_default();
            println!("--- {log}\n{}", text.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
        }
        std::process::exit(1);
    })
}
