//! Fake kubelets that answer as real ones do: TLS, a bearer token, `/metrics/resource` and
//! `/stats/summary`, over HTTP/1.1 alone. They keep no numbers: what they say is the world's, and what
//! is wrong with it is the node's fault as set at that moment.
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
mod messages;
mod resource;
mod summary;
#[cfg(test)]
mod tests;

pub use fleet::Fleet;
