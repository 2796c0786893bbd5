//! The bytes that each thing may take, and the verdict.

use std::process::ExitCode;

/// What was measured when it was last lowered, in bytes.
const KEPT: [(&str, f64); 7] = [
    ("node, its idle connection and what it needs to go on included", 11_000.0),
    ("node, in the store alone", 420.0),
    ("pod", 325.0),
    ("pod, in the store alone", 64.0),
    ("container", 115.0),
    ("container, in the store alone", 80.0),
    ("client's idle connection, HTTP/2", 58_000.0),
];
/// Some tables grow by doubling and some buffers keep what the last read needed: a figure moves by a
/// twentieth from one run to the next.
const TOLERANCE: f64 = 0.1;

/// Prints each figure beside the one that is kept here; fails if one is exceeded.
pub(crate) fn judge(measured: &[(&str, f64)]) -> ExitCode {
    println!("{:<60} {:>9} {:>9}", "bytes on the heap for each", "measured", "kept");
    let mut within = true;
    for ((name, bytes), (kept_name, kept)) in measured.iter().zip(KEPT) {
        let exceeded = *bytes > kept * (1.0 + TOLERANCE) || *name != kept_name;
        within &= !exceeded;
        println!("{name:<60} {bytes:>9.0} {kept:>9.0}{}", if exceeded { "  EXCEEDED" } else { "" });
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
