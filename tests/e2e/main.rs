//! The release binary behind a real kube-apiserver, as `deploy/` installs it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite that waits in real time and prints what it saw"
)]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod api_services;
mod checks;
mod controllers;
mod discovery;
mod disruption;
mod environment;
mod go_clients;
mod hollow_node;
mod kubectl_get;
mod kubectl_top;
mod numbers;
mod python_clients;
mod replicas;
mod replicas_change;
mod replicas_load;
mod replicas_sharing;
mod rotation;
mod traces;
mod world;

use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::environment::Environment;

macro_rules! trials {
    ($shared:expr, $is_lacking:expr, [$($room:ident::$check:ident),* $(,)?]) => {
        vec![$({
            let shared: Option<Arc<Shared>> = $shared.cloned();
            Trial::test(stringify!($check), move || match &shared {
                Some(shared) => shared.run(|environment| $room::$check(environment)),
                None => Ok(()),
            })
            .with_ignored_flag($is_lacking(stringify!($room)))
        }),*]
    };
}

struct Shared {
    runtime: Runtime,
    environment: Environment,
}

impl Shared {
    fn run<'a, F>(&'a self, check: impl FnOnce(&'a Environment) -> F) -> Result<(), Failed>
    where
        F: Future<Output = Result<(), String>>,
    {
        self.runtime.block_on(check(&self.environment)).map_err(Failed::from)
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // One after the other: they share a control plane, and print what they saw.
    arguments.test_threads = Some(1);
    let lacking = support::control_plane::binaries().err();
    if let Some(lacking) = &lacking {
        println!("SKIPPED: no suite behind a real kube-apiserver: {lacking}");
    }
    let folder = tempfile::Builder::new().prefix("kv-e2e").tempdir().unwrap_or_else(|error| fail(&error.to_string()));
    let shared = lacking.is_none().then(|| Arc::new(start(folder.path())));
    let trials = trials(shared.as_ref());
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stopped = shared.and_then(Arc::into_inner).map_or(Ok(()), |shared| stop(&shared));
    drop(folder);
    if let Err(error) = stopped {
        fail(&error);
    }
    conclusion.exit();
}

/// All trials, in this order: those that disturb the server come last.
fn trials(shared: Option<&Arc<Shared>>) -> Vec<Trial> {
    let no_python = python_clients::lacking();
    if let (Some(lacking), Some(_)) = (&no_python, shared) {
        println!("SKIPPED: {lacking}");
    }
    let is_lacking = |room| shared.is_none() || (room == "python_clients" && no_python.is_some());
    trials!(
        shared,
        is_lacking,
        [
            checks::healthz_answers_the_agreed_text,
            checks::the_api_service_is_available_with_verified_tls,
            checks::nodes_hold_every_node_with_the_right_numbers,
            checks::pods_hold_every_pod_with_the_right_numbers,
            checks::kubectl_top_works,
            checks::the_commands_of_the_readme_work,
            checks::an_unprivileged_user_gets_403,
            checks::no_credentials_get_401,
            checks::forged_identity_headers_are_ignored,
            traces::one_trace_joins_the_api_server_and_us,
            traces::a_forged_parent_is_a_link_of_a_trace_of_its_own,
            traces::scrapes_are_traces_of_their_own,
            traces::no_trace_tells_secrets,
            discovery::kubectl_explains_every_kind_of_every_group,
            discovery::kubectl_lists_our_resources_and_versions,
            discovery::the_aggregator_publishes_our_openapi,
            kubectl_top::kubectl_top_nodes_lists_selects_and_sorts,
            kubectl_top::kubectl_top_pods_lists_selects_and_sorts,
            kubectl_get::kubectl_get_prints_tables,
            kubectl_get::kubectl_get_prints_json_and_yaml,
            kubectl_get::kubectl_get_selects_and_reads_in_chunks,
            kubectl_get::kubectl_get_watches_every_round,
            go_clients::every_kind_of_go_client_reads_the_same,
            python_clients::the_python_client_reads_everything,
            python_clients::a_fuzzer_finds_nothing_that_our_openapi_does_not_tell,
            disruption::namespaces_and_dependents_go_while_we_are_healthy,
            controllers::the_autoscaler_scales_up_and_down_on_our_cpu,
            disruption::discovery_and_lists_stay_up_over_a_rolling_restart,
            go_clients::informers_stay_in_sync,
            replicas_change::a_rolling_update_under_load_fails_no_request,
            replicas_change::a_deleted_replica_fails_no_request,
            replicas_change::a_killed_replica_costs_only_what_it_was_asked,
            replicas_sharing::shared_scrapes_ask_each_kubelet_once,
            disruption::namespaces_wait_for_us_while_we_are_away,
            rotation::our_own_authority_changes_under_load,
            rotation::the_front_proxy_and_its_authority_change_under_load,
        ]
    )
}

fn start(folder: &std::path::Path) -> Shared {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = Runtime::new().unwrap_or_else(|error| fail(&error.to_string()));
    let environment = runtime.block_on(Environment::start(folder)).unwrap_or_else(|error| fail(&error));
    Shared { runtime, environment }
}

/// The server leaves cleanly on SIGTERM.
fn stop(shared: &Shared) -> Result<(), String> {
    shared.runtime.block_on(shared.environment.replicas.stop(0))
}

fn fail(message: &str) -> ! {
    println!("the suite could not run: {message}");
    std::process::exit(1);
}
