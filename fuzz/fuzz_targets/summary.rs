#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| drop(kube_vitals::promtext::summary::read(body)));
