//! What a node, a pod, a container and an idle connection cost on the heap: `cargo bench --bench heap`.
//!
//! Bytes asked of the allocator, not pages: they are the same on every machine, so they are judged,
//! by every `cargo test` too. The kubelets and the Kubernetes API live in a child process; what is
//! counted here is the server alone, in clusters of different shapes, from whose differences the cost
//! of each thing follows.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures"
)]

mod allocator;
mod bars;
#[path = "../../tests/support/process.rs"]
#[allow(dead_code, reason = "the suites use more of it")]
mod process;
mod server;
#[path = "../../tests/support/simulation.rs"]
#[allow(dead_code, reason = "the suites use more of it")]
mod simulation;
mod store;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use crate::server::Shape;

/// Followed by one shape, such as `1000x30x2`: nothing else is measured, nothing judged. For a profiler.
const ONLY: &str = "--only";

/// Of each shape.
const MEASUREMENTS: u32 = 3;

fn main() -> Result<ExitCode, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    rlimit::increase_nofile_limit(u64::MAX).map_err(|error| error.to_string())?;
    let after = |argument: &str| std::env::args().skip_while(|given| given != argument).nth(1);
    if let Some(cluster) = after(server::CLUSTER) {
        return server::cluster(&cluster).map(|()| ExitCode::SUCCESS);
    }
    if let Some(server) = after(server::CLIENTS_OF) {
        return server::clients(&server).map(|()| ExitCode::SUCCESS);
    }
    if let Some(shape) = after(ONLY) {
        println!("{:.0} bytes", server::heap_bytes(shape.parse()?)?);
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = |nodes, pods, containers| least_bytes(Shape { nodes, pods, containers });
    // What is made once in a process is made here, and not taken for a cost of the next shape.
    let one = bytes(1, 1, 1)?;
    let few = bytes(50, 20, 1)?;
    let more_nodes = bytes(450, 20, 1)?;
    let more_pods = bytes(50, 260, 1)?;
    let more_containers = bytes(50, 260, 3)?;
    let container = (more_containers - more_pods) / (50.0 * 260.0 * 2.0);
    let pod = (more_pods - few) / (50.0 * 240.0) - container;
    let node = (more_nodes - few) / 400.0 - 20.0 * (pod + container);
    println!("the server with one pod: {:.0} kB", one / 1000.0);
    let store = store::costs();
    let connection = server::connection_bytes()?;
    let measured = [
        ("node, its idle connection and what it needs to go on included", node),
        ("node, in the store alone", store.node),
        ("pod", pod),
        ("pod, in the store alone", store.pod),
        ("container", container),
        ("container, in the store alone", store.container),
        ("client's idle connection, HTTP/2", connection),
    ];
    Ok(bars::judge(&measured))
}

/// The least of some measurements. By the pieces that bytes come in, buffers of connections stay larger
/// or smaller until they are used again: about 150 kB of a process, which only adds. The shapes differ by
/// so much that what is left of it is well within the tolerance.
fn least_bytes(shape: Shape) -> Result<f64, String> {
    let mut least = f64::INFINITY;
    for _ in 0..MEASUREMENTS {
        least = least.min(server::heap_bytes(shape)?);
    }
    Ok(least)
}
