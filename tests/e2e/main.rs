//! The release binary behind a real kube-apiserver.
#[path = "../support/mod.rs"]
mod support;
fn main() {}
