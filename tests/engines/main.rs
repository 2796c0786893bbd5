//! Usage as real engines receive it: Prometheus, VictoriaMetrics, and a receiver of OTLP.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite that waits in real time and prints what it saw"
)]

#[path = "../support/mod.rs"]
mod support;

mod curves;
mod disturbed;
mod engine;
mod environment;
mod otlp;
mod series;
mod whole;

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::environment::Environment;

struct Shared {
    runtime: Runtime,
    environment: Environment,
}

fn main() {
    let mut arguments = Arguments::from_args();
    // One after the other: they measure, and print what they saw.
    arguments.test_threads = Some(1);
    let lacking = engine::lacking();
    if let Some(lacking) = &lacking {
        println!("SKIPPED: no suite against real engines: {lacking}");
    }
    let folder =
        tempfile::Builder::new().prefix("kv-engines").tempdir().unwrap_or_else(|error| fail(&error.to_string()));
    let shared = (lacking.is_none() && !arguments.list).then(|| Arc::new(start(folder.path())));
    let conclusion = libtest_mimic::run(&arguments, trials(shared.as_ref()));
    drop((shared, folder));
    conclusion.exit();
}

fn trials(shared: Option<&Arc<Shared>>) -> Vec<Trial> {
    let trial = |name: &str, check: fn(&Shared) -> Result<(), String>| {
        let shared = shared.cloned();
        let run = move || shared.as_ref().map_or(Ok(()), |shared| check(shared).map_err(Failed::from));
        Trial::test(name, run)
    };
    let all = vec![
        trial("prometheus_holds_the_curves", |shared| whole::prometheus(&shared.environment)),
        trial("victoria_metrics_holds_the_curves", |shared| whole::victoria_metrics(&shared.environment)),
        trial("an_otlp_receiver_gets_the_curves", |shared| whole::otlp(&shared.environment)),
        trial("graphs_of_what_is_gone_end", |shared| whole::graphs_end(&shared.environment)),
        trial("a_prometheus_that_scrapes_the_page_reads_the_curves", |shared| whole::scraped(&shared.environment)),
        trial("engines_that_hang_refuse_or_are_slow_change_nothing", |shared| {
            shared.runtime.block_on(disturbed::change_nothing(&shared.environment))
        }),
    ];
    all.into_iter().map(|trial| trial.with_ignored_flag(shared.is_none())).collect()
}

fn start(folder: &Path) -> Shared {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = Runtime::new().unwrap_or_else(|error| fail(&error.to_string()));
    let environment = runtime.block_on(Environment::start(folder)).unwrap_or_else(|error| fail(&error));
    Shared { runtime, environment }
}

fn fail(message: &str) -> ! {
    println!("the suite could not run: {message}");
    std::process::exit(1);
}
