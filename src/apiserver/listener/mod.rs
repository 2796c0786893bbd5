//! The TLS port: accepts connections, bounds them, and hands each request on with its [`Peer`].

mod peer;

pub use peer::{ConnectionId, Peer};
