//! The objects we answer with.
//!
//! ```text
//! cluster View ──┐                ┌─▶ nodes         ─┐             ┌─▶ one object
//!                ├─ join: Moment ─┼─▶ pods           ├─▶ encoder ──┼─▶ list ─▶ stream
//! store Snapshot ┘                └─▶ node_scrapes  ─┘             └─▶ watch: what differs between
//!                                                                      two moments
//! ```
//!
//! [`join`] decides what is served and why something is not; the files named after resources say
//! how it is written; `serve` reads requests. Nothing here knows who asks, or changes anything.

mod absence;
mod call;
mod encoder;
mod fields;
mod join;
mod json;
mod list;
mod node_scrapes;
mod nodes;
mod pods;
mod proto;
mod protobuf_list;
#[cfg(test)]
pub(crate) mod published;
mod resource;
mod serve;
mod stream;
mod table;
mod text;
mod walk;
mod watch;
#[cfg(test)]
pub(crate) mod world;
pub(crate) mod yaml;

pub(crate) use join::{Ages, Moment};
pub(crate) use json::indent;
pub(crate) use node_scrapes::NodeScrapes;
pub(crate) use nodes::Nodes;
pub(crate) use pods::Pods;
pub(crate) use serve::{collection, object};
pub(crate) use stream::{Stream, Turns};
pub(crate) use watch::Watches;
