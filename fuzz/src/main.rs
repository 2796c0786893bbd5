//! libFuzzer with one of our targets, which the variable `FUZZ_TARGET` names. How it is built and run
//! is told in `docs/fuzzing.md`.
#![no_main]

use std::sync::OnceLock;

use kube_vitals::fuzzing;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let Some(target) = fuzzing::target(&name) else {
            let names = fuzzing::TARGETS.map(|(name, _)| name).join(" ");
            eprintln!("FUZZ_TARGET must be one of: {names}");
            std::process::exit(2);
        };
        let _ = TARGET.set(target);
    },
    |input: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(input);
        }
    }
);
