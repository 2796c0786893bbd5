//! The moments that answers were made from, kept for a while.
//!
//! A moment is a view of the cluster and a snapshot of the store, both immutable, under a version
//! of its own. What a client was told, it was told from a kept moment; so a list goes on where it
//! stopped, and a watch begins with the exact difference to what the client knows.
//!
//! ```text
//! version:  10         25            40         52
//!           moment ─── changes ───▶ moment ───▶ moment      (the oldest are forgotten)
//!           list was made here       │            └─ newest: lists, and where watches stand
//!                                    └─ a watch from 31 replays from the moment before it: 25
//! ```
//!
//! Keeping one is cheap, since moments share all that did not change between them. They know
//! nothing of requests.

mod kept;
mod version;

pub use kept::Moments;
pub(crate) use version::Asked;
pub use version::Tag;
