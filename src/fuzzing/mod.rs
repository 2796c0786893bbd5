//! What every parser of bytes from outside has to stand: any bytes at all.
//!
//! A target hands what it is given to a parser and asserts what must hold of the result whatever
//! those bytes are: that what was read and is written reads the same again, that two ways to read
//! agree, that nothing is larger than what it came from. Compiled for tests, and for the fuzzer with
//! the feature `fuzzing`; no part of the product.
//!
//! ```text
//! fuzz/corpus/NAME/* ──and mutations──▶ tests ─┐
//! fuzz/ (libFuzzer) ───────────────────────────┴─▶ TARGETS ──▶ fuzz.rs of each room ──▶ its parsers
//! ```

mod input;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod tests;

pub(crate) use input::Input;

use crate::{apiserver, cluster, config, export, promtext, replicas, telemetry, usage};

/// A parser under test: its name, which is the corpus's folder, and what is called with each input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by room.
pub const TARGETS: [Target; 25] = [
    ("kubelet_text", promtext::fuzz::kubelet_text),
    ("kubelet_protobuf", promtext::fuzz::kubelet_protobuf),
    ("kubelet_forms", promtext::fuzz::kubelet_forms),
    ("summary", promtext::fuzz::summary),
    ("quantity", usage::fuzz::quantity),
    ("pod", cluster::fuzz::pod),
    ("node_event", cluster::fuzz::node_event),
    ("label_selector", cluster::fuzz::label_selector),
    ("field_selector", apiserver::fuzz::field_selector),
    ("list_query", apiserver::fuzz::list_query),
    ("continue_token", apiserver::fuzz::continue_token),
    ("resource_version", apiserver::fuzz::resource_version),
    ("request_info", apiserver::fuzz::request_info),
    ("accept", apiserver::fuzz::accept),
    ("request_options", apiserver::fuzz::request_options),
    ("front_proxy", apiserver::fuzz::front_proxy),
    ("credentials", apiserver::fuzz::credentials),
    ("replica_samples", replicas::fuzz::samples),
    ("usage_page", export::fuzz::usage_page),
    ("engine_answer", export::fuzz::engine_answer),
    ("collector_answer", telemetry::fuzz::collector_answer),
    ("trace_context", telemetry::fuzz::trace_context),
    ("flag_values", config::fuzz::flag_values),
    ("config_file", config::fuzz::config_file),
    ("otlp_variables", config::fuzz::otlp_variables),
];

/// The target of that name. Known when the fuzzer is compiled, so that nothing else is linked.
pub const fn target(name: &str) -> Option<fn(&[u8])> {
    let mut targets = TARGETS.as_slice();
    while let [(known, target), rest @ ..] = targets {
        if is_same(known.as_bytes(), name.as_bytes()) {
            return Some(*target);
        }
        targets = rest;
    }
    None
}

const fn is_same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([first, rest @ ..], [other_first, other_rest @ ..]) = (one, other) {
        if *first != *other_first {
            return false;
        }
        (one, other) = (rest, other_rest);
    }
    one.is_empty() && other.is_empty()
}
