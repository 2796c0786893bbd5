//! libFuzzer with one of our targets: the one that the variable `FUZZ_TARGET` names when this is
//! compiled. A program for each, since counters of code that is never run cost time with every input.
//! How it is built and run is told in `docs/fuzzing.md`.
#![no_main]

use kube_vitals::fuzzing;

const TARGET: fn(&[u8]) = fuzzing::target(env!("FUZZ_TARGET")).expect("FUZZ_TARGET names no target");

libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET(input));
