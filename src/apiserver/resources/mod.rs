//! The objects we answer with.
//!
//! ```text
//! cluster View ──┐                ┌─▶ nodes         ─┐
//!                ├─ join: Moment ─┼─▶ pods           ├─▶ json ─▶ one object, or a streamed list
//! store Snapshot ┘                └─▶ node_scrapes  ─┘
//! ```
//!
//! [`join`] decides what is served and why something is not; the files named after resources say
//! how it is written; nothing here knows who asks, or changes anything.

mod absence;
mod call;
mod fields;
mod go_duration;
mod join;
mod json;
mod list;
pub(crate) mod node_scrapes;
pub(crate) mod nodes;
pub(crate) mod pods;
mod proto;
#[cfg(test)]
pub(crate) mod published;
mod table;
#[cfg(test)]
pub(crate) mod world;
pub(crate) mod yaml;

pub(crate) use join::{Ages, Moment};
pub(crate) use json::indent;
