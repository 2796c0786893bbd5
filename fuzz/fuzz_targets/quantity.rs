#![no_main]

use kube_vitals::usage::{Bytes, Nanocores};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert!(text.parse::<Nanocores>().map_or(true, |cpu| cpu.to_string().parse() == Ok(cpu)));
    assert!(text.parse::<Bytes>().map_or(true, |bytes| bytes.to_string().parse() == Ok(bytes)));
});
