//! The program under attack, as a process of its own: what it takes, what honest clients notice, and
//! that all is given back afterwards.
//!
//! Attackers dial from one address of loopback, honest clients from another; both are in this process,
//! on runtimes of their own. With `--release` each attack lasts longer, and the table is the one in
//! docs/security.md. Takes 80 s in a debug build.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite that waits in real time and prints what it saw"
)]

#[path = "../support/mod.rs"]
mod support;

mod attacker;
mod attacks;
mod bounds;
mod frames;
mod honest;
mod measured;
mod stage;

use std::path::Path;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::attacks::{ALL, Case};
use crate::measured::{Measured, table};
use crate::stage::Stage;

struct Shared {
    runtime: Runtime,
    stage: Stage,
    /// What each attack did, in order.
    rows: Mutex<Vec<(&'static str, Measured)>>,
}

fn main() {
    let mut arguments = Arguments::from_args();
    // One after the other: each measures the process that all attack.
    arguments.test_threads = Some(1);
    let folder =
        tempfile::Builder::new().prefix("kv-attacks").tempdir().unwrap_or_else(|error| fail(&error.to_string()));
    let shared = (!arguments.list).then(|| Arc::new(start(folder.path())));
    let trials = ALL.iter().map(|case| trial(case, shared.clone())).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(shared) = shared {
        let rows = shared.rows.lock().map(|rows| table(&rows)).unwrap_or_default();
        println!("{rows}");
        if conclusion.num_failed > 0 {
            println!("{}", shared.stage.log_tail());
        }
    }
    drop(folder);
    conclusion.exit();
}

fn trial(case: &'static Case, shared: Option<Arc<Shared>>) -> Trial {
    Trial::test(case.name.replace(' ', "_"), move || {
        let Some(shared) = shared else { return Ok(()) };
        let measured = shared.runtime.block_on(shared.stage.measure(case)).map_err(Failed::from)?;
        let held = case.bounds.hold(&measured);
        if let Ok(mut rows) = shared.rows.lock() {
            rows.push((case.name, measured));
        }
        held.map_err(Failed::from)
    })
}

fn start(folder: &Path) -> Shared {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = Runtime::new().unwrap_or_else(|error| fail(&error.to_string()));
    let stage = runtime.block_on(Stage::start(folder)).unwrap_or_else(|error| fail(&error));
    Shared { runtime, stage, rows: Mutex::default() }
}

fn fail(message: &str) -> ! {
    println!("the suite could not run: {message}");
    std::process::exit(1);
}
