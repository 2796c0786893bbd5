//! The TLS port: accepts connections, bounds them, and hands each request on with its [`Peer`].
//!
//! ```text
//! accept ─▶ slot, share ─▶ handshake (10 s) ─▶ ALPN ─▶ HTTP/2 ┐
//!           of the address                        └──▶ HTTP/1 ┴─▶ request + Peer ─▶ router
//! stop: accept ends, GOAWAY, open requests finish within the drain time, the rest is cut
//! answer with CloseConnection on HTTP/2: GOAWAY, open requests finish
//! ```
//!
//! The loop is our own because each of its bounds matters: behind the aggregator one connection
//! carries all users, beside it any pod of the cluster may dial us: who is trusted to be the former
//! is told from outside, and gets long heads and many streams. It knows nothing of paths, users or
//! answers.

mod activity;
mod at_once;
mod connection;
mod last_word;
mod metrics;
mod peer;
mod rewoken;
mod socket;
#[cfg(test)]
mod tests;
mod unread;

pub use metrics::Metrics;
pub(crate) use peer::CloseConnection;
pub use peer::{ConnectionId, Peer, Trusted};
pub use socket::Listener;
