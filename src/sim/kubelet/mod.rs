//! Fake kubelets that answer as real ones do: TLS, a bearer token, `/metrics/resource` and
//! `/stats/summary`, over HTTP/1.1 alone.
//!
//! ```text
//! one listener ─▶ connection ─(which address was dialled = which node)─▶ answer ─▶ resource, summary
//!                                                                        └ fault ─▶ broken
//! ```

mod answer;
mod broken;
mod connection;
mod families;
mod fleet;
mod gzip_bomb;
mod resource;
mod summary;
#[cfg(test)]
mod tests;

pub use fleet::Fleet;
